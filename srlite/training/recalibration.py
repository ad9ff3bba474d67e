"""BatchNorm's moving statistics, measured anew on photographs.

Averaging weights, over time (EMA) or between networks (interpolation), averages the
moving statistics too, but the features of an averaged network do not have the average
of the statistics. Izmailov et al. 2018 (https://arxiv.org/abs/1803.05407, section 3.2)
therefore pass data through the averaged network once more.

Here the statistics are exact rather than moving averages: the layers are taken in
their order, each measured over all patches on what the layers before it, already
recalibrated, give it. The result is that of one training pass over a single batch that
holds all patches (momentum 0), in the memory of a small one.

A network that was trained on with frozen statistics has fitted its weights to those
constants, which need not be the statistics of anything. For it this is damage; so the
PSNR is measured before and after, and a worse network is refused.
"""

import keras
import numpy as np

from srlite.data.patches import PatchSampler
from srlite.data.degradations import degrade
from srlite.errors import ModelError
from srlite.data.kernels import KERNELS
from srlite.training.validation import validate

PATCH_SIZE = 128  # HR pixels
_PHOTOS = 8  # on which PSNR is measured


def recalibrate(generator, images, num_patches=96, seed=0):
    """Measure the statistics of every BatchNorm layer, and set them.

    Args:
        generator: `keras.Model`, LR to SR; changed in place.
        images: uint8 HR photographs (height, width, 3), sides of at least `PATCH_SIZE`
            pixels.
        num_patches: patches to measure on, cut anywhere in the photographs; their LR
            are made by all of `KERNELS` with equal odds.
        seed: of places and kernels.

    Returns:
        (before, after): mean PSNR over the kernels in dB, on up to 8 photographs.

    Raises:
        ModelError: there is no BatchNorm in the generator, or PSNR fell; the statistics
            are then as they were.
    """
    probe = np.zeros((1, 8, 8, generator.input_shape[-1]), np.float32)
    scale = generator(probe).shape[1] // 8
    kind = keras.layers.BatchNormalization
    normalizations = [layer for layer in generator.layers if isinstance(layer, kind)]
    if not normalizations:
        raise ModelError("the model has no BatchNorm, so there is nothing to measure")
    sampler = PatchSampler(images, PATCH_SIZE, 1, [1] * len(KERNELS), seed)
    lr = np.concatenate(
        [
            keras.ops.convert_to_numpy(degrade(sampler.batch(step), scale)[0])
            for step in range(num_patches)
        ]
    )  # (num_patches, PATCH_SIZE / scale, PATCH_SIZE / scale, 3)
    photos = images[:: max(1, len(images) // _PHOTOS)][:_PHOTOS]
    before = validate(generator, photos, scale, num_pictures=0)[0]["psnr"]
    former = generator.get_weights()
    for layer in normalizations:
        mean, variance = _moments(keras.Model(generator.input, layer.input), lr)
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)
    after = validate(generator, photos, scale, num_pictures=0)[0]["psnr"]
    if not after >= before:
        generator.set_weights(former)
        raise ModelError(
            f"recalibration lowers PSNR on these photographs from {before:.3f} to "
            f"{after:.3f} dB, as it does where training froze the statistics; leave "
            "them as they are"
        )
    return before, after


def _moments(features, lr, batch_size=8):
    """Mean and variance per channel, float64, of a model's output on all patches."""
    count, total, squares = 0, 0.0, 0.0
    for start in range(0, len(lr), batch_size):
        y = features(lr[start : start + batch_size], training=False)  # (B, h, w, C)
        y = keras.ops.convert_to_numpy(y).astype(np.float64)
        y = y.reshape(-1, y.shape[-1])
        count, total = count + len(y), total + y.sum(axis=0)
        squares = squares + np.square(y).sum(axis=0)
    mean = total / count
    return mean, np.maximum(squares / count - np.square(mean), 0.0)
