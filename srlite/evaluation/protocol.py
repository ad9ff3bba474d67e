"""How LR pictures are made for an evaluation.

LR is what a file would hold: shrunk, perhaps damaged, rounded to 8 bit. Each kernel is
measured with each damage, as one condition, named as the kernel or `kernel+damage`.
"""

import hashlib
import itertools
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from srlite.data.damages import Damage, damage_and_shrink, parse_damage
from srlite.data.degradation_vector import MAX_NOISE, Degradation
from srlite.data.kernels import KERNELS, shrink
from srlite.errors import ConfigError

# MATLAB's bicubic first, which papers use.
KERNEL_ORDER = ("bicubic", *(kernel for kernel in KERNELS if kernel != "bicubic"))
GIVEN = "given"  # the unknown kernel of pairs
_NONE = parse_damage("none")


class Condition(NamedTuple):
    """How the LR pictures of one measurement were made."""

    kernel: str  # of `kernels.KERNELS`, or `GIVEN`
    damage: Damage = _NONE

    @property
    def name(self):
        """Its name in records and tables; `split_condition` reads it."""
        clean = self.damage.name == _NONE.name
        return self.kernel if clean else f"{self.kernel}+{self.damage.name}"

    @property
    def truth(self):
        """The `Degradation` that LR went through, as far as ten numbers hold it."""
        known = self.kernel in KERNELS and not self.damage.lanczos
        odds = [float(self.kernel == kernel) for kernel in KERNELS]
        return Degradation(
            kernels=tuple(odds) if known else Degradation().kernels,
            jpeg=float(self.damage.jpeg or 100),
            noise=min(self.damage.noise, MAX_NOISE),
            blur=self.damage.blur,
            sharpening=self.damage.sharpening,
        )


@dataclass(frozen=True)
class Protocol:
    """How LR pictures are made, and what counts."""

    scale: int = 4  # HR pixels per LR pixel, and of the border that is left out
    kernels: tuple[str, ...] = KERNEL_ORDER
    edges: str = "none"  # as in `contenders`, for the keys of records
    damages: tuple[Damage, ...] = (_NONE,)  # each measured with each kernel

    def __post_init__(self):
        """Raise `ConfigError` for an impossible scale or unknown kernels."""
        if not isinstance(self.scale, int) or self.scale < 2:
            raise ConfigError(
                f"the scale must be a whole number, 2 or more; received {self.scale}"
            )
        if not self.kernels or not self.damages:
            raise ConfigError(
                "give at least one kernel and at least one damage, such as none"
            )
        if unknown := sorted(set(self.kernels) - set(KERNEL_ORDER)):
            raise ConfigError(
                f"unknown kernel {', '.join(unknown)}; there are "
                f"{', '.join(KERNEL_ORDER)}"
            )

    @property
    def damaged(self):
        """Whether any LR is damaged."""
        return any(damage.name != _NONE.name for damage in self.damages)

    @property
    def conditions(self):
        """Tuple of each `Condition` once, by damage, then by kernel."""
        pairs = itertools.product(self.damages, self.kernels)
        return tuple(dict.fromkeys(Condition(kernel, d) for d, kernel in pairs))

    def make_lr(self, hr, condition):
        """Make the LR picture of `hr`, uint8, always the same one."""
        shrinking = partial(shrink, kernel=condition.kernel, scale=self.scale)
        return damage_and_shrink(hr, shrinking, condition.damage, self.scale)


def picture_hash(picture):
    """Return the SHA-256 of the shape and levels of a picture, as text."""
    digest = hashlib.sha256(repr(picture.shape).encode())
    digest.update(np.ascontiguousarray(picture))
    return digest.hexdigest()
