"""Enhance a picture: `enhance_image`, for programs and notebooks.

Pictures leave as they came: grey stays grey, transparency stays (enlarged by bicubic),
uint16 stays uint16. Needs no TensorFlow; matplotlib is imported for the figure alone.
"""

import functools
import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srlite.errors import ConfigError, ImageError
from srlite.files import is_same_file
from srlite.pictures.picture import (
    Picture,
    check_writable,
    fit_to_format,
    flatten_on_white,
    join_channels,
    picture_from_image,
    read_picture,
    resize,
    to_float,
    to_grey,
    to_levels,
    to_uint8,
    write_picture,
)
from srlite.models.model_files import (
    DEFAULT_MODEL,
    FAITHFUL_MODEL,
    SHARP_MODEL,
    find_model,
)
from srlite.runtime.sizes import target_size
from srlite.pictures.transparency import enlarge
from srlite.runtime.upscaler import Upscaler, check_levels, check_strength


def enhance_image(
    lr_image: Any = None,
    lr_path: str | os.PathLike | None = None,
    sr_path: str | os.PathLike | None = None,
    visualize: bool = False,
    size: tuple[float, float] | None = None,
    model: str | os.PathLike | None = None,
    tile: int | None = None,
    overlap: int | None = None,
    num_threads: int | None = None,
    progress: Callable[[int, int], object] | None = None,
    outscale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    max_side: int | None = None,
    strength: float | None = None,
    sharp_model: str | os.PathLike | None = None,
    quality: int | None = None,
    warn: Callable[[str], object] | None = None,
) -> np.ndarray:
    """Enlarge a picture by super-resolution.

    Args:
        lr_image: the picture, if not given by `lr_path`: a PIL image, or anything that
            `np.asarray` takes (NumPy, TensorFlow, JAX): (H, W) grey, (H, W, 3) RGB or
            (H, W, 4) RGBA; uint8, uint16, or float in [0, 1].
        lr_path: the picture file, if not given by `lr_image`.
        sr_path: where to write the result; its ending says the format. Not written
            when None.
        visualize: show LR, bicubic and SR side by side; without a display the figure
            is saved as a PNG, beside `sr_path` or in the current folder, and its path
            is printed.
        size: (width, height) of that figure in inches; fitting the picture when None.
        model: a `.tflite` file, a `.keras` file, a checkpoint or a run directory, or
            the name of a shipped model; `DEFAULT_MODEL` when None.
        tile: largest part of the picture that is upscaled at once, in LR pixels;
            smaller takes less memory and more time; by the free memory when None.
        overlap: context around each tile, in LR pixels.
        num_threads: CPU threads; all cores when None.
        progress: function (tiles done, tiles in all), called after each tile. To
            cancel, raise an exception in it, for instance `srlite.errors.Cancelled`:
            it comes out of this function, and nothing is written.
        outscale: how many times as high and wide the result is, any number above 0;
            the model's own scale when None. This and the next three exclude each other.
        width: pixels of the result; keeps the proportions, unless `height` is given.
        height: pixels of the result, likewise.
        max_side: pixels of the result's longer side.
        strength: 0 (faithful) to 1 (sharp): in between, the pictures of `model` and
            `sharp_model` are mixed. `model` alone when None.
        sharp_model: as `model`; `SHARP_MODEL` when None.
        quality: 1 to 100, of a JPEG, WebP or AVIF; 95 when None, and 100 writes WebP
            without loss.
        warn: function (sentence) for what the user should know, such as that CMYK was
            converted or that the format holds no transparency; `warnings.warn` when
            None.

    Returns:
        Array (4 * H, 4 * W) of a grey picture, (4 * H, 4 * W, 3) of RGB, with one
        channel more if the picture has transparency; uint16 if the picture has 16 bits,
        else uint8. The same as `sr_path` holds, before lossy compression: where its
        format has no transparency or no 16 bits, there are none here either.

    Raises:
        ImageError: the picture cannot be read, used or written.
        ModelError: the model is missing, unknown or damaged.
        ConfigError: impossible tile, overlap, number of threads, quality or figure
            size.
    """
    if (lr_image is None) == (lr_path is None):
        received = "neither" if lr_image is None else "both"
        raise ImageError(f"give either lr_image or lr_path; received {received}")
    if size is not None and (len(size) != 2 or not min(size) > 0):
        raise ConfigError(
            f"size must be a figure's width and height in inches; received {size}"
        )
    if lr_path is None:
        picture = picture_from_array(lr_image)
    else:
        _refuse_same_file(lr_path, sr_path)
        picture = read_picture(lr_path)
    upscaler = load_upscaler(model, sharp_model, strength, tile, overlap, num_threads)
    sr_size = target_size(
        picture.pixels.shape[:2], upscaler.scale, outscale, width, height, max_side
    )
    if sr_path is not None:
        check_writable(sr_path, sr_size[0], sr_size[1], picture, quality)
        picture = fit_to_format(sr_path, picture)
    notes = picture.notes
    if picture.pixels.dtype == np.uint16 and upscaler.network.eight_bit:
        notes += ("the model computes with 8 bits, so of the picture's 16 it keeps 8",)
    for note in notes:
        warnings.warn(note, stacklevel=2) if warn is None else warn(note)
    enlarged = enlarge(
        picture, lambda pixels: upscaler.upscale(pixels, progress, sr_size)
    )
    # A large one is not kept while Pillow makes its copy of the result.
    picture = picture if visualize else None
    if sr_path is not None:
        write_picture(sr_path, enlarged, quality)
    if visualize:
        _show_comparison(picture, enlarged, size, sr_path)
    if enlarged.grey and np.ndim(lr_image) == 3 and np.shape(lr_image)[-1] == 1:
        return to_grey(enlarged.pixels)[..., None]
    return join_channels(enlarged.pixels, enlarged.alpha, enlarged.grey)


