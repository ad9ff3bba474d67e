"""PSNR against scikit-image and a figure worked out by hand."""

import numpy as np
import pytest
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

from srlite.images import luma
from srlite.metrics import psnr


def test_psnr_equals_scikit_image():
    hr = data.astronaut()[:64, :80]
    noise = np.random.default_rng(0).integers(-20, 21, hr.shape)
    sr = np.clip(hr.astype(int) + noise, 0, 255).astype(np.uint8)
    a, b = (luma(x)[4:-4, 4:-4] for x in (hr, sr))
    assert psnr(sr, hr, 4) == pytest.approx(
        peak_signal_noise_ratio(a, b, data_range=255)
    )
    assert psnr(hr, hr, 4) == float("inf")


def test_psnr_of_one_green_level():
    """One level of green is 128.553 / 255 of luma."""
    hr = np.full((12, 12, 3), 100, np.uint8)
    sr = hr + np.array([0, 1, 0], np.uint8)
    assert psnr(sr, hr, 0) == pytest.approx(20 * np.log10(255 / (128.553 / 255)))


def test_psnr_refuses():
    with pytest.raises(ValueError, match="one shape"):
        psnr(np.zeros((9, 9, 3), np.uint8), np.zeros((9, 8, 3), np.uint8), 1)
    with pytest.raises(ValueError, match="no pixels"):
        psnr(np.zeros((8, 9, 3), np.uint8), np.zeros((8, 9, 3), np.uint8), 4)
