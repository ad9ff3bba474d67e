"""Arithmetic on levels: conversions, grey, luma, bicubic enlargement.

Levels are uint8 or uint16, channels last. `to_float` and `to_levels` are the one door
between levels and the float32 [0, 1] that networks see; they round. The other modules
take these functions from `srlite.images`.
"""

import numpy as np
from PIL import Image


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


def to_grey(rgb):
    """Weigh RGB (..., 3) uint8 or uint16 to grey (...) of the same dtype and range.

    The weights are those of ITU-R BT.601, as in Pillow's mode "L"; equal channels come
    out as they are.
    """
    grey = rgb[..., 0] * np.float32(0.299)
    grey += rgb[..., 1] * np.float32(0.587)
    grey += rgb[..., 2] * np.float32(0.114)
    return np.rint(grey).astype(rgb.dtype)


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
    opacity = to_float(alpha)[..., None]
    return np.rint(pixels * opacity + highest * (1 - opacity)).astype(pixels.dtype)


def enlarge_bicubic(image, scale):
    """Enlarge by Pillow's bicubic filter.

    Args:
        image: uint8 (height, width) or (height, width, 3), or uint16 (height, width).
        scale: output pixels per input pixel along each axis.

    Returns:
        Array of the same dtype, scale times as high and wide.
    """
    deep = image.dtype == np.uint16
    source = Image.fromarray(image.astype(np.float32) if deep else image)
    size = (scale * image.shape[1], scale * image.shape[0])
    enlarged = np.asarray(source.resize(size, Image.Resampling.BICUBIC))
    return np.clip(np.rint(enlarged), 0, 65535).astype(np.uint16) if deep else enlarged
