"""JPEG against Pillow, blur against scipy, noise by its moments, holes by place."""

import io

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

from srlite.data.augmentations import (
    add_noise,
    blur,
    compress_jpeg,
    cut_out,
    quantisation_tables,
)
from srlite.data.degradations import degrade


@pytest.fixture(scope="module")
def photo():
    return data.astronaut()[40:137, 150:269]  # (97, 119, 3)


def computed(function, *arguments):
    return keras.ops.convert_to_numpy(function(*arguments))


def through_pillow(picture, quality):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality, subsampling=0)
    return Image.open(buffer)


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 95])
def test_jpeg_equals_pillow(photo, quality):
    """The integer arithmetic of libjpeg turns a coefficient here and there."""
    codec = through_pillow(photo, quality)
    result = computed(compress_jpeg, photo[None].astype("float32"), np.array([quality]))
    difference = np.abs(result[0] - np.asarray(codec, np.float32))
    assert difference.mean() < 0.15
    assert (difference > 1).mean() < 0.03
    # Small against what the codec itself changes.
    assert difference.mean() < 0.07 * np.abs(np.asarray(codec, float) - photo).mean()
    np.testing.assert_array_equal(result, np.rint(result))
    assert result.min() >= 0 and result.max() <= 255


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 77, 100])
def test_quantisation_tables_are_those_in_a_file(photo, quality):
    # Pillow gives a file's tables row by row.
    tables = through_pillow(photo, quality).quantization
    ours = quantisation_tables(quality)
    np.testing.assert_array_equal(ours[..., 0].ravel(), tables[0])
    np.testing.assert_array_equal(ours[..., 1].ravel(), tables[1])
    np.testing.assert_array_equal(ours[..., 2], ours[..., 1])


def test_jpeg_of_each_picture_by_its_quality(photo):
    batch = np.repeat(photo[None], 3, axis=0).astype("float32")
    mixed = computed(compress_jpeg, batch, np.array([20, 0, 90], np.int32))
    np.testing.assert_array_equal(mixed[1], photo)
    for picture, quality in ((mixed[0], 20), (mixed[2], 90)):
        alone = computed(compress_jpeg, batch[:1], np.array([quality]))[0]
        np.testing.assert_array_equal(picture, alone)


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (8, 16), (17, 3)])
def test_jpeg_of_odd_sizes(photo, shape):
    small = photo[: shape[0], : shape[1]]
    result = computed(compress_jpeg, small[None].astype("float32"), np.array([75]))[0]
    expected = np.asarray(through_pillow(small, 75), np.float32)
    assert result.shape == expected.shape
    assert np.abs(result - expected).mean() < 0.5


def test_blur_equals_scipy(photo):
    sigmas = np.array([0.0, 0.4, 1.3, 3.0], np.float32)
    blurred = computed(blur, np.repeat(photo[None], 4, axis=0), sigmas)
    np.testing.assert_array_equal(blurred[0], photo)
    for picture, sigma in zip(blurred[1:], sigmas[1:], strict=True):
        expected = gaussian_filter(
            photo.astype(np.float64), (sigma, sigma, 0), mode="reflect", truncate=8
        )
        np.testing.assert_allclose(picture, expected, atol=0.01)


def test_noise_has_its_deviation():
    grey = np.full((3, 64, 64, 3), 128.0, np.float32)
    normal = np.random.default_rng(0).standard_normal(grey.shape).astype(np.float32)
    sigma = np.array([0, 2, 10], np.float32)
    noise = computed(add_noise, grey, normal, sigma) - 128
    np.testing.assert_array_equal(noise[0], 0)
    np.testing.assert_array_equal(noise, np.rint(noise))
    for values, deviation in zip(noise[1:], sigma[1:], strict=True):
        assert abs(values.mean()) < 4 * deviation / np.sqrt(values.size)
        # Rounding to levels adds a variance of 1/12.
        assert values.std() == pytest.approx(np.hypot(deviation, 12**-0.5), rel=0.03)
    bright = computed(add_noise, grey + 127, normal, sigma)
    assert bright.max() == 255


def test_cutout_is_black_where_it_should_be(photo):
    boxes = np.array([[2, 5, 10, 6], [4, 4, 4, 4]], np.int32)
    whole = np.repeat(photo[None], 2, axis=0).astype("float32")
    result = computed(cut_out, whole, boxes)
    expected = whole.copy()
    expected[0, 2:10, 5:6] = 0
    np.testing.assert_array_equal(result, expected)


def test_order_in_degrade(photo):
    """Blur, area, noise, JPEG, hole, by the single functions; a pair as it is."""
    hr = np.repeat(photo[None, :96, :104], 2, axis=0)
    real = photo[:24, :26]
    batch = {
        "hr": hr,
        "kernel": np.array([5, 5], np.int32),
        "blur_sigma": np.array([1.5, 1.5], np.float32),
        "noise": np.random.default_rng(0)
        .standard_normal((2, 24, 26, 3))
        .astype("float32"),
        "noise_sigma": np.array([8, 8], np.float32),
        "jpeg_quality": np.array([40, 40], np.int32),
        "cutout": np.array([[0, 0, 3, 9]] * 2, np.int32),
        "lr": np.repeat(real[None], 2, axis=0),
        "paired": np.array([False, True]),
    }
    lr, target = map(keras.ops.convert_to_numpy, degrade(batch, 4))
    blurred = computed(blur, hr, batch["blur_sigma"])
    shrunk = np.rint(blurred.reshape(2, 24, 4, 26, 4, 3).mean(axis=(2, 4)))
    noisy = np.clip(np.rint(shrunk + 8 * batch["noise"]), 0, 255)
    expected = computed(compress_jpeg, noisy, batch["jpeg_quality"])
    expected[:, :3, :9] = 0
    # A mean at a half may be rounded to either side, and JPEG spreads the level.
    assert np.abs(lr[0] * 255 - expected[0]).mean() < 0.05
    np.testing.assert_array_equal(np.rint(lr[1] * 255), real)
    np.testing.assert_allclose(lr * 255, np.rint(lr * 255), atol=1e-4)
    np.testing.assert_array_equal(np.rint(target * 255), hr)
