"""Pictures at the edge of the program: files, dtypes, colour.

Inside srlite a picture is RGB, float32, [0, 1], (height, width, 3). Files and user
arrays are uint8 or uint16. The conversions live here alone, and they round.
"""

import numpy as np
from PIL import Image, ImageOps

from srlite.errors import ImageError


def read_rgb(source, name=None):
    """Read a picture as 8-bit RGB, upright.

    Args:
        source: path or binary file object.
        name: what to call it in an error message; the path by default.

    Returns:
        uint8 array (height, width, 3); EXIF orientation applied, alpha dropped.

    Raises:
        ImageError: the file is missing, is not a picture or is damaged.
    """
    try:
        with Image.open(source) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = f"{error}".split("\n")[0]
        raise ImageError(
            f"cannot read {name or source} as a picture: {reason}"
        ) from None


def to_float(image):
    """Convert uint8 or uint16 levels to float32 in [0, 1]."""
    return np.asarray(image, np.float32) / np.iinfo(image.dtype).max


def to_uint8(image):
    """Convert float [0, 1] to uint8: scaled, rounded, clipped."""
    return np.clip(np.rint(np.asarray(image) * 255.0), 0, 255).astype(np.uint8)


def luma(rgb):
    """Luma of ITU-R BT.601 in studio range.

    Args:
        rgb: levels 0..255, (..., 3).

    Returns:
        float64 (...), 16..235.
    """
    weights = np.array([65.481, 128.553, 24.966]) / 255.0
    return 16.0 + np.asarray(rgb, np.float64) @ weights
