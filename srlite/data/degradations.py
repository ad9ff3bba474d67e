"""Degradations: HR patches to the LR patches that a camera, an app or a site made.

The kernels of `kernels` are matrices, applied to rows and to columns, so a batch of
different kernels is one batched product. The kernel index of each image comes in as an
array: the graph draws nothing (the sampler does), so every backend computes the same
picture. LR is rounded to 8 bit, as it would be in a file. What else may happen to a
picture on its way is in `augmentations`.
"""

import contextlib

import keras
import numpy as np
from keras import ops

from srlite.data.augmentations import add_noise, blur, compress_jpeg, cut_out
from srlite.data.kernels import KERNELS, downsampling_matrix, shrink

__all__ = ["KERNELS", "degrade", "downsample", "downsampling_matrix", "shrink"]


def downsample(hr, kernel, scale):
    """Shrink each picture of a batch with its own kernel; to 8-bit levels.

    Args:
        hr: uint8 or float levels 0..255, (batch, height, width, channels), static
            height and width that are multiples of `scale`.
        kernel: int32 (batch,), indices into `KERNELS`.
        scale: HR pixels per LR pixel.

    Returns:
        float32 (batch, height // scale, width // scale, channels), whole levels 0..255.
    """
    height, width = hr.shape[1:3]

    def matrices(size):
        stack = np.stack([downsampling_matrix(name, size, scale) for name in KERNELS])
        return ops.take(stack.astype("float32"), kernel, axis=0)  # (B, size/s, size)

    hr = ops.cast(hr, "float32")
    with _full_precision():
        lr = ops.einsum("bih,bhwc->biwc", matrices(height), hr)  # (B, H/s, W, C)
        lr = ops.einsum("bjw,biwc->bijc", matrices(width), lr)  # (B, H/s, W/s, C)
    return ops.clip(ops.round(lr), 0.0, 255.0)


def _full_precision():
    """Keep JAX from rounding float32 products on a GPU, which would move levels."""
    if keras.config.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.default_matmul_precision("highest")


def degrade(batch, scale):
    """Turn a sampled batch into the pair that a step trains on.

    HR is blurred and shrunk; LR then gets its noise, its JPEG artefacts and its hole.
    Where a real LR patch came along, that one is taken as it is. HR itself stays clean.

    Args:
        batch: dict of arrays whose first axis is the batch:

            - `hr`: uint8 (batch, patch, patch, channels);
            - `kernel`: int32 (batch,), indices into `KERNELS`;
            - `blur_sigma` (optional): float32 (batch,), HR pixels, 0 for none;
            - `noise` and `noise_sigma` (optional): standard normal numbers of LR's
              shape; float32 (batch,), levels, 0 for none;
            - `jpeg_quality` (optional): int32 (batch,), 1 to 100, 0 for none;
            - `cutout` (optional): int32 (batch, 4), top, left, bottom, right in LR
              pixels, an empty box for none;
            - `lr` and `paired` (optional): uint8 of LR's shape; bool (batch,), whether
              `lr` holds a real LR patch.

        scale: HR pixels per LR pixel.

    Returns:
        (lr, hr): float32 in [0, 1], (batch, patch // scale, patch // scale, channels)
        and (batch, patch, patch, channels); LR holds whole levels.
    """
    hr = batch["hr"]
    seen = blur(hr, batch["blur_sigma"]) if "blur_sigma" in batch else hr
    lr = downsample(seen, batch["kernel"], scale)
    if "noise" in batch:
        lr = add_noise(lr, batch["noise"], batch["noise_sigma"])
    if "jpeg_quality" in batch:
        lr = compress_jpeg(lr, batch["jpeg_quality"])
    if "cutout" in batch:
        lr = cut_out(lr, batch["cutout"])
    if "lr" in batch:
        paired = ops.reshape(batch["paired"], (-1, 1, 1, 1))
        lr = ops.where(paired, ops.cast(batch["lr"], "float32"), lr)
    return lr / 255.0, ops.cast(hr, keras.config.floatx()) / 255.0
