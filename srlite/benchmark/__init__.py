"""Speed, measured side by side.

- `against`: two models side by side: `python -m srlite benchmark inference --against
  OTHER`
- `command`: the command `python -m srlite benchmark WHAT`: speed, measured side by side
- `inference`: what enlarging costs: `python -m srlite benchmark inference`
- `tflite`: what a `.tflite` costs on a CPU: `python -m srlite benchmark tflite F [F
  ...]`
- `training`: speed of training, measured: `python -m srlite benchmark train --preset
  light`
"""
