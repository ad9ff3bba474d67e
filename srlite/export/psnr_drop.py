"""What a ``.tflite`` loses in PSNR against the Keras model that it was made from.

Both enlarge the same pictures, shrunk with each kernel and rounded to 8 bit, in tiles
as `Upscaler` does; PSNR is that of `metrics.psnr`. Levels that differ say little about
quality; this does, and it is what an int8 file is judged by. Conditional models and
files are told the truth: the kernel, and no damage.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from srlite.data.degradation_vector import Degradation, parse_degradation
from srlite.data.kernels import KERNELS, shrink
from srlite.errors import ExportError
from srlite.memory import cores
from srlite.metrics.psnr_ssim import centre_crop, psnr
from srlite.models.model_files import scale_of
from srlite.runtime.composed import in_colour
from srlite.runtime.runners import KerasNetwork, LiteRTNetwork
from srlite.runtime.upscaler import Upscaler

MAX_LOSS = 0.2  # dB, on any kernel
CROP = 1024  # HR pixels of the centre that count, so that large photos take seconds


class LossMeter:
    """Measures files against one model on the same pictures.

    Attributes:
        where: what is measured on, in words.
    """

    def __init__(
        self,
        generator: Any,
        photos: Sequence[np.ndarray],
        where: str,
        overlap: int | None,
    ) -> None:
        """Take a model and pictures; the model is measured when the first file is.

        Args:
            generator: `keras.Model`, RGB or grey, conditional or not.
            photos: uint8 HR pictures (H, W, 3), more than 2 * scale pixels a side.
            where: what they are, in words.
            overlap: LR pixels of context of a tile; the usual ones when None.
        """
        self.where = where
        self._scale = scale_of(generator)
        network = in_colour(KerasNetwork(generator))
        self._upscale = Upscaler(network, overlap=overlap).upscale
        self._photos = photos
        self._values: list[float] | None = None

    def measure(self, path: str | os.PathLike) -> dict[str, tuple[float, float]]:
        """Measure a ``.tflite`` file.

        Returns:
            dict of kernel to (dB of the model, dB of the file), means over pictures.
        """
        if self._values is None:
            self._values = psnr_by_kernel(self._upscale, self._photos, self._scale)
        upscale = Upscaler(in_colour(LiteRTNetwork(path, cores()))).upscale
        values = psnr_by_kernel(upscale, self._photos, self._scale)
        return dict(zip(KERNELS, zip(self._values, values)))


def psnr_by_kernel(
    upscale: Callable[..., np.ndarray], photos: Iterable[np.ndarray], scale: int
) -> list[float]:
    """Measure how well pictures come back after each kernel, in dB, as `KERNELS` are.

    Args:
        upscale: as `Upscaler.upscale`; it is told the kernel, and no damage.
        photos: uint8 HR pictures (H, W, 3), more than 2 * scale pixels a side.
        scale: HR pixels per LR pixel.
    """
    values: list[list[float]] = []
    for photo in photos:
        hr = centre_crop(photo, scale, CROP)
        values.append([])
        for kernel in KERNELS:
            lr = shrink(hr, kernel, scale)
            truth = Degradation().replace(parse_degradation(f"kernel={kernel}"))
            values[-1].append(psnr(upscale(lr, degradation=truth), hr, scale))
    return np.mean(values, axis=0).tolist()


def check_loss(
    psnr_by_kernel: dict[str, tuple[float, float]],
    precision: str,
    where: str,
    limit: float = MAX_LOSS,
) -> None:
    """Raise ExportError for a file that loses more than `limit` dB on some kernel.

    Args:
        psnr_by_kernel: what `LossMeter.measure` returns.
        precision: of the file, for the message.
        where: what was measured on, for the message.
        limit: dB, on any kernel.
    """
    losses = {kernel: model - file for kernel, (model, file) in psnr_by_kernel.items()}
    worst = max(losses, key=lambda kernel: np.nan_to_num(losses[kernel], nan=np.inf))
    if not losses[worst] <= limit:
        raise ExportError(
            f"the {precision} file loses {losses[worst]:.2f} dB against its model "
            f"(kernel {worst}, on {where}), at most {limit:g} is allowed, so it was "
            "not kept; calibrate on more photos, or on photos like those it will see, "
            "or take float16 or dynamic, or train the model longer"
        )
