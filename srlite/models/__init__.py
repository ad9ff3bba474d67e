"""Networks, and the files that hold them.

- `blocks`: the parts that the networks are built of
- `checkpoint_parts`: tensors in a folder of files of limited size
- `checkpoints`: everything that a run needs to go on, in one safetensors file
- `discriminators`: functions that return a Functional `keras.Model`, picture to logit
- `estimator`: from an LR picture to its degradation
- `features`: frozen feature networks with several outputs
- `folding`: BatchNorm folded into convolutions while a network trains
- `generators`: functions that return a Functional `keras.Model`, LR to SR
- `half_net`: the half-resolution net, a generator for video
- `interpolation`: mixes of a faithful generator and a vivid one
- `model_files`: what a name, a file, a checkpoint or a run stands for
- `tflite`: operators and metadata of a ``.tflite``
"""
