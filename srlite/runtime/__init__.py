"""A model file to a function of pictures.

- `composed`: networks made of networks
- `doctor`: the command `srlite doctor`: what is installed here, and whether it works
- `layers`: all that a picture has through a model: colours or grey, and transparency
- `opening`: the networks behind names, and the tiles that fit them
- `runners`: model files as plain functions on arrays: a `.tflite` by LiteRT, a `.keras`
  by Keras
- `seeing`: an estimator: a model file as a function from picture to `Degradation`
- `sizes`: how large the result is to be, and in how many runs of the model it gets
  there
- `telling`: what a conditional model is told about a picture
- `tiling`: run a function over a large picture in tiles, in bounded memory
- `upscaler`: an exported or trained model as a function from picture to larger picture
"""
