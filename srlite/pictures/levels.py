"""Arithmetic on levels: checks, conversions, grey, luma, bicubic enlargement.

Levels are uint8 or uint16, channels last. Only `to_float` and `to_levels` convert
between them and the float32 [0, 1] that networks see; they round.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from srlite.errors import ImageError, error_reason

BT601 = (0.299, 0.587, 0.114)  # shares of red, green and blue in luma


def as_array(image: npt.ArrayLike) -> np.ndarray:
    """Return what `np.asarray` takes as an array in this machine's byte order.

    Raises ImageError for what NumPy refuses, such as a tensor on a GPU, and for a PIL
    image of another mode than RGB, whose three channels may be no red, green and blue.
    """
    if isinstance(image, Image.Image) and image.mode != "RGB":
        raise ImageError(
            f"a PIL image must have mode RGB here; received {image.mode}, so convert "
            "it or give it to enhance_image"
        )
    try:
        array = np.asarray(image)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise ImageError(f"an image must be an array: {error_reason(error)}") from None
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def check_levels(image: np.ndarray) -> None:
    """Raise ImageError unless an array is uint8, uint16 or float in [0, 1]."""
    if image.dtype in (np.uint8, np.uint16):
        return
    if not np.issubdtype(image.dtype, np.floating):
        raise ImageError(
            "an image must be uint8, uint16, or float in [0, 1]; "
            f"received dtype {image.dtype}"
        )
    lowest, highest = image.min(), image.max()
    if not (lowest >= 0 and highest <= 1):
        raise ImageError(
            f"a float image must lie in [0, 1]; received {lowest:g} to {highest:g}, "
            "so divide by the white level, clip, or replace what is no number"
        )


def check_picture(image: npt.ArrayLike) -> np.ndarray:
    """Return a picture as an array, (height, width, 3) of levels or float in [0, 1].

    Raises ImageError for another shape, no pixels, or as `check_levels`.
    """
    image = as_array(image)
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
        raise ImageError(
            "an image must have shape (height, width, 3) and at least one pixel; "
            f"received {image.shape}"
        )
    check_levels(image)
    return image


def to_float(image: np.ndarray) -> np.ndarray:
    """Convert uint8 or uint16 levels, or float in [0, 1], to float32 in [0, 1]."""
    numbers = np.asarray(image, np.float32)
    return numbers if image.dtype.kind == "f" else numbers / np.iinfo(image.dtype).max


def to_levels(image: npt.ArrayLike, dtype: npt.DTypeLike) -> np.ndarray:
    """Convert float [0, 1] to uint8 or uint16: scaled, rounded, clipped."""
    highest = np.iinfo(dtype).max
    levels = np.array(image)  # the one copy; an SR tile is large
    levels *= highest
    np.rint(levels, out=levels)
    return np.clip(levels, 0, highest, out=levels).astype(dtype)


def to_uint8(image: npt.ArrayLike) -> np.ndarray:
    """Convert float [0, 1] to uint8: scaled, rounded, clipped."""
    return to_levels(image, np.uint8)


def round_to_uint8(levels: np.ndarray) -> np.ndarray:
    """Round uint8 or uint16 levels (height, width, ...) to uint8."""
    if levels.dtype == np.uint8:
        return levels
    out = np.empty(levels.shape, np.uint8)
    return _by_strips(lambda strip: to_uint8(to_float(strip)), out, levels)


def to_grey(rgb: np.ndarray) -> np.ndarray:
    """Convert RGB (..., 3) uint8 or uint16 to grey (...) of the same dtype and range.

    The weights are those of ITU-R BT.601, as in Pillow's mode "L"; equal channels keep
    their levels, and one channel broadcast is not copied.
    """
    if rgb.strides[-1] == 0:
        return rgb[..., 0]

    def weigh(rgb: np.ndarray) -> np.ndarray:
        grey = rgb[..., 0] * np.float32(BT601[0])
        grey += rgb[..., 1] * np.float32(BT601[1])
        grey += rgb[..., 2] * np.float32(BT601[2])
        return np.rint(grey)

    return _by_strips(weigh, np.empty(rgb.shape[:-1], rgb.dtype), rgb)


def luma(rgb: npt.ArrayLike) -> np.ndarray:
    """Compute the luma on which super-resolution papers measure PSNR and SSIM.

    Returns float64 (...) in 16..235, not rounded, of real RGB (..., 3) in 0..255: ITU-R
    BT.601 for digital video, as in MATLAB's rgb2ycbcr.
    """
    return 16.0 + np.asarray(rgb, np.float64) @ [65.481, 128.553, 24.966] / 255.0


def flatten_on_white(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Blend (height, width, 3) levels with white by their (height, width) alpha."""
    highest = np.iinfo(pixels.dtype).max

    def flatten(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        opacity = to_float(alpha)[..., None]
        return np.rint(pixels * opacity + highest * (1 - opacity))

    return _by_strips(flatten, np.empty_like(pixels), pixels, alpha)


def _by_strips(
    convert: Callable[..., np.ndarray], out: np.ndarray, *images: np.ndarray
) -> np.ndarray:
    """Fill `out` 256 rows at a time, to keep intermediate floats small."""
    for top in range(0, len(out), 256):
        rows = slice(top, top + 256)
        out[rows] = convert(*(image[rows] for image in images))
    return out


def join_channels(
    pixels: np.ndarray, alpha: np.ndarray | None = None, grey: bool = False
) -> np.ndarray:
    """Join levels (height, width, 3) and alpha (height, width) or None to one array.

    Returns (height, width) for grey, (height, width, 2) for grey with alpha, else
    (height, width, 3 or 4), without a copy if `split_channels` made the parts.
    """
    colour = to_grey(pixels)[..., None] if grey else pixels
    if alpha is None:
        return colour[..., 0] if grey else colour
    whole = alpha.base
    if (
        whole is not None
        and whole.shape == (*alpha.shape, colour.shape[-1] + 1)
        and whole.strides[:2] == pixels.strides[:2] == alpha.strides
        and np.shares_memory(whole[:1, :1, :1], pixels[:1, :1, :1])
    ):
        return whole
    return np.concatenate([colour, alpha[..., None]], axis=-1)


def split_channels(channels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """Split what `join_channels` made into (pixels, alpha, grey), without a copy.

    Pixels are a view (height, width, 3), of one channel broadcast if grey; alpha is a
    view (height, width) or None.
    """
    if channels.ndim == 2:
        channels = channels[..., None]
    count = channels.shape[2]
    grey = count < 3
    pixels = channels[..., :3]
    if grey:
        pixels = np.broadcast_to(channels[..., :1], (*channels.shape[:2], 3))
    return pixels, channels[..., -1] if count in (2, 4) else None, grey


def resize(
    image: np.ndarray,
    size: tuple[int, int],
    box: tuple[float, float, float, float] | None = None,
    resample: Image.Resampling = Image.Resampling.LANCZOS,
    wrap: bool = False,
) -> np.ndarray:
    """Resize by a filter of Pillow, which widens when it reduces.

    Args:
        image: uint8, uint16 or float, (height, width) or (height, width, channels).
        size: (height, width) of the result.
        box: (left, top, right, bottom) of the part to resize, in pixels or fractions of
            them; the filter also sees pixels around it. All of the picture when None.
        resample: `PIL.Image.Resampling` filter.
        wrap: whether the picture is a seamless texture; not with a box.

    Returns:
        Levels of the same dtype, else float32, which may exceed the input's range.
    """
    height, width = size
    if wrap:
        old = image.shape[:2]
        # Lanczos, the widest filter, reaches 3 pixels of the smaller picture.
        y, x = (math.ceil(3 * max(1, o / n)) for o, n in zip(old, size))
        around = [(y, y), (x, x)] + [(0, 0)] * (image.ndim - 2)
        image = np.pad(image, around, "wrap")
        box = x, y, x + old[1], y + old[0]
    if image.dtype == np.uint8:
        # A copy, because a view of Pillow's bytes could not be written to.
        return np.array(Image.fromarray(image).resize((width, height), resample, box))
    planes = image.reshape(*image.shape[:2], -1)
    dtype = np.uint16 if image.dtype == np.uint16 else np.float32
    out = np.empty((height, width, planes.shape[2]), dtype)
    for channel in range(planes.shape[2]):
        plane = Image.fromarray(np.asarray(planes[..., channel], np.float32, order="C"))
        resized = np.asarray(plane.resize((width, height), resample, box))
        if dtype == np.uint16:
            resized = np.clip(np.rint(resized), 0, 65535)
        out[..., channel] = resized
    return out.reshape(height, width, *image.shape[2:])


def enlarge_bicubic(image: np.ndarray, scale: int) -> np.ndarray:
    """Enlarge by Pillow's bicubic filter, as `resize`, by `scale` along each axis."""
    size = tuple(scale * side for side in image.shape[:2])
    return resize(image, size, resample=Image.Resampling.BICUBIC)
