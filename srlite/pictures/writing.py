"""Write picture files, whole or not at all.

What a format cannot hold is replaced by the nearest thing, with a note: transparency in
JPEG and BMP by white, 16-bit levels in JPEG, WebP, BMP and AVIF by 8-bit ones.
`_FORMATS` lists what each format keeps, and so does docs/inference.md.
"""

import contextlib
import io
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL import __version__ as pillow_version

from srlite.errors import ConfigError, ImageError
from srlite.files import StrPath, replacing, writing
from srlite.pictures.encoders import write_png, write_tiff
from srlite.pictures.levels import (
    flatten_on_white,
    join_channels,
    round_to_uint8,
    to_float,
)
from srlite.pictures.metadata import fit_metadata, save_options

DEFAULT_QUALITY = 95

_MOST = 2**62  # no limit
_OF_32_BITS = 2**32 - 2**26  # bytes of levels where file offsets have 32 bits
_ALL = ("icc_profile", "exif", "xmp")


@dataclass(frozen=True)
class _Format:
    name: str
    max_side: int = 2**31 - 1  # pixels
    max_pixels: int = _MOST
    max_bytes: int = _MOST
    alpha: bool = False
    sixteen_bit: bool = False
    grey: bool = True  # else it is stored as RGB
    holds: tuple[str, ...] = _ALL
    dpi: bool = True
    quality: bool = False


_JPEG = _Format("JPEG", 65500, holds=(*_ALL, "iptc", "comment"), quality=True)
_LIKE_VIDEO: dict[str, Any] = {"alpha": True, "grey": False, "dpi": False}
_DEEP: dict[str, Any] = {"alpha": True, "sixteen_bit": True}
_TIFF = _Format("TIFF", max_bytes=_OF_32_BITS, holds=(*_ALL, "iptc"), **_DEEP)
_FORMATS = {
    # Decoders of AVIF refuse more pixels than this by default.
    ".avif": _Format("AVIF", 32768, 2**28, quality=True, **_LIKE_VIDEO),
    ".bmp": _Format("BMP", max_bytes=_OF_32_BITS, holds=()),
    ".jpeg": _JPEG,
    ".jpg": _JPEG,
    ".png": _Format("PNG", holds=(*_ALL, "text", "cicp", "time"), **_DEEP),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".webp": _Format("WEBP", 16383, quality=True, **_LIKE_VIDEO),
}


def can_write(ending: str) -> bool:
    """Whether files with this ending, such as ".png", can be written here."""
    Image.init()
    form = _FORMATS.get(ending.lower())
    return form is not None and form.name in Image.SAVE


def takes_quality(path: StrPath) -> bool:
    """Whether the format of a file has a quality to set."""
    form = _FORMATS.get(Path(path).suffix.lower())
    return form is not None and form.quality


def check_writable(
    path: StrPath,
    height: int,
    width: int,
    picture: Any = None,
    quality: float | None = None,
) -> None:
    """Make sure, before the work is done, that a picture can be written.

    `height` and `width` are in SR pixels. With the `Picture` that will be enlarged, the
    size of the file is checked too. `quality` is as for `write_picture`. Raises
    ImageError if the ending is unknown, this Pillow does not write the format, the path
    takes no file, or the format cannot hold such a picture; ConfigError for an
    impossible quality, or a format without.
    """
    path = Path(path)
    form = _format_of(path)
    Image.init()
    if form.name not in Image.SAVE:
        raise ImageError(
            f"cannot write {path}: Pillow {pillow_version} as installed here has no "
            f"{form.name}; install a newer one, or use .png"
        )
    if quality is not None and not form.quality:
        raise ConfigError(
            f"quality is for .jpg, .webp and .avif; received {quality} for {path}"
        )
    check_quality(quality)
    limit = None
    if max(height, width) > form.max_side:
        limit = f"{form.max_side} pixels along a side"
    elif height * width > form.max_pixels:
        limit = f"{form.max_pixels} pixels"
    elif height * width * _pixel_bytes(picture, form) > form.max_bytes:
        limit = f"{form.max_bytes // 2**20} MiB"
    if limit:
        raise ImageError(
            f"cannot write {path}: {form.name} holds at most {limit}, the picture will "
            f"have {width} x {height} pixels; use .png"
        )
    check_place(path)


def check_quality(quality: float | None) -> None:
    """Raise `ConfigError` for a quality outside 1 to 100."""
    if quality is not None and quality not in range(1, 101):
        raise ConfigError(f"quality must be 1 to 100; received {quality!r}")


