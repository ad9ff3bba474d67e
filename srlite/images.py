"""Pictures at the edge of the program: files, dtypes, colour.

Inside srlite a picture is RGB, float32, [0, 1], (height, width, 3). Files and user
arrays are uint8 or uint16. This module is the door for all of it: it reads files, and
offers the conversions of `levels` and the writing of `image_writing`.

`read_picture` and `write_picture` keep what a photo carries besides its colours:
transparency, greyness, the bit depth of 16-bit grey files, ICC profile, EXIF and
resolution. Pillow reads 16-bit colour files as 8 bits, and so does this module.
"""

import contextlib
import math
import struct
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from srlite.errors import ImageError
from srlite.image_writing import check_writable, write_picture
from srlite.levels import (
    enlarge_bicubic,
    flatten_on_white,
    luma,
    resize,
    to_float,
    to_grey,
    to_levels,
    to_uint8,
)

__all__ = [
    "Picture",
    "check_writable",
    "enlarge_bicubic",
    "flatten_on_white",
    "luma",
    "picture_from_image",
    "read_picture",
    "read_rgb",
    "resize",
    "to_float",
    "to_grey",
    "to_levels",
    "to_uint8",
    "write_picture",
]

# Enlarged four times along each axis, this many pixels are 4.8 GB of uint8.
MAX_PIXELS = 100_000_000

_READ_ERRORS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
_EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
_DESCRIPTIVE_TAGS = (  # Descriptive tags alone; sizes and offsets would be stale.
    0x010E,  # ImageDescription
    0x010F,  # Make
    0x0110,  # Model
    0x0131,  # Software
    0x0132,  # DateTime
    0x013B,  # Artist
    0x8298,  # Copyright
)
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_PIXEL_DIMENSIONS = (0xA002, 0xA003)


@dataclass(frozen=True)
class Picture:
    """A picture and what its file says about it.

    Attributes:
        pixels: uint8 or uint16 array (height, width, 3), RGB, upright; a grey picture
            has three equal channels.
        alpha: array (height, width) of the same dtype, 0 is transparent; None when
            the picture is opaque.
        grey: whether the picture has no colour, and is written without.
        icc_profile: bytes of the ICC profile, or None.
        exif: bytes of an EXIF block without orientation, or None.
        dpi: (horizontal, vertical) pixels per inch, or None.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    icc_profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None


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
    with _reading(name or source), Image.open(source) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def read_picture(path):
    """Read a picture file with its transparency, depth and metadata.

    Args:
        path: a file in any format that Pillow reads; of a TIFF the first page.

    Returns:
        `Picture`, upright; uint16 when the file is 16-bit grey.

    Raises:
        ImageError: the file is missing, is not a picture, is damaged, is animated, has
            more than `MAX_PIXELS` pixels or levels that are neither 8 nor 16 bits.
    """
    with _reading(path), warnings.catch_warnings():
        # Ours is the limit that counts, and it is an error.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageError(
                    f"{path} has {image.width} x {image.height} pixels, more than the "
                    f"limit of {MAX_PIXELS // 10**6} megapixels; cut it into parts"
                )
            # Phones store a second view, scanners further pages; those have a first.
            still = image.format in ("MPO", "TIFF")
            if not still and getattr(image, "n_frames", 1) > 1:
                raise ImageError(
                    f"{path} is an animation of {image.n_frames} frames, but one "
                    "picture is expected; save its frames as files of their own"
                )
            return picture_from_image(image, name=path)


def picture_from_image(image, name="the PIL image"):
    """Convert a `PIL.Image.Image` of any common mode to a `Picture`.

    Args:
        image: the image; a palette is looked up, CMYK converted, orientation applied.
        name: what to call it in an error message.

    Raises:
        ImageError: levels that are neither 8 nor 16 bits.
    """
    upright = ImageOps.exif_transpose(image)
    profile = image.info.get("icc_profile")
    # Before Pillow had "I;16" everywhere, "I" stood for 16-bit PNG and PGM files.
    if image.mode.startswith("I;16") or (
        image.mode == "I" and image.format in ("PNG", "PPM")
    ):
        levels = np.asarray(upright).astype(np.uint16)
        pixels, alpha, grey = np.stack([levels] * 3, axis=-1), None, True
    elif image.mode in _EIGHT_BIT_MODES:
        if upright.has_transparency_data:
            rgba = np.asarray(upright.convert("RGBA"))
            pixels, alpha = rgba[..., :3], rgba[..., 3]
        else:
            pixels, alpha = np.asarray(upright.convert("RGB")), None
        grey = image.mode in ("1", "L", "LA")
        if image.mode in ("P", "PA") and not profile:
            grey = bool((pixels == pixels[..., :1]).all())
    else:
        raise ImageError(
            f"{name} has levels of Pillow mode {image.mode!r}; "
            "convert it to 8 bits, or to 16-bit grey"
        )
    return Picture(
        pixels,
        alpha,
        grey,
        profile,
        _portable_exif(upright),
        _portable_dpi(image.info.get("dpi")),
    )


def _portable_exif(image):
    """Encode the EXIF tags that hold for another file too; None if there are none."""
    try:
        old, new = image.getexif(), Image.Exif()
        for tag in _DESCRIPTIVE_TAGS:
            if tag in old:
                new[tag] = old[tag]
        for tag in (_EXIF_IFD, _GPS_IFD):
            block = dict(old.get_ifd(tag))
            for stale in _PIXEL_DIMENSIONS:
                block.pop(stale, None)
            if block:
                new[tag] = block
        return new.tobytes() if len(new) else None
    except (*_READ_ERRORS, TypeError, KeyError, OverflowError, struct.error):
        return None  # A camera's damaged note is no reason to refuse its photo.


def _portable_dpi(dpi):
    if dpi is None:
        return None
    horizontal, vertical = (float(value) for value in dpi)
    usable = all(math.isfinite(v) and v > 0 for v in (horizontal, vertical))
    return (horizontal, vertical) if usable else None


@contextlib.contextmanager
def _reading(name):
    try:
        yield
    except _READ_ERRORS as error:
        reason = getattr(error, "strerror", None) or f"{error}".split("\n")[0]
        raise ImageError(f"cannot read {name} as a picture: {reason}") from None
