"""Enhance a picture: `enhance_image` for programs and notebooks, `main` for the shell.

Pictures leave as they came: grey stays grey, transparency stays (enlarged by bicubic),
uint16 stays uint16. Needs no TensorFlow; matplotlib is imported for the figure alone.
"""

import argparse
import contextlib
import functools
import io
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srlite.errors import ConfigError, ImageError, ModelError
from srlite.images import (
    Picture,
    check_writable,
    fit_to_format,
    flatten_on_white,
    join_channels,
    picture_from_image,
    read_picture,
    resize,
    split_channels,
    to_float,
    to_grey,
    to_levels,
    to_uint8,
    write_picture,
)
from srlite.moving import enhance_moving, is_moving
from srlite.sizes import target_size
from srlite.transparency import extend_colours
from srlite.upscaler import (
    DEFAULT_MODEL,
    DEFAULT_OVERLAP,
    FAITHFUL_MODEL,
    SHARP_MODEL,
    Upscaler,
    check_levels,
    check_strength,
    find_model,
    shipped_models,
)


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
        picture = _picture_from_array(lr_image)
    else:
        _refuse_same_file(lr_path, sr_path)
        picture = read_picture(lr_path)
    upscaler = _load_upscaler(model, sharp_model, strength, tile, overlap, num_threads)
    sr_size = target_size(
        picture.pixels.shape[:2], upscaler.scale, outscale, width, height, max_side
    )
    if sr_path is not None:
        check_writable(sr_path, *sr_size, picture, quality)
        picture = fit_to_format(sr_path, picture)
    for note in picture.notes:
        warnings.warn(note, stacklevel=2) if warn is None else warn(note)
    enlarged = _enlarge(picture, upscaler, sr_size, progress)
    # A large one is not kept while Pillow makes its copy of the result.
    picture = picture if visualize else None
    if sr_path is not None:
        write_picture(sr_path, enlarged, quality)
    if visualize:
        _show_comparison(picture, enlarged, size, sr_path)
    if enlarged.grey and np.ndim(lr_image) == 3 and np.shape(lr_image)[-1] == 1:
        return to_grey(enlarged.pixels)[..., None]
    return join_channels(enlarged.pixels, enlarged.alpha, enlarged.grey)


def _picture_from_array(image):
    """Convert what a user holds to a `Picture` of uint8, uint16 or float pixels."""
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


def _enlarge(picture, upscaler, size, progress):
    """Enlarge colours by the model and alpha by bicubic, into one array."""
    pixels, alpha = picture.pixels, picture.alpha
    sr = upscaler.upscale(extend_colours(pixels, alpha), progress, size)
    if picture.grey:
        sr = to_grey(sr)[..., None]
    if alpha is None:
        return replace(picture, pixels=split_channels(sr)[0])
    channels = np.empty((*sr.shape[:2], sr.shape[2] + 1), sr.dtype)
    channels[..., :-1] = sr
    del sr  # so that it never stands beside the enlarged alpha
    channels[..., -1] = resize(alpha, size, resample=Image.Resampling.BICUBIC)
    pixels, alpha, _ = split_channels(channels)
    return replace(picture, pixels=pixels, alpha=alpha)


def _refuse_same_file(lr_path, sr_path):
    if sr_path is not None and _is_same_file(lr_path, sr_path):
        raise ImageError(
            f"{sr_path} is both input and output; write to another file, so that the "
            "original stays"
        )


def _is_same_file(one, other):
    if os.path.exists(one) and os.path.exists(other):
        return os.path.samefile(one, other)  # Also where upper case does not count.
    return os.path.realpath(one) == os.path.realpath(other)


def _load_upscaler(model, sharp_model, strength, tile, overlap, num_threads):
    if strength is None:
        if sharp_model is not None:
            raise ConfigError("a sharp model is mixed in by a strength; give one too")
        models, strength = (model or DEFAULT_MODEL, None), 0.0
    else:
        check_strength(strength)
        if strength > 0 and sharp_model is None and SHARP_MODEL not in shipped_models():
            raise ModelError(
                f"a strength above 0 needs the sharp model {SHARP_MODEL!r}, which is "
                "not shipped yet; give another as sharp_model (--sharp-model)"
            )
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

    from srlite.comparison import draw_comparison

    lr, sr = _opaque_uint8(picture), _opaque_uint8(enlarged)
    bicubic = resize(lr, sr.shape[:2], resample=Image.Resampling.BICUBIC)
    figure = draw_comparison(lr, bicubic, sr, size)
    silent = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)
    if plt.get_backend().lower() in silent:
        path = Path("srlite_comparison.png")
        if sr_path is not None:
            path = Path(sr_path).with_name(f"{Path(sr_path).stem}_comparison.png")
        # By way of memory, so that the file is written whole or not at all.
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=120)
        write_picture(path, picture_from_image(Image.open(drawn)))
        print(f"comparison: {path}")
    else:
        plt.show()
    plt.close(figure)


