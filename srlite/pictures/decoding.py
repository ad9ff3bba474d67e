"""Open untrusted picture files.

Only picture formats are opened, the size is checked before a pixel is decoded, and
whatever a decoder raises on a damaged file becomes one sentence. Pillow limits the text
and profile chunks of a PNG, here to 16 MiB.
"""

import collections
import contextlib
import functools
import logging
import os
import threading
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from srlite.errors import ImageError, SrliteError, error_reason
from srlite.files import StrPath
from srlite.pictures.embedded import add_embedded, misread_jp2

# Enlarged four times along each axis, this many pixels are 4.8 GB of uint8.
MAX_PIXELS = 100_000_000
# Endings of the containers that are read.
VIDEO_ENDINGS = frozenset(
    ".3g2 .3gp .avi .divx .evo .f4v .ismv .m2p .m2t .m2ts .m4v .mj2 .mk3d .mkv .mod "
    ".mov .mp4 .mpe .mpeg .mpg .mts .qt .tod .tp .trp .ts .vob .webm".split()
)

# Not all that Pillow reads: for some (EPS) it runs another program. HEIF needs
# pillow-heif.
_READABLE = "AVIF BMP DIB GIF HEIF JPEG JPEG2000 PCX PNG PPM TGA TIFF WEBP".split()
_HEIC_ENDINGS = (".heic", ".heif", ".hif")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_RAW = "{} is the RAW file of a camera, or begins with a preview; develop it first"
_RAW_ENDINGS = frozenset(
    ".3fr .arw .cr2 .cr3 .dcr .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef "
    ".raf .raw .rw2 .rwl .sr2 .srf .srw .x3f".split()
)
_UNREAD_VIDEOS = frozenset(
    ".asf .dv .flv .ivf .mxf .ogm .ogv .rm .rmvb .wmv .wtv .y4m".split()
)
_UNREAD_PICTURES = frozenset(
    ".ai .cdr .cur .dds .emf .eps .exr .fits .hdr .icns .ico .jpm .jxl .jxr .kra .pam "
    ".pct .pdf .psb .psd .qoi .ras .sgi .svg .svgz .wdp .wmf .xbm .xcf .xpm".split()
)
_SUBFILE, _PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 254, 262, 330, 50706  # TIFF tags

# Without any handler, Python prints what Pillow logs about a damaged file.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_deaf: list[Any] = []  # the filter, then None for each further decoder at work
_deaf_lock = threading.Lock()
_limit_lock = threading.Lock()  # of `Image.MAX_IMAGE_PIXELS`


@contextlib.contextmanager
def decoding(name: object, kind: str = "a picture") -> Iterator[None]:
    """Turn what a decoder raises into an ImageError of one sentence."""
    try:
        with _without_warnings():
            yield
    except SrliteError:
        raise
    except Exception as error:  # Decoders raise anything at all on damaged files.
        reason = error_reason(error)
        if isinstance(error, UnidentifiedImageError):
            reason = "cannot identify its kind"  # Pillow names an object in memory.
        elif reason.startswith("decoder error"):  # and a number
            reason = "its pixels are damaged, or of a compression that Pillow lacks"
        raise ImageError(f"cannot read {name} as {kind}: {reason}") from error


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Ignore Pillow's warnings about damaged and large files.

    `warnings.catch_warnings` swaps the filters of all threads: two threads that leave
    in another order than they entered would lose the filters of the process.
    """
    with _deaf_lock:
        _deaf.append(None)
        if len(_deaf) == 1:
            warnings.filterwarnings("ignore", module=r"PIL\.")
            _deaf[0] = warnings.filters[0]
    try:
        yield
    finally:
        with _deaf_lock:
            ours = _deaf[0]
            _deaf.pop()
            filters: Any = warnings.filters
            if not _deaf and ours in filters:
                filters.remove(ours)


def open_image(source: Any, name: object, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Open a picture, given as a path or a binary file, without decoding its pixels.

    Call it within `decoding`, and close the image. Raises ImageError for more than
    `max_pixels` pixels, a RAW file's preview, and HEIC without pillow-heif.
    """
    _init()
    readable = [kind for kind in _READABLE if kind in Image.OPEN]
    try:
        with _opening_up_to(max_pixels):
            image = Image.open(source, formats=readable)
    except Image.DecompressionBombError as error:
        raise ImageError(_too_large(name, None, max_pixels)) from error
    except UnidentifiedImageError:
        _explain(source, name)
        raise
    raw = image.format == "TIFF" and Path(str(name)).suffix.lower() in _RAW_ENDINGS
    if raw or is_preview(image):
        image.close()
        raise ImageError(_RAW.format(name))
    if misread := misread_jp2(image):
        image.close()
        raise ImageError(
            f"{name} is a JPEG 2000 {misread}, which srlite does not read; convert it "
            "to .png or .tif first"
        )
    prepare(image)
    check_size(image, name, max_pixels)
    return image


@contextlib.contextmanager
def _opening_up_to(max_pixels: int) -> Iterator[None]:
    """Lift Pillow's own limit, 179 megapixels, for larger pictures."""
    if max_pixels <= 2 * (Image.MAX_IMAGE_PIXELS or max_pixels):
        yield
        return
    with _limit_lock:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def prepare(image: Image.Image) -> None:
    """Prepare an image that was just opened for reading."""
    # Pillow maps the pixels of a file with a name, and turned ones wrongly.
    image.filename = ""  # type: ignore[attr-defined]
    add_embedded(image)


