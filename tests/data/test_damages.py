"""Damages against Pillow, SciPy and formulas written out here."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

from srlite.data.damages import REAL, damage_and_shrink, parse_damage, parse_damages
from srlite.errors import DataError

HR = data.astronaut()[:120, 100:260]


def shrink(hr):
    """The mean of each 4 x 4 block."""
    height, width, _ = hr.shape
    return levels(hr.reshape(height // 4, 4, width // 4, 4, 3).mean(axis=(1, 3)))


def levels(x):
    return np.clip(np.rint(x), 0, 255).astype(np.uint8)


def jpeg(picture, quality):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def blurred(picture, sigma):
    return gaussian_filter(picture.astype(float), (sigma, sigma, 0), mode="mirror")


def noisy(picture, sigma):
    noise = np.random.default_rng(0).normal(0.0, sigma, picture.shape)
    return levels(picture + noise)


def sharpened(picture):
    return levels(1.8 * picture - 0.8 * blurred(picture, 1.0))


EXPECTED = {
    "none": lambda: shrink(HR),
    "jpeg75": lambda: jpeg(shrink(HR), 75),
    "noise10": lambda: noisy(shrink(HR), 10),
    "noise5jpeg75": lambda: jpeg(noisy(shrink(HR), 5), 75),
    "blur": lambda: shrink(levels(blurred(HR, 1.2))),
    "halfjpeg": lambda: jpeg(shrink(jpeg(HR, 80)), 75),
    "sharp": lambda: sharpened(shrink(HR)),
    "sharpjpeg70": lambda: jpeg(sharpened(shrink(HR)), 70),
    "sharpnoise3jpeg60": lambda: jpeg(noisy(sharpened(shrink(HR)), 3), 60),
    "lanczos": lambda: np.asarray(
        Image.fromarray(HR).resize((40, 30), Image.Resampling.LANCZOS)
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_to_the_level(name):
    lr = damage_and_shrink(HR, shrink, parse_damage(name))
    np.testing.assert_array_equal(lr, EXPECTED[name]())
    if name != "none":
        assert (lr != shrink(HR)).mean() > 0.05


def test_a_jpeg_halves_colour():
    """Single columns of red and green lose their difference, as with 4:2:0."""
    picture = np.full((32, 32, 3), (140, 90, 60), np.uint8)
    picture[:, ::2] = (90, 125, 60)
    saved = damage_and_shrink(picture, np.copy, parse_damage("jpeg90")).astype(int)
    # Luma is about the same, so what is left is in the colour.
    assert abs((saved[:, ::2] - saved[:, 1::2])[..., 0].mean()) < 10


def test_lanczos_at_another_scale():
    lr = damage_and_shrink(HR, None, parse_damage("lanczos"), scale=2)
    expected = Image.fromarray(HR).resize((80, 60), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(lr, expected)


@pytest.mark.parametrize("shape", [(4, 4), (4, 12)])
def test_blur_of_few_pixels(shape):
    """Narrower than the filter, where mirror follows on mirror."""
    hr = HR[: shape[0], : shape[1]]
    lr = damage_and_shrink(hr, shrink, parse_damage("blur"))
    np.testing.assert_array_equal(lr, shrink(levels(blurred(hr, 1.2))))


def test_names():
    names = [damage.name for damage in parse_damages(["none", "real", "jpeg75"])]
    assert names == ["none", *REAL] and len(REAL) == 9
    assert parse_damage("jpeg62").jpeg == 62 and parse_damage("noise7").noise == 7


@pytest.mark.parametrize("name", ["", "jpg75", "jpeg", "jpeg75noise5", "blur2", "real"])
def test_unknown_names(name):
    with pytest.raises(DataError, match="unknown damage .*there are none, jpeg90, "):
        parse_damage(name)


def test_numbers_out_of_range():
    with pytest.raises(DataError, match="behind jpeg .* from 1 to 100; received jpeg0"):
        parse_damage("jpeg0")
    with pytest.raises(DataError, match="behind jpeg .* received sharpjpeg101"):
        parse_damages(["none", "sharpjpeg101"])
    with pytest.raises(DataError, match="behind noise .* from 0 to 255; received"):
        parse_damage("noise256")
