"""Every way to shrink against Pillow or an explicit formula."""

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data

from srlite.data.degradations import degrade, downsample
from srlite.data.kernels import (
    KERNELS,
    SHRINKINGS,
    downsampling_matrix,
    kernel_odds,
    resampling_matrix,
    shrink,
    shrinking_matrices,
)


@pytest.fixture(scope="module")
def photo():
    return data.astronaut()[40:200, 150:286]  # (160, 136, 3)


@pytest.fixture(scope="module")
def shrunk(photo):
    batch = np.repeat(photo[None], len(KERNELS), axis=0)
    lr = keras.ops.convert_to_numpy(downsample(batch, np.arange(len(KERNELS)), 4))
    return dict(zip(KERNELS, lr, strict=True))


def blocks_by_taps(photo, taps):
    """Weigh the 4x4 block of each LR pixel by the outer product of `taps`."""
    height, width = photo.shape[0] // 4, photo.shape[1] // 4
    blocks = photo.astype(np.float64).reshape(height, 4, width, 4, 3)
    return np.rint(np.einsum("a,b,hawbc->hwc", taps, taps, blocks))


@pytest.mark.parametrize(
    ("kernel", "filter_name"),
    [("nearest", "NEAREST"), ("bilinear", "BILINEAR"), ("bicubic", "BICUBIC")],
)
def test_equals_pillow_to_one_level(photo, shrunk, kernel, filter_name):
    size = (photo.shape[1] // 4, photo.shape[0] // 4)
    resample = Image.Resampling[filter_name]
    expected = np.asarray(Image.fromarray(photo).resize(size, resample), np.int64)
    difference = np.abs(shrunk[kernel] - expected)
    if kernel == "bicubic":  # Pillow drops the taps beyond the border, MATLAB mirrors
        difference = difference[2:-2, 2:-2]
    assert difference.max() <= (0 if kernel == "nearest" else 1)


@pytest.mark.parametrize(
    ("kernel", "taps"),
    [
        ("area", (0.25, 0.25, 0.25, 0.25)),
        ("bilinear_aliased", (0.0, 0.5, 0.5, 0.0)),
        ("bicubic_aliased", (-0.0625, 0.5625, 0.5625, -0.0625)),
    ],
)
def test_equals_formula(photo, shrunk, kernel, taps):
    expected = np.clip(blocks_by_taps(photo, taps), 0, 255)
    np.testing.assert_array_equal(shrunk[kernel], expected)


def test_bicubic_mirrors_at_the_border():
    """MATLAB's rule written out for the first LR pixel of a ramp of 16."""
    x = np.arange(-6, 10)  # 16 taps around the centre at 1.5
    t = np.abs(x - 1.5) / 4
    near = 1.5 * t**3 - 2.5 * t**2 + 1
    far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    weights = np.where(t <= 1, near, np.where(t < 2, far, 0))
    mirrored = np.where(x < 0, -x - 1, x)
    expected = np.bincount(mirrored, weights / weights.sum(), minlength=16)
    np.testing.assert_allclose(downsampling_matrix("bicubic", 16, 4)[0], expected)


@pytest.mark.parametrize("kernel", KERNELS)
def test_one_picture_in_numpy(photo, shrunk, kernel):
    """As in the graph, but for what lies at a half within float32's precision."""
    difference = np.abs(shrink(photo, kernel, 4) - shrunk[kernel])
    assert difference.max() <= 1 and difference.mean() < 1e-4


@pytest.mark.parametrize("kernel", KERNELS)
def test_matrix_keeps_flat_pictures_flat(kernel):
    for size in (4, 8, 64):
        matrix = downsampling_matrix(kernel, size, 4)
        assert matrix.shape == (size // 4, size)
        np.testing.assert_allclose(matrix.sum(axis=1), 1.0)


def test_matrix_refuses():
    with pytest.raises(ValueError, match="multiple of scale 4; received 10"):
        downsampling_matrix("area", 10, 4)
    with pytest.raises(ValueError, match="or 'lanczos'; received 'sinc'"):
        downsampling_matrix("sinc", 8, 4)


def by_pillow(picture, size, kernel):
    """Resize to (height, width); 8 bits after each of two passes."""
    resample = Image.Resampling[kernel.upper()]
    return np.asarray(Image.fromarray(picture).resize(size[::-1], resample))


def shrunk_in_way(photo, way):
    index = np.array([SHRINKINGS.index(way)])
    return keras.ops.convert_to_numpy(downsample(photo[None], index, 4))[0]


def test_lanczos_equals_pillow_to_one_level(photo):
    photo = photo // 2 + 64  # Pillow would clip what overshoots between its passes
    difference = shrunk_in_way(photo, "lanczos") - by_pillow(photo, (40, 34), "lanczos")
    assert np.abs(difference).max() <= 1
    bicubic = by_pillow(photo, (40, 34), "bicubic")
    assert np.abs(shrunk_in_way(photo, "lanczos") - bicubic).mean() > 0.5


TWO_STEPS = [way for way in SHRINKINGS if not isinstance(way, str)]
IN_PILLOW = ("bilinear", "bicubic", "lanczos")


@pytest.mark.parametrize(
    "way",
    [w for w in TWO_STEPS if {w[0], w[2]} <= set(IN_PILLOW)],
    ids=lambda way: f"{way[0]} {way[1]} {way[2]}",
)
def test_two_steps_equal_those_of_pillow(way):
    first, share, second = way
    # Of noise, which every filter leaves different, and seldom at 0 or 255.
    noise = np.random.default_rng(0).integers(32, 224, (160, 136, 3), np.uint8)
    between = [round(share * side) for side in noise.shape[:2]]
    expected = by_pillow(by_pillow(noise, between, first), (40, 34), second)
    # Pillow drops the taps beyond the border, bicubic mirrors there; and it rounds
    # between the steps.
    difference = np.abs(shrunk_in_way(noise, way) - expected)[3:-3, 3:-3]
    assert difference.max() <= 1
    one_step = np.abs(shrunk_in_way(noise, second) - expected)[3:-3, 3:-3]
    assert one_step.mean() > 1.25 * difference.mean()


def test_area_to_any_size_is_a_mean():
    """Of the function that is constant on each pixel, by its integral."""
    line = np.random.default_rng(0).random(50)
    integral = np.concatenate([[0], np.cumsum(line)])
    ends = np.linspace(0, 50, 45 + 1)
    expected = np.diff(np.interp(ends, np.arange(51), integral)) / (50 / 45)
    np.testing.assert_allclose(resampling_matrix("area", 50, 45) @ line, expected)


def test_shrinking_takes_levels_alone():
    picture = np.ones((8, 8, 3))
    for wrong in (picture, picture.astype(np.uint16), np.uint8(picture[..., 0])):
        with pytest.raises(ValueError, match=r"hr must be uint8 \(height, width, chan"):
            shrink(wrong, "bicubic", 4)


def test_ways_to_shrink():
    assert SHRINKINGS[:7] == (*KERNELS, "lanczos")
    assert {share for _, share, _ in TWO_STEPS} == {0.5, 0.6, 0.75, 0.9}
    assert len(set(SHRINKINGS)) == len(SHRINKINGS)
    matrices = shrinking_matrices(64, 4)
    assert matrices.shape == (len(SHRINKINGS), 16, 64)
    np.testing.assert_allclose(matrices.sum(axis=2), 1.0, rtol=1e-6)


def test_odds_of_other_ways_by_their_likeness():
    odds = kernel_odds(4)
    np.testing.assert_array_equal(odds[:6], np.eye(6))
    np.testing.assert_allclose(odds.sum(axis=1), 1.0, rtol=1e-6)
    size, lanczos = 128, SHRINKINGS.index("lanczos")
    weights = [downsampling_matrix(kernel, size, 4) for kernel in KERNELS]
    own = downsampling_matrix("lanczos", size, 4)
    inverse = np.array([1 / np.sum((own - w) ** 2) for w in weights])
    np.testing.assert_allclose(odds[lanczos], inverse / inverse.sum(), rtol=1e-4)
    assert KERNELS[odds[lanczos].argmax()] == "bicubic"
    halves = SHRINKINGS.index(("bicubic", 0.5, "bilinear"))
    assert KERNELS[odds[halves].argmax()] == "bilinear"


def test_each_picture_has_its_kernel(photo, shrunk):
    order = np.array([4, 0, 2], np.int32)
    batch = {"hr": np.repeat(photo[None], 3, axis=0), "kernel": order}
    lr, hr = map(keras.ops.convert_to_numpy, degrade(batch, 4))
    assert lr.dtype == hr.dtype == np.float32
    np.testing.assert_allclose(hr[1] * 255, photo, atol=1e-4)
    for picture, index in zip(lr, order, strict=True):
        np.testing.assert_allclose(picture * 255, shrunk[KERNELS[index]], atol=1e-4)
        # as an 8-bit file would hold it
        np.testing.assert_allclose(picture * 255, np.rint(picture * 255), atol=1e-4)
