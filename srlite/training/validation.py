"""Validation while training: how well pictures come back after each kernel.

PSNR and SSIM are measured on luma with the usual border (`metrics`), on centre crops or
whole pictures, after rounding to 8 bit as users get them.
"""

import dataclasses

import keras
import numpy as np

from srlite.data.damages import damage_and_shrink, parse_damage
from srlite.data.degradation_vector import (
    MAX_BLUR,
    MAX_NOISE,
    SMALLEST,
    cut_for_estimator,
)
from srlite.data.degradations import degrade, downsample
from srlite.data.kernels import KERNELS
from srlite.errors import ModelError
from srlite.metrics.psnr_ssim import centre_crop, finite_psnr, ssim
from srlite.models.generators import is_conditional
from srlite.pictures.levels import enlarge_bicubic, to_float, to_grey, to_uint8
from srlite.runtime.runners import hide_retracing

# A conditional generator is also validated on LR of bicubic after these.
DAMAGES = ("jpeg75", "jpeg50", "noise10", "blur", "sharp")
CROP = 256  # HR pixels; keeps the validation of a dozen pictures within seconds
_SEEN = 128  # HR pixels that feature networks see, about a patch of the gan stage


def restore(generator, hr, scale, estimator=None, damages=()):
    """Shrink a picture in several ways and enlarge it again.

    HR is uint8 (height, width, channels), sides multiples of `scale`; `damages` are
    names of `data.damages`, each with the kernel bicubic. A conditional generator needs
    an estimator. Returns (lr, sr), uint8 arrays whose first axis follows `KERNELS`,
    then `damages`.
    """

    def shrink(hr):
        return _shrunk(hr, scale, ["bicubic"])[0]

    damaged = [damage_and_shrink(hr, shrink, parse_damage(name)) for name in damages]
    lr = np.stack([*_shrunk(hr, scale), *damaged])
    # Whole photographs go one by one: six at once need gigabytes.
    group = len(lr) if hr.size <= 3 * CROP**2 else 1
    # Compiled: op by op, JAX takes many times as long.
    sr = [
        _enlarge(generator, told(generator, to_float(part), estimator), hr)
        for part in np.split(lr, len(lr) // group)
    ]
    return lr, np.concatenate(sr)


def _enlarge(generator, inputs, hr):
    """Return SR of the size of HR, uint8 (batch, height, width, channels)."""
    sr = generator.predict_on_batch(inputs)
    # Some generators make more of odd sides.
    return to_uint8(sr[:, : hr.shape[0], : hr.shape[1]])


def _shrunk(hr, scale, kernels=KERNELS):
    """Return LR of each kernel, uint8 (kernels, height, width, channels)."""
    batch = np.repeat(hr[None], len(kernels), axis=0)
    lr = downsample(batch, np.array([KERNELS.index(k) for k in kernels]), scale)
    return keras.ops.convert_to_numpy(lr).astype(np.uint8)


def told(generator, lr, estimator):
    """Return the inputs of a generator: LR, and its degradation if it is conditional.

    LR is float32 (batch, height, width, channels), [0, 1].
    """
    if not is_conditional(generator):
        return lr
    if min(lr.shape[1:3]) < SMALLEST:
        raise ModelError(
            f"an estimator sees pictures of at least {SMALLEST} x {SMALLEST} LR "
            f"pixels; received {lr.shape[1]} x {lr.shape[2]}"
        )
    return [lr, estimator.predict_on_batch(cut_for_estimator(lr))]


def validate_estimator(estimator, samplers, scale=4, batches=8):
    """Measure an estimator on batches of the samplers from `samplers_by_size`.

    Returns dict of `kernel_<size>`, the share of patches whose likeliest kernel is
    right, and of mean absolute errors: `jpeg_<size>` in steps of quality,
    `noise_<size>` in levels, `blur_<size>` in HR pixels, `sharpening_<size>`.
    """
    scores = {}
    for size, sampler in samplers.items():
        truths, answers = [], []
        for step in range(batches):
            batch = sampler.batch(step)
            lr = keras.ops.convert_to_numpy(degrade(batch, scale)[0])
            answers.append(estimator.predict_on_batch(cut_for_estimator(lr)))
            truths.append(batch["degradation"])
        truth, answer = np.concatenate(truths), np.concatenate(answers)
        best = [x[:, : len(KERNELS)].argmax(axis=1) for x in (truth, answer)]
        scores[f"kernel_{size}"] = float(np.mean(best[0] == best[1]))
        far = np.abs(truth - answer)[:, len(KERNELS) :].mean(axis=0)
        units = {"jpeg": 100.0, "noise": MAX_NOISE, "blur": MAX_BLUR, "sharpening": 1.0}
        for (name, unit), value in zip(units.items(), far, strict=True):
            scores[f"{name}_{size}"] = float(unit * value)
    return scores


def distance_model(losses, channels=3):
    """Build a model of [hr, sr] that returns a dict of losses, each (batch,)."""
    hr, sr = (keras.Input((None, None, channels), name=name) for name in ("hr", "sr"))
    return keras.Model([hr, sr], {n: loss.call(hr, sr) for n, loss in losses.items()})


def validate(
    generator,
    images,
    scale,
    crop=CROP,
    num_pictures=4,
    *,
    distances=None,
    estimator=None,
    lr_images=None,
):
    """Measure a generator.

    Args:
        generator: `keras.Model`, LR to SR.
        images: uint8 HR pictures (height, width, 1 or 3), sides of at least
            `metrics.smallest_side(scale)`; a grey generator sees their luma.
        scale: HR pixels per LR pixel.
        crop: HR pixels of the centre of each picture that count; 0 for all of it.
        num_pictures: pictures to return, whole as they were measured.
        distances: as returned by `distance_model`, or None. Because feature networks
            are slow, they see the central 128 x 128 pixels of each picture after one
            kernel: the next one for the next picture.
        estimator: `keras.Model`, for a conditional generator, which is measured on
            `DAMAGES` too.
        lr_images: for each picture its real LR picture, cut as by `cut`, or None.

    Returns:
        (scores, pictures): dict of `psnr` (mean over the kernels) and `psnr_<kernel>`
        in dB, `psnr_damaged` (mean over the damages) and `psnr_<damage>`, the same for
        `ssim`, and means of the distances by their names; dict of `<number>/lr`, `/sr`,
        `/hr` to uint8 pictures, LR by bicubic. Pictures with real LR count for
        `psnr_paired` and `ssim_paired` instead, which stand for `psnr` and `ssim` where
        there are no others. No PSNR is above 100 dB.
    """
    hide_retracing()
    values, paired, far, pictures = [], [], [], {}
    damages = DAMAGES if is_conditional(generator) else ()
    grey = generator.inputs[0].shape[-1] == 1
    for number, image in enumerate(images):
        real, hr = cut(lr_images[number] if lr_images else None, image, crop, scale)
        if grey and hr.shape[-1] == 3:
            hr, real = (
                None if x is None else to_grey(x)[..., None] for x in (hr, real)
            )
        if real is None:
            lr, sr = restore(generator, hr, scale, estimator, damages)
        else:
            lr = np.repeat(real[None], len(KERNELS), axis=0)
            inputs = told(generator, to_float(real[None]), estimator)
            sr = _enlarge(generator, inputs, hr)
            sr = np.repeat(sr, len(lr), axis=0)
        if distances is not None:
            pair = (hr, sr[number % len(KERNELS)])
            pair = [to_float(centre_crop(x, scale, _SEEN))[None] for x in pair]
            far.append(distances.predict_on_batch(pair))
        lr, sr, hr = map(_to_rgb, (lr, sr, hr))
        if real is None:
            values.append([[f(one, hr, scale) for one in sr] for f in _SCORES.values()])
        else:
            paired.append([f(sr[0], hr, scale) for f in _SCORES.values()])
        if number < num_pictures:
            pictures |= _pictures(number, lr, sr, hr)
    scores = {}
    if paired:
        means = map(float, np.mean(paired, axis=0))
        scores = dict(zip(("psnr_paired", "ssim_paired"), means, strict=True))
        if not values:
            scores |= {n: scores[f"{n}_paired"] for n in _SCORES}
    for name, means in zip(_SCORES, np.mean(values, axis=0) if values else ()):
        clean, damaged = np.split(means, [len(KERNELS)])
        scores[name] = float(np.mean(clean))
        if damages:
            scores[f"{name}_damaged"] = float(np.mean(damaged))
        every = zip((*KERNELS, *damages), means, strict=True)
        scores |= {f"{name}_{kind}": float(mean) for kind, mean in every}
    for name in far[0] if far else ():
        scores[name] = float(np.mean([values[name] for values in far]))
    return scores, pictures


_SCORES = {"psnr": finite_psnr, "ssim": ssim}


def cut(lr, hr, crop, scale):
    """Return views of what `validate` measures, (lr, hr); LR may be None."""
    if lr is None:
        return None, centre_crop(hr, scale, crop or None)
    size = crop // scale or max(lr.shape)
    tops = [max(0, (side - size) // 2) for side in lr.shape[:2]]
    small, large = (
        tuple(slice(n * top, n * (top + size)) for top in tops) for n in (1, scale)
    )
    return lr[small], hr[large]


def bicubic_psnr(images, scale, crop=CROP, lr_images=None):
    """Measure plain bicubic enlargement, in dB, as `validate` measures a generator."""
    values, paired = [], []
    for number, image in enumerate(images):
        real, hr = cut(lr_images[number] if lr_images else None, image, crop, scale)
        lr = _shrunk(hr, scale) if real is None else real[None]
        hr = _to_rgb(hr)
        sr = [enlarge_bicubic(_to_rgb(one), scale) for one in lr]
        kind = values if real is None else paired
        kind.append(np.mean([finite_psnr(one, hr, scale) for one in sr]))
    return float(np.mean(values or paired))


def restore_pictures(generator, images, scale, estimator=None):
    """Restore uint8 pictures, multiples of `scale`; return them as `validate` does."""
    pictures = {}
    for number, hr in enumerate(images):
        lr, sr = restore(generator, hr, scale, estimator)
        pictures |= _pictures(number, *map(_to_rgb, (lr, sr, hr)))
    return pictures


def _to_rgb(x):
    return np.broadcast_to(x, (*x.shape[:-1], 3))


def _pictures(number, lr, sr, hr):
    k = KERNELS.index("bicubic")
    return {f"{number}/lr": lr[k], f"{number}/sr": sr[k], f"{number}/hr": hr}


def trained_score(config, scores):
    """Average the PSNR of `validate` as training weighs kernels and damages.

    Returns (dB, how it was made in words).
    """
    odds = dataclasses.asdict(config.kernels)
    known = {kernel: odds[kernel] for kernel in odds if f"psnr_{kernel}" in scores}
    if not any(known.values()):
        return scores["psnr"], "psnr"
    clean = sum(odds * scores[f"psnr_{kernel}"] for kernel, odds in known.items())
    clean /= sum(known.values())
    damages = [
        name
        for name in DAMAGES
        if f"psnr_{name}" in scores and _is_trained(name, config.augmentation)
    ]
    share = config.augmentation.damaged if damages else 0.0
    how = f"{known}, {share:g} damaged"
    if not share:
        return clean, how
    if len(damages) < len(DAMAGES):
        how += f" by {', '.join(damages)}"
    damaged = float(np.mean([scores[f"psnr_{name}"] for name in damages]))
    return (1.0 - share) * clean + share * damaged, how


def _is_trained(name, augmentation):
    """Whether patches meet a part of the damage of this name."""
    damage = parse_damage(name)
    ways = ("blur", "noise", "jpeg", "sharpening")
    return any(getattr(damage, way) and getattr(augmentation, way) for way in ways)
