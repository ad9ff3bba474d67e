"""Run a function over a large picture in tiles, in bounded memory.

The picture is mirrored by `overlap` LR pixels at its edges, whole or tiled, and each
tile sees `overlap` pixels around the part that is kept. So tiles and whole agree as
soon as the overlap reaches the receptive field of the network, and seams are invisible
long before. Mirroring repeats the edge pixel ("symmetric"), which works down to 1x1.

Pure NumPy: the function may be a network, an interpreter or arithmetic.
"""

import math

import numpy as np


def upscale_tiled(image, predict, scale, tile, overlap, progress=None):
    """Upscale a picture tile by tile.

    All calls of `predict` for one picture have the same shape: the sides are divided
    into equal tiles of at most `tile`, and the last ones are shifted inward. A picture
    that is no larger than `tile` is one call.

    Args:
        image: array (H, W, C), any dtype that `predict` takes.
        predict: function (1, h, w, C) -> (1, scale * h, scale * w, C); what it returns
            says the dtype of the result.
        scale: SR pixels per LR pixel along each axis.
        tile: largest side of the part of a tile that is kept, in LR pixels.
        overlap: context around that part, in LR pixels, so that `predict` sees at most
            tile + 2 * overlap pixels along a side.
        progress: function (tiles done, tiles in all), called after each tile.

    Returns:
        Array (scale * H, scale * W, C).
    """
    height, width = image.shape[:2]
    rows, tile_height = _divide(height, tile)
    columns, tile_width = _divide(width, tile)
    margin = (overlap, overlap)
    padded = np.pad(image, (margin, margin, (0, 0)), mode="symmetric")
    corners = [(y, x) for y in rows for x in columns]
    out = None
    for done, (y, x) in enumerate(corners, start=1):
        lr = padded[y : y + tile_height + 2 * overlap, x : x + tile_width + 2 * overlap]
        sr = predict(lr[None])[0]
        if out is None:
            out = np.empty((scale * height, scale * width, sr.shape[-1]), sr.dtype)
        kept = slice(scale * overlap, scale * (overlap + tile_height))
        kept_across = slice(scale * overlap, scale * (overlap + tile_width))
        out[
            scale * y : scale * (y + tile_height), scale * x : scale * (x + tile_width)
        ] = sr[kept, kept_across]
        if progress is not None:
            progress(done, len(corners))
    return out


def _divide(length, tile):
    """Cover a length with equal parts of at most `tile`: their starts, their size."""
    count = math.ceil(length / tile)
    part = math.ceil(length / count)
    return [min(i * part, length - part) for i in range(count)], part
