"""Degradations: HR patches to the LR patches that a camera, an app or a site made.

Six down-sampling kernels, the ones that pictures in the wild went through:

- `nearest`: one pixel of each block (Pillow NEAREST);
- `bilinear`, `bicubic`: antialiased, the filter widened by the scale (Pillow,
  MATLAB `imresize`; bicubic with a = -0.5);
- `bilinear_aliased`, `bicubic_aliased`: the filter not widened, so that only the
  nearest 2 or 4 pixels count (the default of `tf.image.resize`);
- `area`: the mean of each block.

All of them are linear and separable, so each is a matrix of (LR size, HR size) applied
to rows and to columns, borders included, and a batch of different kernels is one
batched product. The kernel index of each image comes in as an array: the graph draws
nothing (the sampler does), so every backend computes the same picture. LR is rounded
to 8 bit, as it would be in a file.
"""

import keras
import numpy as np
from keras import ops

KERNELS = (
    "nearest",
    "bilinear",
    "bilinear_aliased",
    "bicubic",
    "bicubic_aliased",
    "area",
)


def _triangle(x):
    return np.maximum(1.0 - np.abs(x), 0.0)


def _cubic(x):
    """Keys' cubic convolution with a = -0.5 (Keys 1981, MATLAB's and Pillow's)."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x**2 + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x <= 1.0, near, np.where(x < 2.0, far, 0.0))


# Name: (filter, its radius at scale 1, widened by the scale, border).
# Pillow drops the taps beyond the border, MATLAB mirrors the picture there.
_FILTERS = {
    "bilinear": (_triangle, 1.0, True, "drop"),
    "bilinear_aliased": (_triangle, 1.0, False, "drop"),
    "bicubic": (_cubic, 2.0, True, "mirror"),
    "bicubic_aliased": (_cubic, 2.0, False, "drop"),
}


def downsampling_matrix(kernel, size, scale):
    """Weights of a one-dimensional down-sampling.

    Args:
        kernel: one of `KERNELS`.
        size: HR pixels along the axis, a multiple of `scale`.
        scale: HR pixels per LR pixel.

    Returns:
        float64 array (size // scale, size) whose rows sum to 1.

    Raises:
        ValueError: unknown kernel, or `size` is not a multiple of `scale`.
    """
    if size % scale:
        raise ValueError(f"size must be a multiple of scale {scale}; received {size}")
    rows = np.arange(size // scale)
    matrix = np.zeros((len(rows), size))
    if kernel == "nearest":
        matrix[rows, rows * scale + scale // 2] = 1.0
        return matrix
    if kernel == "area":
        return np.repeat(np.eye(len(rows)), scale, axis=1) / scale
    if kernel not in _FILTERS:
        raise ValueError(f"kernel must be one of {KERNELS}; received {kernel!r}")
    weigh, radius, widened, border = _FILTERS[kernel]
    width = scale if widened else 1.0
    centres = (rows + 0.5) * scale - 0.5
    reach = int(np.ceil(radius * width)) + 1
    mirror = np.concatenate([np.arange(size), np.arange(size)[::-1]])
    for row, centre in zip(rows, centres, strict=True):
        taps = int(centre) + np.arange(-reach, reach + 1)
        weights = weigh((taps - centre) / width)
        if border == "drop":
            inside = (taps >= 0) & (taps < size)
            taps, weights = taps[inside], weights[inside]
        np.add.at(matrix[row], mirror[taps % (2 * size)], weights)
    return matrix / matrix.sum(axis=1, keepdims=True)


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
    lr = ops.einsum("bih,bhwc->biwc", matrices(height), hr)  # (B, H/s, W, C)
    lr = ops.einsum("bjw,biwc->bijc", matrices(width), lr)  # (B, H/s, W/s, C)
    return ops.clip(ops.round(lr), 0.0, 255.0)


def shrink(hr, kernel, scale):
    """Shrink one picture as a file.

    Args:
        hr: uint8 (height, width, channels), multiples of `scale`.
        kernel: one of `KERNELS`.
        scale: HR pixels per LR pixel.

    Returns:
        uint8 array (height // scale, width // scale, channels).
    """
    lr = downsample(hr[None], np.array([KERNELS.index(kernel)]), scale)
    return ops.convert_to_numpy(lr)[0].astype(np.uint8)


def degrade(batch, scale):
    """Turn a sampled batch into the pair that a step trains on.

    Args:
        batch: dict of arrays: `hr` uint8 (batch, patch, patch, channels) and `kernel`
            int32 (batch,).
        scale: HR pixels per LR pixel.

    Returns:
        (lr, hr): float32 in [0, 1], (batch, patch // scale, patch // scale, channels)
        and (batch, patch, patch, channels).
    """
    lr = downsample(batch["hr"], batch["kernel"], scale) / 255.0
    hr = ops.cast(batch["hr"], keras.config.floatx()) / 255.0
    return lr, hr
