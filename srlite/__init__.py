"""srlite: train, measure, export and run one light x4 super-resolution model.

The house, floor by floor. A module imports only from floors below it, or from its own
where the arrow is plain; `tests/test_layering.py` reads this list and holds it true.

Ground floor, imports nothing of srlite but the foundation:

- foundation: `augmentations`, `decoding`, `deep_reading`, `errors`, `files`,
  `image_writing`, `kernels`, `levels`, `metadata`, `options`, `png_writing`,
  `regions`, `replicas`, `tiff_writing`
- pictures: `images`, `sizes`, `tiling`, `transparency`, `comparison`, `slider_page`,
  `views`, `strips`
- networks: `generators`, `discriminators`, `features`, `summary`
- training: `backend`, `config`, `degradations`, `folding`, `guard`, `optimizers`,
  `schedules`
- files: `file_plan`, `memory`, `video_frames`
- export: `equalisation`, `quantisation`, `export_report`

First floor:

- running a model: `model_files`, `loading`, `networks`, `upscaler`, `moving`,
  `animations`, `video`, `video_segments`
- photographs: `sources`, `packs`, `photographs`, `renderings`, `data`,
  `draws`
- training: `presets`, `losses`, `objective`, `distribution`, `checkpoints`,
  `checkpoint_parts`, `logs`, `meter`
- measuring: `metrics`, `niqe`, `frechet`, `feature_distances`, `faithfulness`,
  `psnr_loss`, `contenders`, `data_sets`, `evaluation_protocol`, `picture_folder`,
  `score_records`, `score_statistics`, `score_tables`
- reports: `charts`, `report_scores`, `report_page`
- export: `calibration`, `tflite_checks`, `tflite_metadata`

Second floor:

- enlarging: `inference`, `batch`, `model_comparison`
- training: `trainer`, `tensorflow_step`, `jax_step`, `validation`, `rescue`, `plots`,
  `interpolation`, `recalibration`
- measuring: `evaluation`, `evaluation_options`, `measuring`, `report`,
  `report_summary`, `report_pictures`, `report_origin`
- export: `export`, `conversion`, `export_command`

Attic, the commands and what only they know:

- enlarging: `enhance_command`, `enhance_options`
- training: `train_command`, `recipe`, `stages`, `preparation`, `run_directory`
- benchmarks: `benchmark`, `benchmark_inference`, `benchmark_tflite`, `alternation`
- all of them: `cli`

Inside, pictures are RGB, float32, [0, 1], channels last; at the edges uint8 or
uint16. Importing this package imports nothing heavy.
"""

__version__ = "0.1.0"
