"""Enhance a picture: `enhance_image`, for programs and notebooks.

Grey stays grey, transparency stays, and uint16 stays uint16. Needs no TensorFlow;
matplotlib is imported for the figure alone.
"""

import contextlib
import functools
import io
import itertools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srlite.errors import ConfigError, ImageError, ModelError
from srlite.files import StrPath, is_same_file
from srlite.models.model_files import (
    DEFAULT_MODEL,
    FAITHFUL_MODEL,
    SHARP_MODEL,
    find_estimator,
    find_model,
)
from srlite.pictures.levels import join_channels, resize
from srlite.pictures.picture import (
    Picture,
    picture_from_array,
    picture_from_image,
    read_picture,
    shown_levels,
)
from srlite.pictures.writing import check_writable, fit_to_format, write_picture
from srlite.runtime.layers import upscale_picture, visible_colours
from srlite.runtime.opening import check_strength
from srlite.runtime.sizes import plan_runs, target_size
from srlite.runtime.telling import Told, in_words, left_aside, parts_of, untold
from srlite.runtime.upscaler import Upscaler

_MOST_INCHES = 100  # a side of a figure, whose 12,000 pixels take 600 MB


def enhance_image(
    lr_image: Any = None,
    sr_path: StrPath | None = None,
    visualize: bool = False,
    size: tuple[float, float] | None = None,
    *,
    lr_path: StrPath | None = None,
    model: StrPath | None = None,
    tile: int | None = None,
    overlap: int | None = None,
    num_threads: int | None = None,
    progress: Callable[[int, int], object] | None = None,
    outscale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    max_side: int | None = None,
    strength: float | None = None,
    sharp_model: StrPath | None = None,
    degradation: Told = "auto",
    ensemble: int = 1,
    quality: int | None = None,
    alpha: str = "model",
    keep_hidden_colours: bool = False,
    wrap: bool = False,
    page: int = 1,
    warn: Callable[[str], object] | None = None,
    say: Callable[[str], object] | None = None,
) -> np.ndarray:
    """Enlarge a picture by super-resolution.

    Args:
        lr_image: the picture: a path, a PIL image, or anything that `np.asarray` takes
            (NumPy, TensorFlow, JAX): (H, W) grey, (H, W, 2) grey with alpha, (H, W, 3)
            RGB or (H, W, 4) RGBA; uint8, uint16, or float in [0, 1].
        sr_path: where to write the result, in the format of its ending; nothing is
            written when None.
        visualize: show LR, bicubic and SR side by side; without a display the figure
            is saved as a PNG next to `sr_path` or in the current folder, and its path
            is printed.
        size: (width, height) of that figure in inches; fitting the picture when None.
        lr_path: the picture file, if there is no `lr_image`.
        model: a `.tflite` file, a `.keras` file, a checkpoint or a run directory, or
            the name of a shipped model; `DEFAULT_MODEL` when None.
        tile: largest part of the picture to upscale at once, in LR pixels; smaller
            takes less memory and more time; by the free memory when None.
        overlap: context around each tile, in LR pixels.
        num_threads: CPU threads; all cores when None.
        progress: function (tiles done, tiles in all), called after each tile. To
            cancel, raise an exception in it, for instance `srlite.errors.Cancelled`:
            it comes out of this function, and nothing is written.
        outscale: how many times as high and wide the result is, any number above 0;
            the model's own scale when None. This and the next three exclude each other.
        width: pixels of the result; keeps the proportions, unless `height` is given.
        height: pixels of the result, as `width`.
        max_side: pixels of the result's longer side.
        strength: 0 (faithful) to 1 (sharp) mixes the pictures of `model` and
            `sharp_model`; `model` alone when None.
        sharp_model: as `model`; `SHARP_MODEL` when None.
        degradation: how the picture was made, as the model is told: "auto" to estimate
            it from the picture; "clean"; parts such as
            "jpeg=60,noise=5,blur=0,kernel=bicubic", of which the rest is estimated
            (`srlite.data.degradation_vector.parse_degradation`); a mapping of such
            parts; a `Degradation` or its vector (10,), [0, 1]. Models that take none
            ignore it, with a note.
        ensemble: 2, 4 or 8 for the mean over as many flips and turns of the picture,
            before rounding: a little closer to the original, and as many times slower.
        quality: 1 to 100, of a JPEG, WebP or AVIF; 95 when None; 100 is lossless WebP.
        alpha: "model" to enlarge transparency by the model, or "bicubic", which takes
            half the time and is softer.
        keep_hidden_colours: enlarge the colours under transparent pixels as they are,
            because alpha is a mask; by default visible colours are extended under them,
            so that edges get no fringe.
        wrap: the picture goes on at its opposite edge, as a seamless texture does, and
            so will the result.
        page: of the TIFF under `lr_path`, from 1 up.
        warn: function (sentence) for what the user should know, such as that CMYK was
            converted or that the format holds no transparency; `warnings.warn` when
            None.
        say: function (line) for what was seen of the picture and, where it differs,
            what the model was told.

    Returns:
        Array (4 * H, 4 * W) of a grey picture, (4 * H, 4 * W, 3) of RGB, with one
        channel more if the picture has transparency; uint16 if the picture has 16 bits,
        else uint8. It is what `sr_path` holds, before lossy compression: without
        transparency or 16 bits if the format has none.

    Raises:
        ImageError: the picture cannot be read, used or written.
        ModelError: the model is missing, unknown or damaged, or lacks memory to run.
        ConfigError: impossible degradation, ensemble, tile, overlap, number of
            threads, quality or figure size.
    """
    parts_of(degradation)
    if isinstance(lr_image, StrPath) and lr_path is None:
        lr_image, lr_path = None, lr_image
    if (lr_image is None) == (lr_path is None):
        received = "neither" if lr_image is None else "both"
        raise ImageError(f"give either lr_image or lr_path; received {received}")
    if size is not None and not (
        np.shape(size) == (2,) and all(0 < side <= _MOST_INCHES for side in size)
    ):
        raise ConfigError(
            "size must be a figure's width and height in inches, up to "
            f"{_MOST_INCHES} each; received {size}"
        )
    if lr_path is None:
        picture = picture_from_array(lr_image)
    else:
        if sr_path is not None and is_same_file(lr_path, sr_path):
            raise ImageError(
                f"{sr_path} is both input and output; write to another file to keep it"
            )
        picture = read_picture(lr_path, page=page)
    upscaler = load_upscaler(
        model, sharp_model, strength, tile, overlap, num_threads, ensemble
    )
    sr_size = target_size(
        picture.pixels.shape[:2], upscaler.scale, outscale, width, height, max_side
    )
    if sr_path is not None:
        check_writable(sr_path, sr_size[0], sr_size[1], picture, quality)
        picture = fit_to_format(sr_path, picture)
    notes = (*picture.notes, *left_aside(upscaler, degradation))
    if picture.pixels.dtype == np.uint16 and upscaler.network.eight_bit:
        notes += ("the model computes with 8 bits, so of the picture's 16 it keeps 8",)
    for note in notes:
        warnings.warn(note, stacklevel=2) if warn is None else warn(note)

    if say is not None:
        seen = picture.pixels
        if not keep_hidden_colours:
            seen = visible_colours(upscaler, picture, wrap)
        degradation = _tell(upscaler, seen, sr_size, degradation, say)
    enlarged = upscale_picture(
        upscaler,
        picture,
        progress,
        sr_size,
        degradation,
        alpha=alpha,
        keep_hidden_colours=keep_hidden_colours,
        wrap=wrap,
    )
    # A large picture is not kept while Pillow copies the result.
    shown = picture if visualize else None
    del picture
    if sr_path is not None:
        write_picture(sr_path, enlarged, quality)
    if shown is not None:
        _show_comparison(shown, enlarged, size, sr_path)
    sr = join_channels(enlarged.pixels, enlarged.alpha, enlarged.grey)
    sr.flags.writeable = True  # grey is a view of one channel, which NumPy locks
    if enlarged.grey and np.ndim(lr_image) == 3 and np.shape(lr_image)[-1] == 1:
        return sr[..., None]
    return sr


