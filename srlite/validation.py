"""Validation while training: how well pictures come back after each kernel.

PSNR is measured on luma with the usual border (`metrics.psnr`), on centre crops or
whole pictures, after rounding to 8 bit: what a user gets, not what the network says.
"""

import keras
import numpy as np

from srlite.degradations import KERNELS, downsample
from srlite.images import to_grey, to_uint8
from srlite.metrics import psnr

CROP = 256  # HR pixels; keeps the validation of a dozen pictures within seconds


def centre_crop(image, size, scale):
    """Cut the middle of a picture.

    Args:
        image: (height, width, channels).
        size: highest height and width of the result.
        scale: the result's height and width are multiples of it.

    Returns:
        View of the picture.
    """
    slices = []
    for length in image.shape[:2]:
        kept = min(length, size) // scale * scale
        first = (length - kept) // 2
        slices.append(slice(first, first + kept))
    return image[tuple(slices)]


def restore(generator, hr, scale):
    """Shrink a picture with every kernel and enlarge it again.

    Args:
        generator: `keras.Model`, LR to SR.
        hr: uint8 (height, width, channels), multiples of `scale`.
        scale: HR pixels per LR pixel.

    Returns:
        (lr, sr): uint8 arrays whose first axis follows `KERNELS`.
    """
    batch = np.repeat(hr[None], len(KERNELS), axis=0)
    lr = downsample(batch, np.arange(len(KERNELS)), scale)  # (6, H/s, W/s, 3)
    # Whole photographs go one by one: six at once need gigabytes.
    group = len(KERNELS) if hr.size <= 3 * CROP**2 else 1
    lr = keras.ops.convert_to_numpy(lr)
    # Compiled: op by op, JAX takes many times as long.
    sr = [
        generator.predict_on_batch(part / np.float32(255.0))
        for part in np.split(lr, len(KERNELS) // group)
    ]
    return lr.astype(np.uint8), to_uint8(np.concatenate(sr))


def validate(generator, images, scale, crop=CROP, num_pictures=4):
    """Measure a generator.

    Args:
        generator: `keras.Model`, LR to SR.
        images: uint8 HR pictures (height, width, 3) of at least 3 * `scale` pixels, or
            (height, width, 1); RGB ones become grey for a generator of grey pictures.
        scale: HR pixels per LR pixel.
        crop: HR pixels of the centre of each picture that count; 0 for all of it.
        num_pictures: pictures returned for a look, whole as they were measured.

    Returns:
        (scores, pictures): dict of `psnr` (mean over the kernels) and `psnr_<kernel>`
        in dB; dict of `<number>/lr`, `/sr`, `/hr` to uint8 pictures, LR by bicubic.
    """
    values, pictures = [], {}
    for number, image in enumerate(images):
        hr = centre_crop(image, crop or max(image.shape), scale)
        if generator.input_shape[-1] == 1 and hr.shape[-1] == 3:
            hr = to_grey(hr)[..., None]  # (H, W, 1)
        lr, sr = restore(generator, hr, scale)
        lr, sr, hr = (np.broadcast_to(x, (*x.shape[:-1], 3)) for x in (lr, sr, hr))
        values.append([psnr(one, hr, scale) for one in sr])
        if number < num_pictures:
            k = KERNELS.index("bicubic")
            pictures |= {f"{number}/lr": lr[k], f"{number}/sr": sr[k]}
            pictures[f"{number}/hr"] = hr
    means = np.mean(values, axis=0)
    scores = {"psnr": float(np.mean(means))}
    scores |= {f"psnr_{k}": float(m) for k, m in zip(KERNELS, means, strict=True)}
    return scores, pictures
