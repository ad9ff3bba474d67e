"""Open picture files that nobody vouches for.

Every file is untrusted: its size is checked before a pixel is decoded, only formats
that are pictures are opened, and whatever a decoder raises on a damaged file becomes
one sentence. Pillow itself limits the text and profile chunks of a PNG.

The other modules take `MAX_PIXELS` from `srlite.pictures.picture`.
"""

import contextlib
import logging
import warnings

from PIL import Image

from srlite.errors import ImageError, SrliteError

# Enlarged four times along each axis, this many pixels are 4.8 GB of uint8.
MAX_PIXELS = 100_000_000
# Of the files that are taken for videos.
VIDEO_ENDINGS = (
    ".avi",
    ".m4v",
    ".mkv",
    ".mov",
    ".mp4",
    ".mpeg",
    ".mpg",
    ".webm",
)

# Not all that Pillow knows: some (EPS) would run another program on the file. HEIF is
# there when the caller has registered a plugin for it.
_READABLE = (
    "AVIF",
    "BMP",
    "DIB",
    "GIF",
    "HEIF",
    "JPEG",
    "JPEG2000",
    "PCX",
    "PNG",
    "PPM",
    "TGA",
    "TIFF",
    "WEBP",
)

# Without any handler, Python prints what Pillow logs about a damaged file.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@contextlib.contextmanager
def decoding(name, kind="a picture"):
    """Turn what a decoder raises into one sentence that names the file.

    Args:
        name: what to call the file.
        kind: what it is read as.

    Raises:
        ImageError: the block raised anything but a `SrliteError`.
    """
    try:
        yield
    except SrliteError:
        raise
    except Exception as error:  # Decoders raise anything at all on damaged files.
        raise ImageError(
            f"cannot read {name} as {kind}: {error_reason(error)}"
        ) from error


def error_reason(error):
    """Say in some words of one line why another library gave up."""
    reason = getattr(error, "strerror", None) or f"{error}".strip().split("\n")[0]
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    return reason or type(error).__name__


def open_image(source, name, max_pixels=MAX_PIXELS):
    """Open a picture file without decoding its pixels.

    Args:
        source: path or binary file object.
        name: what to call it in an error message.
        max_pixels: the largest picture that is opened.

    Returns:
        `PIL.Image.Image`, to be closed; use it within `decoding(name)`.

    Raises:
        ImageError: the picture has more than `max_pixels` pixels.
    """
    Image.init()
    readable = [kind for kind in _READABLE if kind in Image.OPEN]
    try:
        image = Image.open(source, formats=readable)
    except Image.DecompressionBombError as error:
        raise ImageError(_too_large(name, None, max_pixels)) from error
    check_size(image, name, max_pixels)
    return image


def readable_endings():
    """The endings of the files that are taken for pictures, such as ".jpg"."""
    Image.init()
    endings = Image.registered_extensions().items()
    return {ending for ending, kind in endings if kind in _READABLE}


def count_pixels(path):
    """Read from its header how many pixels a picture has; 0 when that fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with decoding(path), open_image(path, path) as image:
                return image.width * image.height
        except ImageError:
            return 0


def check_size(image, name, max_pixels):
    """Refuse an image that was opened but is too large; it is closed then.

    Raises:
        ImageError: more than `max_pixels` pixels.
    """
    if image.width * image.height > max_pixels:
        image.close()
        raise ImageError(_too_large(name, image.size, max_pixels))


def refuse_animation(image, name):
    """Refuse a file that holds more than one picture.

    Raises:
        ImageError: several frames. Second views of phones and further pages of
            scanners do not count: those files have a first picture.
    """
    still = image.format in ("MPO", "TIFF")
    if not still and getattr(image, "n_frames", 1) > 1:
        raise ImageError(
            f"{name} is an animation of {image.n_frames} frames, but one "
            "picture is expected; `python inference.py` enlarges animations"
        )


def _too_large(name, size, max_pixels):
    has = f"{size[0]} x {size[1]} pixels, " if size else ""
    return (
        f"{name} has {has}more than the limit of {max_pixels / 10**6:g} megapixels; "
        "cut it into parts"
    )
