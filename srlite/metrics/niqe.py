"""NIQE: how natural a picture looks, without another one to compare it with.

Mittal, Soundararajan and Bovik 2013 (https://doi.org/10.1109/LSP.2012.2227726). The
statistics of locally normalised luma in blocks of 96 x 96 pixels, at two scales, are
fitted by a Gaussian; NIQE is its distance from that of pristine photographs, whose
parameters the authors published. Photographs lie near 3 to 5, blurred or noisy pictures
higher. Where the paper is silent this follows the authors' MATLAB code; as usual for
super-resolution, luma is rounded and a border is left out.
"""

import math
from pathlib import Path

import numpy as np

from srlite.data.kernels import downsampling_matrix
from srlite.errors import DataError, error_reason
from srlite.files import StrPath
from srlite.metrics.psnr_ssim import check_uint8, gaussian_means
from srlite.pictures.levels import luma

BLOCK = 96  # pixels; the published parameters belong to this size
_FEATURES = 36  # 18 at each of two scales
_SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))  # section II C: the four neighbours
# Shapes of a generalised Gaussian, and the ratio of its squared mean magnitude to its
# variance, which reveals the shape.
_SHAPES = np.arange(0.2, 10.0005, 0.001)
_GAMMAS = [[math.gamma(n / shape) for shape in _SHAPES] for n in (1, 2, 3)]
_RATIOS = np.square(_GAMMAS[1]) / np.multiply(_GAMMAS[0], _GAMMAS[2])


def read_niqe_parameters(path: StrPath) -> tuple[np.ndarray, np.ndarray]:
    """Read the Gaussian of pristine photographs: mean (36,), covariance (36, 36).

    `path` is an `.npz`, or an `.mat` as the authors published it, with the arrays
    `mu_prisparam` and `cov_prisparam`, or `mu_pris_param` and `cov_pris_param`; or
    DataError.
    """
    try:
        if Path(path).suffix.lower() == ".mat":
            from scipy.io import loadmat

            arrays = loadmat(path)
        else:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
        found = {name.replace("_", ""): array for name, array in arrays.items()}
        mean = np.asarray(found["muprisparam"], np.float64).reshape(_FEATURES)
        covariance = np.asarray(found["covprisparam"], np.float64)
        return mean, covariance.reshape(_FEATURES, _FEATURES)
    except ImportError:
        raise DataError(f"reading {path} needs SciPy: pip install scipy") from None
    except Exception as error:  # both readers raise many kinds for a wrong file
        raise DataError(
            f"{path} does not hold the parameters of NIQE, arrays mu_prisparam of "
            f"{_FEATURES} and cov_prisparam of {_FEATURES} x {_FEATURES} values "
            f"({error_reason(error)})"
        ) from error


def niqe(
    picture: np.ndarray, parameters: tuple[np.ndarray, np.ndarray], border: int
) -> float:
    """Measure how far a picture is from natural ones.

    Args:
        picture: uint8 (height, width, 3).
        parameters: as returned by `read_niqe_parameters`.
        border: pixels left out on each side.

    Returns the distance, 0 or more; NaN for a picture without a whole block inside the
    border, or without a block that has any texture.
    """
    check_uint8(picture)
    y = np.rint(luma(picture))[border : -border or None, border : -border or None]
    height, width = (side // BLOCK * BLOCK for side in y.shape)
    if not height or not width:
        return math.nan
    y = y[:height, :width]
    halves = [downsampling_matrix("bicubic", side, 2) for side in y.shape]
    half = halves[0] @ y @ halves[1].T
    both = [_features(y, BLOCK), _features(half, BLOCK // 2)]
    features = np.concatenate(both, axis=1)  # (blocks, 36)
    if np.isnan(features).all(axis=0).any():
        return math.nan
    # A flat block has no shape; its other features count only for the mean.
    mean = np.nanmean(features, axis=0)
    whole = features[~np.isnan(features).any(axis=1)]
    covariance = np.zeros((_FEATURES, _FEATURES))
    if len(whole) > 1:
        covariance = np.cov(whole, rowvar=False)
    pristine_mean, pristine_covariance = parameters
    offset = pristine_mean - mean
    pooled = np.linalg.pinv((pristine_covariance + covariance) / 2)
    return math.sqrt(max(offset @ pooled @ offset, 0.0))  # equation 10


def _features(y: np.ndarray, side: int) -> np.ndarray:
    """Features of each block at one scale: (blocks, 18)."""
    rows, columns = (length // side for length in y.shape)
    blocks = _normalised(y).reshape(rows, side, columns, side).swapaxes(1, 2)
    return np.array([_block_features(block) for row in blocks for block in row])


def _normalised(y: np.ndarray) -> np.ndarray:
    """Subtract the local mean and divide by the local deviation (equation 1).

    A Gaussian of 7 x 7 pixels and sigma 7/6 weighs both; edge pixels are repeated.
    """
    padded = np.pad(y, 3, mode="edge")
    mean = gaussian_means(padded, 7, 7 / 6)
    # Rounding may make tiny variances negative.
    variance = np.abs(gaussian_means(padded * padded, 7, 7 / 6) - mean * mean)
    return (y - mean) / (np.sqrt(variance) + 1.0)


def _block_features(block: np.ndarray) -> list[float]:
    """Fit the block, then its products with four neighbours: 2 + 4 x 4 numbers."""
    shape, left, right = _fit(block)
    features = [shape, (left + right) / 2]
    for shift in _SHIFTS:
        # Around the block, as the authors do: a neighbour across its edge.
        shape, left, right = _fit(block * np.roll(block, shift, axis=(0, 1)))
        mean = (right - left) * math.gamma(2 / shape) / math.gamma(1 / shape)
        features += [shape, mean, left, right]
    return features


def _fit(x: np.ndarray) -> tuple[float, float, float]:
    """Fit an asymmetric generalised Gaussian by its moments (equations 5 to 8).

    Returns (shape, left scale, right scale); NaN where one side has no values.
    """
    negative, positive = x[x < 0], x[x > 0]
    if not negative.size or not positive.size:
        return math.nan, math.nan, math.nan
    left = math.sqrt(np.mean(negative**2))
    right = math.sqrt(np.mean(positive**2))
    skew = left / right
    ratio = np.mean(np.abs(x)) ** 2 / np.mean(x**2)
    ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape = _SHAPES[np.argmin((_RATIOS - ratio) ** 2)]
    scale = math.sqrt(math.gamma(1 / shape) / math.gamma(3 / shape))
    return float(shape), left * scale, right * scale
