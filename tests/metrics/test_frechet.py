"""FID against its formula, and that it grows as pictures get worse."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy.linalg import sqrtm
from skimage import data

from srlite.errors import DataError, ModelError
from srlite.metrics.frechet import (
    check_count,
    fit_gaussian,
    frechet_distance,
    inception_features,
)


def gaussian(vectors):
    return fit_gaussian(lambda vector: vector, vectors)


@pytest.fixture(scope="module")
def vectors():
    random = np.random.default_rng(0)
    mixing = random.standard_normal((12, 12))
    return 1e3 + random.standard_normal((2, 100, 12)) @ mixing


def test_mean_and_covariance(vectors):
    fitted = gaussian(vectors[0])
    np.testing.assert_allclose(fitted.mean, vectors[0].mean(axis=0))
    factor = fitted.factor
    assert len(factor) <= 24  # of 100 vectors
    np.testing.assert_allclose(
        factor.T @ factor, np.cov(vectors[0], rowvar=False), rtol=1e-9
    )


def test_distance_is_the_formula(vectors):
    one, other = vectors[0], 1.5 * vectors[1] - 490
    c1, c2 = (np.cov(x, rowvar=False) for x in (one, other))
    root = np.real(sqrtm(c1 @ c2))
    expected = np.sum((one.mean(axis=0) - other.mean(axis=0)) ** 2)
    expected += np.trace(c1 + c2 - 2 * root)
    distance = frechet_distance(gaussian(one), gaussian(other))
    assert distance == pytest.approx(expected, rel=1e-8)


def test_fewer_vectors_than_numbers_in_each():
    """Then the covariances are singular, as those of 100 pictures are."""
    few = gaussian(np.random.default_rng(0).standard_normal((20, 60)))
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9)


def test_memory_does_not_grow_with_the_pictures():
    def peak(count):
        tracemalloc.start()
        pictures = (np.full((64, 64, 3), i % 256, np.uint8) for i in range(count))
        fit_gaussian(lambda picture: picture[:1, :, 0].ravel(), pictures)
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held

    assert peak(1000) < 1.2 * peak(200)


@pytest.fixture(scope="module")
def crops():
    photos = [data.astronaut(), data.coffee(), data.chelsea()]
    return [
        photo[top : top + 96, left : left + 96]
        for photo in photos
        for top, left in ((0, 0), (60, 200), (150, 100), (200, 250))
    ]


def small_features():
    """Magnitudes of 60 random differences of neighbours, averaged over the picture."""
    filters = np.random.default_rng(0).standard_normal((9, 60))
    filters -= filters.mean(axis=0)

    def features(picture):
        grey = picture.mean(axis=2)
        windows = np.lib.stride_tricks.sliding_window_view(grey, (3, 3))
        return np.abs(windows.reshape(-1, 9) @ filters).mean(axis=0)

    return features


@pytest.mark.parametrize(
    "build",
    [
        small_features,
        pytest.param(
            lambda: inception_features(None, side=75), marks=pytest.mark.slow, id="i"
        ),
    ],
)
def test_spoiled_pictures_are_farther(crops, build):
    """Equal sets, then more and more blur and noise."""
    features = build()

    def distance(change):
        changed = [change(crop) for crop in crops]
        pair = (fit_gaussian(features, some) for some in (crops, changed))
        return frechet_distance(*pair)

    def blur(radius):
        kind = ImageFilter.GaussianBlur(radius)
        return lambda crop: np.asarray(Image.fromarray(crop).filter(kind))

    def noise(sigma):
        random = np.random.default_rng(0)
        return lambda crop: np.clip(
            crop + sigma * random.standard_normal(crop.shape), 0, 255
        ).astype(np.uint8)

    assert distance(lambda crop: crop) < 1e-3
    for kind, strengths in ((blur, (1, 2, 4)), (noise, (10, 25, 60))):
        distances = [distance(kind(strength)) for strength in strengths]
        assert 0 < distances[0] < distances[1] < distances[2]
    with pytest.raises(DataError, match="crops: FID needs 50 .* received 12"):
        check_count("crops", len(crops))


@pytest.mark.slow
def test_random_weights_are_always_the_same(crops):
    one, other = (inception_features(None, side=75)(crops[0]) for _ in range(2))
    assert one.shape == (2048,)
    np.testing.assert_array_equal(one, other)


def test_missing_weights(tmp_path):
    with pytest.raises(ModelError, match="there is no file .*gone.h5; FID needs"):
        inception_features(tmp_path / "gone.h5", side=75)
