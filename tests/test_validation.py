"""Pictures shrunk, enlarged and measured: crops and whole ones."""

import keras
import numpy as np
import pytest
from skimage import data

from srlite.degradations import KERNELS
from srlite.metrics import psnr
from srlite.validation import centre_crop, restore, validate


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
        top, left = ((n - m) // 2 for n, m in zip(image.shape, size, strict=False))
        hr = image[top : top + size[0], left : left + size[1]]
        np.testing.assert_array_equal(centre_crop(image, crop or 999, 4), hr)
        expected.append(psnr(enlarged(hr), hr, 4))
    assert scores["psnr_area"] == pytest.approx(np.mean(expected), abs=0.01)
    by_kernel = [scores[f"psnr_{kernel}"] for kernel in KERNELS]
    assert scores["psnr"] == pytest.approx(np.mean(by_kernel))
    assert pictures.keys() == {"0/lr", "0/sr", "0/hr"}
    assert pictures["0/hr"].shape[:2] == kept[0]


def test_large_pictures_are_restored_like_small_ones(generator):
    hr = data.astronaut()[:260, :264]
    lr, sr = restore(generator, hr, 4)
    assert lr.shape == (6, 65, 66, 3) and sr.shape == (6, 260, 264, 3)
    np.testing.assert_array_equal(sr, lr.repeat(4, axis=1).repeat(4, axis=2))
