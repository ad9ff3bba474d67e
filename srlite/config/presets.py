"""Presets: the recipes of srlite, each number with its reason.

- `light`: the shipped model; about 1.1 M parameters, below 5 MB as a float32 `.tflite`.
- `light_rt`: the same recipe for video; 416,512 parameters at a quarter of the places.
- `tiny`: the same recipe at a size that trains in seconds, for tests and first tries.
- `esrgan`, `srgan`: those of `papers`.
"""

import dataclasses

from srlite.config.config import (
    AugmentationConfig,
    Config,
    DiscriminatorConfig,
    KernelOdds,
    RRDBNetConfig,
)
from srlite.config.papers import ESRGAN, SRGAN
from srlite.config.stages import (
    ContentConfig,
    EstimatorConfig,
    GanConfig,
    OptimizerConfig,
    StageConfig,
)
from srlite.errors import ConfigError

_LIGHT_PIXEL_OPTIMIZER = OptimizerConfig(
    name="muon",  # as far after 1,000 steps as Adam after 2,000 (docs/training_log.md)
    learning_rate=1e-3,
    schedule="cosine",
    warmup_steps=100,
    final_learning_rate=1e-6,
    beta_2=0.99,  # ESRGAN's code
)
_LIGHT_GAN_OPTIMIZER = dataclasses.replace(
    _LIGHT_PIXEL_OPTIMIZER,
    learning_rate=2e-4,  # a little ahead of Adam at 1e-4; 6e-4 is behind it (the log)
)
_LIGHT_DISCRIMINATOR_OPTIMIZER = dataclasses.replace(
    _LIGHT_PIXEL_OPTIMIZER,
    name="adam",
    learning_rate=1e-4,  # ESRGAN's
)
_LIGHT = Config(
    preset="light",
    # 1,119,728 parameters. Few wide blocks cost less on a CPU than many narrow ones of
    # the same file size; channels are multiples of 16, which vector units like.
    generator=RRDBNetConfig(
        filters=64,
        growth_channels=32,
        # One RRDB of six dense blocks learns faster than two of three, is as large and
        # costs no more (docs/training_log.md).
        num_blocks=1,
        num_dense_blocks=6,
        num_convolutions=4,
        # Free on the phone, where it is folded away. Small batches of six kernels make
        # noisy statistics, so they are frozen early (freeze_batch_norm_after).
        batch_norm=True,
        # BatchNorm sets the scale of the features, so ESRGAN's 0.1 is not needed.
        initializer_scale=1.0,
        # Not knowing how LR was made costs 0.4 to 0.7 dB (docs/training_log.md).
        conditional=True,
    ),
    # With BatchNorm instead it is soon right 19 times of 20, and teaches a mesh.
    discriminator=DiscriminatorConfig(batch_norm=False, spectral_norm=True),
    # Most software uses antialiased kernels.
    kernels=KernelOdds(bilinear=1.5, bicubic=1.5, area=1.5),
    # Pictures as people have them: half are clean, the others were saved, sent, taken
    # in bad light or out of focus, often several of these.
    augmentation=AugmentationConfig(
        damaged=0.5,
        blur=0.2,
        noise=0.3,
        noise_sigma=(1.0, 16.0),
        noise_colour=(0.0, 1.2),
        noise_shot=(0.0, 1.0),
        jpeg=0.6,
        jpeg_quality=(30, 97),
        jpeg_subsampled=0.8,  # libjpeg's default
        second_jpeg=0.15,
        second_jpeg_quality=(50, 97),
        hr_jpeg=0.1,
        resize=0.25,
        sharpening=0.5,
    ),
    estimator=EstimatorConfig(
        steps=6000,
        # Statistics of 16 pictures are noisy: half of what is left to learn is learnt
        # once they are frozen.
        freeze_batch_norm_after=500,
        optimizer=OptimizerConfig(
            learning_rate=2e-3,
            schedule="cosine",
            warmup_steps=100,
            final_learning_rate=1e-5,
        ),
    ),
    pretrain=StageConfig(
        steps=200_000,
        batch_size=32,
        patch_size=192,
        # Mostly what it will get in use: the estimator's answer, which is surer with
        # 256 pixels than with the patch alone.
        told_truth=0.25,
        context_size=256,
        ema_decay=0.999,
        freeze_batch_norm_after=500,
        pixel=1.0,
        generator_optimizer=_LIGHT_PIXEL_OPTIMIZER,
    ),
    gan=GanConfig(
        steps=50_000,
        batch_size=16,
        patch_size=128,  # ESRGAN's
        told_truth=0.25,
        context_size=256,
        ema_decay=0.999,
        freeze_batch_norm_after=0,  # the pixel stage's statistics stay
        # The content loss alone draws a lattice of 4 x 4 pixels and shifts colours; the
        # pixel loss does not prevent it, the lattice loss does (docs/training_log.md).
        pixel=1.0,
        lattice=20.0,
        # Kept from the lattice, grain becomes a mesh of 2 to 3 pixels; this spreads it.
        spectrum=0.05,
        hold_colour=True,
        content=1.0,  # ESRGAN's
        style=1.0,  # as the content loss; not tuned
        adversarial=5e-3,  # ESRGAN's
        content_loss=ContentConfig(
            layers=("block2_conv2", "block3_conv4", "block5_conv4"),
            layer_weights=(1 / 3, 1 / 3, 1 / 3),
            # Mean difference between a photo and its bicubic enlargement at each tap
            # (48 crops of Kodak's pictures): a content loss of 1 is as far off as
            # bicubic. At this scale ESRGAN's block5_conv4 loss starts near 1 too, so
            # the weights of content and adversarial loss keep their published meaning.
            layer_scales=(175.0, 435.0, 20.0),
        ),
        generator_optimizer=_LIGHT_GAN_OPTIMIZER,
        discriminator_optimizer=_LIGHT_DISCRIMINATOR_OPTIMIZER,
    ),
)

