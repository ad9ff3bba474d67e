"""Read pictures, uint8 or uint16, from files and from a user's arrays.

A `Picture` keeps what a photo carries besides its colours: transparency, greyness, 16
bits of PNG and TIFF, ICC profile, EXIF, XMP and resolution.
"""

import io
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from srlite.errors import ImageError
from srlite.files import StrPath
from srlite.pictures.colour import (
    cmyk_to_rgb,
    profile_of_exif,
    profile_of_png,
    to_srgb,
)
from srlite.pictures.decoding import MAX_PIXELS, decoding, refuse_animation
from srlite.pictures.embedded import (
    lasting_resources,
    lost_chunks,
    lost_resources,
    read_chunks,
    read_cicp,
    resources_of,
)
from srlite.pictures.exif import Directories, portable
from srlite.pictures.levels import (
    as_array,
    check_levels,
    flatten_on_white,
    round_to_uint8,
    split_channels,
    to_uint8,
)
from srlite.pictures.metadata import (
    encode_exif,
    left_in_file,
    portable_dpi,
    portable_text,
    portable_xmp,
    read_exif,
)
from srlite.pictures.sixteen_bit import (
    grey_levels,
    is_halved,
    lost_depth,
    open_page,
    read_deep,
    transparent_colour,
)
from srlite.pictures.transparency import opaque_but

_EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
# What is read before the pixels are decoded: EXIF, notes, cICP and tIME.
_Said = tuple[Directories, tuple[str, ...], bytes | None, bytes | None]


