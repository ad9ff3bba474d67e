"""Run a function over a large picture in tiles, in bounded memory.

The picture is mirrored by `overlap` LR pixels at its edges, whole or tiled, and each
tile sees `overlap` pixels around the part that is kept. So tiles and whole agree as
soon as the overlap reaches the receptive field of the network, and seams are invisible
long before. Mirroring repeats the edge pixel ("symmetric"), which works down to 1x1.

Beside picture and result there is memory for one tile: the mirrored picture is never
made, and a result of another size than the function's is reduced tile by tile.

The function may be a network, an interpreter or arithmetic.
"""

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from srlite.pictures.levels import resize

_HALF = Fraction(1, 2)


def upscale_tiled(
    image, predict, scale, tile, overlap, progress=None, finish=None, run=None
):
    """Upscale a picture tile by tile.

    All calls of `predict` for one picture have the same shape: the sides are divided
    into equal tiles of at most `tile`, and the last ones are shifted inward. A picture
    that is no larger than `tile` is one call.

    Args:
        image: array (H, W, C), any dtype that `predict` takes.
        predict: function (1, h, w, C) -> (1, scale * h, scale * w, C).
        scale: SR pixels per LR pixel along each axis.
        tile: largest side of the part of a tile that is kept, in LR pixels.
        overlap: context around that part, in LR pixels, so that `predict` sees at most
            tile + 2 * overlap pixels along a side.
        progress: function (tiles done, tiles in all), called after each tile. What it
            raises ends the work.
        finish: function on the kept part of a tile, (h, w, C), that makes of it what
            the result holds; None for no change.
        run: ((height, width), (zoom, zoom)) as of `sizes.plan_runs`: the size of the
            result, and its pixels per LR pixel. Where the zoom is not `scale`, a
            Lanczos filter reduces what `predict` returns, which must be floats. None
            for all that `predict` makes.

    Returns:
        Array (scale * H, scale * W, C), or of the size in `run`.
    """
    run = run or _whole_run(image.shape, scale)
    size, zooms = run
    plain = all(zoom == scale for zoom in zooms)
    rows, columns = _plan(image.shape, scale, tile, overlap, run)
    out = None
    for done, (y, x) in enumerate(((y, x) for y in rows for x in columns), start=1):
        sr = predict(image[y.seen][:, x.seen][None])[0]
        if plain:
            part = sr[int(y.start) : int(y.stop), int(x.start) : int(x.stop)]
        else:
            shape = tuple(side.target.stop - side.target.start for side in (y, x))
            part = resize(sr, shape, box=(x.start, y.start, x.stop, y.stop))
        if finish is not None:
            part = finish(part)
        if out is None:
            out = np.empty((*size, part.shape[-1]), part.dtype)
        out[y.target, x.target] = part
        if progress is not None:
            progress(done, len(rows) * len(columns))
    return out


def count_tiles(lr_size, scale, tile, run=None):
    """Count the tiles of a picture of (height, width); the rest as `upscale_tiled`."""
    rows, columns = _plan(lr_size, scale, tile, 0, run or _whole_run(lr_size, scale))
    return len(rows) * len(columns)


def tile_shape(lr_size, tile):
    """Tell the (height, width) of the parts that a picture is divided into.

    Args:
        lr_size: (height, width) of the picture.
        tile: largest side, as for `upscale_tiled`.
    """
    return tuple(math.ceil(side / math.ceil(side / tile)) for side in lr_size[:2])


class _Part(NamedTuple):
    """One axis of a tile.

    Attributes:
        seen: LR pixels that the function sees.
        start, stop: what is kept of its result, in pixels of that result.
        target: where this goes.
    """

    seen: np.ndarray
    start: float
    stop: float
    target: slice


def _whole_run(lr_size, scale):
    return tuple(scale * side for side in lr_size[:2]), (scale, scale)


def _plan(lr_size, scale, tile, overlap, run):
    """Divide both axes: the parts of the rows, those of the columns."""
    return [
        _divide(length, part, scale, overlap, size, zoom)
        for length, part, size, zoom in zip(lr_size, tile_shape(lr_size, tile), *run)
    ]


def _divide(length, part, scale, overlap, size, zoom):
    """Cover an axis of `length` LR pixels with equal parts of `part`."""
    count = math.ceil(length / part)
    parts = []
    for i in range(count):
        start = min(i * part, length - part)
        # Each pixel of the result belongs to the part that holds its centre.
        last = i == count - 1
        stop = size if last else min(size, math.ceil((start + part) * zoom - _HALF))
        first = parts[-1].target.stop if parts else 0
        if first >= stop:
            continue
        seen = np.arange(start - overlap, start + part + overlap)
        kept = (scale * (at / zoom - start + overlap) for at in (first, stop))
        reach = scale * len(seen)
        kept = (float(min(max(at, 0), reach)) for at in kept)
        parts.append(_Part(_mirrored(seen, length), *kept, slice(first, stop)))
    return parts


def _mirrored(index, length):
    """Reflect places beyond an axis back onto it, the edge pixel first."""
    index = index % (2 * length)
    return np.minimum(index, 2 * length - 1 - index)
