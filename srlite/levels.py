"""Arithmetic on levels: conversions, grey, luma, bicubic enlargement.

Levels are uint8 or uint16, channels last. `to_float` and `to_levels` are the one door
between levels and the float32 [0, 1] that networks see; they round. The other modules
take these functions from `srlite.images`.
"""

import numpy as np
from PIL import Image

BAND_PIXELS = 2**22


def to_float(image):
    """Convert uint8 or uint16 levels to float32 in [0, 1]."""
    return np.asarray(image, np.float32) / np.iinfo(image.dtype).max


def to_levels(image, dtype):
    """Convert float [0, 1] to uint8 or uint16: scaled, rounded, clipped."""
    highest = np.iinfo(dtype).max
    return np.clip(np.rint(np.asarray(image) * highest), 0, highest).astype(dtype)


def to_uint8(image):
    """Convert float [0, 1] to uint8: scaled, rounded, clipped."""
    return to_levels(image, np.uint8)


def round_to_uint8(levels):
    """Round uint8 or uint16 levels (height, width, ...) to uint8."""
    if levels.dtype == np.uint8:
        return levels
    rounded = np.empty(levels.shape, np.uint8)
    for rows in row_bands(levels):
        rounded[rows] = to_uint8(to_float(levels[rows]))
    return rounded


def to_grey(rgb):
    """Weigh RGB (rows, ..., 3) levels to grey (rows, ...) of the same dtype and range.

    The weights are those of ITU-R BT.601, as in Pillow's mode "L"; equal channels come
    out as they are, and without a copy if they are one channel broadcast.
    """
    if rgb.strides[-1] == 0:
        return rgb[..., 0]
    grey = np.empty(rgb.shape[:-1], rgb.dtype)
    for rows in row_bands(rgb):
        band = rgb[rows, ..., 0] * np.float32(0.299)
        band += rgb[rows, ..., 1] * np.float32(0.587)
        band += rgb[rows, ..., 2] * np.float32(0.114)
        grey[rows] = np.rint(band)
    return grey


def luma(rgb):
    """Compute the luma on which super-resolution papers measure PSNR and SSIM.

    Args:
        rgb: array (..., 3), RGB in 0..255, any real dtype.

    Returns:
        float64 array (...) in 16..235, not rounded: ITU-R BT.601 for digital video, as
        MATLAB's rgb2ycbcr.
    """
    return 16.0 + np.asarray(rgb, np.float64) @ [65.481, 128.553, 24.966] / 255.0


def flatten_on_white(pixels, alpha):
    """Lay (height, width, 3) levels over white by their (height, width) alpha."""
    highest = np.iinfo(pixels.dtype).max
    flat = np.empty(pixels.shape, pixels.dtype)
    for rows in row_bands(pixels):
        opacity = to_float(alpha[rows])[..., None]
        flat[rows] = np.rint(pixels[rows] * opacity + highest * (1 - opacity))
    return flat


def join_channels(pixels, alpha=None, grey=False):
    """Join what a picture has into one array.

    Args:
        pixels: levels (height, width, 3).
        alpha: levels (height, width) of the same dtype, or None.
        grey: whether colour is left out.

    Returns:
        Array (height, width) of grey, (height, width, 2) of grey and alpha, (height,
        width, 3) or (height, width, 4). Not a copy where `split_channels` made the
        parts.
    """
    colour = to_grey(pixels)[..., None] if grey else pixels
    if alpha is None:
        return colour[..., 0] if grey else colour
    whole = alpha.base
    if (
        whole is not None
        and whole.shape == (*alpha.shape, colour.shape[-1] + 1)
        and whole.strides[:2] == pixels.strides[:2] == alpha.strides
        and np.shares_memory(whole[:1, :1, :1], pixels[:1, :1, :1])
    ):
        return whole
    return np.concatenate([colour, alpha[..., None]], axis=-1)


def split_channels(channels):
    """Take apart what `join_channels` made, without a copy.

    Args:
        channels: array (height, width) or (height, width, 1 to 4).

    Returns:
        (pixels, alpha, grey): views (height, width, 3) and (height, width) or None;
        a grey picture has one channel broadcast to three.
    """
    count = channels.shape[2] if channels.ndim == 3 else 1
    grey = count < 3
    if channels.ndim == 2:
        pixels = np.broadcast_to(channels[..., None], (*channels.shape, 3))
    elif grey:
        pixels = np.broadcast_to(channels[..., :1], (*channels.shape[:2], 3))
    else:
        pixels = channels[..., :3]
    return pixels, channels[..., -1] if count in (2, 4) else None, grey


def enlarge_bicubic(image, scale, out=None):
    """Enlarge by Pillow's bicubic filter.

    Args:
        image: uint8 (height, width) or (height, width, 3), or uint16 (height, width).
        scale: output pixels per input pixel along each axis.
        out: array for the result; a new one when None.

    Returns:
        Array of the same dtype, scale times as high and wide.
    """
    height, width = image.shape[:2]
    if out is None:
        out = np.empty((scale * height, scale * width, *image.shape[2:]), image.dtype)
    for rows in row_bands(image, scale**2):
        # Bicubic reaches two pixels far, so bands equal the whole.
        top, bottom = max(rows.start - 3, 0), min(rows.stop + 3, height)
        band = image[top:bottom]
        if image.dtype == np.uint16:
            band = band.astype(np.float32)
        size = (scale * width, scale * (bottom - top))
        enlarged = np.asarray(
            Image.fromarray(np.ascontiguousarray(band)).resize(
                size, Image.Resampling.BICUBIC
            )
        )[scale * (rows.start - top) : scale * (rows.stop - top)]
        if image.dtype == np.uint16:
            enlarged = np.clip(np.rint(enlarged), 0, 65535)
        out[scale * rows.start : scale * rows.stop] = enlarged
    return out


def row_bands(image, enlargement=1):
    """Yield slices of rows of about 4 megapixels, so that temporaries stay small.

    Args:
        image: array (height, width, ...).
        enlargement: pixels made of each pixel.
    """
    height, width = image.shape[:2]
    count = max(4, BAND_PIXELS // (max(width, 1) * enlargement))
    for top in range(0, height, count):
        yield slice(top, min(top + count, height))
