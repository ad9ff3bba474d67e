"""Write picture files, whole or not at all.

A format that cannot hold something gets the nearest thing it can: JPEG and BMP have no
transparency, so it is flattened on white; JPEG, WebP and BMP have 8 bits, so 16-bit
levels are rounded; WebP has no grey, so it gets three equal channels. An ICC profile is
kept where the colours it speaks of are kept.

The other modules take these functions from `srlite.images`.
"""

import contextlib
import os
import struct
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from srlite.errors import ImageError
from srlite.files import replacing
from srlite.levels import flatten_on_white, to_float, to_grey, to_uint8

_MAX_JPEG_EXIF = 65533  # bytes in one segment


@dataclass(frozen=True)
class _Format:
    name: str
    max_side: int  # pixels
    max_pixels: int = 2**62  # of four bytes, where file offsets have 32 bits
    alpha: bool = False
    sixteen_bit: bool = False
    grey: bool = True
    options: dict = field(default_factory=dict)


_JPEG = _Format("JPEG", 65500, options={"quality": 95, "subsampling": 0})
# Not compressed: Pillow's compressing writer cannot store EXIF.
_TIFF = _Format("TIFF", 2**31 - 1, 2**30, alpha=True, sixteen_bit=True)
# Level 2 takes a fifth of the time of Pillow's default, 6, for 7 % more bytes, measured
# on an enlarged photo.
_PNG = _Format(
    "PNG", 2**31 - 1, alpha=True, sixteen_bit=True, options={"compress_level": 2}
)
_FORMATS = {
    ".bmp": _Format("BMP", 2**31 - 1, 2**30),
    ".jpeg": _JPEG,
    ".jpg": _JPEG,
    ".png": _PNG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".webp": _Format("WEBP", 16383, alpha=True, grey=False, options={"quality": 95}),
}


def check_writable(path, height, width, picture=None):
    """Make sure, before the work is done, that a picture can be written.

    Args:
        path: output file; its ending says the format.
        height: SR pixels.
        width: SR pixels.
        picture: `srlite.images.Picture` whose enlargement will be written, to check
            its depth too.

    Raises:
        ImageError: the ending is unknown, the folder is missing or takes no file, the
            path is no regular file, or the format cannot hold such a picture.
    """
    path = Path(path)
    form = _FORMATS.get(path.suffix.lower())
    if form is None:
        raise ImageError(
            f"cannot write {path}: its ending must be one of {', '.join(_FORMATS)}"
        )
    if max(height, width) > form.max_side or height * width > form.max_pixels:
        limit = f"{form.max_side} pixels along a side"
        if form.max_pixels < 2**62:
            limit = f"{form.max_pixels} pixels"
        raise ImageError(
            f"cannot write {path}: {form.name} holds at most {limit}, the picture will "
            f"have {width} x {height}; use .png"
        )
    if picture is not None and form.sixteen_bit and picture.pixels.dtype == np.uint16:
        if not picture.grey or picture.alpha is not None:
            raise ImageError(
                f"cannot write {path}: 16 bits are written for opaque grey pictures "
                "alone; convert the picture to uint8"
            )
    if path.exists() and not path.is_file():
        raise ImageError(f"cannot write {path}: it is there and is not a file")
    if not path.parent.is_dir():
        raise ImageError(
            f"cannot write {path}: the folder {path.parent} does not exist; create it"
        )
    folder = Path(os.path.realpath(path)).parent
    with _writing(path), tempfile.TemporaryFile(dir=folder):
        pass


def write_picture(path, picture):
    """Write a picture, whole or not at all.

    The file is encoded under a temporary name in the same folder, synced and renamed;
    a failure leaves nothing behind and an existing file as it was.

    Args:
        path: output file; its ending says the format: .png, .jpg, .jpeg, .webp, .tif,
            .tiff or .bmp. JPEG and WebP are written with quality 95.
        picture: `srlite.images.Picture`.

    Raises:
        ImageError: as `check_writable`, or the file cannot be encoded or stored.
    """
    height, width = picture.pixels.shape[:2]
    check_writable(path, height, width, picture)
    form = _FORMATS[Path(path).suffix.lower()]
    image, options = _prepare(picture, form)
    with _writing(path), replacing(path) as temporary:
        image.save(temporary, form.name, **options)


def _prepare(picture, form):
    """Make the Pillow image and the save options for one format."""
    pixels, alpha = picture.pixels, picture.alpha
    if alpha is not None and not form.alpha:
        pixels, alpha = flatten_on_white(pixels, alpha), None
    if pixels.dtype == np.uint16 and not form.sixteen_bit:
        pixels = to_uint8(to_float(pixels))
        alpha = None if alpha is None else to_uint8(to_float(alpha))
    grey = picture.grey and form.grey
    channels = to_grey(pixels) if grey else pixels
    if alpha is not None:
        channels = np.dstack([channels, alpha])
    options = dict(form.options)
    # A profile for CMYK or grey says nothing about RGB, and the other way round.
    profile = picture.icc_profile
    if profile and profile[16:20] == (b"GRAY" if grey else b"RGB "):
        options["icc_profile"] = profile
    if picture.exif and (form is not _JPEG or len(picture.exif) <= _MAX_JPEG_EXIF):
        options["exif"] = picture.exif
    if picture.dpi:
        options["dpi"] = picture.dpi
    return Image.fromarray(channels), options


@contextlib.contextmanager
def _writing(path):
    """Turn what the encoder and the disk raise into one sentence."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, struct.error) as error:
        reason = getattr(error, "strerror", None) or f"{error}".split("\n")[0]
        raise ImageError(f"cannot write {path}: {reason}") from None
