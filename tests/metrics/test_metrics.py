"""Measures against scikit-image, SciPy and figures worked out by hand."""

import numpy as np
import pytest
from scipy.ndimage import laplace
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from srlite.data.kernels import KERNELS
from srlite.metrics.niqe import niqe
from srlite.metrics.psnr_ssim import (
    chroma_psnr,
    colour_error,
    grain,
    lr_error,
    psnr,
    smallest_side,
    ssim,
)
from srlite.pictures.levels import luma


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


def chroma(picture):
    """Cb and Cr as ITU-T T.871 (JFIF) writes them, around 0, without a border of 4."""
    matrix = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    return (picture.astype(float) @ matrix.T)[4:-4, 4:-4]


def test_chroma_psnr_by_formula(pair):
    sr, hr = map(chroma, pair)
    expected = peak_signal_noise_ratio(hr, sr, data_range=255)
    assert chroma_psnr(*pair, 4) == pytest.approx(expected, abs=1e-4)
    assert chroma_psnr(pair[1], pair[1], 4) == float("inf")
    brighter = np.clip(pair[1], 0, 200) + np.uint8(50)  # no other colour
    assert chroma_psnr(brighter, np.clip(pair[1], 0, 200), 4) > 300


def test_grain_by_scipy(pair):
    inner = np.s_[1:-1, 1:-1]
    rough = [
        np.sqrt(np.mean([laplace(x[..., c])[inner] ** 2 for c in (0, 1)]))
        for x in map(chroma, pair)
    ]
    assert rough[0] > 1.5 * rough[1]  # noise is grain
    assert grain(*pair, 4) == pytest.approx(rough[0] / rough[1], rel=1e-4)
    assert grain(pair[1], pair[1], 4) == 1.0


def test_grain_of_half_the_colour():
    """A chequer of blue: the Laplacian of Cb is 8 times its half difference."""
    chequer = np.indices((12, 12)).sum(axis=0) % 2
    hr, sr = np.full((2, 12, 12, 3), 100, np.uint8)
    hr[..., 2] += (40 * chequer).astype(np.uint8)
    sr[..., 2] += (20 * chequer).astype(np.uint8)
    assert grain(sr, hr, 0) == pytest.approx(0.5)


def test_pictures_without_colour():
    """Grey ones have no chroma to lose, and 0.5 levels of grain are none."""
    grey = np.repeat(data.camera()[:40, :40, None], 3, axis=-1)
    sr = data.astronaut()[:40, :40]
    assert np.isnan(chroma_psnr(sr, grey, 4)) and np.isnan(grain(sr, grey, 4))
    blue = grey.copy()
    blue[20, 20, 2] ^= 16
    # The Laplacian of one pixel: 4 there and -1 around, of 32 - 2 by 32 - 2.
    rough = np.sqrt(20 * (8.0**2 + (16 * 0.081312) ** 2) / (2 * 30**2))
    assert rough > 0.5 and not np.isnan(grain(sr, blue, 4))
    blue[20, 20, 2] ^= 16 ^ 4
    assert rough / 4 < 0.5 and np.isnan(grain(sr, blue, 4))


def test_other_arrays_are_refused(pair):
    """Floats would be taken for levels."""
    hr = pair[1]
    for x in (hr / 255, hr.astype(np.uint16), hr[..., 0], hr[..., :1]):
        for measure in (
            lambda x: psnr(x, x, 4),
            lambda x: ssim(x, x, 4),
            lambda x: grain(x, x, 4),
            lambda x: lr_error(x, hr[::4, ::4], "area", 4),
            lambda x: colour_error(x, hr),
            lambda x: niqe(x, (np.zeros(36), np.eye(36)), 4),
        ):
            with pytest.raises(ValueError, match="must be uint8 .height, width, 3."):
                measure(x)
    with pytest.raises(ValueError, match="inside border=-1"):
        psnr(hr, hr, -1)


def test_refusals():
    for measure in (psnr, ssim):
        with pytest.raises(ValueError, match="one shape"):
            measure(np.zeros((99, 99, 3), np.uint8), np.zeros((99, 98, 3), np.uint8), 1)
        with pytest.raises(ValueError, match="'luma' or 'rgb'; received 'y'"):
            measure(*np.zeros((2, 99, 99, 3), np.uint8), 1, "y")
    with pytest.raises(ValueError, match="no 1 x 1 pixels inside border=4"):
        psnr(*np.zeros((2, 8, 9, 3), np.uint8), 4)
    for measure in (chroma_psnr, grain):
        with pytest.raises(ValueError, match="no 3 x 3 pixels inside border=4"):
            measure(*np.zeros((2, 10, 99, 3), np.uint8), 4)
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


@pytest.mark.parametrize("kernel", KERNELS)
def test_one_level_too_bright(kernel):
    """Repeated pixels shrink to themselves where the kernel stays in a block."""
    lr = data.astronaut()[:16, :20] // 2 + 50
    sr = lr.repeat(4, axis=0).repeat(4, axis=1)
    brighter = sr + np.uint8(1)
    if kernel in ("nearest", "area", "bilinear_aliased", "bicubic_aliased"):
        assert lr_error(sr, lr, kernel, 4) == 0.0
        assert lr_error(brighter, lr, kernel, 4) == 1.0
    else:
        assert 0 < lr_error(sr, lr, kernel, 4) < lr_error(sr[::-1], lr, kernel, 4)
    with pytest.raises(ValueError, match=r"lr must be \(16, 20, 3\) for this sr"):
        lr_error(sr, lr[:1], kernel, 4)


def test_colour():
    lr = np.full((4, 5, 3), 100, np.uint8)
    sr = np.full((16, 20, 3), [101, 97, 100], np.uint8)
    assert colour_error(sr, lr) == 3.0
    sr[:8] = 100
    assert colour_error(sr, lr) == 1.5
