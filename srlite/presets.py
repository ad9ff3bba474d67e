"""Presets: the recipes that srlite knows, each number with its reason.

- `light`: the shipped model; about 1.1 M parameters, below 5 MB as a float32 `.tflite`.
- `tiny`: the same recipe at a size that trains in seconds, for tests and first tries.
"""

from srlite.config import (
    Config,
    GanConfig,
    GeneratorConfig,
    KernelOdds,
    StageConfig,
)
from srlite.errors import ConfigError

_LIGHT = Config(
    preset="light",
    # 1,119,728 parameters. Few wide blocks cost less on a CPU than many narrow ones of
    # the same file size; channels are multiples of 16, which vector units like.
    generator=GeneratorConfig(
        filters=64,
        growth_channels=32,
        num_blocks=2,
        num_dense_blocks=3,
        num_convolutions=4,
        residual_scaling=0.2,
        # The moving statistics are frozen early (freeze_batch_norm_after): batches of
        # six kernels make noisy statistics, and that noise costs up to 0.6 dB.
        batch_norm=True,
        upsampling="depth_to_space",
        anchor=True,
        # BatchNorm sets the scale of the features, so ESRGAN's 0.1 is not needed.
        initializer_scale=1.0,
    ),
    # Antialiased kernels are what most software uses: a little likelier.
    kernels=KernelOdds(bilinear=1.25, bicubic=1.25, area=1.25),
    pretrain=StageConfig(
        steps=200_000,
        batch_size=32,
        patch_size=192,
        learning_rate=5e-4,
        final_learning_rate=1e-6,
        warmup_steps=100,
        beta_1=0.9,
        beta_2=0.99,  # ESRGAN's, section 4.1
        ema_decay=0.999,
        freeze_batch_norm_after=500,
        pixel=1.0,
    ),
    gan=GanConfig(
        steps=50_000,
        batch_size=16,
        patch_size=128,  # ESRGAN's
        learning_rate=1e-4,  # ESRGAN's
        final_learning_rate=1e-6,
        warmup_steps=100,
        beta_1=0.9,
        beta_2=0.99,
        ema_decay=0.999,
        freeze_batch_norm_after=0,  # the pixel stage's statistics serve on
        pixel=0.0,
        content=1.0,
        style=1.0,
        adversarial=5e-3,  # ESRGAN's
        content_layers=("block2_conv2", "block3_conv4", "block5_conv4"),
        content_layer_weights=(1 / 3, 1 / 3, 1 / 3),
        # Mean difference between a photo and its bicubic enlargement at each tap (48
        # crops of Kodak's pictures): a content loss of 1 is as far off as bicubic. At
        # this scale ESRGAN's block5_conv4 loss starts near 1 too, so that the weights
        # of content and adversarial loss keep their published meaning.
        content_layer_scales=(175.0, 435.0, 20.0),
        style_layers=("block5f_project_conv",),
    ),
)

PRESETS = {
    "light": _LIGHT,
    "tiny": _LIGHT.updated(
        {
            "preset": "tiny",
            "generator": {"filters": 16, "growth_channels": 8, "num_blocks": 1},
            "discriminator": {"filters": (8, 16), "dense_units": 8},
            "pretrain": {"steps": 200, "batch_size": 4, "patch_size": 64},
            "gan": {"steps": 20, "batch_size": 2, "patch_size": 64, "style": None},
            "log": {"log_every": 10, "validate_every": 100, "checkpoint_every": 50},
        }
    ),
}


def preset(name):
    """Return the `Config` of a preset.

    Raises:
        ConfigError: there is no such preset.
    """
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
