"""The six down-sampling kernels: how pictures in the wild were shrunk.

- `nearest`: one pixel of each block (Pillow NEAREST);
- `bilinear`, `bicubic`: antialiased, the filter widened by the scale (Pillow,
  MATLAB `imresize`; bicubic with a = -0.5);
- `bilinear_aliased`, `bicubic_aliased`: the filter not widened, so that only the
  nearest 2 or 4 pixels count (the default of `tf.image.resize`);
- `area`: the mean of each block.

All of them are linear and separable, so each is a matrix of (LR size, HR size), applied
to rows and to columns, borders included. `degradations` shrinks the batches of training
with them in the graph, this module single pictures in NumPy.
"""

import numpy as np

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


def shrink(hr, kernel, scale):
    """Shrink one picture as a file.

    Args:
        hr: uint8 (height, width, channels), multiples of `scale`.
        kernel: one of `KERNELS`.
        scale: HR pixels per LR pixel.

    Returns:
        uint8 array (height // scale, width // scale, channels).

    Raises:
        ValueError: unknown kernel, or a side that is not a multiple of `scale`.
    """
    rows, columns = (downsampling_matrix(kernel, n, scale) for n in hr.shape[:2])
    # One channel at a time: large photographs would fill the memory as float64.
    lr = [np.rint(rows @ hr[..., c] @ columns.T) for c in range(hr.shape[2])]
    return np.clip(np.stack(lr, axis=-1), 0, 255).astype(np.uint8)
