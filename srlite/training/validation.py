"""Validation while training: how well pictures come back after each kernel.

PSNR and SSIM are measured on luma with the usual border (`metrics`), on centre crops or
whole pictures, after rounding to 8 bit: what a user gets, not what the network says.
Where a stage has feature networks, their distances, which see what PSNR does not, are
measured on the same pictures.
"""

import keras
import numpy as np

from srlite.data.degradations import downsample
from srlite.pictures.picture import to_float, to_grey, to_uint8
from srlite.data.kernels import KERNELS
from srlite.metrics.psnr_ssim import psnr, ssim

CROP = 256  # HR pixels; keeps the validation of a dozen pictures within seconds
_SEEN = 128  # HR pixels that feature networks see, about a patch of the gan stage


def centre_crop(image, size, scale):
    """Cut the middle of a picture.

    Of a side that is no longer than `size`, what is over is cut off at the end, as
    whole pictures are cut when they are evaluated.

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
        first = (length - kept) // 2 if length > size else 0
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


def distance_model(losses, channels=3):
    """Put losses between pictures into one model, which each backend compiles.

    Args:
        losses: dict of name to `keras.losses.Loss` on HR and SR, such as `ContentLoss`.
        channels: picture channels, 1 or 3.

    Returns:
        `keras.Model`, [hr, sr] -> dict of name to (batch,); HR and SR are float32
        (batch, height, width, channels) in [0, 1].
    """
    hr, sr = (keras.Input((None, None, channels), name=name) for name in ("hr", "sr"))
    return keras.Model([hr, sr], {n: loss.call(hr, sr) for n, loss in losses.items()})


def validate(generator, images, scale, crop=CROP, num_pictures=4, distances=None):
    """Measure a generator.

    Args:
        generator: `keras.Model`, LR to SR.
        images: uint8 HR pictures (height, width, 3), sides of at least
            `metrics.smallest_side(scale)`, or (height, width, 1); RGB ones become grey
            for a generator of grey pictures.
        scale: HR pixels per LR pixel.
        crop: HR pixels of the centre of each picture that count; 0 for all of it.
        num_pictures: pictures returned for a look, whole as they were measured.
        distances: as from `distance_model`, or None. Feature networks cost more than
            all else, so they see the central 128 x 128 pixels of each picture, after
            one kernel: the next one for the next picture.

    Returns:
        (scores, pictures): dict of `psnr` (mean over the kernels) and `psnr_<kernel>`
        in dB, `ssim` and `ssim_<kernel>`, and the means of the distances by their
        names; dict of `<number>/lr`, `/sr`, `/hr` to uint8 pictures, LR by bicubic.
    """
    values, far, pictures = [], [], {}
    for number, image in enumerate(images):
        hr = centre_crop(image, crop or max(image.shape), scale)
        if generator.input_shape[-1] == 1 and hr.shape[-1] == 3:
            hr = to_grey(hr)[..., None]  # (H, W, 1)
        lr, sr = restore(generator, hr, scale)
        if distances is not None:
            pair = (hr, sr[number % len(KERNELS)])
            pair = [to_float(centre_crop(x, _SEEN, scale))[None] for x in pair]
            far.append(distances.predict_on_batch(pair))
        lr, sr, hr = map(_to_rgb, (lr, sr, hr))
        values.append([[f(one, hr, scale) for one in sr] for f in (psnr, ssim)])
        if number < num_pictures:
            pictures |= _for_a_look(number, lr, sr, hr)
    scores = {}
    for name, means in zip(("psnr", "ssim"), np.mean(values, axis=0), strict=True):
        scores[name] = float(np.mean(means))
        scores |= {f"{name}_{k}": float(m) for k, m in zip(KERNELS, means, strict=True)}
    for name in far[0] if far else ():
        scores[name] = float(np.mean([values[name] for values in far]))
    return scores, pictures


def restore_pictures(generator, images, scale):
    """Restore pictures for a look, without measuring.

    Args:
        generator: `keras.Model`, LR to SR.
        images: uint8 (height, width, channels), multiples of `scale`.
        scale: HR pixels per LR pixel.

    Returns:
        dict of pictures, as `validate` returns it.
    """
    pictures = {}
    for number, hr in enumerate(images):
        lr, sr = restore(generator, hr, scale)
        pictures |= _for_a_look(number, *map(_to_rgb, (lr, sr, hr)))
    return pictures


def _to_rgb(x):
    return np.broadcast_to(x, (*x.shape[:-1], 3))


def _for_a_look(number, lr, sr, hr):
    k = KERNELS.index("bicubic")
    return {f"{number}/lr": lr[k], f"{number}/sr": sr[k], f"{number}/hr": hr}
