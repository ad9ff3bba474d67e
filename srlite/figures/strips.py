"""Comparison strips: LR, models and HR side by side as one PNG, with labels.

Above are the crops of a view, enlarged by repeating pixels; below, how far each model
is from HR there, all maps on one scale, and where in the picture the crop is. Maps have
matplotlib's "magma", whose lightness grows steadily, so that they also work in grey.
"""

import functools
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

# Okabe and Ito 2008 (https://jfly.uni-koeln.de/color): people with any kind of colour
# vision tell these apart. For the lines and bars of all charts.
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")

CELL = 288  # pixels: side of a magnified crop
GAP = 12  # pixels
_LINE = 22  # pixels
_FONT = 15  # pixels
_INK, _PAPER, _QUIET = (31, 35, 39), (255, 255, 255), (90, 96, 102)
_MARK = (255, 59, 48)
_BAR = (20, 14)  # pixels: distance from the cell's sides, height


def error_map(error, scale):
    """Colour errors (height, width), dark at 0, brightest at `scale` levels."""
    share = np.clip(error / scale, 0, 1)
    image = Image.fromarray(np.rint(255 * share).astype(np.uint8), "P")
    image.putpalette(_palette())
    return image


def colour_bar(width, height):
    """Draw the colours of `error_map` from no error to the scale."""
    return error_map(np.tile(np.linspace(0, 1, width), (height, 1)), 1)


def overview(picture, boxes, side):
    """Draw boxes (`crops.Box`) in a uint8 picture, the last one with a thick frame.

    The longer side of the Pillow image has at most `side` pixels.
    """
    height, width = picture.shape[:2]
    factor = min(1, side / max(height, width))
    size = max(1, round(factor * width)), max(1, round(factor * height))
    image = Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(image)
    for box in boxes:
        left, top = round(factor * box.left), round(factor * box.top)
        right = max(left, round(factor * (box.left + box.width)) - 1)
        bottom = max(top, round(factor * (box.top + box.height)) - 1)
        line = 2 if box == boxes[-1] else 1
        # Red alone is lost on red, white alone on white.
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_PAPER)
        draw.rectangle((left, top, right, bottom), outline=_MARK, width=line)
    return image


def draw_strip(view, labels, scale, title):
    """Draw a strip as a Pillow image: columns `CELL` pixels wide, `GAP` apart.

    `labels` is a dict of column ("LR", the models, "HR") to the lines of text under it,
    all equally many; `scale` is that of the maps in levels, `title` lines of text.
    """
    columns = view.columns(view.crop)
    lines = len(next(iter(labels.values())))
    text_height = (1 + lines) * _LINE
    width = GAP + len(columns) * (CELL + GAP)
    height = GAP + CELL + text_height + GAP + CELL + GAP
    strip = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(strip)
    below = GAP + CELL + text_height + GAP
    for i, (name, crop) in enumerate(columns):
        left = GAP + i * (CELL + GAP)
        strip.paste(_magnify(Image.fromarray(crop)), (left, GAP))
        _write(draw, (left, GAP + CELL + 4), name, _INK, bold=True)
        for n, line in enumerate(labels[name], start=1):
            _write(draw, (left, GAP + CELL + 4 + n * _LINE), line, _QUIET)
        if name in view.models:
            errors = error_map(view.error(name), scale)
            strip.paste(_magnify(errors.convert("RGB")), (left, below))
    whole = overview(view.hr, [view.crop], CELL)
    strip.paste(whole, (width - GAP - CELL, below))
    bar_width = CELL - 2 * _BAR[0]
    strip.paste(colour_bar(bar_width, _BAR[1]).convert("RGB"), (GAP, below + _LINE))
    _write(draw, (GAP, below - 4), "distance from HR, luma", _INK)
    _write(draw, (GAP, below + _LINE + _BAR[1] + 2), f"0 to {scale} levels", _QUIET)
    for n, line in enumerate(title):
        place = (GAP, below + _BAR[1] + (n + 3) * _LINE)
        _write(draw, place, line, _QUIET if n else _INK, bold=n == 0)
    return strip


def _magnify(image):
    """Enlarge by the largest whole factor within `CELL`, repeating pixels."""
    factor = max(1, CELL // max(image.size))
    size = tuple(factor * side for side in image.size)
    return image.resize(size, Image.Resampling.NEAREST)


def _write(draw, place, text, colour, bold=False):
    """Write a line, cut to the width of a column."""
    font = _font(bold)
    if draw.textlength(text, font) > CELL:
        while text and draw.textlength(text + "…", font) > CELL:
            text = text[:-1]
        text += "…"
    draw.text(place, text, colour, font)


@functools.cache
def _font(bold):
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(path, _FONT)


@functools.cache
def _palette():
    import matplotlib

    colours = matplotlib.colormaps["magma"](np.arange(256), bytes=True)
    return colours[:, :3].tobytes()
