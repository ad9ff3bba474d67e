"""Blur and sharpening against scipy, noise by its formula, holes by their place."""

import keras
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

from srlite.data.augmentations import add_noise, blur, cut_out, sharpen


@pytest.fixture(scope="module")
def photo():
    return data.astronaut()[40:137, 150:269]  # (97, 119, 3)


def computed(function, *arguments):
    return keras.ops.convert_to_numpy(function(*arguments))


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


def test_sharpening_is_an_unsharp_mask_of_sigma_1(photo):
    amounts = np.array([0.0, 0.3, 1.0, 2.5], np.float32)
    sharp = computed(sharpen, np.repeat(photo[None], 4, axis=0), amounts)
    np.testing.assert_array_equal(sharp[0], photo)
    soft = gaussian_filter(
        photo.astype(np.float64), (1, 1, 0), mode="reflect", truncate=8
    )
    for picture, amount in zip(sharp[1:], amounts[1:], strict=True):
        expected = np.clip(photo + amount * (photo - soft), 0, 255)
        np.testing.assert_array_equal(picture, np.rint(picture))
        assert np.abs(picture - expected).max() < 0.51  # rounded
    assert np.abs(sharp[2] - photo.astype(float)).mean() > 2


def standard_normal(shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("colour", [0.0, 0.5, 1.0, 1.2])
def test_colour_of_noise(colour):
    """As much in each channel; what differs between them has the wanted share."""
    grey = np.full((1, 96, 96, 3), 128.0, np.float32)
    normal = standard_normal(grey.shape)
    sigma, colours = np.array([9.0], np.float32), np.array([colour], np.float32)
    noise = computed(add_noise, grey, normal, sigma, colours)[0] - 128.0
    common = normal[0].mean(axis=-1, keepdims=True)
    # Variances: 1/3 of the mean of three channels, 2/3 of what is left.
    expected = np.sqrt((1 - colour**2 * 2 / 3) * 3) * common
    expected = 9.0 * (expected + colour * (normal[0] - common))
    assert np.abs(noise - expected).max() < 0.501
    np.testing.assert_allclose(noise.std(axis=(0, 1)), 9.0, rtol=0.04)
    between = noise - noise.mean(axis=-1, keepdims=True)
    rounding = 1 / 12
    wanted = colour**2 * 81 * 2 / 3 + (rounding * 2 / 3 if colour else 0)
    assert between.var() == pytest.approx(wanted, rel=0.05, abs=1e-6)


@pytest.mark.parametrize("shot", [0.0, 0.4, 1.0])
def test_noise_by_light(shot):
    """Its variance has a share that grows with the level, and is whole at mid-grey."""
    levels = np.array([40.0, 127.5, 210.0])
    picture = np.broadcast_to(levels[:, None, None], (3, 5000, 3))[None]
    normal = standard_normal(picture.shape)
    sigma, shots = np.array([6.0], np.float32), np.array([shot], np.float32)
    noisy = computed(add_noise, picture, normal, sigma, None, shots)[0]
    deviation = 6.0 * np.sqrt(1 - shot + shot * levels / 127.5)
    expected = picture[0] + deviation[:, None, None] * normal[0]
    assert np.abs(noisy - expected).max() < 0.501
    np.testing.assert_allclose(noisy.std(axis=(1, 2)), deviation, rtol=0.03)


def test_noise_of_grey_pictures_has_no_colour():
    grey = np.full((1, 64, 64, 1), 128.0, np.float32)
    arguments = grey, standard_normal(grey.shape), np.array([8.0], np.float32)
    plain = computed(add_noise, *arguments)
    coloured = computed(add_noise, *arguments, np.array([0.0], np.float32))
    np.testing.assert_array_equal(plain, coloured)
    assert plain.std() == pytest.approx(8.0, rel=0.05)


def test_cutout_is_black_where_it_should_be(photo):
    boxes = np.array([[2, 5, 10, 6], [4, 4, 4, 4]], np.int32)
    whole = np.repeat(photo[None], 2, axis=0).astype("float32")
    result = computed(cut_out, whole, boxes)
    expected = whole.copy()
    expected[0, 2:10, 5:6] = 0
    np.testing.assert_array_equal(result, expected)
