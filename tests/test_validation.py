"""Pictures shrunk, enlarged and measured: crops and whole ones."""

import keras
import numpy as np
import pytest
from skimage import data

from srlite.data.kernels import KERNELS
from srlite.training.losses import ContentLoss, StyleLoss
from srlite.metrics.psnr_ssim import psnr, ssim
from srlite.training.validation import (
    centre_crop,
    distance_model,
    restore,
    restore_pictures,
    validate,
)


@pytest.fixture(scope="module")
def generator():
    """Repeats each LR pixel 4 x 4 times."""
    return keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.UpSampling2D(4)]
    )


def enlarged(hr):
    """The area-shrunk picture, each pixel repeated."""
    height, width = hr.shape[0] // 4, hr.shape[1] // 4
    means = np.rint(hr.reshape(height, 4, width, 4, 3).mean(axis=(1, 3)))
    return means.astype(np.uint8).repeat(4, axis=0).repeat(4, axis=1)


@pytest.mark.parametrize("crop", [64, 0])
def test_crop_and_whole(generator, crop):
    # The second is more than is enlarged at once with all kernels.
    images = [data.chelsea()[:130, :99], data.astronaut()[:259, :262]]
    scores, pictures = validate(generator, images, 4, crop=crop, num_pictures=1)
    kept = [(64, 64), (64, 64)] if crop else [(128, 96), (256, 260)]
    expected = []
    for image, size in zip(images, kept, strict=True):
        top, left = (
            (n - m) // 2 if crop else 0 for n, m in zip(image.shape, size, strict=False)
        )
        hr = image[top : top + size[0], left : left + size[1]]
        np.testing.assert_array_equal(centre_crop(image, crop or 999, 4), hr)
        expected.append([f(enlarged(hr), hr, 4) for f in (psnr, ssim)])
    for number, name in enumerate(("psnr", "ssim")):
        mean = np.mean(expected, axis=0)[number]
        assert scores[f"{name}_area"] == pytest.approx(mean, rel=5e-4)
        by_kernel = [scores[f"{name}_{kernel}"] for kernel in KERNELS]
        assert scores[name] == pytest.approx(np.mean(by_kernel))
    assert len(scores) == 2 * (1 + len(KERNELS))
    assert pictures.keys() == {"0/lr", "0/sr", "0/hr"}
    assert pictures["0/hr"].shape[:2] == kept[0]


def test_large_pictures_are_restored_like_small_ones(generator):
    hr = data.astronaut()[:260, :264]
    lr, sr = restore(generator, hr, 4)
    assert lr.shape == (6, 65, 66, 3) and sr.shape == (6, 260, 264, 3)
    np.testing.assert_array_equal(sr, lr.repeat(4, axis=1).repeat(4, axis=2))


def test_pictures_without_measuring(generator):
    hr = data.chelsea()[:8, :12]  # too small to be measured
    pictures = restore_pictures(generator, [hr, hr], 4)
    assert set(pictures) == {
        f"{i}/{name}" for i in (0, 1) for name in ("lr", "sr", "hr")
    }
    np.testing.assert_array_equal(pictures["1/hr"], hr)
    _, sr = restore(generator, hr, 4)
    np.testing.assert_array_equal(pictures["1/sr"], sr[KERNELS.index("bicubic")])


@pytest.mark.parametrize("channels", [1, 3])
def test_distances(channels):
    """The losses of a stage on the centres, after one kernel for each picture."""
    picture = keras.Input((None, None, channels))
    generator = keras.Model(picture, keras.layers.UpSampling2D(4)(picture))
    brightness = keras.ops.mean(picture, axis=-1, keepdims=True)
    features = keras.Model(picture, [100.0 * brightness, 7.0 * picture])
    losses = {
        "content": ContentLoss(features, [0.25, 0.5], [100.0, 7.0]),
        "style": StyleLoss(keras.Model(picture, 3.0 * picture)),
    }
    images = [data.astronaut()[:140, 30:230], data.coffee()[10:180, :170]]
    if channels == 1:
        images = [image[..., :1] for image in images]
    distances = distance_model(losses, channels)
    scores, _ = validate(generator, images, 4, distances=distances)
    expected = []
    for number, image in enumerate(images):
        # 140 x 200 and 168 x 168 pixels are measured, of which 128 x 128 are seen.
        hr = centre_crop(image, 256, 4)
        _, sr = restore(generator, hr, 4)
        top, left = ((side - 128) // 2 for side in hr.shape[:2])
        place = slice(top, top + 128), slice(left, left + 128)
        difference = (hr[place] - sr[number][place].astype(float)) / 255
        content = 0.25 * np.abs(difference.mean(-1)).mean()
        expected.append(
            [content + 0.5 * abs(difference).mean(), 3 * abs(difference).mean()]
        )
    mean = np.mean(expected, axis=0)
    assert [scores["content"], scores["style"]] == pytest.approx(mean, rel=1e-4)
    assert mean[0] > 0.005
