"""What a ``.tflite`` loses in PSNR against the Keras model that it was made from.

Both enlarge the same pictures, shrunk with each kernel and rounded to 8 bit, in tiles
as `Upscaler` does; PSNR is that of `metrics.psnr`. Levels that differ say little about
quality; this does, and it is what an int8 file is judged by.
"""

import os

import numpy as np

from srlite.errors import ExportError
from srlite.models.loading import scale_of
from srlite.metrics.psnr_ssim import psnr
from srlite.runtime.runners import KerasNetwork, LiteRTNetwork
from srlite.runtime.upscaler import Upscaler

MAX_LOSS = 0.2  # dB, on any kernel
CROP = 1024  # HR pixels of the centre that count, so that large photos take seconds


class LossMeter:
    """Measures files against one model on the same pictures.

    Attributes:
        where: what is measured on, in words.
    """

    def __init__(self, generator, photos, where, overlap):
        """Take a model and pictures; the model is measured when the first file is.

        Args:
            generator: `keras.Model`, RGB.
            photos: uint8 HR pictures (H, W, 3), more than 2 * scale pixels a side.
            where: what they are, in words.
            overlap: LR pixels of context of a tile.

        Raises:
            ExportError: the model is of grey pictures.
        """
        if generator.input_shape[-1] != 3:
            raise ExportError("PSNR is measured of RGB models; this one is of grey")
        self.where = where
        self._scale = scale_of(generator)
        self._upscale = Upscaler(KerasNetwork(generator), overlap=overlap).upscale
        self._photos = photos
        self._values = None

    def measure(self, path):
        """Measure a ``.tflite`` file.

        Returns:
            dict of kernel to (dB of the model, dB of the file), means over pictures.
        """
        from srlite.data.kernels import KERNELS

        if self._values is None:
            self._values = self._measure(self._upscale)
        threads = os.cpu_count() or 1
        values = self._measure(Upscaler(LiteRTNetwork(path, threads)).upscale)
        return dict(zip(KERNELS, zip(self._values, values)))

    def _measure(self, upscale):
        from srlite.data.kernels import KERNELS, shrink

        values = []
        for photo in self._photos:
            hr = _centre(photo, self._scale)
            shrunk = [shrink(hr, kernel, self._scale) for kernel in KERNELS]
            values.append([psnr(upscale(lr), hr, self._scale) for lr in shrunk])
        return np.mean(values, axis=0).tolist()


def check_loss(psnr_by_kernel, precision, where, limit=MAX_LOSS):
    """Refuse a file that loses too much.

    Args:
        psnr_by_kernel: what `LossMeter.measure` returns.
        precision: of the file, for the message.
        where: what was measured on, for the message.
        limit: dB, on any kernel.

    Raises:
        ExportError: the loss is above the limit on some kernel, or is not a number.
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


def _centre(photo, scale):
    window = []
    for length in photo.shape[:2]:
        kept = min(length, CROP) // scale * scale
        first = (length - kept) // 2
        window.append(slice(first, first + kept))
    return photo[tuple(window)]
