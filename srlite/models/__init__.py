"""Networks, and the files that hold them.

- `blocks`: parts of the networks
- `checkpoint_parts`: tensors in a folder of files of limited size
- `checkpoints`: all that a run needs to go on, in one safetensors file
- `discriminators`: functions that return a Functional `keras.Model`, picture to logit
- `estimator`: from an LR picture to its degradation
- `features`: frozen feature networks with several outputs
- `folding`: BatchNorm folded into convolutions while a network trains
- `generators`: functions that return a Functional `keras.Model`, LR to SR
- `half_net`: the half-resolution net, a generator for video
- `interpolation`: mixes of a faithful generator and a vivid one
- `model_files`: the file behind a model's name, its run or its checkpoint
- `tflite`: operators and metadata of a ``.tflite``
"""
