"""Damages by name, to measure with: what happens to pictures around the shrinking.

- `jpeg75`: saved by Pillow at that quality, so with halved chroma (4:2:0);
- `noise10`: Gaussian noise of that many levels, always the same;
- `noise5jpeg75`: both, in this order;
- `sharp`: an unsharp mask of sigma 1 and amount 0.8, as phones and chat programs do;
  `sharpjpeg70`: and then saved;
- `blur`: HR is blurred by a Gaussian of 1.2 HR pixels before it is shrunk;
- `halfjpeg`: HR is saved at 80 before it is shrunk, LR at 75;
- `lanczos`: HR is shrunk by Pillow's Lanczos instead of the kernel;
- `none`.

Other numbers work too, and `sharp` may precede any of the first three; `real` means the
nine of `REAL`.
"""

import io
import re
from typing import NamedTuple

import numpy as np
from PIL import Image

from srlite.errors import DataError

REAL = (
    "jpeg90",
    "jpeg75",
    "jpeg50",
    "jpeg30",
    "noise5",
    "noise10",
    "blur",
    "noise5jpeg75",
    "halfjpeg",
)  # most pictures that people have
ALL_REAL = "real"
_FORM = re.compile(r"(?P<sharp>sharp)?(noise(?P<noise>\d+))?(jpeg(?P<jpeg>\d+))?")
_SEED = 0
_BLUR = 1.2  # HR pixels
_AMOUNT = 0.8
_HR_QUALITY, _LR_QUALITY = 80, 75
_HIGHEST = 255  # levels of noise


class Damage(NamedTuple):
    """What is done to HR before and to LR after shrinking; 0 is nothing."""

    name: str
    blur: float = 0.0  # HR pixels
    hr_jpeg: int = 0  # quality
    lanczos: bool = False
    sharpening: float = 0.0
    noise: float = 0.0  # levels
    jpeg: int = 0  # quality


def parse_damage(name: str) -> Damage:
    """Read the name of a damage, or raise DataError."""
    whole = {
        "none": Damage(name),
        "blur": Damage(name, blur=_BLUR),
        "halfjpeg": Damage(name, hr_jpeg=_HR_QUALITY, jpeg=_LR_QUALITY),
        "lanczos": Damage(name, lanczos=True),
    }
    if name in whole:
        return whole[name]
    match = _FORM.fullmatch(name)
    if not name or not match:
        raise DataError(
            f"unknown damage {name!r}; there are none, {', '.join(REAL)}, real "
            "(these nine), sharp, sharpjpeg70, lanczos, and other numbers in them"
        )
    for part, low, high in (("jpeg", 1, 100), ("noise", 0, _HIGHEST)):
        if match[part] and not low <= int(match[part]) <= high:
            raise DataError(
                f"the number behind {part} in a damage must be from {low} to {high}; "
                f"received {name}"
            )
    return Damage(
        name,
        sharpening=_AMOUNT if match["sharp"] else 0.0,
        noise=float(match["noise"] or 0),
        jpeg=int(match["jpeg"] or 0),
    )


def parse_damages(names):
    """Read several names, as `parse_damage`; `real` means all of `REAL`.

    Each name counts once.
    """
    every = [n for name in names for n in (REAL if name == ALL_REAL else (name,))]
    return tuple(map(parse_damage, dict.fromkeys(every)))


def damage_and_shrink(hr, shrink, damage, scale=4):
    """Make the LR picture of a uint8 HR picture, with `shrink` and a `Damage`.

    HR's sides are multiples of `scale`; `shrink` is a function from HR to LR, uint8.
    """
    if damage.blur:
        hr = to_levels(gaussian_blur(hr, damage.blur))
    if damage.hr_jpeg:
        hr = saved_as_jpeg(hr, damage.hr_jpeg)
    if damage.lanczos:
        size = hr.shape[1] // scale, hr.shape[0] // scale
        lr = np.asarray(Image.fromarray(hr).resize(size, Image.Resampling.LANCZOS))
    else:
        lr = shrink(hr)
    if damage.sharpening:
        soft = gaussian_blur(lr, 1.0)
        lr = to_levels(lr + damage.sharpening * (lr - soft))
    if damage.noise:
        random = np.random.default_rng(_SEED)
        lr = to_levels(lr + random.normal(0.0, damage.noise, lr.shape))
    return saved_as_jpeg(lr, damage.jpeg) if damage.jpeg else lr


def gaussian_blur(image, sigma):
    """Blur each channel to float64, up to 4 sigma, mirrored at the edges."""
    radius = int(4.0 * sigma + 0.5)
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps /= taps.sum()
    out = np.asarray(image, np.float64)
    for axis in (0, 1):
        widths = [(radius, radius) if i == axis else (0, 0) for i in range(out.ndim)]
        padded = np.pad(out, widths, "reflect" if out.shape[axis] > 1 else "edge")
        views = np.lib.stride_tricks.sliding_window_view(padded, taps.size, axis)
        out = views @ taps
    return out


def saved_as_jpeg(image, quality):
    """Save a uint8 picture by Pillow at a quality, and read it again."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def to_levels(image):
    """Round and clip to uint8."""
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