def _tell(
    upscaler: Upscaler,
    pixels: np.ndarray,
    sr_size: tuple[int, int],
    degradation: Told,
    say: Callable[[str], object],
) -> Any:
    """Estimate the degradation, report it, and return what to tell the model."""
    if not upscaler.conditional:
        say(untold(upscaler))
        return degradation
    if not plan_runs(pixels.shape[:2], sr_size, upscaler.scale):
        say("the result is no larger than the picture, so no model runs")
        return degradation
    seen = upscaler.estimate(pixels)
    told = seen.replace(parts_of(degradation))
    say(in_words(seen, told))
    return told


def load_upscaler(
    model: StrPath | None = None,
    sharp_model: StrPath | None = None,
    strength: float | None = None,
    tile: int | None = None,
    overlap: int | None = None,
    num_threads: int | None = None,
    ensemble: int = 1,
) -> Upscaler:
    """Load the models that `enhance_image` runs, and keep the last two choices.

    Arguments and errors are those of `enhance_image`.
    """
    if strength is None and sharp_model is not None:
        raise ConfigError("a sharp model is mixed in by a strength; give one too")
    usual = DEFAULT_MODEL if strength is None else FAITHFUL_MODEL
    strength = 0.0 if strength is None else strength
    check_strength(strength)
    models = (
        usual if model is None else model,
        SHARP_MODEL if sharp_model is None else sharp_model,
    )
    needed = (strength < 1, strength > 0)
    paths = [find_model(m).resolve() if n else None for m, n in zip(models, needed)]
    modified = tuple(time for path in paths if path for time in _modified(path))
    path, sharp_path = paths
    return _load_cached(
        modified, path, tile, overlap, num_threads, sharp_path, strength, ensemble
    )


