"""Down-sampling: the six kernels by which pictures in the wild were shrunk, and more.

- `nearest`: one pixel of each block (Pillow NEAREST);
- `bilinear`, `bicubic`: antialiased, the filter widened by the scale (Pillow,
  MATLAB `imresize`; bicubic with a = -0.5);
- `bilinear_aliased`, `bicubic_aliased`: the filter not widened, so that only the
  nearest 2 or 4 pixels count (the default of `tf.image.resize`);
- `area`: the mean of each block.

A picture may also have been shrunk by `lanczos` (Pillow's, antialiased), or in two
steps, to 0.5 to 1 of its size first. `SHRINKINGS` lists these ways after the six, and
`kernel_odds` compares them with the six.

All of them are linear and separable, so each is a matrix of (LR size, HR size), applied
to rows and to columns. `degradations` does that to training batches, in the graph;
`shrink` does it to single pictures, in NumPy.
"""

import functools

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


def _lanczos(x):
    """Sinc windowed by a sinc of three lobes (Pillow's LANCZOS)."""
    return np.where(np.abs(x) < 3.0, np.sinc(x) * np.sinc(x / 3.0), 0.0)


# Name: (filter, its radius at scale 1, widened by the scale, border).
# Pillow drops the taps beyond the border, MATLAB mirrors the picture there.
_FILTERS = {
    "bilinear": (_triangle, 1.0, True, "drop"),
    "bilinear_aliased": (_triangle, 1.0, False, "drop"),
    "bicubic": (_cubic, 2.0, True, "mirror"),
    "bicubic_aliased": (_cubic, 2.0, False, "drop"),
    "lanczos": (_lanczos, 3.0, True, "drop"),
}

# Two steps: (kernel to an intermediate size, that size over HR's, kernel to LR).
_FIRST_STEPS = (("bicubic", 0.5), ("bilinear", 0.6), ("bicubic", 0.75), ("area", 0.9))
_TWO_STEPS = tuple(
    (first, share, second)
    for first, share in _FIRST_STEPS
    for second in ("bilinear", "bilinear_aliased", "bicubic", "area", "lanczos")
)
# Every way to shrink that training knows; the six kernels come first, in their order.
SHRINKINGS = (*KERNELS, "lanczos", *_TWO_STEPS)


def downsampling_matrix(kernel, size, scale):
    """Return `resampling_matrix` for a `scale` that divides `size`, else ValueError."""
    if size % scale:
        raise ValueError(f"size must be a multiple of scale {scale}; received {size}")
    return resampling_matrix(kernel, size, size // scale)


def resampling_matrix(kernel, size, new_size):
    """Return the weights of a reduction along one axis, float64 (new_size, size).

    Their rows sum to 1. The kernel is one of `KERNELS` or "lanczos", else ValueError;
    `new_size` is at most `size`.
    """
    scale = size / new_size
    rows = np.arange(new_size)
    matrix = np.zeros((new_size, size))
    if kernel == "nearest":
        matrix[rows, ((rows + 0.5) * scale).astype(int)] = 1.0
        return matrix
    if kernel == "area":
        edges = np.arange(size)
        ends = np.minimum((rows[:, None] + 1) * scale, edges + 1)
        return np.maximum(ends - np.maximum(rows[:, None] * scale, edges), 0.0) / scale
    if kernel not in _FILTERS:
        raise ValueError(
            f"kernel must be one of {KERNELS} or 'lanczos'; received {kernel!r}"
        )
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


@functools.cache
def shrinking_matrices(size, scale):
    """Return the weights of all `SHRINKINGS` along `size` HR pixels.

    They are float32 (len(SHRINKINGS), size // scale, size); `size` must be a multiple
    of `scale`.
    """
    matrices = []
    for way in SHRINKINGS:
        if isinstance(way, str):
            matrices.append(downsampling_matrix(way, size, scale))
            continue
        first, share, second = way
        between = max(round(share * size), size // scale)
        to_lr = resampling_matrix(second, between, size // scale)
        matrices.append(to_lr @ resampling_matrix(first, size, between))
    return np.stack(matrices).astype(np.float32)


@functools.cache
def kernel_odds(scale):
    """Return how similar each way to shrink is to each of the six kernels.

    Odds are inversely proportional to the squared distance between the weights of the
    two (Shepard's interpolation, 1968), and 1 for a kernel itself: float32
    (len(SHRINKINGS), len(KERNELS)), rows that sum to 1.
    """
    ways = shrinking_matrices(32 * scale, scale)
    distances = np.stack([((ways - k) ** 2).sum(axis=(1, 2)) for k in ways[:6]], axis=1)
    odds = 1.0 / np.maximum(distances, 1e-9)
    odds[: len(KERNELS)] = np.eye(len(KERNELS))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def shrink(hr, kernel, scale):
    """Shrink one uint8 picture (height, width, channels), as for a file.

    Raises ValueError for an unknown kernel, a side that is no multiple of `scale`, or a
    picture of another kind.
    """
    if hr.dtype != np.uint8 or hr.ndim != 3:
        raise ValueError(
            "hr must be uint8 (height, width, channels); received "
            f"{hr.dtype} {hr.shape}"
        )
    rows, columns = (downsampling_matrix(kernel, n, scale) for n in hr.shape[:2])
    # One channel at a time: large photographs would fill the memory as float64.
    lr = [np.rint(rows @ hr[..., c] @ columns.T) for c in range(hr.shape[2])]
    return np.clip(np.stack(lr, axis=-1), 0, 255).astype(np.uint8)
