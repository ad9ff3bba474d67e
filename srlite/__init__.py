"""srlite: train, measure, export and run one light x4 super-resolution model.

The house, floor by floor; a module imports only from floors below it (or from its
own floor where the arrow is plain):

- ground floor, imports nothing of srlite but `errors`, `files`, `levels`: `backend`,
  `comparison`, `config`, `degradations`, `discriminators`, `features`, `generators`,
  `image_writing`, `images`, `tiling`
- first floor: `checkpoints`, `data`, `loading`, `logs`, `losses`, `metrics`,
  `networks`, `presets`, `tflite_checks`, `upscaler`
- second floor: `evaluation`, `inference`, `trainer`, `tensorflow_step`,
  `validation`, `export`
- attic: `recipe`, `stages`

Inside, pictures are RGB, float32, [0, 1], channels last; at the edges uint8 or
uint16. Importing this package imports nothing heavy.
"""

__version__ = "0.1.0"
