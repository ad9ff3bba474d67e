"""What happens to a picture besides being shrunk: blur, noise, JPEG and the like.

Pictures are float levels 0..255, (batch, height, width, channels), with static height
and width, and results are float32, whole levels except those of `blur`. Every strength
is an array with one value per picture; 0 leaves a picture as it is.
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
# JFIF 1.02: RGB to Y, Cb, Cr, one row each; 65536 times, rounded as in libjpeg.
_TO_YCBCR = np.array(
    [[19595, 38470, 7471], [-11059, -21709, 32768], [32768, -27439, -5329]], "float32"
)
# Y, Cb, Cr, the latter two centred on 0, to RGB.
_TO_RGB = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]], "float32")


def quantisation_tables(quality):
    """Return the tables of the Independent JPEG Group (`jpeg_set_quality`), 1 to 100.

    They are int (8, 8, 3), steps 1..255 for Y, Cb, Cr; rows are vertical frequencies.
    """
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    base = np.stack([_LUMA_TABLE, _CHROMA_TABLE, _CHROMA_TABLE], axis=-1)
    return np.clip((base * percent + 50) // 100, 1, 255)


def cosines(size):
    """Return the orthonormal DCT-II of `size` samples; rows are frequencies."""
    frequency, place = np.mgrid[:size, :size]
    rows = np.cos((2 * place + 1) * frequency * np.pi / (2 * size)) * np.sqrt(2 / size)
    rows[0] /= np.sqrt(2)
    return rows


def _integer_cosines():
    """The DCT of libjpeg (jfdctint.c): 8192 times the DCT times sqrt(8), in integers.

    Loeffler et al. 1989 (https://doi.org/10.1109/ICASSP.1989.266596) compute each
    output as a sum of products with rounded constants; these are the sums.
    """
    even, odd = np.zeros((8, 8)), np.zeros((8, 8))
    even[::4, :4] = 8192 * np.array([[1, 1, 1, 1], [1, -1, -1, 1]])
    even[2, :4] = 4433 + 6270, 4433, -4433, -4433 - 6270
    even[6, :4] = 4433, 4433 - 15137, 15137 - 4433, -4433
    odd[1, :4] = 12299 - 7373 - 3196 + 9633, 9633, 9633 - 3196, 9633 - 7373
    odd[3, :4] = 9633, 25172 - 20995 - 16069 + 9633, 9633 - 20995, 9633 - 16069
    odd[5, :4] = 9633 - 3196, 9633 - 20995, 16819 - 20995 - 3196 + 9633, 9633
    odd[7, :4] = 9633 - 7373, 9633 - 16069, 9633, 2446 - 7373 - 16069 + 9633
    return (even + odd + even[:, ::-1] - odd[:, ::-1]).astype("float32")


_ALL_TABLES = np.stack([quantisation_tables(max(q, 1)) for q in range(101)])


def blur(pictures, sigma):
    """Convolve each picture, mirrored at its borders, with a Gaussian; do not round.

    `sigma`, float (batch,), is in pixels, less than a quarter of the shorter side.
    """
    sigma = ops.reshape(ops.maximum(ops.cast(sigma, "float32"), 1e-3), (-1, 1, 1))

    def matrices(size):
        to, of = np.mgrid[:size, :size].astype("float32")
        # The pixel itself and its mirror images beyond either border.
        places = (of, -1 - of, 2 * size - 1 - of)
        weights = sum(ops.exp(-0.5 * ops.square((to - x) / sigma)) for x in places)
        return weights / ops.sum(weights, axis=-1, keepdims=True)  # (B, size, size)

    height, width = pictures.shape[1:3]
    pictures = ops.cast(pictures, "float32")
    pictures = ops.einsum("bih,bhwc->biwc", matrices(height), pictures)
    return ops.einsum("bjw,biwc->bijc", matrices(width), pictures)


def _per_picture(values):
    return ops.reshape(ops.cast(values, "float32"), (-1, 1, 1, 1))


def sharpen(pictures, amount):
    """Sharpen each picture by an unsharp mask of a Gaussian of sigma 1.

    `amount`, float (batch,), is the share of the difference from the blurred picture
    that is added. Both sides are above 4 pixels.
    """
    pictures = ops.cast(pictures, "float32")
    amount = _per_picture(amount)
    soft = blur(pictures, ops.ones_like(amount))
    return ops.clip(ops.round(pictures + amount * (pictures - soft)), 0.0, 255.0)


def add_noise(pictures, noise, sigma, colour=None, shot=None):
    """Add noise to each picture.

    Args:
        pictures: levels (batch, height, width, channels).
        noise: standard normal numbers of the same shape.
        sigma: float (batch,), standard deviation of each channel at mid-grey, levels.
        colour: float (batch,) from 0 to 1.2, the standard deviation of what differs
            between the channels, relative to independent channels: 0 is noise of luma
            alone. None is 1 for all.
        shot: float (batch,) from 0 to 1, the share of the variance that grows with the
            level, as that of counted photons does; None is 0 for all.
    """
    pictures, noise = ops.cast(pictures, "float32"), ops.cast(noise, "float32")
    if colour is not None and noise.shape[-1] > 1:
        # The mean of n channels has a variance of 1/n, what is left (n - 1)/n.
        channels, colour = noise.shape[-1], _per_picture(colour)
        grey = ops.mean(noise, axis=-1, keepdims=True)
        common = ops.sqrt(channels - (channels - 1) * ops.square(colour))
        noise = common * grey + colour * (noise - grey)
    if shot is not None:
        shot = _per_picture(shot)
        noise = noise * ops.sqrt(1.0 - shot + shot * pictures / 127.5)
    noisy = pictures + _per_picture(sigma) * noise
    return ops.clip(ops.round(noisy), 0.0, 255.0)


def compress_jpeg(pictures, quality, phase=None, subsampled=None):
    """Pass each picture through baseline JPEG.

    It rounds where and as libjpeg does, also at exact halves, which are common in flat
    blocks: YCbCr, halved chroma, eighths of DCT coefficients, quantised coefficients,
    decoded levels, chroma enlarged by its triangle filter ("fancy upsampling").

    Args:
        pictures: whole levels (batch, height, width, channels), of any size; RGB, or
            grey, which has no chroma.
        quality: int (batch,), 1 to 100 as in libjpeg, 0 for none.
        phase: int (batch, 2), 0 to 15: pixels of the first block row and column that
            lie outside the picture, as if it was cut from a larger file. None is 0 for
            all.
        subsampled: bool (batch,), whether chroma is halved in height and width (4:2:0)
            or kept (4:4:4); None halves none.
    """
    pictures = ops.cast(pictures, "float32")
    steps = ops.take(_ALL_TABLES.astype("float32"), quality, axis=0)  # (B, 8, 8, 3)
    file = pictures if phase is None else _shifted(pictures, phase)
    if pictures.shape[-1] == 1:
        decoded = 128.0 + _through_blocks(file - 128.0, steps[..., :1])
    else:
        decoded = _through_ycbcr(file, steps, subsampled)
    decoded = ops.clip(ops.round(decoded), 0.0, 255.0)
    if phase is not None:
        decoded = _shifted(decoded, -phase, pictures.shape[1:3])
    compressed = ops.reshape(ops.cast(quality, "int32") > 0, (-1, 1, 1, 1))
    return ops.where(compressed, decoded, pictures)


def _shifted(pictures, phase, size=None):
    """Move each picture down and right by its phase, and repeat its edges.

    `size` is (height, width) of the result, by default 16 pixels more than now.
    """
    size = size or tuple(side + 16 for side in pictures.shape[1:3])
    for axis, (old, new) in enumerate(zip(pictures.shape[1:3], size, strict=True)):
        places = np.arange(new) - ops.cast(phase, "int32")[:, axis, None]  # (B, new)
        places = ops.clip(places, 0, old - 1)
        shape = (-1, new, 1, 1) if axis == 0 else (-1, 1, new, 1)
        pictures = ops.take_along_axis(pictures, ops.reshape(places, shape), axis + 1)
    return pictures


def _through_ycbcr(pictures, steps, subsampled):
    """Quantise RGB levels (B, H, W, 3) by steps (B, 8, 8, 3); RGB, not rounded."""
    height, width = pictures.shape[1:3]
    # Chroma is centred on 0 already; luma's 128 is taken off before the DCT.
    half = np.array([32768, 32767, 32767], "float32")  # luma goes up, chroma down
    ycbcr = ops.floor((ops.matmul(pictures, _TO_YCBCR.T) + half) / 65536.0)
    luma = 128.0 + _through_blocks(ycbcr[..., :1] - 128.0, steps[..., :1])
    chroma = _through_blocks(ycbcr[..., 1:], steps[..., 1:])
    if subsampled is not None:
        halved = _through_blocks(_halve(ycbcr[..., 1:]), steps[..., 1:])
        doubled = _double(halved[:, :, : -(-width // 2)])[:, :height, :width]
        chroma = ops.where(ops.reshape(subsampled, (-1, 1, 1, 1)), doubled, chroma)
    ycbcr = ops.concatenate([luma, chroma], axis=-1)
    return ops.matmul(ycbcr, _TO_RGB.T)


def _through_blocks(planes, steps):
    """Quantise the DCT of blocks; planes (B, H, W, C) centred on 0, whole levels."""
    height, width, channels = planes.shape[1:]
    rows, columns = -(-height // 8), -(-width // 8)
    steps = ops.reshape(steps, (-1, 1, 8, 1, 8, channels))
    dct, integers = cosines(8).astype("float32"), _integer_cosines()
    # Incomplete blocks repeat the last row and column.
    x = _repeat_last(planes, 8 * rows, 8 * columns)
    x = ops.reshape(x, (-1, rows, 8, columns, 8, channels))
    # Rows, in quarters of a level, then columns, in eighths of the orthonormal DCT.
    x = ops.floor(ops.einsum("ux,brycxk->brycuk", integers, x) / 2**11 + 0.5)
    x = ops.floor(ops.einsum("vy,brycuk->brvcuk", integers, x) / 2**15 + 0.5)
    x = ops.sign(x) * ops.floor(ops.abs(x) / (8.0 * steps) + 0.5) * steps
    x = ops.einsum("vy,brvcuk->brycuk", dct, x)
    x = ops.einsum("ux,brycuk->brycxk", dct, x)
    x = ops.reshape(x, (-1, 8 * rows, 8 * columns, channels))[:, :height, :width]
    return ops.clip(ops.floor(x + 0.501), -128.0, 127.0)


def _repeat_last(planes, height, width):
    for axis, side in ((1, height), (2, width)):
        if planes.shape[axis] < side:
            places = np.minimum(np.arange(side), planes.shape[axis] - 1)
            planes = ops.take(planes, places, axis=axis)
    return planes


def _halve(chroma):
    """Average 2 x 2 pixels; round halves down and up by turns, as libjpeg does.

    As there, columns are filled up to whole blocks before, rows only after.
    """
    height, width = -(-chroma.shape[1] // 2) * 2, -(-chroma.shape[2] // 16) * 16
    chroma = _repeat_last(chroma, height, width)
    total = sum(chroma[:, y::2, x::2] for y in (0, 1) for x in (0, 1))
    bias = 1.0 + np.arange(width // 2, dtype="float32")[:, None] % 2  # 1, 2, 1, ...
    return ops.floor((total + bias) / 4.0)


def _double(chroma):
    """Double height and width: 3/4 of the nearer pixel, 1/4 of the farther one.

    As in libjpeg, two columns or fewer are only repeated.
    """
    if chroma.shape[2] <= 2:
        return ops.repeat(ops.repeat(chroma, 2, axis=1), 2, axis=2)

    def neighbours(x, axis):
        places = np.arange(x.shape[axis])
        others = [np.clip(places + step, 0, places[-1]) for step in (-1, 1)]
        return [3.0 * x + ops.take(x, other, axis=axis) for other in others]

    height, width, channels = chroma.shape[1:]
    x = ops.stack(neighbours(chroma, 1), axis=2)  # (B, H, 2, W, C)
    x = ops.reshape(x, (-1, 2 * height, width, channels))
    left, right = neighbours(x, 2)
    x = ops.stack([ops.floor((left + 8.0) / 16.0), ops.floor((right + 7.0) / 16.0)], 3)
    return ops.reshape(x, (-1, 2 * height, 2 * width, channels))


def cut_out(pictures, boxes):
    """Set a rectangle of each picture to black (cutout, DeVries and Taylor 2017).

    `boxes`, int (batch, 4), are top, left, bottom and right in pixels, the last two
    exclusive; they may be empty.
    """
    height, width = pictures.shape[1:3]
    top, left, bottom, right = (
        ops.reshape(ops.cast(boxes, "int32")[:, i], (-1, 1, 1)) for i in range(4)
    )
    y, x = np.mgrid[:height, :width].astype("int32")[:, None]  # (1, H, W) each
    inside = (y >= top) & (y < bottom) & (x >= left) & (x < right)  # (B, H, W)
    return ops.where(inside[..., None], ops.zeros_like(pictures), pictures)