def _opaque_uint8(picture):
    """Levels to look at, uint8 (H, W, 3): flattened on white."""
    pixels, alpha = picture.pixels, picture.alpha
    if pixels.dtype.kind == "f":
        pixels = to_uint8(pixels)
    if alpha is not None:
        pixels = flatten_on_white(pixels, alpha)
    return pixels if pixels.dtype == np.uint8 else to_levels(to_float(pixels), np.uint8)


def main(argv=None):
    """Run the command behind `inference.py`.

    Args:
        argv: arguments without the program's name; those of the process when None.

    Returns:
        Exit status 0; raises `SrliteError` when nothing could be done.
    """
    options = vars(_parser().parse_args(argv))
    quiet, threads = options.pop("quiet"), options.pop("threads")
    options["warn"] = lambda note: print(f"note: {note}", file=sys.stderr)
    start = time.perf_counter()
    moving = is_moving(options["lr_path"])
    with _progress_bar(quiet, "frame" if moving else "tile") as progress:
        options["progress"] = progress
        if moving:
            height, width = _enhance_moving(threads, **options)
        else:
            sr = enhance_image(num_threads=threads, **options)
            height, width = sr.shape[:2]
    seconds = time.perf_counter() - start
    if not quiet:
        print(f"{options['sr_path']}: {width} x {height} pixels in {seconds:.1f} s")
    return 0


def _enhance_moving(
    threads,
    *,
    lr_path,
    sr_path,
    visualize,
    size,
    model,
    sharp_model,
    strength,
    tile,
    overlap,
    **options,
):
    """Enlarge an animation or a video by the options of the command."""
    if visualize or size:
        raise ConfigError(
            f"a figure shows one picture, and {lr_path} has several frames; leave "
            "--visualize and --size out"
        )
    _refuse_same_file(lr_path, sr_path)
    upscaler = _load_upscaler(model, sharp_model, strength, tile, overlap, threads)
    return enhance_moving(lr_path, sr_path, upscaler, **options)


def _parser():
    parser = argparse.ArgumentParser(
        prog="inference.py", description="Enlarge a picture by super-resolution."
    )
    parser.add_argument(
        "--lr-path", required=True, help="the picture, animation or video to enlarge"
    )
    parser.add_argument(
        "--sr-path",
        required=True,
        help="where to write the result: .png, .jpg, .webp, .tif, .bmp or .avif; an "
        "animation: .gif, .webp or .png; a video: .mp4, .mkv, .mov or .webm",
    )
    parser.add_argument(
        "--quality",
        type=int,
        help="1 to 100, of .jpg, .webp and .avif (default: 95; 100 is lossless WebP)",
    )
    parser.add_argument(
        "--model",
        help="a .tflite file, a .keras file, a checkpoint, a run directory, or a "
        f"shipped model (default: {DEFAULT_MODEL})",
    )
    _add_size_options(parser)
    parser.add_argument(
        "--strength",
        type=float,
        metavar="S",
        help="mix two models' pictures: 0 is all of --model, 1 all of --sharp-model",
    )
    parser.add_argument(
        "--sharp-model",
        metavar="MODEL",
        help=f"the second model of --strength (default: {SHARP_MODEL})",
    )
    parser.add_argument(
        "--tile",
        type=int,
        help="LR pixels upscaled at once along a side (default: by the free memory)",
    )
    parser.add_argument(
        "--overlap",
        type=int,
        help=f"LR pixels of context around a tile (default: {DEFAULT_OVERLAP})",
    )
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    parser.add_argument(
        "--visualize",
        action="store_true",
        help="show LR, bicubic and SR side by side; saved beside the result when "
        "there is no display",
    )
    parser.add_argument(
        "--size",
        type=float,
        nargs=2,
        metavar=("W", "H"),
        help="figure size in inches",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="no progress bar, no closing line"
    )
    return parser


def _add_size_options(parser):
    group = parser.add_argument_group(
        "size of the result, met to the pixel (default: the model's x4)"
    )
    group.add_argument(
        "--outscale", type=float, metavar="X", help="X times as high and wide"
    )
    group.add_argument(
        "--width", type=int, metavar="W", help="pixels; keeps the proportions"
    )
    group.add_argument(
        "--height", type=int, metavar="H", help="pixels; with --width it may stretch"
    )
    group.add_argument(
        "--max-side", type=int, metavar="M", help="pixels of the longer side"
    )


@contextlib.contextmanager
def _progress_bar(quiet, unit):
    """Yield a progress function that draws a bar when there is more than one unit."""
    with contextlib.ExitStack() as stack:
        bar = None

        def progress(done, total):
            nonlocal bar
            if bar is None and total > 1:
                from tqdm import tqdm

                bar = stack.enter_context(tqdm(total=total, unit=unit))
            if bar is not None:
                bar.update(done - bar.n)

        yield None if quiet else progress
