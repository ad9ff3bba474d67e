"""How large the result is to be, and in how many runs of the model it gets there.

A model enlarges by its own whole factor. Any other size is made of the next larger one
by one reduction. Where one run is not enough, the reduction comes after the first run:
the later runs then start from a crisp picture, as those the model was trained on,
compute no pixel that is thrown away, and end at the size that was asked for.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np

from srlite.errors import ConfigError, ImageError

# The size of a result, and its pixels per LR pixel, along each axis.
Run = tuple[tuple[int, int], tuple[Fraction | int, Fraction | int]]
# SR pixels: 4.8 GB of uint8.
MAX_SR_PIXELS = 1_600_000_000


def target_size(
    lr_size: tuple[int, int],
    scale: int,
    outscale: float | None = None,
    width: float | None = None,
    height: float | None = None,
    max_side: float | None = None,
) -> tuple[int, int]:
    """Compute the size of the result.

    Args:
        lr_size: (height, width) of the picture, pixels.
        scale: the model's own factor, which holds when nothing else is asked for.
        outscale: factor along both sides, any number above 0; rounded to pixels.
        width: pixels; alone it keeps the proportions, with `height` it may stretch.
        height: pixels.
        max_side: pixels of the longer side; keeps the proportions.

    Returns:
        (height, width) in pixels, at least 1 each.

    Raises:
        ConfigError: an impossible value, or options that exclude each other.
        ImageError: the result would have more than `MAX_SR_PIXELS` pixels.
    """
    sides = width is not None or height is not None
    if (outscale is not None) + sides + (max_side is not None) > 1:
        raise ConfigError(
            "the size of the result is given in more than one way; use one of "
            "outscale, width and height, or max_side"
        )
    given = {"width": width, "height": height, "max_side": max_side}
    width, height, max_side = (
        None if pixels is None else _whole_pixels(name, pixels)
        for name, pixels in given.items()
    )
    if outscale is not None:
        factor = _factor(outscale)
    elif max_side is not None:
        factor = Fraction(max_side, max(lr_size))
    elif width is not None:
        factor = Fraction(width, lr_size[1])
    elif height is not None:
        factor = Fraction(height, lr_size[0])
    else:
        factor = Fraction(scale)
    # A side that is asked for is met to the pixel: the fraction is exact.
    rounded = (max(1, math.floor(n * factor + Fraction(1, 2))) for n in lr_size)
    return check_size([asked or n for asked, n in zip((height, width), rounded)])


def check_size(size: Any) -> tuple[int, int]:
    """Return the size of a result, (height, width) in pixels, as two ints.

    Raises ConfigError for anything else, ImageError for more than `MAX_SR_PIXELS`.
    """
    if np.shape(size) != (2,):
        raise ConfigError(f"size must be (height, width) in pixels; received {size!r}")
    height, width = map(_whole_pixels, ("height", "width"), size)
    if height * width > MAX_SR_PIXELS:
        raise ImageError(
            f"the result would have {width} x {height} pixels, more than the limit "
            f"of {MAX_SR_PIXELS // 10**6} megapixels; ask for a smaller size"
        )
    return height, width


def _factor(outscale: float) -> Fraction:
    """Return a factor as it is printed: of a float32 too, and 0.1 is a tenth."""
    try:
        factor = Fraction(str(outscale))
    except (ValueError, ZeroDivisionError):
        factor = Fraction(0)
    if isinstance(outscale, str) or not factor > 0:
        raise ConfigError(f"outscale must be a number above 0; received {outscale!r}")
    if factor > MAX_SR_PIXELS:  # too long to print in pixels
        raise ConfigError(f"outscale is far too large; received {outscale!r}")
    return factor


def _whole_pixels(name: str, pixels: float) -> int:
    return whole_number(pixels, f"{name} must be 1 or more whole pixels")


def whole_number(number: Any, rule: str, least: int = 1) -> int:
    """Return a whole number as an int, from whatever type of number.

    Raises ConfigError, which states the rule, if it is none or below `least`.
    """
    try:
        whole = int(number)
    except (TypeError, ValueError, OverflowError):
        whole = least - 1
    if whole < least or whole != number:
        raise ConfigError(f"{rule}; received {number}")
    return whole


def plan_runs(lr_size: tuple[int, int], size: tuple[int, int], scale: int) -> list[Run]:
    """Divide the way from `lr_size` to `size`, (height, width), into runs of the model.

    Returns (size, zoom) for each run: the size it ends with, and the pixels it makes of
    one along each axis, (height, width), exact. The list is empty when no side of the
    result is longer than the picture's, which is then only reduced.
    """
    if scale > 1 and all(new <= old for new, old in zip(size, lr_size)):
        return []
    count = 1
    while scale > 1 and any(n > o * scale**count for n, o in zip(size, lr_size)):
        count += 1
    runs: list[Run] = []
    reached = tuple(map(Fraction, lr_size))
    rest = tuple(Fraction(new, old) for new, old in zip(size, lr_size))
    for left in reversed(range(count)):
        # Of a picture that is stretched, the side that grows less is not made small
        # first: its zoom is 1 at least, as long as the end allows it.
        zoom = tuple(max(more / scale**left, min(more, 1)) for more in rest)
        rest = tuple(more / step for more, step in zip(rest, zoom))
        reached = tuple(side * step for side, step in zip(reached, zoom))
        # Rounded up: what reaches over the edge is cut off by the next run.
        height, width = map(math.ceil, reached)
        runs.append(((height, width), (zoom[0], zoom[1])))
    return runs
