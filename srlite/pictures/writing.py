"""Write picture files, whole or not at all.

A format that cannot hold something gets the nearest thing it can, and `fit_to_format`
says so: JPEG and BMP have no transparency, so it is flattened on white; JPEG, WebP, BMP
and AVIF have 8 bits here, so 16-bit levels are rounded. An ICC profile is kept where
the colours it speaks of are kept. What each format keeps stands in `_FORMATS`, and in
the README's table.

The other modules take these functions from `srlite.pictures.picture`.
"""

import contextlib
import io
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin
from PIL import __version__ as pillow_version

from srlite.pictures.decoding import error_reason
from srlite.errors import ConfigError, ImageError, SrliteError
from srlite.files import replacing
from srlite.pictures.levels import (
    flatten_on_white,
    join_channels,
    round_to_uint8,
    to_float,
)
from srlite.pictures.metadata import exif_with_resolution
from srlite.pictures.png import write_png
from srlite.pictures.tiff import write_deep_tiff

DEFAULT_QUALITY = 95
_MAX_SEGMENT = 65533 - 29  # bytes of a JPEG segment, less the longest name in it
_MAX_PNG_PROFILE = PngImagePlugin.MAX_TEXT_CHUNK  # what Pillow reads again


@dataclass(frozen=True)
class _Format:
    name: str
    max_side: int  # pixels
    max_pixels: int = 2**62
    max_bytes: int = 2**62  # of levels, where file offsets have 32 bits
    alpha: bool = False
    sixteen_bit: bool = False
    profile: bool = True
    exif: bool = True
    dpi: bool = True
    quality: bool = False


_JPEG = _Format("JPEG", 65500, quality=True)
# Not compressed: Pillow's compressing writer cannot store EXIF.
_TIFF = _Format(
    "TIFF", 2**31 - 1, max_bytes=2**32 - 2**26, alpha=True, sixteen_bit=True
)
_FORMATS = {
    # More pixels than this, decoders of AVIF refuse unless told otherwise.
    ".avif": _Format("AVIF", 32768, 2**28, alpha=True, dpi=False, quality=True),
    ".bmp": _Format(
        "BMP", 2**31 - 1, max_bytes=2**32 - 2**26, profile=False, exif=False
    ),
    ".jpeg": _JPEG,
    ".jpg": _JPEG,
    ".png": _Format("PNG", 2**31 - 1, alpha=True, sixteen_bit=True),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".webp": _Format("WEBP", 16383, alpha=True, dpi=False, quality=True),
}


def can_write(ending):
    """Whether files with this ending, such as ".png", can be written here."""
    Image.init()
    form = _FORMATS.get(ending.lower())
    return form is not None and form.name in Image.SAVE


def takes_quality(path):
    """Whether the format of this file has a quality to set."""
    return _format_of(path).quality


def check_writable(path, height, width, picture=None, quality=None):
    """Make sure, before the work is done, that a picture can be written.

    Args:
        path: output file; its ending says the format.
        height: SR pixels.
        width: SR pixels.
        picture: `srlite.pictures.picture.Picture` whose enlargement will be written, to check
            the size of the file too.
        quality: as for `write_picture`.

    Raises:
        ImageError: the ending is unknown, this Pillow does not write the format, the
            folder is missing or takes no file, the path is no regular file, or the
            format cannot hold such a picture.
        ConfigError: impossible quality, or a format without.
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
    if quality is not None and not (quality == int(quality) and 1 <= quality <= 100):
        raise ConfigError(f"quality must be 1 to 100; received {quality}")
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


def check_place(path):
    """Make sure that a file can be made, or replaced, under a path.

    Raises:
        ImageError: the folder is missing or takes no file, or the path is no regular
            file.
    """
    path = Path(path)
    # Not by `Path`, which raises on a name that is too long.
    if os.path.exists(path) and not os.path.isfile(path):
        raise ImageError(f"cannot write {path}: it is there and is not a file")
    if not os.path.isdir(path.parent):
        raise ImageError(
            f"cannot write {path}: the folder {path.parent} does not exist; create it"
        )
    folder = Path(os.path.realpath(path)).parent
    with writing(path), tempfile.TemporaryFile(dir=folder):
        pass


def fit_to_format(path, picture):
    """Leave out what the format cannot hold, before work and memory are spent on it.

    Args:
        path: output file; its ending says the format.
        picture: `srlite.pictures.picture.Picture`; its pixels may be float in [0, 1].

    Returns:
        `Picture` without transparency, and with uint8 alpha and float pixels in place
        of 16 bits, where the format has none; `notes` say so.

    Raises:
        ImageError: the ending is unknown.
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
        notes.append(f"{path}: {form.name} has no transparency, so it became white")
    if pixels.dtype == np.uint16 and not form.sixteen_bit:
        pixels = to_float(pixels)
        alpha = None if alpha is None else round_to_uint8(alpha)
        notes.append(f"{path}: {form.name} is written with 8 of the 16 bits")
    return replace(picture, pixels=pixels, alpha=alpha, notes=tuple(notes))


