"""Options of runs that take seconds, and what such a run leaves."""

from srlite.models import checkpoints
from srlite.config.presets import preset

CONFIG = preset("tiny").updated(
    {
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
        "gan.content_loss.layers": ["block1_conv2"],
        "gan.content_loss.layer_weights": [1.0],
        "gan.content_loss.layer_scales": [100.0],
        "log.log_every": 2,
        "log.checkpoint_every": 2,
        "log.keep_checkpoints": 9,
    }
)


def tensors(run_dir, stage):
    from safetensors.numpy import load_file

    return load_file(checkpoints.find(run_dir / "checkpoints", stage)[-1][1])