PRESETS = {
    "light": _LIGHT,
    "light_rt": _LIGHT.updated(
        {
            "preset": "light_rt",
            "generator": {"name": "half_net", "conditional": True},
            "pretrain": {"batch_size": 16, "patch_size": 128},
        }
    ),
    "tiny": _LIGHT.updated(
        {
            "preset": "tiny",
            "generator": {"filters": 16, "growth_channels": 8, "num_dense_blocks": 3},
            "discriminator": {"filters": (8, 16), "dense_units": 8},
            "estimator": {
                "steps": 100,
                "batch_size": 4,
                "patch_sizes": (64,),
                "hidden_units": 16,
                "freeze_batch_norm_after": None,
            },
            "pretrain": {
                "steps": 200,
                "batch_size": 4,
                "patch_size": 64,
                "context_size": None,
            },
            "gan": {
                "steps": 20,
                "batch_size": 2,
                "patch_size": 64,
                "context_size": None,
                "style": None,
            },
            "log": {"log_every": 10, "validate_every": 100, "checkpoint_every": 50},
        }
    ),
    "esrgan": ESRGAN,
    "srgan": SRGAN,
}


DEFAULT_PRESET = "light"


def preset(name: str) -> Config:
    """Return the `Config` of a preset, or raise ConfigError."""
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name}; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def configure(name: str | None, *changes: dict) -> Config:
    """Return the `Config` of a preset with some options changed.

    A name of None stands for the preset that an option `preset` in `changes` names,
    else `DEFAULT_PRESET`. Each of `changes` is as for `Config.updated`. Raises
    ConfigError as `preset` and `Config.updated`, and if two presets are named.
    """
    named = [options["preset"] for options in changes if "preset" in options]
    # Others are the user's, and need a preset to begin with.
    known = [other for other in named if other in [*PRESETS]]
    names = list(dict.fromkeys(known if name is None else [name, *known]))
    if len(names) > 1:
        raise ConfigError(f"name one preset; received {' and '.join(names)}")
    names += [other for other in named if isinstance(other, str)]
    config = preset(names[0] if names else DEFAULT_PRESET)
    for options in changes:
        config = config.updated(options)
    return config
