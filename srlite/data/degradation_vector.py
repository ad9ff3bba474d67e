"""The degradation: ten numbers that say how a picture was made, in units people know.

`Degradation` holds them in physical units; `vector` is the form that networks take and
estimators return, float32 (10,) in [0, 1]:

- 0 to 5: odds of the six kernels, in the order of `kernels.KERNELS`; they sum to 1;
- 6: JPEG strength, 1 - quality / 100, and 0 for none;
- 7: standard deviation of the noise in levels, over 16;
- 8: standard deviation of the blur in HR pixels, over 2;
- 9: sharpening, the amount of an unsharp mask of sigma 1 on LR.

The idea is that of SRMD (Zhang et al. 2018, https://arxiv.org/abs/1712.06116) and DASR
(Wang et al. 2021, https://arxiv.org/abs/2104.00416). A person can set any part of it
(`parse_degradation`); the rest is estimated.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from srlite.data.kernels import KERNELS
from srlite.errors import ConfigError

SIZE = len(KERNELS) + 4
MAX_NOISE = 16.0  # levels
MAX_BLUR = 2.0  # HR pixels
SMALLEST = 15  # LR pixels; the shortest side that an estimator takes
# Words leave out values below these.
_UNNOTICED = {"jpeg": 3.0, "noise": 0.5, "blur": 0.2, "sharpening": 0.08}


@dataclass(frozen=True)
class Degradation:
    """How a picture was made.

    Attributes:
        kernels: odds of each of `kernels.KERNELS`, which sum to 1.
        jpeg: quality as in libjpeg, 1 to 100; 100 means no JPEG.
        noise: standard deviation in levels, 0 to 16.
        blur: standard deviation of a Gaussian on HR, in HR pixels, 0 to 2.
        sharpening: amount of an unsharp mask of sigma 1 on LR, 0 to 1.
    """

    kernels: tuple[float, ...] = (1 / len(KERNELS),) * len(KERNELS)
    jpeg: float = 100.0
    noise: float = 0.0
    blur: float = 0.0
    sharpening: float = 0.0

    def __post_init__(self):
        """Keep plain numbers, which have a hash, of the kinds that JSON or NumPy give.

        Raises ConfigError for what is no number.
        """
        try:
            plain = {name: float(getattr(self, name)) for name in _RANGES}
            plain["kernels"] = tuple(map(float, self.kernels))
        except (TypeError, ValueError):
            raise ConfigError(
                f"a degradation consists of numbers; received {vars(self)}"
            ) from None
        vars(self).update(plain)

    @classmethod
    def from_vector(cls, vector: npt.ArrayLike) -> Self:
        """Read a vector, floats (10,) in [0, 1].

        Raises:
            ConfigError: another shape, or a number that is out of range or not finite.
        """
        values = np.asarray(vector, np.float64)
        if values.shape != (SIZE,):
            raise ConfigError(
                f"a degradation must be {SIZE} numbers (the odds of {len(KERNELS)} "
                "kernels, JPEG strength, noise / 16, blur / 2, sharpening); received "
                f"an array of shape {values.shape}"
            )
        if not ((values >= -1e-3) & (values <= 1.001)).all():
            raise ConfigError(
                "the numbers of a degradation must be from 0 to 1; received "
                f"{values.min():g} to {values.max():g}"
            )
        odds = values[: len(KERNELS)]
        if abs(odds.sum() - 1.0) > 0.05:
            raise ConfigError(
                f"the odds of the kernels must sum to 1; received {odds.sum():g}"
            )
        jpeg, noise, blur, sharpening = values[len(KERNELS) :].clip(0.0, 1.0).tolist()
        return cls(
            kernels=tuple((odds.clip(0.0) / odds.clip(0.0).sum()).tolist()),
            jpeg=100.0 * (1.0 - jpeg),
            noise=MAX_NOISE * noise,
            blur=MAX_BLUR * blur,
            sharpening=sharpening,
        )

    @property
    def vector(self) -> np.ndarray:
        """The vector that networks take, float32 (10,) in [0, 1]."""
        strengths = (
            1.0 - self.jpeg / 100.0,
            self.noise / MAX_NOISE,
            self.blur / MAX_BLUR,
            self.sharpening,
        )
        return np.array([*self.kernels, *strengths], np.float32)

    def replace(self, parts: Mapping[str, Any]) -> Self:
        """Return a copy with `parts` changed, as `parse_degradation` returns them.

        A `kernel` may be given by its name instead.
        """
        parts = dict(parts)
        if "kernel" in parts:
            parts |= parse_degradation(f"kernel={parts.pop('kernel')}")
        return dataclasses.replace(self, **parts)

    def __str__(self):
        """Return words such as "bicubic, JPEG about 62, noise about 4 levels"."""
        order = sorted(range(len(KERNELS)), key=lambda i: -self.kernels[i])
        first, second = order[:2]
        if self.kernels[first] >= 0.5:
            words = [KERNELS[first]]
        elif self.kernels[first] + self.kernels[second] >= 0.5:
            words = [f"{KERNELS[first]} or {KERNELS[second]}"]
        else:
            words = ["kernel unknown"]
        if 100.0 - self.jpeg >= _UNNOTICED["jpeg"]:
            words.append(f"JPEG about {self.jpeg:.0f}")
        if self.noise >= _UNNOTICED["noise"]:
            levels = max(1, round(self.noise))
            words.append(f"noise about {levels} level{'s' * (levels > 1)}")
        if self.blur >= _UNNOTICED["blur"]:
            words.append(f"blur about {self.blur:.1f} HR pixels")
        if self.sharpening >= _UNNOTICED["sharpening"]:
            words.append(f"sharpened by about {self.sharpening:.1f}")
        return ", ".join(words if len(words) > 1 else [*words, "clean"])


# No damage; the kernel is left to the estimator.
CLEAN: Mapping[str, Any] = {"jpeg": 100.0, "noise": 0.0, "blur": 0.0, "sharpening": 0.0}
_RANGES = {
    "jpeg": (1.0, 100.0),
    "noise": (0.0, MAX_NOISE),
    "blur": (0.0, MAX_BLUR),
    "sharpening": (0.0, 1.0),
}


def parse_degradation(text: str) -> dict[str, Any]:
    """Parse a degradation as people write it.

    Args:
        text: parts separated by commas; later ones win. "auto" sets nothing; "clean"
            sets all but the kernel to no damage; `name=value` sets an attribute of
            `Degradation`, or `kernel` to one of `kernels.KERNELS`.

    Returns:
        dict of attributes of `Degradation` to values; missing ones are to be estimated.

    Raises:
        ConfigError: an unknown name, or a value out of range.
    """
    parts: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        if part == "auto":
            continue
        if part == "clean":
            parts |= CLEAN
            continue
        name, separator, value = (piece.strip() for piece in part.partition("="))
        if name == "kernel" and separator:
            if value not in KERNELS:
                raise ConfigError(
                    f"kernel must be one of {', '.join(KERNELS)}; received {value}"
                )
            parts["kernels"] = tuple(float(value == kernel) for kernel in KERNELS)
        elif name in _RANGES and separator:
            parts[name] = _number(name, value)
        else:
            raise ConfigError(
                "a degradation is auto, clean, or parts such as jpeg=60,noise=5,blur=0,"
                f"sharpening=0.5,kernel=bicubic; received {part!r}"
            )
    return parts


def _number(name, text):
    low, high = _RANGES[name]
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ConfigError(
            f"{name} must be a number from {low:g} to {high:g}; received {text!r}"
        )
    return value


def fitting(size: int) -> int:
    """Return the longest side of at most `size` LR pixels that the estimator takes.

    It has 8 n + 7 pixels, so that each of the 8 phases has as many places.
    """
    return (size + 1) // 8 * 8 - 1


def cut_for_estimator(lr: Any) -> Any:
    """Cut LR, a tensor or array (batch, height, width, 3), to sides that it takes."""
    height, width = map(fitting, lr.shape[1:3])
    return lr[:, :height, :width]
