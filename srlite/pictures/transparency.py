"""Colours under transparent pixels, so that enlarging makes no fringe.

The colour of a fully transparent pixel is arbitrary, usually black, and an enlargement
would mix it into the visible edge. So the visible colours are extended outwards first:
averaged into a pyramid, weighted by their alpha, and filled in from the coarse levels
to the fine (push-pull; Gortler et al. 1996, "The Lumigraph", section 3.4).
"""

from dataclasses import replace

import numpy as np
from PIL import Image

from srlite.pictures.levels import resize, split_channels, to_grey

# Of full opacity. Fainter colours are few levels at best, and often no more than what
# rounding left of them; a fringe can grow from there too.
_FAINT = 1 / 16


def enlarge(picture, upscale):
    """Enlarge the colours of a picture by a model, its alpha by bicubic.

    Bicubic leaves what is opaque opaque, and what is empty empty, to the bit.

    Args:
        picture: `srlite.pictures.picture.Picture`; its pixels may be float in [0, 1].
        upscale: function (height, width, 3) -> larger (H, W, 3) levels.

    Returns:
        `Picture` whose grey, or colours and alpha, are views of one array, so that
        `levels.join_channels` takes no memory.
    """
    sr = upscale(extend_colours(picture.pixels, picture.alpha))
    if picture.grey:
        sr = to_grey(sr)[..., None]
    if picture.alpha is None:
        return replace(picture, pixels=split_channels(sr)[0])
    channels = np.empty((*sr.shape[:2], sr.shape[2] + 1), sr.dtype)
    channels[..., :-1] = sr
    del sr  # so that it never stands beside the enlarged alpha
    size = channels.shape[:2]
    channels[..., -1] = resize(picture.alpha, size, resample=Image.Resampling.BICUBIC)
    pixels, alpha, _ = split_channels(channels)
    return replace(picture, pixels=pixels, alpha=alpha)


def extend_colours(pixels, alpha):
    """Replace the colours under transparent pixels by those of visible neighbours.

    Args:
        pixels: array (height, width, 3), any dtype of levels or float.
        alpha: uint8 or uint16 array (height, width), 0 is transparent; or None.

    Returns:
        Array as `pixels`. Pixels of at least 1/16 opacity keep their colour to the
        bit; `pixels` itself if that holds for all, or if none is visible.
    """
    if alpha is None:
        return pixels
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


def _pyramid(plane):
    """Halve a plane down to one pixel, by averages."""
    levels = [Image.fromarray(np.ascontiguousarray(plane, np.float32))]
    while max(levels[-1].size) > 1:
        levels.append(levels[-1].reduce(2))
    return levels


def _pull(colours, weights):
    """Fill each level, where it lacks weight, from the coarser one.

    Args:
        colours: pyramid of colours multiplied with their weights.
        weights: pyramid of weights in [0, 1].

    Returns:
        float32 array: the coarser level's colours at the size of the finest.
    """
    filled = np.asarray(colours[-1]) / np.asarray(weights[-1])
    for colour, weight in zip(colours[-2:0:-1], weights[-2:0:-1], strict=True):
        coarser = _enlarge(filled, colour.size)
        filled = np.asarray(colour) + (1 - np.asarray(weight)) * coarser
    return _enlarge(filled, colours[0].size)


def _enlarge(plane, size):
    return np.array(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR))
