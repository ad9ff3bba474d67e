"""The configuration of a training run: frozen dataclasses, TOML in, JSON out.

Every option has a name of the form `section.option` (`gan.steps`,
`gan.generator_optimizer.learning_rate`). A loss weight of 0.0 measures and logs a loss
without training on it; None ("none" in a file or on the command line) leaves it out.
"""

import dataclasses
import json
import typing
from dataclasses import dataclass, field
from typing import Annotated, Literal

from srlite.config import options
from srlite.config.options import Bound, Count, CountOrZero, NotNegative, Positive
from srlite.config.stages import EstimatorConfig, GanConfig, StageConfig
from srlite.data.degradation_vector import SMALLEST
from srlite.data.draws import AugmentationDraws
from srlite.errors import ConfigError, DataError

_Scale = Annotated[
    int, Bound("a power of two, at least 2", lambda x: x > 1 and x & (x - 1) == 0)
]
# What NumPy takes.
_Seed = Annotated[int, Bound("from 0 to 4294967295", lambda x: 0 <= x < 2**32)]


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
    conditional: bool = False

    def problems(self):
        """Yield the options that conflict, each with what is wrong."""
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

    conditional = False  # no option: it takes no degradation


@dataclass(frozen=True)
class HalfNetConfig:
    """Arguments of `generators.half_net`."""

    name: Literal["half_net"] = "half_net"
    filters: Count = 64
    num_convolutions: Count = 8
    initializer_scale: Positive = 0.3
    conditional: bool = False