def _modified(path: Path) -> Iterator[object]:
    """Yield the times of a model's files, which change when it is trained again."""
    yield path.stat().st_mtime_ns
    with contextlib.suppress(ModelError):
        estimator = find_estimator(path)
        yield estimator, estimator.stat().st_mtime_ns


@functools.lru_cache(maxsize=2)
def _load_cached(_: object, *arguments: Any) -> Upscaler:
    return Upscaler.from_file(*arguments)


def _show_comparison(
    picture: Picture,
    enlarged: Picture,
    size: tuple[float, float] | None,
    sr_path: StrPath | None,
) -> None:
    """Show the figure, or save it where there is no display."""
    import matplotlib.pyplot as plt
    from matplotlib.backends import BackendFilter, backend_registry

    from srlite.figures.figure import draw_comparison

    lr, sr = shown_levels(picture), shown_levels(enlarged)
    bicubic = resize(lr, sr.shape[:2], resample=Image.Resampling.BICUBIC)
    figure = draw_comparison(lr, bicubic, sr, size)
    silent = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)
    if plt.get_backend().lower() not in silent:
        plt.show()
        plt.close(figure)
        return
    beside = Path("srlite.png" if sr_path is None else sr_path)
    names = itertools.chain([""], map("_{}".format, itertools.count(2)))
    paths = (beside.with_name(f"{beside.stem}_comparison{name}.png") for name in names)
    path = next(path for path in paths if not path.exists())
    save_figure(figure, path)
    print(f"comparison: {path}")


def save_figure(figure: Any, path: StrPath) -> None:
    """Write a figure of pyplot as a PNG, whole or not at all, and close it."""
    import matplotlib.pyplot as plt

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=120)
    plt.close(figure)
    write_picture(path, picture_from_image(Image.open(drawn)))
