"""One picture by several models, beside LR, bicubic and HR: `--compare`."""

import os
from pathlib import Path

from PIL import Image

from srlite.errors import ConfigError, ImageError
from srlite.files import replacing
from srlite.pictures.picture import read_picture, resize
from srlite.enhance.inference import (
    enhance_image,
    opaque_levels,
    picture_from_array,
    save_figure,
)
from srlite.runtime.sizes import MAX_SR_PIXELS
from srlite.figures.slider_page import slider_page

_MAX_SIDE = 4096  # pixels of what a browser shows with ease


def check_comparison(path, inputs):
    """Make sure, before the work is done, that a comparison can be written.

    Args:
        path: the comparison, `.html` or `.png`.
        inputs: files that it must not replace.

    Raises:
        ImageError: another ending, no such folder, or one of the inputs.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".png"):
        raise ImageError(f"a comparison is a .html or a .png; received {path}")
    if not path.parent.is_dir():
        raise ImageError(f"cannot write {path}: there is no folder {path.parent}")
    if os.path.realpath(path) in map(os.path.realpath, inputs):
        raise ImageError(f"{path} is in use as another picture; give another name")


def write_comparison(path, lr_path, sr_path, models=(), hr_path=None, **options):
    """Compare the result for a picture with LR, bicubic, other models and HR.

    Args:
        path: `.html` for a page with a slider, `.png` for a figure.
        lr_path: the picture.
        sr_path: its result, as written.
        models: further models that enlarge the picture, as `model` of
            `enhance_image`.
        hr_path: the original in the size of the result, if there is one.
        **options: of `enhance_image` for these models.

    Raises:
        ImageError: a file cannot be read or written, or HR has another size.
        ModelError: as `enhance_image`.
        ConfigError: as `enhance_image`, or a model that enlarges to another size.
    """
    check_comparison(path, [lr_path, sr_path, *([hr_path] if hr_path else [])])
    lr = opaque_levels(read_picture(lr_path))
    sr = opaque_levels(read_picture(sr_path, max_pixels=MAX_SR_PIXELS))
    size = sr.shape[:2]
    more = []
    for model in models:
        other = enhance_image(lr_path=lr_path, model=model, **options)
        if other.shape[:2] != size:
            raise ConfigError(
                f"{model} enlarges to {other.shape[1]} x {other.shape[0]} pixels, but "
                f"{sr_path} has {size[1]} x {size[0]}; give --width and --height"
            )
        more.append((_name(model), opaque_levels(picture_from_array(other))))
    if hr_path is not None:
        hr = opaque_levels(read_picture(hr_path, max_pixels=MAX_SR_PIXELS))
        if hr.shape[:2] != size:
            raise ImageError(
                f"{hr_path} has {hr.shape[1]} x {hr.shape[0]} pixels, but {sr_path} "
                f"has {size[1]} x {size[0]}; HR must be of the same size"
            )
        more.append(("HR", hr))
    bicubic = resize(lr, size, resample=Image.Resampling.BICUBIC)
    if Path(path).suffix.lower() == ".png":
        _write_figure(path, lr, bicubic, sr, more)
        return
    panels = [("LR", lr), ("bicubic", bicubic), ("SR", sr), *more]
    caption = f"{size[1]} x {size[0]} pixels."
    if max(size) > _MAX_SIDE:
        shown = tuple(max(1, side * _MAX_SIDE // max(size)) for side in size)
        panels = [
            (name, resize(p, shown) if p.shape[0] > shown[0] else p)
            for name, p in panels
        ]
        caption += f" Shown reduced to {shown[1]} x {shown[0]}."
    page = slider_page(Path(lr_path).name, panels, caption, left=1, right=2)
    try:
        with replacing(path) as temporary:
            # A name may hold bytes that are no text.
            temporary.write_text(page, "utf-8", "backslashreplace")
    except OSError as error:
        raise ImageError(f"cannot write {path}: {error.strerror}") from error


def _write_figure(path, lr, bicubic, sr, more):
    import matplotlib.pyplot as plt

    from srlite.figures.figure import draw_comparison

    figure = draw_comparison(lr, bicubic, sr, more=more)
    save_figure(figure, path)
    plt.close(figure)


def _name(model):
    """What tells models apart: the name of a shipped one, or the end of a path."""
    return Path(model).name
