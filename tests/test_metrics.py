"""PSNR and SSIM against scikit-image and figures worked out by hand."""

import numpy as np
import pytest
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from srlite.pictures.picture import luma
from srlite.metrics.psnr_ssim import psnr, smallest_side, ssim


@pytest.fixture(scope="module")
def pair():
    hr = data.astronaut()[:164, :81]
    noise = np.random.default_rng(0).integers(-20, 21, hr.shape)
    return np.clip(hr.astype(int) + noise, 0, 255).astype(np.uint8), hr


def cut(pair, channel):
    """Float64 without a border of 4; luma, or the three channels as they are."""
    pictures = [x.astype(float) if channel == "rgb" else luma(x) for x in pair]
    return [x[4:-4, 4:-4] for x in pictures]


@pytest.mark.parametrize("channel", ["luma", "rgb"])
def test_psnr_equals_scikit_image(pair, channel):
    expected = peak_signal_noise_ratio(*cut(pair, channel), data_range=255)
    assert psnr(*pair, 4, channel) == pytest.approx(expected, abs=1e-9)
    assert psnr(pair[1], pair[1], 4, channel) == float("inf")


@pytest.mark.parametrize("channel", ["luma", "rgb"])
def test_ssim_equals_scikit_image(pair, channel):
    _, places = structural_similarity(
        *cut(pair, channel),
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1 if channel == "rgb" else None,
        full=True,
    )
    # Nearer to the edge than half a window, scikit-image mirrors the picture.
    expected = places[5:-5, 5:-5].mean()
    assert 0.3 < expected < 0.95
    assert ssim(*pair, 4, channel) == pytest.approx(expected, abs=1e-9)
    assert ssim(pair[1], pair[1], 4, channel) == pytest.approx(1.0, abs=1e-12)


def test_psnr_of_one_green_level():
    """One level of green is 128.553 / 255 of luma, and a third of RGB's error."""
    hr = np.full((12, 12, 3), 100, np.uint8)
    sr = hr + np.array([0, 1, 0], np.uint8)
    assert psnr(sr, hr, 0) == pytest.approx(20 * np.log10(255 / (128.553 / 255)))
    assert psnr(sr, hr, 0, "rgb") == pytest.approx(10 * np.log10(3 * 255**2))


def test_ssim_of_two_flat_pictures():
    """Without variance there is only the first factor of the formula."""
    sr, hr = (np.full((11, 12, 3), level, np.uint8) for level in (50, 60))
    c1 = (0.01 * 255) ** 2
    expected = (2 * 50 * 60 + c1) / (50**2 + 60**2 + c1)
    assert ssim(sr, hr, 0, "rgb") == pytest.approx(expected)


def test_refusals():
    for measure in (psnr, ssim):
        with pytest.raises(ValueError, match="one shape"):
            measure(np.zeros((99, 99, 3), np.uint8), np.zeros((99, 98, 3), np.uint8), 1)
        with pytest.raises(ValueError, match="'luma' or 'rgb'; received 'y'"):
            measure(*np.zeros((2, 99, 99, 3), np.uint8), 1, "y")
    with pytest.raises(ValueError, match="no 1 x 1 pixels inside border=4"):
        psnr(*np.zeros((2, 8, 9, 3), np.uint8), 4)
    with pytest.raises(ValueError, match="no 11 x 11 pixels inside border=4"):
        ssim(*np.zeros((2, 18, 99, 3), np.uint8), 4)


@pytest.mark.parametrize("scale", [2, 3, 4, 8, 16])
def test_smallest_side(scale):
    side = smallest_side(scale)
    picture = np.zeros((side, side, 3), np.uint8)
    assert ssim(picture, picture, scale) == 1.0
    cut = (side - 1) // scale * scale
    with pytest.raises(ValueError, match="inside border"):
        ssim(picture[:cut], picture[:cut], scale)
