"""What happens to a picture besides being shrunk: blur, noise, JPEG, a hole.

Blur stands for optics and motion of the lens, noise for the sensor, JPEG (ITU-T T.81)
for the file on its way. Pictures are float levels 0..255, (batch, height, width,
channels), with static height and width. Every strength comes in as an array with one
value per picture, and one value of each means "leave this picture alone"; nothing is
drawn here, so that every backend computes the same picture.
"""

import numpy as np
from keras import ops

# ITU-T T.81, Annex K.1: the tables of luma and chroma at quality 50.
_LUMA_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA_TABLE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
# JFIF 1.02: RGB to Y, Cb, Cr, one row each.
_TO_YCBCR = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.299 / 1.772, -0.587 / 1.772, 0.5],
        [0.5, -0.587 / 1.402, -0.114 / 1.402],
    ]
)


def quantisation_tables(quality):
    """Tables of the Independent JPEG Group's formula (`jpeg_set_quality`).

    Args:
        quality: whole number from 1 to 100.

    Returns:
        int array (8, 8, 3) of steps 1..255 for Y, Cb and Cr; rows are vertical
        frequencies.
    """
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    base = np.stack([_LUMA_TABLE, _CHROMA_TABLE, _CHROMA_TABLE], axis=-1)
    return np.clip((base * percent + 50) // 100, 1, 255)


def _cosines():
    """The orthonormal DCT-II of 8 samples; rows are frequencies."""
    frequency, place = np.mgrid[:8, :8]
    rows = np.cos((2 * place + 1) * frequency * np.pi / 16) / 2
    rows[0] /= np.sqrt(2)
    return rows.astype("float32")


_ALL_TABLES = np.stack([quantisation_tables(max(q, 1)) for q in range(101)])


def blur(pictures, sigma):
    """Convolve each picture with a Gaussian; the picture is mirrored at its borders.

    Args:
        pictures: levels (batch, height, width, channels).
        sigma: float (batch,), standard deviation in pixels, less than a quarter of the
            shorter side; 0 leaves a picture as it is.

    Returns:
        float32 levels of the same shape, not rounded.
    """
    sigma = ops.reshape(ops.maximum(ops.cast(sigma, "float32"), 1e-3), (-1, 1, 1))

    def matrices(size):
        to, of = np.mgrid[:size, :size].astype("float32")
        # The pixel itself and its mirror images beyond either border.
        places = (of, -1 - of, 2 * size - 1 - of)
        weights = sum(
            ops.exp(-0.5 * ops.square((to - x)[None] / sigma)) for x in places
        )
        return weights / ops.sum(weights, axis=-1, keepdims=True)  # (B, size, size)

    height, width = pictures.shape[1:3]
    pictures = ops.cast(pictures, "float32")
    pictures = ops.einsum("bih,bhwc->biwc", matrices(height), pictures)
    return ops.einsum("bjw,biwc->bijc", matrices(width), pictures)


def add_noise(pictures, noise, sigma):
    """Add noise to each picture.

    Args:
        pictures: levels (batch, height, width, channels).
        noise: standard normal numbers of the same shape.
        sigma: float (batch,), standard deviation in levels; 0 leaves a picture as it
            is.

    Returns:
        float32, whole levels 0..255.
    """
    sigma = ops.reshape(ops.cast(sigma, "float32"), (-1, 1, 1, 1))
    noisy = ops.cast(pictures, "float32") + sigma * ops.cast(noise, "float32")
    return ops.clip(ops.round(noisy), 0.0, 255.0)


def compress_jpeg(pictures, quality):
    """Pass each picture through baseline JPEG without chroma subsampling (4:4:4).

    Rounds where libjpeg does, and as it does at exact halves, which flat blocks are
    full of: YCbCr, eighths of DCT coefficients, quantised coefficients, decoded levels.

    Args:
        pictures: whole RGB levels (batch, height, width, 3), of any size.
        quality: int (batch,), 1 to 100 as in libjpeg; 0 leaves a picture as it is.

    Returns:
        float32, whole levels 0..255.
    """
    height, width = pictures.shape[1:3]
    rows, columns = -(-height // 8), -(-width // 8)
    pictures = ops.cast(pictures, "float32")
    steps = ops.take(_ALL_TABLES.astype("float32"), quality, axis=0)  # (B, 8, 8, 3)
    steps = ops.reshape(steps, (-1, 1, 8, 1, 8, 3))
    cosines = _cosines()

    # Incomplete blocks repeat the last row and column.
    x = ops.take(pictures, np.minimum(np.arange(8 * rows), height - 1), axis=1)
    x = ops.take(x, np.minimum(np.arange(8 * columns), width - 1), axis=2)
    # Chroma is centred on 0 already, luma's 128 is taken off before the DCT.
    shift = np.array([128.0, 0.0, 0.0], "float32")
    half = np.array([0.501, 0.499, 0.499], "float32")  # luma goes up, chroma down
    x = ops.floor(ops.matmul(x, _TO_YCBCR.T.astype("float32")) + half) - shift
    x = ops.reshape(x, (-1, rows, 8, columns, 8, 3))
    x = ops.einsum("vy,brycxk->brvcxk", cosines, x)
    x = ops.einsum("ux,brvcxk->brvcuk", cosines, x)
    eighths = ops.floor(8.0 * x + 0.5)
    x = ops.sign(x) * ops.floor((ops.abs(eighths) / 8.0) / steps + 0.5) * steps
    x = ops.einsum("vy,brvcuk->brycuk", cosines, x)
    x = ops.einsum("ux,brycuk->brycxk", cosines, x)
    x = ops.reshape(x, (-1, 8 * rows, 8 * columns, 3))[:, :height, :width]
    low, high = np.stack([-128 * np.ones(3), 127 * np.ones(3)]).astype("float32")
    x = ops.clip(ops.floor(x + 0.501), low, high) + shift
    x = ops.matmul(x, np.linalg.inv(_TO_YCBCR).T.astype("float32"))
    x = ops.clip(ops.round(x), 0.0, 255.0)
    compressed = ops.reshape(ops.cast(quality, "int32") > 0, (-1, 1, 1, 1))
    return ops.where(compressed, x, pictures)


def cut_out(pictures, boxes):
    """Set a rectangle of each picture to black (cutout, DeVries and Taylor 2017).

    Args:
        pictures: levels (batch, height, width, channels).
        boxes: int (batch, 4): top, left, bottom and right in pixels, the last two
            exclusive; an empty rectangle leaves a picture as it is.

    Returns:
        Levels of the same shape and dtype.
    """
    height, width = pictures.shape[1:3]
    top, left, bottom, right = (
        ops.reshape(ops.cast(boxes, "int32")[:, i], (-1, 1, 1)) for i in range(4)
    )
    y, x = np.mgrid[:height, :width].astype("int32")[:, None]  # (1, H, W) each
    inside = (y >= top) & (y < bottom) & (x >= left) & (x < right)  # (B, H, W)
    return ops.where(inside[..., None], ops.zeros_like(pictures), pictures)
