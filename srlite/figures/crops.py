"""What a comparison shows of one picture: a telling crop, its surroundings, errors.

The crop is where the models differ most: for each LR pixel, the largest minus the
smallest of their lumas is averaged over its HR pixels, and the square with the largest
sum is taken, the first one by rows among equals. A single model is compared with HR.
"""

from dataclasses import dataclass

import numpy as np

from srlite.pictures.levels import enlarge_bicubic, luma

CROP = 96  # HR pixels
_SURROUNDINGS = (240, 320)  # HR pixels: height, width
ERROR_SCALES = (8, 16, 32, 64, 128, 219)  # levels; luma has 219 of them
_SHARE = 99.5  # per cent of the errors that the scale of the maps holds


@dataclass(frozen=True)
class Box:
    """A part of a picture, in HR pixels that are multiples of the scale."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, picture, scale=1):
        """Cut it out of a picture with one pixel for `scale` HR pixels."""
        bottom, right = self.top + self.height, self.left + self.width
        rows = slice(self.top // scale, bottom // scale)
        return picture[rows, self.left // scale : right // scale]


@dataclass(frozen=True)
class View:
    """One picture as it is shown."""

    lr: np.ndarray  # uint8 (h, w, 3)
    hr: np.ndarray  # uint8 (scale * h, scale * w, 3)
    models: dict  # name -> uint8 array of the shape of `hr`
    crop: Box  # the part that is magnified
    surroundings: Box  # around it
    scale: int  # HR pixels per LR pixel

    def columns(self, box):
        """Cut LR, the models and HR: list of (name, uint8 (height, width, 3))."""
        enlarged = {**self.models, "HR": self.hr}
        lr = ("LR", box.cut(self.lr, self.scale))
        return [lr, *((name, box.cut(x)) for name, x in enlarged.items())]

    def error(self, model):
        """Return a model's distance from HR in the crop: float64, levels of luma."""
        sr, hr = (luma(self.crop.cut(x)) for x in (self.models[model], self.hr))
        return np.abs(sr - hr)


def make_view(lr, hr, models):
    """Choose what is shown of a picture.

    Rows and columns of `hr`, uint8 (scale * h, scale * w, 3), beyond the last pixel of
    `lr`, uint8 (h, w, 3), are left out. `models` is a dict of name to uint8 array of
    the shape of `hr`; "bicubic" comes first, and is made of `lr` if it is missing.
    """
    height, width = lr.shape[:2]
    scale = hr.shape[0] // height
    hr = hr[: scale * height, : scale * width]
    models = {name: sr[: len(hr), : hr.shape[1]] for name, sr in models.items()}
    lumas = [luma(sr) for sr in models.values()]
    if len(lumas) == 1:
        lumas.append(luma(hr))
    spread = np.max(lumas, axis=0) - np.min(lumas, axis=0)
    per_lr = spread.reshape(height, scale, width, scale).mean(axis=(1, 3))
    side = min(max(CROP // scale, 1), height, width)
    top, left = strongest_square(per_lr, side)
    bicubic = models.get("bicubic")
    if bicubic is None:
        bicubic = enlarge_bicubic(lr, scale)
    models = {"bicubic": bicubic} | models
    (upper, rows), (first, columns) = (
        _around(start, side, wanted // scale, whole)
        for start, wanted, whole in zip((top, left), _SURROUNDINGS, lr.shape)
    )
    crop, surroundings = (
        Box(*(scale * x for x in box))
        for box in ((top, left, side, side), (upper, first, rows, columns))
    )
    return View(lr, hr, models, crop, surroundings, scale)


def strongest_square(strength, side):
    """Find the square of `side` pixels with the largest sum, the first among equals.

    Returns (top, left) in pixels of `strength`, a real array (height, width).
    """
    height, width = strength.shape
    sums = np.zeros((height + 1, width + 1))
    sums[1:, 1:] = np.cumsum(np.cumsum(strength, axis=0, dtype=np.float64), axis=1)
    squares = (
        sums[side:, side:]
        - sums[:-side, side:]
        - sums[side:, :-side]
        + sums[:-side, :-side]
    )  # (height - side + 1, width - side + 1)
    top, left = np.unravel_index(squares.argmax(), squares.shape)
    return int(top), int(left)


def _around(start, length, wanted, whole):
    """Return (start, length) around a stretch, as long as wanted if possible."""
    wanted = min(max(wanted, length), whole)
    centred = start + (length - wanted) // 2
    return min(max(centred, 0), whole - wanted), wanted


def error_scale(views):
    """Choose the one scale of all difference maps, in levels.

    It is the smallest of `ERROR_SCALES` that holds 99.5 % of the pixels' errors.
    """
    errors = [view.error(model).ravel() for view in views for model in view.models]
    wanted = np.percentile(np.concatenate(errors), _SHARE)
    return next(s for s in ERROR_SCALES if s >= wanted or s == ERROR_SCALES[-1])
