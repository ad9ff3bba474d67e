"""Pictures at the edge of the program: files, dtypes, colour.

Inside srlite a picture is RGB, float32, [0, 1], (height, width, 3). Files and user
arrays are uint8 or uint16. This module is the door for all of it: it reads files, and
offers the conversions of `levels` and the writing of `image_writing`.

`read_picture` and `write_picture` keep what a photo carries besides its colours:
transparency, greyness, 16 bits of PNG and TIFF, ICC profile, EXIF, XMP and resolution.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from PIL import ImageOps, UnidentifiedImageError

from srlite.pictures.decoding import MAX_PIXELS, decoding, open_image, refuse_animation
from srlite.pictures.sixteen_bit import (
    grey_levels,
    open_deep_tiff,
    read_deep,
    transparent_level_scale,
)
from srlite.errors import ImageError
from srlite.pictures.writing import (
    DEFAULT_QUALITY,
    check_writable,
    fit_to_format,
    write_picture,
)
from srlite.pictures.levels import (
    enlarge_bicubic,
    flatten_on_white,
    join_channels,
    luma,
    resize,
    round_to_uint8,
    split_channels,
    to_float,
    to_grey,
    to_levels,
    to_uint8,
)
from srlite.pictures.metadata import cmyk_to_rgb, portable_dpi, portable_exif, portable_xmp

__all__ = [
    "DEFAULT_QUALITY",
    "MAX_PIXELS",
    "Picture",
    "check_writable",
    "enlarge_bicubic",
    "fit_to_format",
    "flatten_on_white",
    "join_channels",
    "luma",
    "picture_from_image",
    "read_picture",
    "read_rgb",
    "resize",
    "split_channels",
    "to_float",
    "to_grey",
    "to_levels",
    "to_uint8",
    "write_picture",
]

_EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")


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
        xmp: bytes of an XMP packet without orientation, or None.
        notes: sentences that the user should read, such as that CMYK was converted.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    icc_profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None
    notes: tuple[str, ...] = ()


def read_rgb(source, name=None):
    """Read a picture as 8-bit RGB, upright.

    Args:
        source: path or binary file object.
        name: what to call it in an error message; the path by default.

    Returns:
        uint8 array (height, width, 3); EXIF orientation applied, alpha dropped.

    Raises:
        ImageError: the file is missing, is not a picture, is damaged or has more than
            `MAX_PIXELS` pixels.
    """
    name = name or source
    with decoding(name), open_image(source, name) as image:
        if image.mode in _EIGHT_BIT_MODES:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        return round_to_uint8(picture_from_image(image, name).pixels)


def read_picture(path, max_pixels=MAX_PIXELS):
    """Read a picture file with its transparency, depth and metadata.

    Args:
        path: a file in a format of `srlite.pictures.decoding`; of a TIFF the first page.
        max_pixels: the largest picture that is decoded.

    Returns:
        `Picture`, upright; uint16 when the file has 16 bits a channel and is a PNG or a
        TIFF, or grey.

    Raises:
        ImageError: the file is missing, is not a picture, is damaged, is animated, has
            more than `max_pixels` pixels or levels that are neither 8 nor 16 bits.
    """

    def reopen():
        return open_image(path, path, max_pixels)

    with decoding(path), warnings.catch_warnings():
        # Of what is damaged or large; ours are the limits that count, and are errors.
        warnings.simplefilter("ignore")
        try:
            image = reopen()
        except UnidentifiedImageError as error:
            image = open_deep_tiff(path, error, max_pixels)
        with image:
            refuse_animation(image, path)
            deep = read_deep(image, path, reopen)
            if deep is None:
                return picture_from_image(image, name=path)
            pixels, alpha, grey = split_channels(deep)
            key = image.info.get("transparency")
            if alpha is None and isinstance(key, tuple):
                alpha = _opaque_but(pixels, key)
            return _with_metadata(image, image, pixels, alpha, grey)


def picture_from_image(image, name="the PIL image"):
    """Convert a `PIL.Image.Image` of any common mode to a `Picture`.

    Args:
        image: the image; a palette is looked up, CMYK converted, orientation applied.
        name: what to call it in an error message.

    Raises:
        ImageError: levels that are neither 8 nor 16 bits.
    """
    key = image.info.get("transparency")
    step = transparent_level_scale(image)  # before the pixels are decoded
    upright = ImageOps.exif_transpose(image)
    alpha, notes = None, ()
    # Before Pillow had "I;16" everywhere, "I" stood for 16-bit PNG and PGM files.
    if image.mode.startswith("I;16") or (
        image.mode == "I" and image.format in ("PNG", "PPM")
    ):
        levels = grey_levels(image, upright)
        pixels, grey = split_channels(levels)[0], True
        if isinstance(key, int):
            alpha = _opaque_but(pixels, (key,) * 3)
    elif image.mode in _EIGHT_BIT_MODES:
        grey = image.mode in ("1", "L", "LA")
        if image.mode == "CMYK":
            upright, note = cmyk_to_rgb(upright, name)
            notes = (note,)
        if image.mode == "L" and isinstance(key, int):
            pixels = split_channels(np.asarray(upright))[0]
            alpha = _opaque_but(pixels, (key * step,) * 3)
        elif upright.has_transparency_data:
            pixels, alpha, _ = split_channels(np.asarray(upright.convert("RGBA")))
        elif grey:
            pixels = split_channels(np.asarray(upright.convert("L")))[0]
        else:
            pixels = np.asarray(upright.convert("RGB"))
        if image.mode in ("P", "PA") and not image.info.get("icc_profile"):
            grey = bool((pixels == pixels[..., :1]).all())
    else:
        raise ImageError(
            f"{name} has levels of Pillow mode {image.mode!r}; "
            "convert it to 8 bits, or to 16 bits a channel"
        )
    return _with_metadata(image, upright, pixels, alpha, grey, notes)


def _with_metadata(image, upright, pixels, alpha, grey, notes=()):
    return Picture(
        pixels,
        alpha,
        grey,
        image.info.get("icc_profile"),
        portable_exif(upright),
        portable_dpi(image),
        portable_xmp(image),
        notes,
    )


def _opaque_but(pixels, key):
    """Make an alpha channel from the one colour that a PNG calls transparent."""
    opaque = np.zeros(pixels.shape[:2], bool)
    for channel, level in enumerate(key):
        opaque |= pixels[..., channel] != int(level)
    return opaque * pixels.dtype.type(np.iinfo(pixels.dtype).max)
