"""LR pictures to calibrate an int8 file on, from a source of photographs.

They are crops of photographs, shrunk with all kernels in turn. The file is then tried
on others from the same source. Ranges must also cover everything that a conditional
network may be told. Half of its pictures are clean, with a true degradation; a quarter
are damaged by any strengths, with a true degradation; and a quarter are clean, with a
false one, as people may state it: one damage at its strongest, all, or several.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from srlite.data.damages import Damage, damage_and_shrink
from srlite.data.degradation_vector import (
    MAX_BLUR,
    MAX_NOISE,
    Degradation,
    parse_degradation,
)
from srlite.data.kernels import KERNELS, shrink
from srlite.data.photographs import usable_photographs
from srlite.export.checks import fit
from srlite.files import StrPath
from srlite.metrics.psnr_ssim import is_one_colour

SIZE = 96  # LR pixels, of the crops for a file of any size
CALIBRATING, TRYING = 48, 12
# From more photos, better crops could be drawn, but all must be read for that.
_MAX_PHOTOS = 400


class Sample(NamedTuple):
    """A picture to calibrate on, and what the network is told about it."""

    lr: np.ndarray  # uint8 (height, width, 3)
    degradation: np.ndarray  # float32 (10,)


def calibration_samples(
    source: StrPath,
    scale: int,
    size: tuple[int, int],
    damage: str | Degradation | None = None,
) -> tuple[list[Sample], list[np.ndarray]]:
    """Cut and shrink photos of a source, the same ones every time.

    `source` is as for `sources.read_source`, `scale` HR pixels per LR pixel, `size` LR
    (height, width) of the pictures; smaller photos are mirrored. `damage` is None for
    clean pictures, "spread" for those of a conditional network, or the `Degradation`
    that all of them have, with kernels in turn.

    Returns (samples, photos): at most 48 `Sample` to calibrate on, and at most 12 uint8
    HR crops (scale * height, scale * width, 3), at least 3 * scale a side and of more
    than one colour, to try the file on; they share a photo only if there is one alone.
    Raises DataError.
    """
    random = np.random.default_rng(0)
    crops = []
    # PSNR, which tries the file, leaves out an LR pixel on each side.
    cut = [scale * max(length, 3) for length in size]
    min_sizes = {str(source): 4 * scale}
    photographs = usable_photographs(min_sizes, scale, say=lambda sentence: None)
    for _, photograph in itertools.islice(photographs, _MAX_PHOTOS):
        crops.append(_cut(photograph.hr, cut, random))
    telling = [i for i, crop in enumerate(crops) if not is_one_colour(crop)]
    count = min(TRYING, max(1, len(crops) // 5), len(telling))
    spread = np.linspace(0, len(telling) - 1, count, dtype=int)
    tried = [telling[i] for i in spread]
    rest = [i for i in range(len(crops)) if i not in tried] or [0]
    spread = np.linspace(0, len(rest) - 1, min(CALIBRATING, len(rest)), dtype=int)
    chosen = [rest[i] for i in spread]
    samples = []
    for i in range(min(CALIBRATING, len(KERNELS) * len(chosen))):
        turn, place = divmod(i, len(chosen))
        # Few photos are used again, each time with another kernel.
        kernel = KERNELS[(place + turn) % len(KERNELS)]
        made, told = _degradations(kernel, i, random, damage)
        lr = _make(crops[chosen[place]], made, scale)[: size[0], : size[1]]
        samples.append(Sample(lr, told.vector))
    return samples, [crops[i] for i in tried]


def _degradations(
    kernel: str,
    number: int,
    random: np.random.Generator,
    damage: str | Degradation | None,
) -> tuple[Degradation, Degradation]:
    """Return how a picture is made, and what the network is told about it."""
    plain = Degradation().replace(parse_degradation(f"kernel={kernel}"))
    if damage is None:
        return plain, plain
    if isinstance(damage, Degradation):
        made = damage.replace({"kernels": plain.kernels})
        return made, made
    # One to four damages, each of any strength.
    strengths = random.random(4) * (random.permutation(4) < random.integers(1, 5))
    turn, kind = number // 4 % 6, number % 4
    if kind == 3 and turn < 5:
        strengths = [*np.eye(4), np.ones(4)][turn]
    strong = plain.replace(
        {
            "jpeg": 100.0 - 99.0 * strengths[0],
            "noise": MAX_NOISE * strengths[1],
            "blur": MAX_BLUR * strengths[2],
            "sharpening": strengths[3],
        }
    )
    return ((plain, plain), (strong, strong), (plain, plain), (plain, strong))[kind]


def _make(hr: np.ndarray, degradation: Degradation, scale: int) -> np.ndarray:
    """Shrink and damage HR to LR, both uint8."""
    kernel = KERNELS[int(np.argmax(degradation.kernels))]
    damage = Damage(
        "calibration",
        blur=degradation.blur,
        sharpening=degradation.sharpening,
        noise=degradation.noise,
        jpeg=max(1, round(degradation.jpeg)) % 100,  # 100 is none
    )
    return damage_and_shrink(hr, lambda hr: shrink(hr, kernel, scale), damage)


def _cut(
    photo: np.ndarray, size: Sequence[int], random: np.random.Generator
) -> np.ndarray:
    """Cut (height, width) at a random place."""
    corner = [
        random.integers(max(0, length - wanted) + 1)
        for length, wanted in zip(photo.shape, size, strict=False)
    ]
    window = [slice(first, first + wanted) for first, wanted in zip(corner, size)]
    return fit(photo[tuple(window)], size)
