"""Speed, measured side by side.

- `against`: CPU time of two models: `benchmark inference --against OTHER`
- `command`: the command `python -m srlite benchmark WHAT`
- `inference`: what enlarging costs: `benchmark inference`
- `tflite`: what a `.tflite` costs on a CPU: `benchmark tflite F [F ...]`
- `training`: speed of training: `benchmark train --preset light`
"""
