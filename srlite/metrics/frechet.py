"""The Frechet inception distance between two sets of pictures.

Heusel et al. 2017 (https://arxiv.org/abs/1706.08500, equation 6): the pictures of each
set become 2048 numbers each, what InceptionV3 holds before its classifier; a Gaussian
is fitted to each set, and the distance is that of the Gaussians.

Keras's InceptionV3 has other weights than the paper's, and the distance falls as the
number of pictures grows. So figures compare only with srlite's own for as many
pictures, and fewer than `MIN_PICTURES` are refused.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from srlite.backend import import_keras
from srlite.errors import DataError, ModelError, error_reason
from srlite.files import StrPath
from srlite.metrics.psnr_ssim import check_uint8
from srlite.pictures.levels import resize

# Usual sets for super-resolution have 100; a covariance of full rank needs 2048.
MIN_PICTURES = 50
SIDE = 299  # pixels that InceptionV3 was trained on

# From uint8 (height, width, 3) to a vector.
Features = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Gaussian:
    """Mean and covariance of vectors; the factor loses less to rounding."""

    mean: np.ndarray  # float64 (size,)
    factor: np.ndarray  # float64 (rows, size), whose F^T F is the covariance


def fit_gaussian(features: Features, pictures: Iterable[np.ndarray]) -> Gaussian:
    """Fit a `Gaussian` to the features of two or more pictures, one at a time.

    The update of Chan, Golub and LeVeque 1983. The factor has at most twice as many
    rows as there are features, so memory does not grow with the pictures.
    """
    rows: list[np.ndarray] = []
    mean: Any = 0.0
    for count, picture in enumerate(pictures):
        shift = np.asarray(features(picture), np.float64) - mean
        mean = mean + shift * (1 / (count + 1))
        if count:
            rows.append(np.sqrt(count / (count + 1)) * shift)
        if len(rows) > 2 * len(shift):
            rows = list(np.linalg.qr(np.array(rows), mode="r"))
    return Gaussian(mean, np.array(rows) / np.sqrt(count))


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """Return |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of two Gaussians, 0 or more.

    With C1 = F^T F and C2 = G^T G the trace of the root is the sum of the singular
    values of F G^T, whose squares are the eigenvalues of C1 C2. The root of C1 C2 would
    get complex numbers by rounding, and is larger where pictures are few.
    """
    f, g = one.factor, other.factor
    cross = np.linalg.svd(f @ g.T, compute_uv=False).sum()
    spread = np.sum(f**2) + np.sum(g**2) - 2 * cross
    return float(max(np.sum((one.mean - other.mean) ** 2) + spread, 0.0))


def check_count(name: str, count: int) -> None:
    """Raise `DataError` if a set has fewer pictures than FID needs."""
    if count < MIN_PICTURES:
        raise DataError(
            f"{name}: FID needs {MIN_PICTURES} pictures at least; received {count}, of "
            "which the distance would say little"
        )


def inception_features(weights: StrPath | None, side: int = SIDE) -> Features:
    """Build the function from a picture to InceptionV3's 2048 pooled features.

    Args:
        weights: "imagenet" (Keras downloads them), the path of a file of
            `keras.applications.InceptionV3` without its top, or None for random ones,
            always the same, for tests.
        side: pixels to which pictures are resized, 75 or more; 299 except in tests.

    Returns function from uint8 (height, width, 3) to float32 (2048,); raises
    BackendError without Keras, ModelError where the weights cannot be read.
    """
    if weights not in ("imagenet", None) and not os.path.isfile(weights):
        raise ModelError(
            f"there is no file {weights}; FID needs imagenet, which Keras downloads, "
            "or the weights of keras.applications.InceptionV3 without the top"
        )
    keras = import_keras("FID")
    if weights is None:
        keras.utils.set_random_seed(0)
    try:
        network = keras.applications.InceptionV3(
            include_top=False,
            weights=None if weights is None else str(weights),
            pooling="avg",
            input_shape=(side, side, 3),
        )
    except Exception as error:  # Keras raises many kinds
        raise ModelError(
            f"the weights of InceptionV3 cannot be read from {weights} "
            f"({error_reason(error)}); give a file of keras.applications.InceptionV3 "
            "without the top"
        ) from error

    def features(picture: np.ndarray) -> np.ndarray:
        check_uint8(picture)
        # Antialiased: aliases would count as features (Parmar et al. 2022,
        # https://arxiv.org/abs/2104.11222).
        seen = resize(picture.astype(np.float32), (side, side))
        return network.predict_on_batch(seen[None] / 127.5 - 1)[0]

    return features
