"""NIQE's fit against known distributions, and what it says of spoiled pictures."""

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy.io import savemat
from scipy.ndimage import correlate
from scipy.stats import gennorm
from skimage import data

from srlite.errors import DataError
from srlite.metrics.niqe import _features, _fit, _normalised, niqe, read_niqe_parameters
from srlite.pictures.levels import luma


@pytest.fixture(scope="module")
def pictures():
    names = ("astronaut", "coffee", "chelsea")
    return [getattr(data, name)()[:300, :400] for name in names]


@pytest.fixture(scope="module")
def parameters(pictures):
    """A Gaussian fitted to the sharp pictures: (36,), (36, 36)."""
    features = []
    for picture in pictures[:2]:
        y = np.rint(luma(picture[:288, :384]))
        half = y.reshape(144, 2, 192, 2).mean(axis=(1, 3))
        features.append(np.concatenate([_features(y, 96), _features(half, 48)], axis=1))
    features = np.concatenate(features)
    return features.mean(axis=0), np.cov(features, rowvar=False)


@pytest.mark.parametrize("shape", [0.6, 1.0, 2.0, 4.0])
def test_fit_finds_generalised_gaussians(shape):
    """Also of another scale on each side of 0, and as likely on the wider one."""
    x = gennorm.rvs(shape, size=200_000, random_state=0)
    fitted, left, right = _fit(2.5 * x)
    assert fitted == pytest.approx(shape, rel=0.05)
    assert (left, right) == pytest.approx((2.5, 2.5), rel=0.05)
    # Of an asymmetric one, a side's share of the values is as its scale is.
    x = np.abs(x)
    x = np.concatenate([-x[:50_000], 3 * x[50_000:]])
    fitted, left, right = _fit(x)
    assert fitted == pytest.approx(shape, rel=0.05)
    assert (left, right) == pytest.approx((1.0, 3.0), rel=0.05)


def test_normalisation_by_hand():
    y = luma(data.camera()[:40, :50, None].repeat(3, axis=2))
    places = np.mgrid[-3:4, -3:4]
    window = np.exp(-(places**2).sum(axis=0) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    mean = correlate(y, window, mode="nearest")
    deviation = np.sqrt(np.abs(correlate(y**2, window, mode="nearest") - mean**2))
    np.testing.assert_allclose(_normalised(y), (y - mean) / (deviation + 1), atol=1e-6)


def test_spoiled_pictures_are_less_natural(pictures, parameters):
    sharp = pictures[2]
    image = Image.fromarray(sharp)
    random = np.random.default_rng(0)
    noise = sharp + 25 * random.standard_normal(sharp.shape)
    values = [
        niqe(x, parameters, 4)
        for x in (
            sharp,
            np.asarray(image.filter(ImageFilter.GaussianBlur(1))),
            np.asarray(image.filter(ImageFilter.GaussianBlur(3))),
        )
    ]
    assert values[0] < values[1] < values[2]
    assert values[0] < niqe(np.clip(noise, 0, 255).astype(np.uint8), parameters, 4)


def test_one_value_is_pinned(pictures):
    """What any change of the features, their order or their pooling would move."""
    made_up = np.linspace(0.5, 1.5, 36), np.eye(36)
    assert niqe(pictures[2], made_up, 4) == pytest.approx(7.657219, abs=1e-4)


def test_pictures_without_a_value(pictures, parameters):
    assert np.isnan(niqe(pictures[0][:103], parameters, 4))  # 95 rows inside
    assert np.isfinite(niqe(pictures[0][:104, :104], parameters, 4))  # one block
    assert np.isnan(niqe(np.full((200, 200, 3), 7, np.uint8), parameters, 4))


def test_reading_parameters(tmp_path, parameters):
    mean, covariance = parameters
    np.savez(tmp_path / "a.npz", mu_pris_param=mean, cov_pris_param=covariance)
    savemat(tmp_path / "a.mat", {"mu_prisparam": mean, "cov_prisparam": covariance})
    for name in ("a.npz", "a.mat"):
        read = read_niqe_parameters(tmp_path / name)
        for one, other in zip(read, parameters, strict=True):
            np.testing.assert_array_equal(one, other)
    np.savez(tmp_path / "b.npz", mu_pris_param=mean)
    (tmp_path / "c.mat").write_text("no matrix")
    for name in ("b.npz", "c.mat", "gone.npz"):
        with pytest.raises(DataError, match=rf"{name} does not hold the parameters"):
            read_niqe_parameters(tmp_path / name)