def write_picture(path, picture, quality=None):
    """Write a picture, whole or not at all.

    The file is encoded under a temporary name in the same folder, synced and renamed;
    a failure leaves nothing behind and an existing file as it was.

    Args:
        path: output file; its ending says the format: .png, .jpg, .jpeg, .webp, .tif,
            .tiff, .bmp or .avif.
        picture: `srlite.pictures.picture.Picture` of uint8 or uint16.
        quality: 1 to 100, of JPEG (without chroma subsampling), WebP and AVIF;
            `DEFAULT_QUALITY` when None. WebP of quality 100 is lossless.

    Raises:
        ImageError: as `check_writable`, or the file cannot be encoded or stored.
        ConfigError: as `check_writable`.
    """
    height, width = picture.pixels.shape[:2]
    check_writable(path, height, width, picture, quality)
    form = _format_of(path)
    if not form.sixteen_bit:
        alpha = None if picture.alpha is None else round_to_uint8(picture.alpha)
        picture = replace(picture, pixels=round_to_uint8(picture.pixels), alpha=alpha)
    fitted = fit_to_format(path, picture)
    channels = join_channels(fitted.pixels, fitted.alpha, fitted.grey)
    options = {**_metadata(fitted, form), **_encoding(form, quality)}
    with (
        writing(path),
        replacing(path) as temporary,
        io.BufferedWriter(_WholeFile(temporary, "wb")) as file,
    ):
        if form.name == "PNG":
            write_png(file, channels, options)
        elif channels.dtype == np.uint16:
            write_deep_tiff(file, channels, options)
        else:
            Image.fromarray(channels).save(file, form.name, **options)


class _WholeFile(io.FileIO):
    """A file that hides its descriptor.

    Pillow's encoders write to a descriptor by themselves, and take a disk that fills up
    within the last piece for success.
    """

    def fileno(self):
        raise io.UnsupportedOperation("fileno")


def _format_of(path):
    form = _FORMATS.get(Path(path).suffix.lower())
    if form is None:
        raise ImageError(
            f"cannot write {path}: its ending must be one of {', '.join(_FORMATS)}"
        )
    return form


def _pixel_bytes(picture, form):
    if picture is None:
        return 4
    channels = (1 if picture.grey else 3) + (picture.alpha is not None and form.alpha)
    deep = picture.pixels.dtype == np.uint16 and form.sixteen_bit
    return channels * (2 if deep else 1)


def _encoding(form, quality):
    quality = DEFAULT_QUALITY if quality is None else int(quality)
    if form.name == "JPEG":
        return {"quality": quality, "subsampling": 0}
    if form.name == "AVIF":
        return {"quality": quality, "subsampling": "4:4:4"}
    if form.name == "WEBP":
        return {"quality": quality, "lossless": quality == 100}
    return {}


def _metadata(picture, form):
    """What of profile, EXIF, XMP and resolution a format holds, as save options."""
    options = {}
    # A profile for CMYK or grey says nothing about RGB, and the other way round.
    profile = picture.icc_profile
    fits = profile and profile[16:20] == (b"GRAY" if picture.grey else b"RGB ")
    if form.name == "PNG" and len(profile or b"") > _MAX_PNG_PROFILE:
        fits = False
    if fits and form.profile:
        options["icc_profile"] = profile
    if picture.dpi and form.dpi:
        options["dpi"] = picture.dpi
    if not form.exif:
        return options
    exif, xmp = picture.exif, picture.xmp
    if picture.dpi and not form.dpi:
        exif = exif_with_resolution(exif, picture.dpi)
    if form.name == "JPEG":
        exif, xmp = (
            part if part and len(part) <= _MAX_SEGMENT else None for part in (exif, xmp)
        )
    if form.name == "TIFF":
        block = Image.Exif()
        if exif:
            block.load(exif)
        if xmp:
            block[700] = xmp
        exif, xmp = block if len(block) else None, None
    if form.name == "PNG" and xmp:
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
        options["pnginfo"] = text
        xmp = None
    if exif:
        options["exif"] = exif
    if xmp:
        options["xmp"] = xmp
    return options


@contextlib.contextmanager
def writing(path):
    """Turn what the encoder and the disk raise into one sentence.

    Raises:
        ImageError: the block raised anything but a `SrliteError`.
    """
    try:
        yield
    except SrliteError:
        raise
    except Exception as error:  # The encoders' own kinds of error are not documented.
        raise ImageError(f"cannot write {path}: {error_reason(error)}") from error
