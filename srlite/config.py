"""The configuration of a training run: frozen dataclasses, TOML in, JSON out.

Only `config`, `presets`, `recipe` and the root scripts know a `Config`; everything else
takes plain keyword arguments. Every option has a name of the form `section.option`
(`gan.steps`). A loss weight of 0.0 measures and logs a loss without training on it;
None ("none" in a file or on the command line) leaves it out altogether.
"""

import dataclasses
import difflib
import json
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path

from srlite.errors import ConfigError


@dataclass(frozen=True)
class GeneratorConfig:
    """Arguments of `generators.rrdb_net`."""

    filters: int = 64
    growth_channels: int = 32
    num_blocks: int = 2
    num_dense_blocks: int = 3
    num_convolutions: int = 4
    residual_scaling: float = 0.2
    batch_norm: bool = True
    upsampling: str = "depth_to_space"
    anchor: bool = True
    initializer_scale: float = 1.0


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Arguments of `discriminators.vgg_discriminator`."""

    filters: tuple[int, ...] = (32, 64, 128, 256)
    dense_units: int = 100
    strided_kernel_size: int = 4


@dataclass(frozen=True)
class KernelOdds:
    """Relative odds of each down-sampling kernel, in the order of `KERNELS`."""

    nearest: float = 1.0
    bilinear: float = 1.0
    bilinear_aliased: float = 1.0
    bicubic: float = 1.0
    bicubic_aliased: float = 1.0
    area: float = 1.0


@dataclass(frozen=True)
class AugmentationConfig:
    """Arguments of `draws.AugmentationDraws`: odds, 0 for never, and ranges."""

    blur: float = 0.0
    blur_sigma: tuple[float, ...] = (0.2, 2.0)  # lowest, highest; HR pixels
    noise: float = 0.0
    noise_sigma: tuple[float, ...] = (1.0, 15.0)  # levels
    jpeg: float = 0.0
    jpeg_quality: tuple[int, ...] = (50, 95)
    cutout: float = 0.0
    cutout_size: tuple[float, ...] = (0.1, 0.4)  # share of the patch's side


@dataclass(frozen=True)
class DataConfig:
    """Where photographs are kept and how they are measured on."""

    memory_gb: float | None = (
        None  # beyond it a pack on disk; None: half of what is free
    )
    validation_crop: int = 256  # HR pixels of the centre of each picture; 0: all of it


@dataclass(frozen=True)
class StageConfig:
    """What both stages have. Steps are optimizer updates; sizes are HR pixels."""

    steps: int
    batch_size: int
    patch_size: int
    learning_rate: float  # at its highest; falls as a half cosine to the final one
    final_learning_rate: float
    warmup_steps: int
    beta_1: float  # Adam's
    beta_2: float
    ema_decay: float
    freeze_batch_norm_after: int | None  # None: never
    pixel: float | None  # loss weight
    # Photographs of this stage alone, as `sources` names them; none: those of the run.
    sources: tuple[str, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class GanConfig(StageConfig):
    """The adversarial stage: its loss weights and feature taps."""

    content: float | None
    style: float | None
    adversarial: float
    content_layers: tuple[str, ...]  # of VGG19, before the activation
    content_layer_weights: tuple[float, ...]
    content_layer_scales: tuple[float, ...]  # what each tap's distance is divided by
    style_layers: tuple[str, ...]  # of EfficientNetB4


@dataclass(frozen=True)
class LogConfig:
    """How often things are written, in steps, and which checkpoints stay."""

    log_every: int = 50
    validate_every: int = 1000
    checkpoint_every: int = 500
    keep_checkpoints: int = 3
    store_every: int = 0  # checkpoints at its multiples stay for ever; 0: none
    best_after: int = 2000  # from here on the one of the highest PSNR stays too


@dataclass(frozen=True)
class Config:
    """A whole run."""

    preset: str
    pretrain: StageConfig
    gan: GanConfig
    seed: int = 0
    scale: int = 4
    steps_per_execution: int = 1  # updates per call of the backend
    precision: str = "float32"  # of the convolutions in training, or "bfloat16"
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    kernels: KernelOdds = field(default_factory=KernelOdds)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    data: DataConfig = field(default_factory=DataConfig)
    log: LogConfig = field(default_factory=LogConfig)

    def updated(self, changes):
        """Return a copy with some options changed.

        Args:
            changes: dict of dotted names to values, or nested dicts as TOML gives them.

        Raises:
            ConfigError: an unknown option, or a value of the wrong type.
        """
        return _updated(self, changes, prefix="")

    def to_dict(self):
        """Return the options as nested dicts that JSON can hold."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


def flatten(options, prefix=""):
    """Map nested dicts to one dict of dotted names."""
    flat = {}
    for key, value in options.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _updated(config, changes, prefix):
    hints = typing.get_type_hints(type(config))
    nested = {}
    for name, value in flatten(changes).items():
        key, _, rest = name.partition(".")
        if key not in hints or bool(rest) != dataclasses.is_dataclass(hints[key]):
            raise ConfigError(_unknown(config, name, prefix))
        if rest:
            nested.setdefault(key, {})[rest] = value
        else:
            nested[key] = _checked(value, hints[key], prefix + name)
    for key, value in nested.items():
        if dataclasses.is_dataclass(hints[key]):
            nested[key] = _updated(getattr(config, key), value, f"{prefix}{key}.")
    return dataclasses.replace(config, **nested)


def _unknown(config, name, prefix):
    known = list(flatten(dataclasses.asdict(config)))
    close = difflib.get_close_matches(name, known, n=3) or [
        option for option in known if option.split(".")[-1] == name.split(".")[-1]
    ]
    hint = f"; did you mean {' or '.join(prefix + c for c in close)}?" if close else ""
    return f"unknown option {prefix}{name}{hint}"


def _checked(value, hint, name):
    """Return `value` as the type of its option."""
    if isinstance(hint, types.UnionType):
        if value is None or value == "none":
            return None
        hint = next(h for h in typing.get_args(hint) if h is not type(None))
    if typing.get_origin(hint) is tuple:
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(_checked(item, typing.get_args(hint)[0], name) for item in items)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise ConfigError(f"{name} must be of type {hint.__name__}; received {value!r}")
    return value


def read_toml(path):
    """Read the options in a TOML file.

    Raises:
        ConfigError: the file is missing or is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read the options in {path}: {error}") from None


def parse_assignment(text):
    """Split `section.option=value` into name and value.

    The value is read as TOML (`5`, `1e-4`, `true`, `[1, 2]`), else as plain text.

    Raises:
        ConfigError: there is no `=`.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set wants section.option=value; received {text!r}")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), value.strip()
