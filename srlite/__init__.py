"""srlite: train, measure, export and run one light x4 super-resolution model.

The house, floor by floor; a module imports only from floors below it (or from its
own floor where the arrow is plain):

- ground floor, imports nothing of srlite but `augmentations`, `decoding`,
  `deep_reading`, `deep_writing`, `errors`, `files`, `image_writing`, `levels`,
  `metadata`, `options`, `replicas`: `backend`, `comparison`, `config`, `degradations`,
  `discriminators`, `features`, `generators`, `guard`, `images`, `memory`, `schedules`,
  `sizes`, `summary`, `tiling`, `transparency`, `video_frames`
- first floor: `animations`, `checkpoint_parts`, `checkpoints`, `data`, `distribution`,
  `draws`, `loading`, `logs`, `losses`, `meter`, `metrics`, `moving`, `networks`,
  `objective`, `packs`, `photographs`, `presets`, `sources`, `tflite_checks`,
  `upscaler`, `video`, `video_segments`
- second floor: `evaluation`, `export`, `inference`, `interpolation`, `jax_step`,
  `plots`, `recalibration`, `rescue`, `tensorflow_step`, `trainer`, `validation`
- attic: `alternation`, `benchmark`, `benchmark_inference`, `preparation`, `recipe`,
  `run_directory`, `stages`

Inside, pictures are RGB, float32, [0, 1], channels last; at the edges uint8 or
uint16. Importing this package imports nothing heavy.
"""

__version__ = "0.1.0"
