"""Options of runs that take seconds, and what such a run leaves."""

from srlite.config.presets import preset
from srlite.models import checkpoints

JPEG = ("jpeg", "hr_jpeg", "second_jpeg")  # augmentations that take long to compile
# Without damages, which take longest to compile, and without VGG19; `TOLD` has both.
CONFIG = preset("tiny").updated(
    {
        "augmentation.damaged": 0.0,
        "generator.conditional": False,
        "generator.filters": 8,
        "generator.growth_channels": 4,
        "generator.num_dense_blocks": 1,
        "discriminator.filters": [4, 8],
        "pretrain.steps": 6,
        "pretrain.batch_size": 2,
        "pretrain.patch_size": 32,
        "pretrain.freeze_batch_norm_after": 4,
        "gan.steps": 4,
        "gan.patch_size": 32,
        "gan.pixel": 0.1,
        "gan.content": None,
        "log.log_every": 2,
        "log.checkpoint_every": 2,
        "log.keep_checkpoints": 9,
    }
)
# All three stages, of a generator that is told what an estimator sees. Every damage but
# further passes of JPEG.
TOLD = CONFIG.updated(
    {
        "augmentation.damaged": 0.5,
        "augmentation.hr_jpeg": 0.0,
        "augmentation.second_jpeg": 0.0,
        "generator.conditional": True,
        "generator.num_dense_blocks": 2,
        "estimator.steps": 4,
        "estimator.patch_sizes": [64, 80],
        "estimator.hidden_units": 8,
        "pretrain.patch_size": 60,
        "pretrain.context_size": 64,
        "gan.patch_size": 64,
        "gan.content": 1.0,
        "gan.content_loss.layers": ["block1_conv2"],
        "gan.content_loss.layer_weights": [1.0],
        "gan.content_loss.layer_scales": [100.0],
    }
)


def tensors(run_dir, stage):
    from safetensors.numpy import load_file

    return load_file(checkpoints.find(run_dir / "checkpoints", stage)[-1][1])
