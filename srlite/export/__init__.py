"""Trained networks to proven `.tflite` files.

- `calibration`: LR pictures to calibrate an int8 file on
- `checks`: the checks that a ``.tflite`` passes before it is handed over
- `command`: the command behind ``export_tflite.py``
- `conversion`: from a generator to a ``.tflite`` file in one of five precisions
- `equalisation`: equal ranges for the channels of a network, for int8
- `estimator`: from an estimator to a proven ``.tflite`` file
- `export`: from a generator to a proven ``.tflite`` file: `export_tflite`
- `graphs`: the graph of a Functional model
- `psnr_drop`: what a ``.tflite`` loses in PSNR against its Keras model
- `quantisation`: the rounding of int8, with ranges measured on pictures
- `report`: what an export reports, as text and as JSON
- `single_input`: generators of one input, made of conditional ones
"""
