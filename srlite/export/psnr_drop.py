"""What a ``.tflite`` loses in PSNR against the Keras model it was made from.

Both enlarge the same pictures in tiles, after each kernel. Levels that differ say
little about quality; PSNR does, and an int8 file is judged by it. Conditional models
and files are told the truth: the kernel, and no damage.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srlite.data.kernels import KERNELS, shrink
from srlite.errors import ExportError
from srlite.files import StrPath
from srlite.memory import cores
from srlite.metrics.psnr_ssim import centre_crop, finite_psnr, is_one_colour
from srlite.models.model_files import scale_of
from srlite.runtime.composed import in_colour
from srlite.runtime.runners import KerasNetwork, LiteRTNetwork
from srlite.runtime.upscaler import Upscaler

MAX_LOSS = 0.2  # dB, on any kernel
CROP = 1024  # HR pixels of the centre that count, so that large photos take seconds


class LossMeter:
    """Measures files against one model on the same pictures."""

    def __init__(
        self,
        generator: Any,
        photos: Sequence[np.ndarray],
        where: str,
        overlap: int | None,
    ) -> None:
        """Take a model and pictures; the model is measured when the first file is.

        Photos are uint8 HR pictures (H, W, 3), at least 3 * scale pixels a side;
        `where` is their name. Those of one colour do not count; ExportError if all are.
        `overlap` is the model's, LR pixels, None for the usual.
        """
        self.where = where
        self._scale = scale_of(generator)
        network = in_colour(KerasNetwork(generator))
        self._upscale = Upscaler(network, overlap=overlap).upscale
        middles = [centre_crop(photo, self._scale, CROP) for photo in photos]
        self._photos = [hr for hr in middles if not is_one_colour(hr)]
        if not self._photos:
            raise ExportError(
                f"the PSNR of pictures of one colour tells nothing, and {where} has no "
                "others"
            )

    @functools.cached_property
    def _values(self) -> list[float]:
        return self._psnr_by_kernel(self._upscale)

    def measure(self, path: StrPath) -> dict[str, tuple[float, float]]:
        """Measure a ``.tflite``: kernel -> (dB of the model, of the file), means."""
        upscale = Upscaler(in_colour(LiteRTNetwork(path, cores()))).upscale
        return dict(zip(KERNELS, zip(self._values, self._psnr_by_kernel(upscale))))

    def _psnr_by_kernel(self, upscale: Callable[..., np.ndarray]) -> list[float]:
        values: list[list[float]] = []
        for hr in self._photos:
            values.append([])
            for kernel in KERNELS:
                lr = shrink(hr, kernel, self._scale)
                sr = upscale(lr, degradation=f"clean,kernel={kernel}")
                values[-1].append(finite_psnr(sr, hr, self._scale))
        return np.mean(values, axis=0).tolist()


def check_loss(found: dict[str, tuple[float, float]], where: str) -> None:
    """Raise ExportError for an int8 file that loses over `MAX_LOSS` on some kernel.

    `found` is as returned by `LossMeter.measure`, `where` the name of the pictures.
    """
    losses = {kernel: model - file for kernel, (model, file) in found.items()}
    worst = max(losses, key=lambda kernel: np.nan_to_num(losses[kernel], nan=np.inf))
    if not losses[worst] <= MAX_LOSS:
        raise ExportError(
            f"the int8 file loses {losses[worst]:.2f} dB against its model "
            f"(kernel {worst}, on {where}), at most {MAX_LOSS:g} is allowed, so it was "
            "not kept; calibrate on more photos, or on photos like those it will see, "
            "or take float16 or dynamic, or train the model longer"
        )
