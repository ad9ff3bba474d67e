"""The configuration of a training run: frozen dataclasses, TOML in, JSON out.

Only `config`, `presets` and the attic (`recipe` and its neighbours) know a `Config`;
everything else takes plain keyword arguments. Every option has a name
of the form `section.option` (`gan.steps`, `gan.generator_optimizer.learning_rate`). A
loss weight of 0.0 measures and logs a loss without training on it; None ("none" in a
file or on the command line) leaves it out altogether.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Annotated, Literal

from srlite.config import options
from srlite.errors import ConfigError
from srlite.config.options import (
    Bound,
    Count,
    CountOrZero,
    Fraction,
    NotNegative,
    Positive,
    Probability,
)

_Scale = Annotated[
    int, Bound("a power of two, at least 2", lambda x: x > 1 and x & (x - 1) == 0)
]


@dataclass(frozen=True)
class RRDBNetConfig:
    """Arguments of `generators.rrdb_net`."""

    name: Literal["rrdb_net"] = "rrdb_net"
    filters: Count = 64
    growth_channels: Count = 32
    num_blocks: CountOrZero = 1
    num_dense_blocks: Count = 6
    num_convolutions: Count = 4
    residual_scaling: float = 0.2
    batch_norm: bool = True
    upsampling: Literal["depth_to_space", "depth_to_space_x2", "nearest"] = (
        "depth_to_space"
    )
    anchor: bool = True
    initializer_scale: Positive = 1.0

    def problems(self):
        """Yield what does not go together."""
        if self.anchor and self.upsampling != "depth_to_space":
            yield (
                "anchor",
                "must be false unless generator.upsampling is 'depth_to_space'; "
                f"received true with {self.upsampling!r}",
            )


@dataclass(frozen=True)
class SRResNetConfig:
    """Arguments of `generators.srresnet`."""

    name: Literal["srresnet"] = "srresnet"
    filters: Count = 64
    num_blocks: CountOrZero = 16
    batch_norm: bool = True
    initializer_scale: Positive = 1.0


_GENERATORS = {"rrdb_net": RRDBNetConfig, "srresnet": SRResNetConfig}


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Arguments of `discriminators.vgg_discriminator`."""

    filters: tuple[Count, ...] = (32, 64, 128, 256)
    dense_units: Count = 100
    strided_kernel_size: Count = 4
    pooled: bool = True  # else flattened: weights for each place of a patch
    batch_norm: bool = True
    spectral_norm: bool = False

    def problems(self):
        """Yield what does not go together."""
        if not self.filters:
            yield "filters", "must name the channels of at least one stage; received []"


