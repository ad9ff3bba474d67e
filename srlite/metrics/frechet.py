"""The Frechet inception distance between two sets of pictures.

Heusel et al. 2017 (https://arxiv.org/abs/1706.08500, equation 6): the pictures of each
set become 2048 numbers each, what InceptionV3 holds before its classifier; a Gaussian
is fitted to each set, and the distance is that of the Gaussians.

The paper's figures come from another training of InceptionV3 than Keras's, and the
distance falls as the number of pictures grows. So a figure compares only with others of
srlite on the same number of pictures, and is refused below `MIN_PICTURES`.

Mean and covariance grow picture by picture, so memory does not depend on how many
there are. Keras is imported when the network is built.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from srlite.backend import import_keras
from srlite.errors import DataError, ModelError
from srlite.pictures.picture import resize

# Far fewer than the 2048 that a covariance of full rank needs; half of what the
# customary sets for super-resolution have.
MIN_PICTURES = 50
SIDE = 299  # pixels that InceptionV3 was trained on

# From uint8 (height, width, 3) to a vector.
Features = Callable[[np.ndarray], np.ndarray]


class RunningGaussian:
    """Mean and covariance of vectors that come in batches.

    The covariance is held as a factor: rows F with F^T F / (count - 1) equal to it. It
    has at most twice as many rows as a vector has numbers, and is not squared,
    so that nothing is lost to rounding.

    Attributes:
        count: vectors so far.
        mean: float64 (size,), or None before the first.
    """

    def __init__(self) -> None:
        """Begin without a vector."""
        self.count = 0
        self.mean: Any = None
        self._rows: list[np.ndarray] = []

    def add(self, vectors: npt.ArrayLike) -> None:
        """Take in some vectors, (batch, size).

        The update of Chan, Golub and LeVeque 1983.
        """
        vectors = np.asarray(vectors, np.float64)
        count, mean = len(vectors), vectors.mean(axis=0)
        if count > 1:
            self._rows.append(vectors - mean)
        total = self.count + count
        if self.mean is None:
            self.mean = mean
        else:
            shift = mean - self.mean
            self._rows.append(np.sqrt(self.count * count / total) * shift[None])
            self.mean = self.mean + shift * (count / total)
        self.count = total
        if sum(map(len, self._rows)) > 2 * len(mean):
            rows = np.concatenate(self._rows)
            self._rows = [np.asarray(np.linalg.qr(rows, mode="r"))]

    @property
    def factor(self) -> np.ndarray:
        """float64 (rows, size), whose F^T F is the covariance.

        Raises:
            ValueError: fewer than two vectors came.
        """
        if self.count < 2:
            raise ValueError(f"a covariance needs 2 vectors; received {self.count}")
        return np.concatenate(self._rows) / np.sqrt(self.count - 1)


def frechet_distance(one: RunningGaussian, other: RunningGaussian) -> float:
    """Return |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of two Gaussians, 0 or more.

    With C1 = F^T F and C2 = G^T G the trace of the root is the sum of the singular
    values of F G^T: the eigenvalues of C1 C2 are the squares of these. So there are no
    complex numbers, which the root of C1 C2 itself gets by rounding, and few pictures
    make a small matrix. Both must be of two vectors or more.
    """
    f, g = one.factor, other.factor
    cross = np.linalg.svd(f @ g.T, compute_uv=False).sum()
    spread = np.sum(f**2) + np.sum(g**2) - 2 * cross
    return float(max(np.sum((one.mean - other.mean) ** 2) + spread, 0.0))


def fit_gaussian(features: Features, pictures: Iterable[np.ndarray]) -> RunningGaussian:
    """Fit a `RunningGaussian` to the features of pictures, one at a time."""
    gaussian = RunningGaussian()
    for picture in pictures:
        gaussian.add(features(picture)[None])
    return gaussian


def check_count(count: int) -> None:
    """Raise `DataError` if there are fewer pictures than FID needs."""
    if count < MIN_PICTURES:
        raise DataError(
            f"FID needs {MIN_PICTURES} pictures at least; received {count}, of which "
            "the distance would say little"
        )


def inception_features(weights: str | os.PathLike | None, side: int = SIDE) -> Features:
    """Build the function from a picture to InceptionV3's 2048 pooled features.

    Args:
        weights: "imagenet" (Keras downloads them), the path of a file of
            `keras.applications.InceptionV3` without its top, or None for random ones,
            always the same, which is for tests.
        side: pixels to which pictures are resized, 75 or more; 299 unless in tests.

    Returns:
        Function from uint8 (height, width, 3) to float32 (2048,).

    Raises:
        BackendError: Keras is not installed.
        ModelError: the weights cannot be downloaded or read.
    """
    if weights not in ("imagenet", None) and not Path(weights).is_file():
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
            weights="imagenet" if weights == "imagenet" else None,
            pooling="avg",
            input_shape=(side, side, 3),
        )
        if weights not in ("imagenet", None):
            network.load_weights(str(weights))
    except Exception as error:  # Keras raises many kinds
        reason = next(iter(str(error).splitlines()), repr(error)).rstrip(":")
        raise ModelError(
            f"the weights of InceptionV3 cannot be had from {weights} ({reason}); give "
            "a file of keras.applications.InceptionV3 without the top"
        ) from error

    def features(picture: np.ndarray) -> np.ndarray:
        # Antialiased: aliases would count as features (Parmar et al. 2022,
        # https://arxiv.org/abs/2104.11222).
        seen = resize(picture.astype(np.float32), (side, side))
        return network.predict_on_batch(seen[None] / 127.5 - 1)[0]

    return features