def picture_from_array(image):
    """Convert what a user holds to a `Picture` of uint8, uint16 or float pixels.

    Args:
        image: as `lr_image` of `enhance_image`.

    Raises:
        ImageError: it is no picture.
    """
    if isinstance(image, Image.Image):
        return picture_from_image(image)
    image = np.asarray(image)
    if image.dtype.kind in "USO":
        raise ImageError(
            f"lr_image must be a picture; received {image.dtype} values, so if it is "
            "a path, give it as lr_path"
        )
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.ndim not in (2, 3) or channels not in (1, 3, 4) or 0 in image.shape:
        raise ImageError(
            "lr_image must have shape (height, width), (height, width, 3) or "
            f"(height, width, 4); received {image.shape}"
        )
    check_levels(image)
    if channels == 1:
        grey = image.reshape(image.shape[:2])
        return Picture(np.stack([grey] * 3, axis=-1), grey=True)
    if channels == 3:
        return Picture(image)
    alpha = image[..., 3]
    if image.dtype.kind == "f":
        alpha = to_uint8(alpha)
    return Picture(image[..., :3], alpha)


def _refuse_same_file(lr_path, sr_path):
    if sr_path is not None and is_same_file(lr_path, sr_path):
        raise ImageError(
            f"{sr_path} is both input and output; write to another file, so that the "
            "original stays"
        )


def load_upscaler(
    model=None,
    sharp_model=None,
    strength=None,
    tile=None,
    overlap=None,
    num_threads=None,
):
    """Load the models that `enhance_image` runs; the last two choices are kept.

    Args:
        model: as for `enhance_image`, like the others.
        sharp_model: likewise.
        strength: likewise.
        tile: likewise.
        overlap: likewise.
        num_threads: likewise.

    Raises:
        ModelError: as `enhance_image`.
        ConfigError: likewise.
    """
    if strength is None:
        if sharp_model is not None:
            raise ConfigError("a sharp model is mixed in by a strength; give one too")
        models, strength = (model or DEFAULT_MODEL, None), 0.0
    else:
        check_strength(strength)
        models = (model or FAITHFUL_MODEL, sharp_model or SHARP_MODEL)
    needed = (strength < 1, strength > 0)
    paths = [find_model(m).resolve() if n else None for m, n in zip(models, needed)]
    # A file trained anew is another model.
    modified = tuple(path and path.stat().st_mtime_ns for path in paths)
    return _load_cached(*paths, strength, modified, tile, overlap, num_threads)


@functools.lru_cache(maxsize=2)
def _load_cached(path, sharp_path, strength, modified, tile, overlap, num_threads):
    return Upscaler.from_file(path, tile, overlap, num_threads, sharp_path, strength)


def _show_comparison(picture, enlarged, size, sr_path):
    """Show the figure, or save it where there is no display."""
    import matplotlib.pyplot as plt
    from matplotlib.backends import BackendFilter, backend_registry

    from srlite.figures.figure import draw_comparison

    lr, sr = opaque_levels(picture), opaque_levels(enlarged)
    bicubic = resize(lr, sr.shape[:2], resample=Image.Resampling.BICUBIC)
    figure = draw_comparison(lr, bicubic, sr, size)
    silent = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)
    if plt.get_backend().lower() in silent:
        path = Path("srlite_comparison.png")
        if sr_path is not None:
            path = Path(sr_path).with_name(f"{Path(sr_path).stem}_comparison.png")
        save_figure(figure, path)
        print(f"comparison: {path}")
    else:
        plt.show()
    plt.close(figure)


def save_figure(figure, path):
    """Write a figure as a PNG, by way of memory: whole or not at all.

    Raises:
        ImageError: the file cannot be written.
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=120)
    write_picture(path, picture_from_image(Image.open(drawn)))


def opaque_levels(picture):
    """Levels of a `Picture` to look at, uint8 (H, W, 3): flattened on white."""
    pixels, alpha = picture.pixels, picture.alpha
    if pixels.dtype.kind == "f":
        pixels = to_uint8(pixels)
    if alpha is not None:
        pixels = flatten_on_white(pixels, alpha)
    return pixels if pixels.dtype == np.uint8 else to_levels(to_float(pixels), np.uint8)