@dataclass(frozen=True)
class KernelOdds:
    """Relative odds of each down-sampling kernel, in the order of `KERNELS`."""

    nearest: NotNegative = 1.0
    bilinear: NotNegative = 1.0
    bilinear_aliased: NotNegative = 1.0
    bicubic: NotNegative = 1.0
    bicubic_aliased: NotNegative = 1.0
    area: NotNegative = 1.0


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam or Muon (`optimizers`), and arguments of `schedules.Schedule`."""

    name: Literal["adam", "muon"] = "adam"
    learning_rate: Positive = 1e-4  # at its highest
    schedule: Literal["constant", "step", "multi_step", "cosine"] = "constant"
    warmup_steps: CountOrZero = 0
    final_learning_rate: NotNegative = 0.0  # of cosine
    decay_every: Count | None = None  # steps, of step
    boundaries: tuple[Count, ...] = ()  # steps, of multi_step
    decay_factor: Positive = 0.5  # of step and multi_step
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-7
    momentum: Fraction = 0.95  # of muon's kernels; the three above are of all else
    clip_norm: Positive | None = None  # of all gradients together; None: no clipping

    def problems(self):
        """Yield what does not go together."""
        if (self.schedule == "step") != (self.decay_every is not None):
            yield (
                "decay_every",
                "must be given with schedule='step', and only then; received "
                f"{self.decay_every} with {self.schedule!r}",
            )
        if (self.schedule == "multi_step") != bool(self.boundaries):
            yield (
                "boundaries",
                "must be given with schedule='multi_step', and only then; received "
                f"{list(self.boundaries)} with {self.schedule!r}",
            )
        if list(self.boundaries) != sorted(set(self.boundaries)):
            yield "boundaries", f"must increase; received {list(self.boundaries)}"
        if self.final_learning_rate > self.learning_rate:
            yield (
                "final_learning_rate",
                f"must be at most the learning_rate {self.learning_rate}; "
                f"received {self.final_learning_rate}",
            )


@dataclass(frozen=True)
class ContentConfig:
    """The network of the content loss, and how its taps become one number."""

    network: str = "vgg19"  # or vgg16
    layers: tuple[str, ...] = ("block5_conv4",)
    layer_weights: tuple[float, ...] = (1.0,)
    layer_scales: tuple[Positive, ...] = (20.0,)  # what a tap's distance is divided by
    normalization: Literal["none", "taps", "weights"] = "none"  # what the sum is
    criterion: Literal["l1", "l2"] = "l1"
    before_activation: bool = True
    preprocessing: Literal["caffe", "torch"] = "caffe"

    def problems(self):
        """Yield what does not go together."""
        if self.network not in ("vgg16", "vgg19"):
            yield (
                "network",
                "must be 'vgg16' or 'vgg19', as Keras has no other VGG (none of 11 or "
                f"13 layers); received {self.network!r}",
            )
        for name in ("layer_weights", "layer_scales"):
            if len(getattr(self, name)) != len(self.layers):
                yield (
                    name,
                    f"must hold one value per layer ({len(self.layers)}); "
                    f"received {list(getattr(self, name))}",
                )
        if self.normalization == "weights" and not sum(self.layer_weights) > 0:
            yield (
                "layer_weights",
                "must have a sum above 0 with normalization='weights'; "
                f"received {list(self.layer_weights)}",
            )


@dataclass(frozen=True)
class AdversarialConfig:
    """The kind of adversarial loss."""

    kind: Literal["relativistic_average", "standard"] = "relativistic_average"
    # What the discriminator is to answer on fakes: drawn evenly between these two.
    fake_labels: tuple[Probability, Probability] = (0.0, 0.0)

    def problems(self):
        """Yield what does not go together."""
        low, high = self.fake_labels
        if low > high:
            yield "fake_labels", f"must be lowest, highest; received {[low, high]}"
        if self.kind != "standard" and high > 0:
            yield (
                "fake_labels",
                "must be [0, 0] unless the kind is 'standard'; "
                f"received {[low, high]} with {self.kind!r}",
            )


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

    # Beyond it a pack on the disk; None: half of what is free.
    memory_gb: NotNegative | None = None
    # HR pixels of the centre of each picture; 0: all of it.
    validation_crop: CountOrZero = 256


@dataclass(frozen=True)
class StageConfig:
    """What both stages have. Steps are optimizer updates; sizes are HR pixels."""

    steps: Count
    batch_size: Count
    patch_size: Count
    ema_decay: Fraction
    freeze_batch_norm_after: CountOrZero | None  # None: never
    pixel: NotNegative | None  # loss weight
    generator_optimizer: OptimizerConfig
    pixel_criterion: Literal["l1", "l2"] = "l1"
    # Photographs of this stage alone, as `sources` names them; none: those of the run.
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GanConfig(StageConfig):
    """The adversarial stage: its loss weights and what the losses look at."""

    content: NotNegative | None
    style: NotNegative | None
    adversarial: NotNegative
    discriminator_optimizer: OptimizerConfig
    lattice: NotNegative | None = None
    content_loss: ContentConfig = field(default_factory=ContentConfig)
    adversarial_loss: AdversarialConfig = field(default_factory=AdversarialConfig)
    style_layers: tuple[str, ...] = ("block5f_project_conv",)  # of EfficientNetB4


@dataclass(frozen=True)
class LogConfig:
    """How often things are written, in steps, and which checkpoints stay."""

    log_every: Count = 50
    validate_every: Count = 1000
    checkpoint_every: Count = 500
    keep_checkpoints: Count = 3
    store_every: CountOrZero = 0  # checkpoints at its multiples stay for ever; 0: none
    best_after: CountOrZero = 2000  # from here the one of the highest PSNR stays too
    # Updates in a row, not finite, before going back with a lower learning rate. One
    # may be a batch's fault; ten batches, drawn at random, are not.
    max_dropped_steps: Count = 10


@dataclass(frozen=True)
class Config:
    """A whole run."""

    preset: str
    pretrain: StageConfig
    gan: GanConfig
    seed: CountOrZero = 0
    scale: _Scale = 4
    channels: Literal[1, 3] = 3  # of every picture: grey or RGB
    steps_per_execution: Count = 1  # updates per call of the backend
    # Of the convolutions while training; what is saved is float32.
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    generator: RRDBNetConfig | SRResNetConfig = field(default_factory=RRDBNetConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    kernels: KernelOdds = field(default_factory=KernelOdds)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    data: DataConfig = field(default_factory=DataConfig)
    log: LogConfig = field(default_factory=LogConfig)

    def updated(self, changes):
        """Return a copy with some options changed.

        Another `generator.name` brings that generator's options at their defaults.

        Args:
            changes: dict of dotted names to values, or nested dicts as TOML gives them.

        Raises:
            ConfigError: an unknown option, or a value of the wrong type or range.
        """
        changes = options.flatten(changes)
        name = changes.get("generator.name", self.generator.name)
        if name not in _GENERATORS:
            raise ConfigError(
                f"generator.name must be {' or '.join(map(repr, _GENERATORS))}; "
                f"received {name!r}"
            )
        config = self
        if name != self.generator.name:
            config = dataclasses.replace(self, generator=_GENERATORS[name]())
        return options.updated(config, changes)

    def check(self):
        """Raise a `ConfigError` if options do not go with each other."""
        options.check(self)

    def problems(self):
        """Yield what does not go together."""
        for stage in ("pretrain", "gan"):
            size = getattr(self, stage).patch_size
            if size % self.scale:
                yield (
                    f"{stage}.patch_size",
                    f"must be a multiple of the scale {self.scale}; received {size}",
                )
        if not any(dataclasses.astuple(self.kernels)):
            yield "one of the kernels.*", "must be above 0; received 0 for all"

    def to_dict(self):
        """Return the options as nested dicts that JSON can hold."""
        return json.loads(json.dumps(dataclasses.asdict(self)))
