"""Networks, and the files that hold them.

- `blocks`: what the generators are built of
- `checkpoint_parts`: tensors in a folder of files of limited size, for places that take
  no large ones
- `checkpoints`: checkpoints: everything that a run needs to go on, in one safetensors
  file
- `discriminators`: discriminators: functions that return a Functional `keras.Model`,
  picture to logit
- `estimator`: the estimator: from an LR picture to its degradation
- `features`: frozen feature networks: functions that return a multi-output
  `keras.Model`
- `folding`: BatchNorm folded into the convolutions before it, while a network trains
- `generators`: generators: functions that return a Functional `keras.Model`, LR to SR
- `half_net`: the half-resolution net, a generator for video
- `interpolation`: network interpolation: between a faithful generator and a vivid one
- `model_files`: the one door for models: what a name, a file, a checkpoint or a run
  stands for
- `tflite`: what a ``.tflite`` is made of, and says about itself: a JSON buffer in its
  metadata
"""
