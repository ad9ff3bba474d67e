"""How LR pictures are made for an evaluation, and what is measured of SR ones.

LR is what a file would hold: shrunk, then with noise and through JPEG if asked for,
rounded to 8 bit.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from srlite.metrics.faithfulness import colour_error, lr_error
from srlite.data.kernels import KERNELS, shrink
from srlite.metrics.psnr_ssim import psnr, ssim

# MATLAB's bicubic first, which papers use.
KERNEL_ORDER = ("bicubic", *(kernel for kernel in KERNELS if kernel != "bicubic"))
GIVEN = "given"  # the kernel of pairs, which nobody knows


@dataclass(frozen=True)
class Protocol:
    """How LR pictures are made, and what counts.

    Attributes:
        scale: HR pixels per LR pixel; also the border in HR pixels that is left out.
        kernels: names of `kernels.KERNELS`.
        jpeg: quality of the JPEG that LR passes through, 1 to 100, or None.
        noise: standard deviation of the noise in LR, levels.
        edges: as in `contenders`, for the keys of records.
    """

    scale: int = 4
    kernels: tuple[str, ...] = KERNEL_ORDER
    jpeg: int | None = None
    noise: float = 0.0
    edges: str = "none"

    def make_lr(self, hr, kernel):
        """Make the LR picture of `hr`, uint8, always the same one."""
        lr = shrink(hr, kernel, self.scale)
        if self.noise:
            # The same noise after each kernel, another one for each picture.
            random = np.random.default_rng(int(picture_hash(hr)[:16], 16))
            noisy = lr + self.noise * random.standard_normal(lr.shape)
            lr = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        if self.jpeg is not None:
            file = io.BytesIO()
            Image.fromarray(lr).save(file, "JPEG", quality=self.jpeg)
            lr = np.asarray(Image.open(file))
        return lr


@dataclass(frozen=True)
class Measures:
    """What is measured of a picture.

    Attributes:
        names: names of `score_records.METRICS`.
        extra: dict of name to function (sr, hr) -> float, of those that need a file:
            `content`, `style`, `niqe`.
        identities: dict of name to text that stands for that file.
    """

    names: tuple[str, ...]
    extra: dict[str, Callable]
    identities: dict[str, str]

    def of(self, sr, hr, lr, kernel, scale, seconds):
        """Measure one enlarged picture.

        Args:
            sr: uint8 (height, width, 3).
            hr: uint8, same shape.
            lr: uint8 (height / scale, width / scale, 3).
            kernel: what made `lr`; bicubic is assumed of `GIVEN` ones.
            scale: HR pixels per LR pixel.
            seconds: time that enlarging took.

        Returns:
            dict of name to float, without those that the picture has none of.
        """
        assumed = "bicubic" if kernel == GIVEN else kernel
        known = {
            "psnr": partial(psnr, sr, hr, scale),
            "ssim": partial(ssim, sr, hr, scale),
            "psnr_rgb": partial(psnr, sr, hr, scale, "rgb"),
            "ssim_rgb": partial(ssim, sr, hr, scale, "rgb"),
            "lr_error": partial(lr_error, sr, lr, assumed, scale),
            "colour_error": partial(colour_error, sr, lr),
            "seconds_per_megapixel": lambda: seconds / (hr[..., 0].size / 1e6),
        } | {name: partial(f, sr, hr) for name, f in self.extra.items()}
        values = {name: float(known[name]()) for name in self.names}
        return {name: value for name, value in values.items() if not np.isnan(value)}


def picture_hash(picture):
    """Return the SHA-256 of the shape and levels of a picture, as text."""
    digest = hashlib.sha256(repr(picture.shape).encode())
    digest.update(np.ascontiguousarray(picture))
    return digest.hexdigest()
