"""Read 16-bit PNG and TIFF files at full depth.

Pillow has no mode for 16-bit colour and keeps the high byte of each level. Its decoders
can also return the low byte, so each file is decoded twice and the halves are joined.
This works for every compression that Pillow knows.

The kind of file decides, never its levels: a dark 16-bit file stays a 16-bit file.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from srlite.errors import ImageError
from srlite.pictures.decoding import check_size, open_image, prepare, turn_to_page
from srlite.pictures.embedded import HEAD, from_start

_PHOTOMETRIC, _BITS, _SAMPLES, _PLANES = 262, 258, 277, 284  # TIFF tags
_EXTRA_SAMPLES, _SAMPLE_FORMAT = 338, 339
_SIGNED = 2

# Pillow's raw modes, less depth and byte order; colours of "RGBa" are multiplied by
# alpha, and are read as "RGBA".
_LAYOUTS = ("RGB", "RGBX", "RGBA", "RGBa")

# Raw modes of grey below 8 bits: the highest level, and what Pillow multiplies by.
_SHALLOW = {"1": (1, 255), "L;2": (3, 85), "L;4": (15, 17)}


class _UnknownTiff(SyntaxError):
    """A TIFF with a page that Pillow does not know."""


class _Tiff(TiffImagePlugin.TiffImageFile):
    """A TIFF whose pages of 16-bit grey with alpha are opened as four bytes a pixel.

    `associated` says whether the levels of such a page are multiplied with alpha; None
    on other pages.
    """

    associated: bool | None = None

    def _setup(self) -> None:
        tags = self.tag_v2
        self.associated = None
        extra = tags.get(_EXTRA_SAMPLES, (2,))
        grey_alpha = tags.get(_PHOTOMETRIC) == 1 and tags.get(_BITS) == (16, 16)
        if grey_alpha and tags.get(_PLANES, 1) == 1 and extra in ((1,), (2,)):
            self.associated = extra == (1,)
            tags[_PHOTOMETRIC], tags[_BITS], tags[_SAMPLES] = 2, (8,) * 4, 4
            tags[_EXTRA_SAMPLES] = (2,)
        try:
            super()._setup()
        except (SyntaxError, KeyError, TypeError):  # a mode, a compression, no size
            raise _UnknownTiff from None


def open_page(source: Any, name: object, max_pixels: int, page: int) -> Image.Image:
    """Open a picture file at a page, also a TIFF of 16-bit grey with alpha.

    Decode it by `read_deep`, since Pillow alone would misread it. Raises as
    `open_image` and `turn_to_page`, and ImageError for an unknown kind of TIFF.
    """
    try:
        try:
            image = open_image(source, name, max_pixels)
            if page != 1 and image.format == "TIFF":
                if not hasattr(source, "seek"):
                    image.close()
                image = _open_tiff(source)
        except UnidentifiedImageError as error:
            image = _open_tiff(source, error)
        turn_to_page(image, page, name)
        kinds = getattr(image, "tag_v2", {}).get(_SAMPLE_FORMAT, 1)
        # Pillow takes -1 for 255.
        if image.mode == "L" and _SIGNED in np.atleast_1d(kinds):
            image.close()
            raise _UnknownTiff
    except _UnknownTiff:
        raise ImageError(
            f"{name} is a TIFF of a kind that srlite does not read; save it as a PNG, "
            "or as a plain TIFF of 8 or 16 bits a channel"
        ) from None
    check_size(image, name, max_pixels)
    return image


def _open_tiff(source: Any, otherwise: Exception | None = None) -> _Tiff:
    """Open a TIFF, or raise an error if it is none."""
    if hasattr(source, "seek"):
        source.seek(0)
    try:
        image = _Tiff(source)
    except _UnknownTiff:
        raise
    except SyntaxError:
        if otherwise is None:
            raise
        raise otherwise from None
    prepare(image)
    return image


def read_deep(image: Any, path: object, reopen: Callable[[], Any]) -> np.ndarray | None:
    """Decode a file with 16 bits for each of several channels, or return None.

    The image was just opened, and `reopen` opens the same file again. Returns uint16
    (height, width, 2, 3 or 4), upright: grey and alpha, RGB, or RGB and alpha. Raises
    ImageError if the channels are stored apart.
    """
    raw = _raw_mode(image)
    if getattr(image, "associated", None) is not None:
        native = image.tile[0][0] == "libtiff"  # which swaps bytes itself
        little = sys.byteorder == "little" if native else image.tag_v2.prefix == b"II"
        return _join_grey_alpha(image, "<u2" if little else ">u2", image.associated)
    if raw == "LA;16B":
        image.tile = _with_raw_mode(image, "RGBA")
        return _join_grey_alpha(image, ">u2")
    if getattr(image, "tag_v2", {}).get(_PLANES, 1) == 2:
        deep = 16 in np.atleast_1d(image.tag_v2.get(_BITS, 8))
        if deep or image.mode in ("LA", "La"):  # Pillow misreads the second channel.
            raise ImageError(
                f"{path} keeps each of its channels apart; save it with interleaved "
                "channels"
            )
    kind, _, order = raw.partition(";16")
    if kind not in _LAYOUTS or order not in ("B", "L", "N"):
        return None
    if order == "N":
        order = "L" if sys.byteorder == "little" else "B"
    halves = []
    for half, significant in ((image, order), (reopen(), "BL"[order == "B"])):
        half.tile = _with_raw_mode(half, f"{kind.upper()};16{significant}")
        halves.append(np.asarray(ImageOps.exif_transpose(half)))
    levels = halves[0].astype(np.uint16)
    levels <<= 8
    levels |= halves[1]
    return _divide_by_alpha(levels) if kind == "RGBa" else levels


def grey_levels(image: Image.Image, upright: Image.Image) -> np.ndarray:
    """Return the uint16 levels of an upright image in a 16-bit grey mode of Pillow.

    A TIFF may hold 12 bits, or store white as its lowest level.
    """
    levels = np.asarray(upright).astype(np.uint16)
    tags = getattr(image, "tag_v2", {})
    if tags.get(_BITS) == (12,):
        levels = np.rint(levels * np.float32(65535 / 4095)).astype(np.uint16)
    return 65535 - levels if tags.get(_PHOTOMETRIC) == 0 else levels


def transparent_colour(image: Image.Image) -> tuple[int, ...] | None:
    """Return the one transparent colour of a picture, in Pillow's levels, or None.

    Call it before the pixels are decoded. PNG stores the colour with 16 bits a channel;
    those above the depth of the pixels do not count.
    """
    key = image.info.get("transparency")
    if isinstance(key, int):
        key = (key,) * 3
    if not isinstance(key, tuple) or image.mode in ("P", "PA") or is_halved(image):
        return None
    highest, step = 255, 1
    if image.mode.startswith("I"):
        highest = 65535
    elif (depth := _raw_mode(image) or image.mode) in _SHALLOW:
        highest, step = _SHALLOW[depth]
    return tuple((int(level) & highest) * step for level in key)


def is_halved(image: Image.Image) -> bool:
    """Whether Pillow keeps only 8 of the 16 bits of a file that it has opened."""
    return ";16" in _raw_mode(image) and image.mode in ("LA", "RGB", "RGBA", "RGBX")


def lost_depth(image: Any) -> Iterator[str]:
    """Yield a sentence if a file has more than 8 bits a channel, and no more are read.

    Call it before the pixels are decoded.
    """
    bits = 8
    if image.mode == "CMYK" and ";16" in _raw_mode(image):
        bits = 16
    elif image.format == "PPM" and image.mode == "RGB" and image.tile:
        arguments = image.tile[0][3]
        bits = 8 if isinstance(arguments, str) else int(arguments[1]).bit_length()
    with from_start(image, "AVIF", "HEIF") as file:
        head = file.read(HEAD) if file else b""
    at = head.find(b"pixi")  # a version, the number of channels, the bits of each
    if at >= 0:
        bits = max(head[at + 9 :][: head[at + 8]], default=8)
    if bits > 8:
        yield f"8 of the file's {bits} bits a channel are read"


def _raw_mode(image: Any) -> str:
    if not getattr(image, "tile", None):
        return ""
    arguments = image.tile[0][3]
    return arguments if isinstance(arguments, str) else str((arguments or ("",))[0])


def _with_raw_mode(image: Any, raw_mode: str) -> list:
    return [
        tile._replace(
            args=raw_mode if isinstance(tile.args, str) else (raw_mode, *tile.args[1:])
        )
        for tile in image.tile
    ]


def _join_grey_alpha(
    image: Image.Image, dtype: str, associated: bool = False
) -> np.ndarray:
    pixels = np.ascontiguousarray(ImageOps.exif_transpose(image))
    levels = pixels.view(dtype).astype(np.uint16)
    return _divide_by_alpha(levels) if associated else levels


def _divide_by_alpha(levels: np.ndarray) -> np.ndarray:
    """Undo the multiplication of the colours with alpha."""
    alpha = levels[..., -1:]
    colours = levels[..., :-1] * np.float32(65535) / np.maximum(alpha, 1)
    levels[..., :-1] = np.minimum(np.rint(colours), 65535)
    return levels
