"""Distances between pictures in feature networks, which see what PSNR does not.

They are the losses of the gan stage of the preset `light`: of content, three taps of
VGG19 before the activation, each divided by its mean difference between a photograph
and its bicubic enlargement; of style, EfficientNetB4. So a content of 1 is about as far
off as bicubic enlargement. Zhang et al. 2018 (https://arxiv.org/abs/1801.03924) show
how well such distances agree with people; theirs, LPIPS, weighs the channels by human
judgements, this one does not. Pictures of more than 1024 pixels a side are seen in
parts, to bound the memory.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from srlite.backend import import_keras
from srlite.files import StrPath
from srlite.pictures.levels import to_float

VGG19_TAPS = ("block2_conv2", "block3_conv4", "block5_conv4")
VGG19_SCALES = (175.0, 435.0, 20.0)
EFFICIENTNET_TAPS = ("block5f_project_conv",)
_PART = 1024  # pixels along a side
_LEAST = 32  # pixels; the deepest tap sees nothing of fewer
_KEPT = 4  # parts whose features are kept; VGG19's are 200 MB for a full one


class FeatureDistance:
    """Mean absolute difference of features, averaged over the taps.

    The features of HR are kept for the next picture, unless HR is very large.
    """

    def __init__(self, features: Any, scales: Sequence[float] | None = None) -> None:
        """Take a network from RGB in [0, 1] to its outputs, and their divisors."""
        self._features = features
        self._scales = scales or (1.0,) * len(features.outputs)
        self._hr: np.ndarray | None = None
        self._wanted: list[list[np.ndarray]] = []

    def __call__(self, sr: np.ndarray, hr: np.ndarray) -> float:
        """Measure the distance of two pictures, uint8 (height, width, 3): 0 or more.

        It is NaN for a picture of less than 32 pixels a side.
        """
        if min(hr.shape[:2]) < _LEAST:
            return math.nan
        weights, distances = [], []
        for part, wanted in zip(_parts(sr), self._wanted_of(hr), strict=True):
            pairs = zip(self._taps(part), wanted, self._scales, strict=True)
            far = [np.abs(a - b).mean() / scale for a, b, scale in pairs]
            distances.append(np.mean(far))
            weights.append(part.shape[0] * part.shape[1])
        return float(np.average(distances, weights=weights))

    def _wanted_of(self, hr: np.ndarray) -> Iterable[list[np.ndarray]]:
        """Features of the parts of HR, one list for each."""
        parts = _parts(hr)
        if len(parts) > _KEPT:
            return map(self._taps, parts)
        if self._hr is not hr:
            self._hr, self._wanted = hr, [self._taps(part) for part in parts]
        return self._wanted

    def _taps(self, picture: np.ndarray) -> list[np.ndarray]:
        """Features of a picture, a list of float32 (h, w, filters)."""
        taps = self._features.predict_on_batch(to_float(picture)[None])
        # Keras returns an only output bare.
        return [tap[0] for tap in (taps if isinstance(taps, list) else [taps])]


def content_distance(weights: StrPath | None) -> FeatureDistance:
    """Build the distance in VGG19; `weights` are "imagenet", a path, or None: random.

    Raises BackendError without Keras, ModelError where the weights cannot be read.
    """
    import_keras("the content distance")
    from srlite.models.features import vgg19_features

    return FeatureDistance(vgg19_features(VGG19_TAPS, weights), VGG19_SCALES)


def style_distance(weights: StrPath | None) -> FeatureDistance:
    """Build the distance in EfficientNetB4; as `content_distance`."""
    import_keras("the style distance")
    from srlite.models.features import efficientnet_b4_features

    return FeatureDistance(efficientnet_b4_features(EFFICIENTNET_TAPS, weights))


def _parts(picture: np.ndarray) -> list[np.ndarray]:
    """Cut a picture into equal parts of at most `_PART` pixels a side."""
    rows, columns = (
        np.linspace(0, side, -(-side // _PART) + 1).astype(int)
        for side in picture.shape[:2]
    )
    return [
        picture[top:bottom, left:right]
        for top, bottom in zip(rows, rows[1:])
        for left, right in zip(columns, columns[1:])
    ]