@dataclass(frozen=True)
class Picture:
    """A picture and what its file says about it.

    Attributes:
        pixels: uint8 or uint16 array (height, width, 3), RGB, upright; a grey picture
            has three equal channels.
        alpha: array (height, width) of the same dtype, 0 is transparent; None when
            the picture is opaque.
        grey: whether the picture has no colour.
        icc_profile: bytes of the ICC profile, or None.
        exif: bytes of an EXIF block without orientation, or None.
        dpi: (horizontal, vertical) pixels per inch, or None.
        xmp: bytes of an XMP packet without orientation, or None.
        iptc: bytes of Photoshop's resources: IPTC, the flag and address of copyright;
            or None.
        comment: bytes of the comment of a JPEG or GIF, or None.
        text: (key, value) of each text of a PNG.
        cicp: four bytes of a PNG that state its colours as video does, or None.
        time: seven bytes of a PNG with the time of its last change, or None.
        notes: sentences for the user, such as that CMYK was converted.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    icc_profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    comment: bytes | None = None
    text: tuple[tuple[str, str], ...] = ()
    cicp: bytes | None = None
    time: bytes | None = None
    notes: tuple[str, ...] = ()


def read_rgb(source: Any, name: object = None) -> np.ndarray:
    """Read a picture as 8-bit RGB, upright, without alpha: uint8 (height, width, 3).

    Args:
        source: path or binary file object.
        name: what an error message calls it; the path by default.

    Raises:
        ImageError: the file is missing, is not a picture, is damaged or has more than
            `MAX_PIXELS` pixels.
    """
    name = name or source
    with decoding(name), (reopen := _opener(source, name, MAX_PIXELS, 1))() as image:
        deep = read_deep(image, name, reopen)
        if deep is not None:
            return round_to_uint8(split_channels(deep)[0])
        if image.mode in _EIGHT_BIT_MODES and image.mode != "CMYK":
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        return round_to_uint8(picture_from_image(image, name).pixels)


def read_picture(path: StrPath, max_pixels: int = MAX_PIXELS, page: int = 1) -> Picture:
    """Read a picture file with its transparency, depth and metadata.

    Args:
        path: a file in a format of `srlite.pictures.decoding`.
        max_pixels: the largest picture to decode.
        page: of a TIFF, from 1 up.

    Returns:
        `Picture`, upright; uint16 if the file has 16 bits a channel and is a PNG or a
        TIFF, or grey.

    Raises:
        ImageError: the file is missing, no picture, damaged or animated, has no such
            page, more than `max_pixels` pixels, or neither 8 nor 16 bits.
    """
    with decoding(path), (reopen := _opener(path, path, max_pixels, page))() as image:
        refuse_animation(image, path)
        said = _before_decoding(image)
        deep = read_deep(image, path, reopen)
        if deep is None:
            return _from_image(image, path, said)
        pixels, alpha, grey = split_channels(deep)
        key = image.info.get("transparency")
        if alpha is None and isinstance(key, tuple):
            alpha = opaque_but(pixels, key)
        return _with_metadata(image, said, pixels, alpha, grey)


def _opener(source: Any, *page: Any) -> Callable[[], Image.Image]:
    """Return a function that opens a picture each time it is called."""
    if hasattr(source, "read"):
        content = source.read()
    elif os.path.isfile(source) or not os.path.exists(source):
        return lambda: open_page(source, *page)
    else:
        with open(source, "rb") as pipe:
            content = pipe.read()  # possible only once
    return lambda: open_page(io.BytesIO(content), *page)


def picture_from_image(image: Image.Image, name: object = "the PIL image") -> Picture:
    """Convert a `PIL.Image.Image` of any common mode to an upright `Picture`.

    Raises ImageError for levels of neither 8 nor 16 bits.
    """
    return _from_image(image, name, _before_decoding(image))


def _from_image(image: Image.Image, name: object, said: _Said) -> Picture:
    key = transparent_colour(image)
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("La", "RGBa"):  # The colours are multiplied by alpha.
        upright = upright.convert(upright.mode.upper())
    mode = upright.mode
    alpha: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    # Before Pillow had "I;16" everywhere, "I" stood for 16-bit PNG and PGM files.
    if mode.startswith("I;16") or (mode == "I" and image.format in ("PNG", "PPM")):
        levels = grey_levels(image, upright)
        pixels, grey = split_channels(levels)[0], True
    elif mode in _EIGHT_BIT_MODES:
        grey = mode in ("1", "L", "LA")
        if mode == "CMYK":
            upright, note = cmyk_to_rgb(upright)
            notes = (note,)
        if key is None and upright.has_transparency_data:
            pixels, alpha, _ = split_channels(np.asarray(upright.convert("RGBA")))
        elif grey:
            pixels = split_channels(np.asarray(upright.convert("L")))[0]
        else:
            pixels = np.asarray(upright.convert("RGB"))
        if mode in ("P", "PA") and not image.info.get("icc_profile"):
            grey = bool((pixels == pixels[..., :1]).all())
    else:
        raise ImageError(
            f"{name} has levels of Pillow mode {mode!r}; "
            "convert it to 8 bits, or to 16 bits a channel"
        )
    if key is not None:
        alpha = opaque_but(pixels, key)
    # Programs that know no transparency fill the fourth byte of a pixel with zeros.
    if image.format in ("BMP", "DIB", "TGA") and alpha is not None and not alpha.any():
        alpha = None
    return _with_metadata(image, said, pixels, alpha, grey, notes)


def picture_from_array(image: Any) -> Picture:
    """Convert an array, as for `enhance_image`, to a `Picture`, or raise ImageError."""
    if isinstance(image, Image.Image):
        halved = is_halved(image)
        with decoding("the PIL image"):
            picture = picture_from_image(image)
        notes = ("Pillow reads 8 of the file's 16 bits; give its path instead",)
        return replace(picture, notes=picture.notes + notes * halved)
    image = as_array(image)
    if image.dtype.kind in "USO":
        raise ImageError(
            f"lr_image must be a picture or the path of one; received {image.dtype} "
            "values"
        )
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.ndim not in (2, 3) or channels not in (1, 2, 3, 4) or 0 in image.shape:
        raise ImageError(
            "lr_image must have shape (height, width) or (height, width, 1 to 4); "
            f"received {image.shape}"
        )
    check_levels(image)
    pixels, alpha, grey = split_channels(image)
    if alpha is not None and image.dtype.kind == "f":
        alpha = to_uint8(alpha)
    return Picture(pixels, alpha, grey)


def shown_levels(picture: Picture) -> np.ndarray:
    """Return a picture as it is seen, on white and in sRGB, uint8 (H, W, 3)."""
    pixels, alpha = picture.pixels, picture.alpha
    if pixels.dtype.kind == "f":
        pixels = to_uint8(pixels)
    if alpha is not None:
        pixels = flatten_on_white(pixels, alpha)
    levels = round_to_uint8(pixels)
    profile = picture.icc_profile
    if profile and profile[16:20] == (b"GRAY" if picture.grey else b"RGB "):
        return to_srgb(levels, profile)
    return levels


def _before_decoding(image: Image.Image) -> _Said:
    """Read what Pillow forgets once it decodes the pixels."""
    chunks = read_chunks(image)
    notes = (*left_in_file(image), *lost_chunks(chunks), *lost_depth(image))
    first = dict(reversed(chunks))
    time = first.get(b"tIME", b"")
    cicp = read_cicp(image, first)
    return read_exif(image), notes, cicp, time if len(time) == 7 else None


def _with_metadata(
    image: Image.Image,
    said: _Said,
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    grey: bool,
    notes: tuple[str, ...] = (),
) -> Picture:
    exif, left, cicp, time = said
    exif = exif or read_exif(image)
    resources = resources_of(image, exif)
    profile = image.info.get("icc_profile") or None
    if profile is None and cicp is None:
        profile = profile_of_png(image, grey)
        if profile is None and not grey:
            profile = profile_of_exif(exif)
    elif profile is not None and profile[16:20] == b"CMYK":
        profile = None
    has_comment = image.format in ("JPEG", "MPO", "GIF")
    comment = image.info.get("comment") if has_comment else None
    return Picture(
        pixels,
        alpha,
        grey,
        profile,
        encode_exif(portable(exif)),
        portable_dpi(image, exif),
        portable_xmp(image),
        lasting_resources(resources),
        comment if isinstance(comment, bytes) and comment else None,
        portable_text(image),
        cicp,
        time,
        (*left, *lost_resources(image, resources), *notes),
    )
