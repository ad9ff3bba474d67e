"""The tiles of a large picture, for a function that is run on each of them.

A tile is a window of the picture, and none reaches outside it: at the picture's edges
the function sees what it was trained with. Where two windows overlap, each pixel of the
result comes from the window whose edge is farther away, at least `overlap` LR pixels.
So tiles and whole agree as soon as the overlap reaches the receptive field of the
function, and seams are invisible long before.

All windows of a picture have one shape, so that an interpreter allocates once. Beside
picture and result there is memory for one of them; a result of another size than the
function's is reduced tile by tile.
"""

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from srlite.pictures.levels import resize
from srlite.runtime.sizes import Run

_HALF = Fraction(1, 2)
_LEAST = 32  # LR pixels that a window has beside its overlap, even in little memory
Window = tuple[int, int]  # (height, width) in LR pixels


class _Part(NamedTuple):
    """One axis of a tile."""

    seen: slice | np.ndarray  # LR pixels for the function; an array where edges join
    start: float  # of what is kept of the function's result, in pixels of that
    stop: float
    target: slice  # where this goes


class Tile(NamedTuple):
    """What a function sees of a picture, and where what it returns goes."""

    y: _Part
    x: _Part
    reduced: bool

    @property
    def target(self) -> tuple[slice, slice]:
        """Return the rows and columns of the result that this tile fills."""
        return self.y.target, self.x.target

    def cut(self, image: np.ndarray) -> np.ndarray:
        """Return what the function sees: (1, h, w, C) of a picture (H, W, C)."""
        return image[self.y.seen][:, self.x.seen][None]

    def keep(self, sr: np.ndarray) -> np.ndarray:
        """Return the part that fits `target` of the function's (1, s * h, s * w, C).

        Where the result is of another size than the function makes, a Lanczos filter
        reduces it; `sr` must hold floats then.
        """
        (_, top, bottom, rows), (_, left, right, columns) = self.y, self.x
        if not self.reduced:
            return sr[0][int(top) : int(bottom), int(left) : int(right)]
        # A size that was rounded up takes part of a pixel from beyond the picture.
        over = [max(0, math.ceil(x) - n) for x, n in zip((bottom, right), sr.shape[1:])]
        sr = np.pad(sr[0], [*((0, n) for n in over), (0, 0)], mode="symmetric")
        shape = rows.stop - rows.start, columns.stop - columns.start
        return resize(sr, shape, box=(left, top, right, bottom))


def tiles(
    lr_size: tuple[int, ...],
    scale: int,
    window: Window,
    overlap: int,
    run: Run | None = None,
    wrap: bool = False,
    step: int = 1,
) -> Iterator[Tile]:
    """Yield the tiles of a picture, which all have the same shape.

    Args:
        lr_size: (height, width) of the picture.
        scale: pixels that the function makes of one LR pixel, along each axis.
        window: what the function sees at most, more than 2 * overlap along each axis.
        overlap: least distance, LR pixels, of a pixel that is kept from the window's
            edge, except at the picture's edges.
        run: ((height, width), (zoom, zoom)) as for `sizes.plan_runs`: the size of the
            result, and its pixels per LR pixel; all that the function makes when None.
        wrap: whether the picture goes on at its opposite edge, as a seamless texture:
            windows then reach over the edges by `overlap`.
        step: windows begin and end at multiples of it, LR pixels, as for `filled`.
    """
    size, zooms = run or (tuple(scale * side for side in lr_size[:2]), (scale, scale))
    reduced = any(zoom != scale for zoom in zooms)
    rows, columns = (
        _divide(length, seen, scale, overlap, side, zoom, wrap, step=step)
        for length, seen, side, zoom in zip(lr_size, window, size, zooms)
    )
    return (Tile(y, x, reduced) for y in rows for x in columns)


def filled(image: np.ndarray, step: int) -> np.ndarray:
    """Repeat the last row and column of (H, W, C) up to multiples of some pixels."""
    height, width = (-side % step for side in image.shape[:2])
    if not height and not width:
        return image
    return np.pad(image, [(0, height), (0, width), (0, 0)], mode="edge")


def window_of(
    lr_size: tuple[int, ...], tile: int, overlap: int, least: int = 1
) -> Window:
    """Return the smallest window that divides a picture, (height, width), into tiles.

    Inside the picture, at most `tile` LR pixels along a side are kept of a window. It
    has at least `least` along each side, if the picture has as many.
    """
    height, width = (
        max(
            _seen(side, _count(side, tile + 2 * overlap, overlap), overlap),
            min(side, least),
        )
        for side in lr_size[:2]
    )
    return height, width


def best_window(lr_size: tuple[int, ...], overlap: int, most_pixels: int) -> Window:
    """Choose the window for (height, width) that needs the fewest pixels computed.

    It has at most `most_pixels` LR pixels, which fit into memory; even so, it has 32
    more than its overlap along each axis.
    """
    height, width = lr_size[:2]
    least = 2 * overlap + _LEAST
    best = None
    for rows in range(1, _count(height, least, overlap) + 1):
        high = _seen(height, rows, overlap)
        widest = most_pixels // high
        if widest < min(width, least):
            continue
        columns = _count(width, widest, overlap)
        wide = _seen(width, columns, overlap)
        computed = rows * high * columns * wide
        if best is None or computed < best[0]:
            best = computed, (high, wide)
    return best[1] if best else window_of(lr_size, _LEAST, overlap)


def computed_pixels(lr_size: tuple[int, ...], window: Window, overlap: int) -> int:
    """Count the LR pixels that the windows of a picture have together."""
    counts = (_count(side, seen, overlap) for side, seen in zip(lr_size, window))
    return math.prod(counts) * math.prod(window)


def _count(length: int, seen: int, overlap: int) -> int:
    """Count the windows of `seen` LR pixels that cover an axis."""
    if seen >= length:
        return 1
    return math.ceil((length - 2 * overlap) / (seen - 2 * overlap))


def _seen(length: int, count: int, overlap: int) -> int:
    """Return the fewest LR pixels that so many windows need to cover an axis."""
    return math.ceil((length + 2 * overlap * (count - 1)) / count)


def _divide(
    length: int,
    seen: int,
    scale: int,
    overlap: int,
    size: int,
    zoom: Fraction | int,
    wrap: bool,
    *,
    step: int,
) -> list[_Part]:
    """Cover an axis of `length` LR pixels with windows of `seen`."""
    around = overlap + -overlap % step if wrap else 0
    length += 0 if wrap else -length % step
    whole = length + 2 * around
    whole += -whole % step
    seen = min(seen + -seen % step, whole)
    count = _count(whole, seen, overlap)
    even = (i * (whole - seen) // max(1, count - 1) for i in range(count))
    starts = [at - at % step - around for at in even]
    # Where two windows overlap, each is kept up to the middle.
    middles = [(one + seen + two) // 2 for one, two in zip(starts, starts[1:])]
    parts: list[_Part] = []
    for start, end in zip(starts, [*middles, length]):
        # Each pixel of the result belongs to the part that holds its centre.
        stop = size if end == length else min(size, math.ceil(end * zoom - _HALF))
        first = parts[-1].target.stop if parts else 0
        if first >= stop:
            continue
        places: slice | np.ndarray = slice(start, start + seen)
        if wrap:
            places = np.arange(start, start + seen) % length
        kept = [max(0.0, float(scale * (at / zoom - start))) for at in (first, stop)]
        parts.append(_Part(places, kept[0], kept[1], slice(first, stop)))
    return parts
