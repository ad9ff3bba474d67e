"""Trained networks to proven `.tflite` files.

- `calibration`: LR pictures on which an int8 file is calibrated, from photos in a
  folder
- `checks`: the checks that a ``.tflite`` passes before it is handed over
- `command`: the command behind ``export_tflite.py``: one file, the whole set, or a
  description
- `conversion`: from a generator to a ``.tflite`` file in one of five precisions
- `equalisation`: equalise the channels of a network, so that one step of 8 bits fits
  all of them
- `estimator`: from an estimator to a proven ``.tflite`` file, to lie beside that of its
  generator
- `export`: from a generator to a proven ``.tflite`` file: `export_tflite`
- `graphs`: the graph of a Functional model: its steps, what belongs together, its reach
- `psnr_drop`: what a ``.tflite`` loses in PSNR against the Keras model that it was made
  from
- `quantisation`: put the rounding of int8 into a network, with ranges measured on
  pictures
- `report`: what is told of a ``.tflite`` that was written: on the terminal, and as JSON
- `single_input`: generators of one input, made of conditional ones for export
"""
