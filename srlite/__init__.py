"""srlite: train, measure, export and run one light x4 super-resolution model.

The house, floor by floor; a module imports only from floors below it (or from its
own floor where the arrow is plain):

- ground floor, imports nothing of srlite but `augmentations`, `decoding`,
  `deep_reading`, `deep_writing`, `errors`, `files`, `image_writing`, `kernels`,
  `levels`, `metadata`, `options`, `regions`, `replicas`: `backend`, `comparison`,
  `config`, `degradations`, `discriminators`, `equalisation`, `export_report`,
  `features`, `file_plan`, `generators`, `guard`, `images`, `memory`, `quantisation`,
  `schedules`, `sizes`, `slider_page`, `strips`, `summary`, `tiling`, `transparency`,
  `video_frames`, `views`
- first floor: `animations`, `calibration`, `charts`, `checkpoint_parts`, `checkpoints`,
  `contenders`, `data`, `data_sets`, `distribution`, `draws`, `evaluation_protocol`,
  `faithfulness`, `feature_distances`, `frechet`, `loading`, `logs`, `losses`, `meter`,
  `metrics`, `moving`, `networks`, `niqe`, `objective`, `packs`, `photographs`,
  `picture_folder`, `presets`, `psnr_loss`, `report_page`, `report_scores`,
  `score_records`, `score_statistics`, `score_tables`, `sources`, `tflite_checks`,
  `tflite_metadata`, `upscaler`, `video`, `video_segments`
- second floor: `batch`, `conversion`, `evaluation`, `evaluation_options`, `export`,
  `export_command`, `inference`, `interpolation`, `jax_step`, `measuring`,
  `model_comparison`, `plots`, `recalibration`, `report`, `report_origin`,
  `report_pictures`, `report_summary`, `rescue`, `tensorflow_step`, `trainer`,
  `validation`
- attic: `alternation`, `benchmark`, `benchmark_inference`, `benchmark_tflite`, `cli`,
  `enhance_command`, `enhance_options`, `preparation`, `recipe`, `run_directory`,
  `stages`, `train_command`

Inside, pictures are RGB, float32, [0, 1], channels last; at the edges uint8 or
uint16. Importing this package imports nothing heavy.
"""

__version__ = "0.1.0"