GeneratorConfig = RRDBNetConfig | SRResNetConfig | HalfNetConfig
_GENERATORS = {kind.name: kind for kind in typing.get_args(GeneratorConfig)}


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Arguments of `discriminators.vgg_discriminator`."""

    filters: tuple[Count, ...] = (32, 64, 128, 256)
    dense_units: Count = 100
    more_dense_units: tuple[Count, ...] = ()
    strided_kernel_size: Count = 4
    pooled: bool = True  # else flattened: weights for each place of a patch
    batch_norm: bool = True
    spectral_norm: bool = False

    def problems(self):
        """Yield the options that conflict, each with what is wrong."""
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
class AugmentationConfig:
    """Arguments of `draws.AugmentationDraws`: odds, 0 for never, and ranges."""

    damaged: float = 1.0  # share of the patches that the rest may change
    blur: float = 0.0
    blur_sigma: tuple[float, ...] = (0.2, 2.0)  # lowest, highest; HR pixels
    noise: float = 0.0
    noise_sigma: tuple[float, ...] = (1.0, 15.0)  # levels
    noise_colour: tuple[float, ...] = (1.0, 1.0)  # 0: the same in all channels
    noise_shot: tuple[float, ...] = (0.0, 0.0)  # share that grows with the level
    jpeg: float = 0.0
    jpeg_quality: tuple[int, ...] = (50, 95)
    jpeg_subsampled: float = 0.0  # share of all files whose chroma is halved
    second_jpeg: float = 0.0  # of the patches that got the first
    second_jpeg_quality: tuple[int, ...] = (50, 95)
    hr_jpeg: float = 0.0
    hr_jpeg_quality: tuple[int, ...] = (60, 95)
    resize: float = 0.0
    sharpening: float = 0.0
    sharpening_amount: tuple[float, ...] = (0.0, 1.0)
    cutout: float = 0.0
    cutout_size: tuple[float, ...] = (0.1, 0.4)  # share of the patch's side

    def problems(self):
        """Yield an option that is impossible, and what is wrong with it."""
        try:
            AugmentationDraws(**dataclasses.asdict(self))
        except DataError as error:
            yield str(error).split(" ", 1)


@dataclass(frozen=True)
class DataConfig:
    """Where photographs are kept, and how validation uses them."""

    # More goes to a pack on the disk; None: half of the free memory.
    memory_gb: NotNegative | None = None
    # HR pixels of the centre of each picture; 0: all of it.
    validation_crop: CountOrZero = 256


@dataclass(frozen=True)
class LogConfig:
    """How often things are written, in steps, and which checkpoints stay."""

    log_every: Count = 50
    validate_every: Count = 1000
    checkpoint_every: Count = 500
    keep_checkpoints: Count = 3
    store_every: CountOrZero = 0  # checkpoints at its multiples always stay; 0: none
    best_after: CountOrZero = 2000  # from here the one of the highest PSNR stays too
    # Updates in a row that are not finite before training goes back with a lower
    # learning rate. One may be a batch's fault; ten random batches are not.
    max_dropped_steps: Count = 10


@dataclass(frozen=True)
class Config:
    """A whole run."""

    preset: str
    pretrain: StageConfig
    gan: GanConfig
    seed: _Seed = 0
    scale: _Scale = 4
    channels: Literal[1, 3] = 3  # of every picture: grey or RGB
    steps_per_execution: Count = 1  # updates per call of the backend
    # Of the convolutions while training; what is saved is float32.
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    generator: GeneratorConfig = field(default_factory=RRDBNetConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    estimator: EstimatorConfig = field(default_factory=EstimatorConfig)
    kernels: KernelOdds = field(default_factory=KernelOdds)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    data: DataConfig = field(default_factory=DataConfig)
    log: LogConfig = field(default_factory=LogConfig)

    def updated(self, changes):
        """Return a copy with some options changed, as `options.updated`.

        Another `generator.name` brings that generator's options at their defaults.
        """
        changes = options.flatten(changes)
        name = changes.get("generator.name", self.generator.name)
        if not isinstance(name, str) or name not in _GENERATORS:
            raise ConfigError(
                f"generator.name must be one of {', '.join(map(repr, _GENERATORS))}; "
                f"received {name!r}"
            )
        config = self
        if name != self.generator.name:
            config = dataclasses.replace(self, generator=_GENERATORS[name]())
        return options.updated(config, changes)

    def check(self):
        """Raise a `ConfigError` if options conflict."""
        options.check(self)

    def problems(self):
        """Yield the options that conflict, each with what is wrong."""
        stages = {"pretrain": self.pretrain, "gan": self.gan}
        seen = []
        if self.generator.conditional:
            seen = [("estimator.patch_sizes", x) for x in self.estimator.patch_sizes]
        sizes = [
            (f"{name}.{size}", getattr(stage, size))
            for name, stage in stages.items()
            for size in ("patch_size", "context_size")
        ]
        judged = "estimator.generator_patch_size", self.estimator.generator_patch_size
        for name, size in (*sizes, *seen, judged):
            if size is not None and size % self.scale:
                yield (
                    name,
                    f"must be a multiple of the scale {self.scale}; received {size}",
                )
        for name, stage in stages.items():
            # An odd LR side would become more than HR has.
            odd = stage.patch_size % (2 * self.scale)
            if odd and isinstance(self.generator, HalfNetConfig):
                yield (
                    f"{name}.patch_size",
                    f"must be a multiple of {2 * self.scale} with the generator "
                    f"half_net; received {stage.patch_size}",
                )
            if self.generator.conditional:
                size = "context_size" if stage.context_size else "patch_size"
                seen.append((f"{name}.{size}", stage.photo_size))
        least = SMALLEST * self.scale
        for name, size in seen:
            if size < least:
                yield (
                    name,
                    f"must be at least {least} ({SMALLEST} LR pixels, the least that "
                    f"an estimator takes); received {size}",
                )
        if self.generator.conditional and self.channels != 3:
            yield (
                "generator.conditional",
                "must be false with channels=1; received true",
            )
        if not any(dataclasses.astuple(self.kernels)):
            yield "one of the kernels.*", "must be above 0; received 0 for all"

    def to_dict(self):
        """Return the options as nested dicts that JSON can hold."""
        return json.loads(json.dumps(dataclasses.asdict(self)))