def check_place(path: StrPath) -> None:
    """Raise ImageError where no file can be made, or replaced, under a path."""
    path = Path(path)
    # Not by `Path`, which raises on an overlong name.
    if os.path.exists(path) and not os.path.isfile(path):
        raise ImageError(f"cannot write {path}: it is there and is not a file")
    if not os.path.isdir(path.parent):
        raise ImageError(
            f"cannot write {path}: the folder {path.parent} does not exist; create it"
        )
    with encoding(path):
        with contextlib.suppress(FileNotFoundError):
            os.lstat(path)  # refuses an overlong name
        with tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(path))):
            pass


def fit_to_format(path: StrPath, picture: Any) -> Any:
    """Remove what the format of a path cannot hold, before work is spent on it.

    Takes and returns a `Picture`, whose pixels may be float in [0, 1]. Where the format
    has no 16 bits, uint8 alpha and float pixels replace them. Its `notes` say what was
    lost. Raises ImageError if the ending is unknown.
    """
    form = _format_of(path)
    pixels, alpha, notes = picture.pixels, picture.alpha, list(picture.notes)
    if alpha is not None and not form.alpha:
        if pixels.dtype.kind == "f":
            opacity = to_float(alpha)[..., None]
            pixels = pixels * opacity + (1 - opacity)
        else:
            pixels = flatten_on_white(pixels, alpha)
        alpha = None
        notes.append(f"{form.name} has no transparency, so it became white")
    if pixels.dtype == np.uint16 and not form.sixteen_bit:
        pixels = to_float(pixels)
        alpha = None if alpha is None else round_to_uint8(alpha)
        notes.append(f"{form.name} is written with 8 of the 16 bits")
    fitted = replace(picture, pixels=pixels, alpha=alpha, notes=tuple(notes))
    return fit_metadata(fitted, form.name, form.holds, form.grey)


def write_picture(path: StrPath, picture: Any, quality: float | None = None) -> None:
    """Write a picture, whole or not at all.

    The file is encoded under a temporary name in the same folder, synced and renamed;
    after a failure nothing is left behind and an existing file is as it was.

    Args:
        path: output file; its ending chooses the format: .png, .jpg, .jpeg, .webp,
            .tif, .tiff, .bmp or .avif.
        picture: `srlite.pictures.picture.Picture` of uint8 or uint16.
        quality: 1 to 100, of JPEG (without chroma subsampling), WebP and AVIF;
            `DEFAULT_QUALITY` when None. WebP of quality 100 is lossless.

    Raises as `check_writable`, and ImageError if the file cannot be encoded or stored.
    """
    height, width = picture.pixels.shape[:2]
    check_writable(path, height, width, picture, quality)
    form = _format_of(path)
    if not form.sixteen_bit:
        alpha = None if picture.alpha is None else round_to_uint8(picture.alpha)
        picture = replace(picture, pixels=round_to_uint8(picture.pixels), alpha=alpha)
    fitted = fit_to_format(path, picture)
    channels = join_channels(fitted.pixels, fitted.alpha, fitted.grey)
    options = save_options(fitted, form.name, form.dpi)
    options |= encoder_options(form.name, quality)
    with (
        encoding(path),
        replacing(path) as temporary,
        io.BufferedWriter(_WholeFile(temporary, "wb")) as file,
    ):
        if form.name == "PNG":
            write_png(file, channels, options)
        elif form.name == "TIFF":
            write_tiff(file, channels, iptc=fitted.iptc, **options)
        else:
            Image.fromarray(channels).save(file, form.name, **options)


class _WholeFile(io.FileIO):
    """A file that hides its descriptor.

    Pillow's encoders would write to the descriptor themselves, and miss that a disk
    fills up within the last piece.
    """

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


def _format_of(path: StrPath) -> _Format:
    form = _FORMATS.get(Path(path).suffix.lower())
    if form is None:
        raise ImageError(
            f"cannot write {path}: its ending must be one of {', '.join(_FORMATS)}"
        )
    return form


def _pixel_bytes(picture: Any, form: _Format) -> int:
    if picture is None:
        return 4
    channels = (1 if picture.grey else 3) + (picture.alpha is not None and form.alpha)
    deep = picture.pixels.dtype == np.uint16 and form.sixteen_bit
    return channels * (2 if deep else 1)


def encoder_options(kind: str, quality: float | None) -> dict[str, Any]:
    """Return the options of Pillow's `save` for a format's quality."""
    quality = DEFAULT_QUALITY if quality is None else int(quality)
    if kind == "JPEG":
        return {"quality": quality, "subsampling": 0}
    if kind == "AVIF":
        return {"quality": quality, "subsampling": "4:4:4"}
    if kind == "WEBP":
        return {"quality": quality, "lossless": quality == 100}
    return {}


def encoding(path: StrPath) -> contextlib.AbstractContextManager[None]:
    """Turn whatever an encoder or the disk raises into an ImageError."""
    return writing(path, ImageError, Exception)
