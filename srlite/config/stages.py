"""The stages' part of a training's configuration: updates, losses, optimizers."""

import re
from dataclasses import dataclass, field
from typing import Literal

from srlite.config.options import (
    Count,
    CountOrZero,
    Fraction,
    NotNegative,
    Positive,
    Probability,
    Steps,
)

SPECTRUM_BLOCK = 16  # HR pixels, of the DCT in the spectrum loss


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam or Muon, and its schedule: arguments of `optimizers.build_schedule`."""

    name: Literal["adam", "muon"] = "adam"
    learning_rate: Positive = 1e-4  # the highest one
    schedule: Literal["constant", "step", "multi_step", "cosine"] = "constant"
    warmup_steps: CountOrZero = 0
    final_learning_rate: NotNegative = 0.0  # of cosine
    decay_every: Count | None = None  # steps, of step
    boundaries: tuple[Count, ...] = ()  # steps, of multi_step
    decay_factor: Positive = 0.5  # of step and multi_step
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-7
    momentum: Fraction = 0.95  # of muon's kernels; the three above are for all else
    clip_norm: Positive | None = None  # of all gradients together; None: no clipping

    def problems(self):
        """Yield the options that conflict, each with what is wrong."""
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

    network: Literal["vgg16", "vgg19"] = "vgg19"  # Keras has no other VGG
    layers: tuple[str, ...] = ("block5_conv4",)
    layer_weights: tuple[float, ...] = (1.0,)
    layer_scales: tuple[Positive, ...] = (20.0,)  # divisors of the taps' distances
    normalization: Literal["none", "taps", "weights"] = "none"  # divisor of the sum
    criterion: Literal["l1", "l2"] = "l1"
    before_activation: bool = True
    preprocessing: Literal["caffe", "torch"] = "caffe"
    patch_size: Count | None = None  # HR pixels of the middle that it sees; None: all

    def problems(self):
        """Yield the options that conflict, each with what is wrong."""
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
    # Labels of fakes for the discriminator, drawn evenly between these two.
    fake_labels: tuple[Probability, Probability] = (0.0, 0.0)

    def problems(self):
        """Yield the options that conflict, each with what is wrong."""
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
class EstimatorConfig:
    """The estimator and its stage. Steps are optimizer updates; sizes are HR pixels."""

    steps: Steps = 4000
    batch_size: Count = 16
    patch_sizes: tuple[Count, ...] = (256, 384, 512)  # in turn
    hidden_units: Count = 56
    ema_decay: Fraction = 0.99
    freeze_batch_norm_after: CountOrZero | None = None  # None: never
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    sources: tuple[str, ...] = ()  # as of the other stages
    # A trained conditional generator; its error on the middle of each patch counts too.
    generator: str | None = None
    generator_error: NotNegative = 10.0  # loss weight of a dB
    generator_patch_size: Count = 96

    @property
    def photo_size(self):
        """The shortest side that a photograph must have."""
        return max(self.patch_sizes)

    def problems(self):
        """Yield the options that conflict, each with what is wrong."""
        if not self.patch_sizes:
            yield "patch_sizes", "must name at least one size; received []"
        elif self.generator and self.generator_patch_size > min(self.patch_sizes):
            yield (
                "generator_patch_size",
                f"must be at most the smallest of patch_sizes, "
                f"{min(self.patch_sizes)}; received {self.generator_patch_size}",
            )


@dataclass(frozen=True)
class StageConfig:
    """What both stages of the generator have. Steps are updates, sizes HR pixels."""

    steps: Steps
    batch_size: Count
    patch_size: Count
    ema_decay: Fraction
    freeze_batch_norm_after: CountOrZero | None  # None: never
    pixel: NotNegative | None  # loss weight
    generator_optimizer: OptimizerConfig
    pixel_criterion: Literal["l1", "l2"] = "l1"
    # Photographs of this stage alone (`data.sources`); empty: those of the run.
    sources: tuple[str, ...] = ()
    # Share of the patches whose true degradation a conditional generator is told. For
    # the others it is told what the estimator sees in them and their surroundings.
    told_truth: Probability = 0.5
    context_size: Count | None = None  # with surroundings; None: the patch alone

    @property
    def photo_size(self):
        """The shortest side that a photograph must have."""
        return max(self.patch_size, self.context_size or 0)

    def problems(self):
        """Yield the options that conflict, each with what is wrong."""
        if (self.context_size or self.patch_size) < self.patch_size:
            yield (
                "context_size",
                f"must be none or at least patch_size {self.patch_size}; received "
                f"{self.context_size}",
            )


@dataclass(frozen=True, kw_only=True)
class GanConfig(StageConfig):
    """The adversarial stage: its loss weights and what the losses look at."""

    content: NotNegative | None
    style: NotNegative | None
    adversarial: NotNegative
    discriminator_optimizer: OptimizerConfig
    lattice: NotNegative | None = None
    colour: NotNegative | None = None
    spectrum: NotNegative | None = None
    # Content, style and adversarial loss see SR's luma with HR's colour, so that the
    # pixel loss alone teaches colour.
    hold_colour: bool = False
    content_loss: ContentConfig = field(default_factory=ContentConfig)
    adversarial_loss: AdversarialConfig = field(default_factory=AdversarialConfig)
    style_layers: tuple[str, ...] = ("block5f_project_conv",)  # of EfficientNetB4

    def problems(self):
        """Yield the options that conflict, each with what is wrong."""
        yield from super().problems()
        blocks = [re.match(r"block(\d)", layer) for layer in self.content_loss.layers]
        deepest = max((int(block[1]) for block in blocks if block), default=1)
        least = 2 ** (deepest - 1)  # each block halves what it sees
        seen = self.content_loss.patch_size
        if seen is not None and not least <= seen <= self.patch_size:
            yield (
                "content_loss.patch_size",
                f"must be none, or from {least} (block {deepest}) to the patch_size "
                f"{self.patch_size}; received {seen}",
            )
        if self.content is not None and self.patch_size < least:
            yield (
                "patch_size",
                f"must be at least {least} with the content loss of block {deepest}; "
                f"received {self.patch_size}",
            )
        if self.spectrum is not None and self.patch_size < SPECTRUM_BLOCK:
            yield (
                "patch_size",
                f"must be at least {SPECTRUM_BLOCK} with the spectrum loss; received "
                f"{self.patch_size}",
            )
