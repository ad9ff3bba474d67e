"""srlite: train, measure, export and run one light x4 super-resolution model.

The house, floor by floor; a module imports only from floors below it (or from its
own floor where the arrow is plain):

- ground floor, imports nothing of srlite but `augmentations`, `errors`, `files`,
  `image_writing`, `levels`, `options`: `backend`, `comparison`, `config`,
  `degradations`, `discriminators`, `equalisation`, `export_report`, `features`,
  `generators`, `images`, `quantisation`, `schedules`, `summary`, `tiling`
- first floor: `calibration`, `checkpoint_parts`, `checkpoints`, `data`, `draws`,
  `loading`, `logs`, `losses`, `meter`, `metrics`, `networks`, `objective`, `packs`,
  `photographs`, `presets`, `psnr_loss`, `sources`, `tflite_checks`, `tflite_metadata`,
  `upscaler`
- second floor: `conversion`, `evaluation`, `export`, `export_command`, `inference`,
  `interpolation`, `jax_step`, `plots`, `recalibration`, `tensorflow_step`, `trainer`,
  `validation`
- attic: `benchmark`, `benchmark_tflite`, `recipe`, `run_directory`, `stages`

Inside, pictures are RGB, float32, [0, 1], channels last; at the edges uint8 or
uint16. Importing this package imports nothing heavy.
"""

__version__ = "0.1.0"
