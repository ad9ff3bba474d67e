"""The figure that sets LR, bicubic and SR side by side.

Above are the whole pictures; below, magnified with visible pixels, is the region where
SR and bicubic differ most.
"""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from srlite.figures.crops import strongest_square
from srlite.pictures.levels import resize

_PANEL_WIDTH = 4.0  # inches
_TEXT_HEIGHT = 0.35  # inches that a row's titles take
_MARK = "#ff3b30"
_MAX_SHOWN = 1200  # pixels along a side of the upper pictures: finer is not seen


def draw_comparison(lr, bicubic, sr, size=None, more=()):
    """Draw LR, bicubic and SR side by side, and one telling region magnified.

    Args:
        lr: uint8 (H, W, 3).
        bicubic: uint8 (height, width, 3), `lr` resized to any size.
        sr: uint8 array of the shape of `bicubic`.
        size: (width, height) of the figure in inches; fitting the picture when None.
        more: (name, uint8 array of the shape of `sr`) of further columns.

    Returns `matplotlib.figure.Figure`, registered with pyplot; the caller closes it.
    """
    top, left, side = find_telling_region(bicubic, sr, lr.shape[:2])
    ratio = float(np.clip(lr.shape[0] / lr.shape[1], 0.4, 1.6))
    columns = 3 + len(more)
    if size is None:
        heights = _PANEL_WIDTH * (ratio + 1) + 2 * _TEXT_HEIGHT
        size = (columns * _PANEL_WIDTH, heights)
    figure, axes = plt.subplots(
        *(2, columns), figsize=size, layout="constrained", height_ratios=(ratio, 1)
    )
    # Points; small enough for the longest title on a column's width.
    font_size = min(12.0, 3.6 * size[0] / columns)
    extent = (0, lr.shape[1], lr.shape[0], 0)  # LR pixels, so that all three align
    factor = sr.shape[0] / lr.shape[0]
    panels = (("LR", lr), (f"bicubic x{factor:.4g}", bicubic), ("SR", sr), *more)
    for (name, image), above, below in zip(panels, *axes):
        height, width = image.shape[:2]
        above.imshow(_shrink(image), extent=extent, interpolation="nearest")
        above.set_title(f"{name}, {width} x {height} pixels", fontsize=font_size)
        above.add_patch(
            plt.Rectangle((left, top), side, side, fill=False, color=_MARK, linewidth=2)
        )
        rows, columns = (
            slice(start * own // all_, max((start + side) * own // all_, 1))
            for start, own, all_ in zip((top, left), image.shape, lr.shape)
        )
        below.imshow(image[rows, columns], interpolation="nearest")
        below.set_title(f"{name}, the marked region", fontsize=font_size)
        for axis in (above, below):
            axis.set_xticks([])
            axis.set_yticks([])
        for spine in below.spines.values():
            spine.set(color=_MARK, linewidth=2)
    return figure


def find_telling_region(bicubic, sr, lr_size):
    """Find the square where SR differs most from bicubic, uint8 of the same shape.

    Returns (top, left, side) in LR pixels; the side is a fifth of the picture's smaller
    side, 8 to 48 pixels if there are as many.
    """
    height, width = lr_size
    difference = np.abs(sr[..., 1].astype(np.float32) - bicubic[..., 1])
    per_pixel = resize(difference, lr_size, resample=Image.Resampling.BOX)
    side = min(max(min(height, width) // 5, 8), 48, height, width)
    return *strongest_square(per_pixel, side), side


def _shrink(image):
    """Average a large picture down to what a panel can show."""
    factor = -(-max(image.shape[:2]) // _MAX_SHOWN)
    return image if factor == 1 else np.asarray(Image.fromarray(image).reduce(factor))
