"""Enhance a picture: `enhance_image` for programs and notebooks, `main` for the shell.

Pictures leave as they came: grey stays grey, transparency stays (enlarged by bicubic),
uint16 stays uint16. Needs no TensorFlow; matplotlib is imported for the figure alone.
"""

import argparse
import contextlib
import functools
import io
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from srlite.errors import ConfigError, ImageError
from srlite.files import is_same_file
from srlite.images import (
    Picture,
    check_writable,
    enlarge_bicubic,
    fit_to_format,
    flatten_on_white,
    join_channels,
    picture_from_image,
    read_picture,
    to_float,
    to_grey,
    to_levels,
    to_uint8,
    write_picture,
)
from srlite.transparency import enlarge
from srlite.upscaler import (
    DEFAULT_MODEL,
    DEFAULT_OVERLAP,
    DEFAULT_TILE,
    Upscaler,
    check_levels,
    find_model,
)


def enhance_image(
    lr_image=None,
    lr_path=None,
    sr_path=None,
    visualize=False,
    size=None,
    model=None,
    tile=None,
    overlap=None,
    num_threads=None,
    progress=None,
    quality=None,
    warn=None,
):
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
            smaller takes less memory and more time.
        overlap: context around each tile, in LR pixels.
        num_threads: CPU threads; all cores when None.
        progress: function (tiles done, tiles in all), called after each tile.
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
    upscaler = _load_upscaler(model, tile, overlap, num_threads)
    scale = upscaler.scale
    if sr_path is not None:
        height, width = (scale * side for side in picture.pixels.shape[:2])
        check_writable(sr_path, height, width, picture, quality)
        picture = fit_to_format(sr_path, picture)
    for note in picture.notes:
        warnings.warn(note, stacklevel=2) if warn is None else warn(note)
    enlarged = enlarge(picture, lambda pixels: upscaler.upscale(pixels, progress))
    if sr_path is not None:
        write_picture(sr_path, enlarged, quality)
    if visualize:
        _show_comparison(picture, enlarged, scale, size, sr_path)
    if picture.grey and np.ndim(lr_image) == 3 and np.shape(lr_image)[-1] == 1:
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


def _refuse_same_file(lr_path, sr_path):
    if sr_path is not None and is_same_file(lr_path, sr_path):
        raise ImageError(
            f"{sr_path} is both input and output; write to another file, so that the "
            "original stays"
        )


def _load_upscaler(model, tile, overlap, num_threads):
    path = find_model(model or DEFAULT_MODEL).resolve()
    return _load_cached(path, path.stat().st_mtime_ns, tile, overlap, num_threads)


@functools.lru_cache(maxsize=2)
def _load_cached(path, modified, tile, overlap, num_threads):
    # `modified` is part of the key: a file trained anew is another model.
    return Upscaler.from_file(path, tile, overlap, num_threads)


def _show_comparison(picture, enlarged, scale, size, sr_path):
    """Show the figure, or save it where there is no display."""
    import matplotlib.pyplot as plt
    from matplotlib.backends import BackendFilter, backend_registry

    from srlite.comparison import draw_comparison

    lr = _opaque_uint8(picture)
    figure = draw_comparison(
        lr, enlarge_bicubic(lr, scale), _opaque_uint8(enlarged), size
    )
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
    args = _parser().parse_args(argv)
    start = time.perf_counter()
    with _progress_bar(args.quiet) as progress:
        sr = enhance_image(
            lr_path=args.lr_path,
            sr_path=args.sr_path,
            visualize=args.visualize,
            size=args.size,
            model=args.model,
            tile=args.tile,
            overlap=args.overlap,
            num_threads=args.threads,
            progress=progress,
            quality=args.quality,
            warn=lambda note: print(f"note: {note}", file=sys.stderr),
        )
    seconds = time.perf_counter() - start
    if not args.quiet:
        height, width = sr.shape[:2]
        scale = _load_upscaler(args.model, args.tile, args.overlap, args.threads).scale
        print(
            f"{args.sr_path}: {width // scale} x {height // scale} -> "
            f"{width} x {height} pixels in {seconds:.1f} s"
        )
    return 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="inference.py", description="Enlarge a picture four times."
    )
    parser.add_argument("--lr-path", required=True, help="the picture to enlarge")
    parser.add_argument(
        "--sr-path",
        required=True,
        help="where to write the result: .png, .jpg, .webp, .tif, .bmp or .avif",
    )
    parser.add_argument(
        "--quality",
        type=int,
        help="1 to 100, of .jpg, .webp and .avif (default: 95; 100 is lossless WebP)",
    )
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        help="a .tflite file, a .keras file, a checkpoint, a run directory, or a "
        "shipped model (default: %(default)s)",
    )
    parser.add_argument(
        "--tile",
        type=int,
        help=f"LR pixels upscaled at once along a side (default: {DEFAULT_TILE})",
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


@contextlib.contextmanager
def _progress_bar(quiet):
    """Yield a progress function that draws a bar when there is more than one tile."""
    from tqdm import tqdm

    with contextlib.ExitStack() as stack:
        bar = None

        def progress(done, total):
            nonlocal bar
            if bar is None and total > 1:
                bar = stack.enter_context(tqdm(total=total, unit="tile"))
            if bar is not None:
                bar.update(done - bar.n)

        yield None if quiet else progress
