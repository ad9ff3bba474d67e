"""Colours under transparent pixels, so that no fringe appears.

The colour of a fully transparent pixel is arbitrary, usually black, and enlarging would
mix it into the visible edge. So visible colours are first extended outwards: averaged,
weighted by their alpha, into a pyramid, and filled in from its coarse levels to the
fine ones (push-pull; Gortler et al. 1996, "The Lumigraph", section 3.4).
"""

import numpy as np
from PIL import Image, ImageFilter, ImageOps

# Of full opacity. Rounding leaves little of fainter colours, so they cause fringes too.
_FAINT = 1 / 16
_AROUND = 2  # LR pixels, as far as bicubic looks


def settle_alpha(sr_alpha: np.ndarray, alpha: np.ndarray, wrap: bool = False) -> None:
    """Make SR pixels, in place, opaque or empty where all LR pixels around them are.

    A model may miss the end of the range by a level. Both arrays are (height, width) of
    one dtype, uint8 or uint16; with `wrap` they go on at their opposite edges.
    """
    size = sr_alpha.shape[1], sr_alpha.shape[0]
    smallest = ImageFilter.MinFilter(2 * _AROUND + 1)
    alpha = np.pad(alpha, _AROUND, "wrap" if wrap else "edge")
    for level in (0, np.iinfo(alpha.dtype).max):
        flat = Image.fromarray(np.uint8(alpha == level)).filter(smallest)
        flat = ImageOps.crop(flat, _AROUND).resize(size, Image.Resampling.NEAREST)
        sr_alpha[np.asarray(flat) > 0] = level


def extend_colours(
    pixels: np.ndarray, alpha: np.ndarray | None, around: int = 0
) -> np.ndarray:
    """Replace the colours under transparent pixels by those of visible neighbours.

    `pixels` are levels or float (height, width, 3), `alpha` uint8 or uint16 (height,
    width), 0 is transparent, or None. Pixels of at least 1/16 opacity keep their exact
    colour; `pixels` itself is returned if that holds for all, or if none is visible.
    A seamless texture is looked at `around` pixels beyond its edges.
    """
    if alpha is None:
        return pixels
    if around:
        inside = slice(around, -around)
        pixels = np.pad(pixels, [(around, around)] * 2 + [(0, 0)], "wrap")
        return extend_colours(pixels, np.pad(alpha, around, "wrap"))[inside, inside]
    weight = alpha * np.float32(1 / np.iinfo(alpha.dtype).max)
    faint = weight < _FAINT
    if not faint.any() or not alpha.any():
        return pixels
    weights = _pyramid(weight)
    share = weight[faint] / _FAINT
    extended = pixels.copy()
    for channel in range(3):
        colour = pixels[..., channel]
        filled = _pull(_pyramid(colour * weight), weights)[faint]
        filled += (colour[faint] - filled) * share
        if pixels.dtype.kind == "u":
            filled = np.rint(filled)
        extended[..., channel][faint] = filled
    return extended


def _pyramid(plane: np.ndarray) -> list[Image.Image]:
    """Halve a plane down to one pixel, by averages."""
    levels = [Image.fromarray(np.ascontiguousarray(plane, np.float32))]
    while max(levels[-1].size) > 1:
        levels.append(levels[-1].reduce(2))
    return levels


def _pull(colours: list[Image.Image], weights: list[Image.Image]) -> np.ndarray:
    """Fill each level of a pyramid from the coarser one, where it lacks weight."""
    filled = np.asarray(colours[-1]) / np.asarray(weights[-1])
    for colour, weight in zip(colours[-2:0:-1], weights[-2:0:-1], strict=True):
        coarser = _enlarge(filled, colour.size)
        filled = np.asarray(colour) + (1 - np.asarray(weight)) * coarser
    return _enlarge(filled, colours[0].size)


def _enlarge(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.array(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR))


def opaque_but(pixels: np.ndarray, key: tuple[int, ...]) -> np.ndarray:
    """Make an alpha channel from the one transparent colour of a PNG."""
    opaque = np.zeros(pixels.shape[:2], bool)
    for channel, level in enumerate(key):
        opaque |= pixels[..., channel] != int(level)
    return opaque * pixels.dtype.type(np.iinfo(pixels.dtype).max)