@functools.cache
def _init() -> None:
    """Register Pillow's formats, and HEIC where that is installed."""
    Image.init()
    # Picture generators store workflows above Pillow's usual 1 MiB.
    limit = PngImagePlugin.MAX_TEXT_CHUNK
    PngImagePlugin.MAX_TEXT_CHUNK = max(limit, 2**24)
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()


def _explain(source: Any, name: object) -> None:
    """Raise ImageError for a known kind of file that Pillow does not read."""
    ending = Path(str(name)).suffix.lower()
    if ending in _RAW_ENDINGS:
        raise ImageError(_RAW.format(name))
    for kind, usual in ((_UNREAD_VIDEOS, ".mp4"), (_UNREAD_PICTURES, ".png or .tif")):
        if ending in kind:
            raise ImageError(
                f"{name} is of a kind that srlite does not read; convert it to {usual} "
                "first"
            )
    head = None
    with contextlib.suppress(OSError, ValueError):
        if hasattr(source, "read"):
            source.seek(0)
            head = source.read(12)
        elif os.path.isfile(source):
            with open(source, "rb") as file:
                head = file.read(12)
    if head == b"":
        raise ImageError(f"cannot read {name}: it is empty")
    is_heic = head and head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS
    if is_heic and "HEIF" not in Image.OPEN:
        raise ImageError(
            f"{name} is a HEIC picture; to read it: pip install pillow-heif"
        )


def is_preview(image: Image.Image) -> bool:
    """Whether Pillow has opened a TIFF at the small preview of another picture."""
    tags = getattr(image, "tag_v2", None)
    if tags is None or image.format != "TIFF":
        return False
    reduced = tags.get(_SUBFILE, 0) == 1
    camera = _DNG_VERSION in tags or tags.get(_PHOTOMETRIC) in (32803, 34892)
    return camera or (reduced and (_SUB_IFDS in tags or count_frames(image) > 1))


def in_kinds(endings: Iterable[str]) -> str:
    """Count, in words, the files of each kind that is not a picture."""
    words = {
        "video{} of a kind that srlite does not read": _UNREAD_VIDEOS,
        "video{}, to be named one by one": VIDEO_ENDINGS,
        "RAW file{} of cameras, to be developed first": _RAW_ENDINGS,
        "picture{} of a kind that srlite does not read": _UNREAD_PICTURES,
        "other{}": frozenset(),
    }
    counts = collections.Counter(endings)
    parts = []
    for kind, known in words.items():
        found = sorted(e for e in counts if e in known or kind == "other{}")
        if found:
            number = sum(counts.pop(ending) for ending in found)
            shown = [ending or "no ending" for ending in found]
            shown = shown if len(shown) <= 5 else [*shown[:4], "..."]
            plural = "s" if number > 1 else ""
            parts.append(f"{number} {kind.format(plural)} ({', '.join(shown)})")
    return "; ".join(parts)


def is_picture_name(path: StrPath) -> bool:
    """Whether a name has the ending of a picture, and is not hidden."""
    path, ending = Path(path), Path(path).suffix.lower()
    _init()
    kind = Image.EXTENSION.get(ending)
    # MPO is a JPEG with a second view, as phones write.
    known = kind in (*_READABLE, "MPO") or ending in _HEIC_ENDINGS
    return known and not path.name.startswith(".")


def count_pixels(path: StrPath) -> int:
    """Read the number of pixels from a picture's header; 0 if that fails."""
    try:
        with decoding(path), open_image(path, path) as image:
            return image.width * image.height
    except ImageError:
        return 0


def check_size(image: Image.Image, name: object, max_pixels: int) -> None:
    """Close an image of more than `max_pixels` pixels and raise ImageError."""
    if image.width * image.height > max_pixels:
        image.close()
        raise ImageError(_too_large(name, image.size, max_pixels))


def count_frames(image: Any) -> int:
    """Count the pages or frames of an image."""
    if image.format != "TIFF":
        return getattr(image, "n_frames", 1)
    # Pillow would set up each page, and refuse the file if it does not know one's mode.
    image._setup = lambda: None
    try:
        return image.n_frames
    finally:
        del image._setup


def turn_to_page(image: Image.Image, page: int, name: object) -> None:
    """Turn an image that was just opened to a page, counted from 1.

    Only TIFF has more than one. Raises ImageError if there is no such page.
    """
    if page == 1:
        return
    count = count_frames(image) if image.format == "TIFF" else 1
    if page not in range(1, count + 1):
        pages = "1 page" if count == 1 else f"{count} pages"
        raise ImageError(f"{name} has {pages}; received page {page!r}")
    image.info.clear()
    image.seek(int(page) - 1)


def refuse_animation(image: Image.Image, name: object) -> None:
    """Raise ImageError for an animation; second views and further pages may pass."""
    count = 1 if image.format in ("HEIF", "MPO", "TIFF") else count_frames(image)
    if count > 1:
        raise ImageError(
            f"{name} is an animation of {count} frames, but one "
            "picture is expected; `python inference.py` enlarges animations"
        )


def _too_large(name: object, size: tuple[int, int] | None, max_pixels: int) -> str:
    has = f"{size[0]} x {size[1]} pixels, " if size else ""
    return (
        f"{name} has {has}more than the limit of {max_pixels / 10**6:g} megapixels; "
        "cut it into parts"
    )
