"""One picture by several models, next to LR, bicubic and HR: `--compare`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from srlite.backend import silence
from srlite.enhance.batch import SIZES, load_options
from srlite.enhance.inference import enhance_image, save_figure
from srlite.errors import ConfigError, ImageError
from srlite.figures.slider_page import slider_page
from srlite.files import StrPath, is_same_file, replacing
from srlite.pictures.levels import resize
from srlite.pictures.picture import picture_from_array, read_picture, shown_levels
from srlite.pictures.writing import check_place
from srlite.runtime.sizes import MAX_SR_PIXELS, target_size

_MAX_SIDE = 4096  # pixels of what a browser shows with ease


def check_comparison(path: StrPath, inputs: Sequence[StrPath]) -> None:
    """Make sure, before the work begins, that a comparison can be written.

    Raises ImageError for an ending other than `.html` and `.png`, for a place where no
    file can be made, and for one of the inputs.
    """
    if Path(path).suffix.lower() not in (".html", ".png"):
        raise ImageError(f"a comparison is a .html or a .png; received {path}")
    check_place(path)
    if any(is_same_file(path, other) for other in inputs):
        raise ImageError(f"{path} is in use as another picture; give another name")


def check_sizes(
    lr_path: StrPath,
    sr_path: StrPath,
    models: Sequence[StrPath],
    hr_path: StrPath | None,
    options: dict[str, Any],
) -> None:
    """Make sure, before the work begins, that all pictures will have the same size.

    `options` are those of `enhance_image` for the result; else as `write_comparison`.
    Raises as `enhance_image`, and if HR or a model's result has another size.
    """
    lr_size = read_picture(lr_path, page=options.get("page", 1)).pixels.shape[:2]
    asked = {name: options.get(name) for name in SIZES}
    with silence():
        height, width = target_size(lr_size, load_options(options).scale, **asked)
        alone = {"strength": None, "sharp_model": None}
        for model in models:
            scale = load_options({**options, **alone, "model": model}).scale
            other = target_size(lr_size, scale, **asked)
            if other != (height, width):
                raise ConfigError(
                    f"{model} enlarges to {other[1]} x {other[0]} pixels, but "
                    f"{sr_path} will have {width} x {height}; give --width and --height"
                )
    if hr_path is None:
        return
    other = read_picture(hr_path, max_pixels=MAX_SR_PIXELS).pixels.shape[:2]
    if other != (height, width):
        raise ImageError(
            f"{hr_path} has {other[1]} x {other[0]} pixels, but {sr_path} will have "
            f"{width} x {height}; HR must be of the same size"
        )


def write_comparison(
    path: StrPath,
    lr_path: StrPath,
    sr_path: StrPath,
    models: Sequence[StrPath],
    hr_path: StrPath | None,
    caption: str,
    warn: Callable[[str], object],
    **options: Any,
) -> None:
    """Compare the result for a picture with LR, bicubic, other models and HR.

    Args:
        path: a `.html`, for a page with a slider, or a `.png`, for a figure.
        lr_path: the picture.
        sr_path: its result, as written.
        models: further models for the picture, as `model` in `enhance_image`.
        hr_path: the original in the size of the result, or None.
        caption: what a page says about the result, besides its size.
        warn: function (sentence) for notes on the further models.
        **options: of `enhance_image`, for these models.

    All of them have the size of the result: `check_sizes`. Raises as `enhance_image`.
    """
    picture = read_picture(lr_path, page=options.get("page", 1))
    lr = shown_levels(picture)
    sr = shown_levels(read_picture(sr_path, max_pixels=MAX_SR_PIXELS))
    size = sr.shape[:2]
    more = []
    for model in models:
        name = Path(model).name
        notes: list[str] = []
        made = enhance_image(lr_path=lr_path, model=model, warn=notes.append, **options)
        # Notes about the picture itself were printed before.
        for note in [note for note in notes if note not in picture.notes]:
            warn(f"{name}: {note}")
        result = replace(picture_from_array(made), icc_profile=picture.icc_profile)
        more.append((name, shown_levels(result)))
    if hr_path is not None:
        hr = read_picture(hr_path, max_pixels=MAX_SR_PIXELS)
        more.append(("HR", shown_levels(hr)))
    bicubic = resize(lr, size, resample=Image.Resampling.BICUBIC)
    if Path(path).suffix.lower() == ".png":
        from srlite.figures.figure import draw_comparison

        save_figure(draw_comparison(lr, bicubic, sr, more=more), path)
        return
    panels = [("LR", lr), ("bicubic", bicubic), ("SR", sr), *more]
    text = f"{size[1]} x {size[0]} pixels."
    if max(size) > _MAX_SIDE:
        shown = tuple(max(1, side * _MAX_SIDE // max(size)) for side in size)
        panels = [
            (name, resize(p, shown) if p.shape[0] > shown[0] else p)
            for name, p in panels
        ]
        text += f" Shown reduced to {shown[1]} x {shown[0]}."
    if caption:
        text += f" SR: {caption}."
    page = slider_page(Path(lr_path).name, panels, text, left=1, right=2)
    with replacing(path, ImageError) as temporary:
        # A name may hold bytes that are not text.
        temporary.write_text(page, "utf-8", "backslashreplace")
