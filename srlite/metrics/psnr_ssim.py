"""Metrics as the super-resolution literature computes them.

On 8-bit luma (ITU-R BT.601, 16..235), with a border of `scale` pixels left out, which
is what MATLAB's scripts for Set5 and Set14 do and what published tables mean; or on
RGB, as newer papers do. Validation while training and `evaluation` both measure with
these functions, so that their figures can be compared.
"""

import numpy as np

from srlite.pictures.picture import luma

# Wang et al. 2004, section III C.
_WINDOW = 11  # pixels
_SIGMA = 1.5  # pixels
_C1, _C2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
_BAND = 64  # rows


def psnr(sr, hr, border, channel="luma"):
    """Peak signal-to-noise ratio.

    Args:
        sr: uint8 (height, width, 3).
        hr: uint8, same shape.
        border: HR pixels left out on each side; the scale, by custom.
        channel: "luma" or "rgb": what the squared error is a mean over.

    Returns:
        dB; infinite for equal pictures.

    Raises:
        ValueError: different shapes, nothing left inside the border, or another
            channel.
    """
    sr, hr = _inside(sr, hr, border, 1, channel)
    error = np.mean((sr - hr) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


def ssim(sr, hr, border, channel="luma"):
    """Structural similarity.

    Wang et al. 2004 (https://doi.org/10.1109/TIP.2003.819861), equation 13, with a
    Gaussian window of 11 x 11 pixels and sigma 1.5, K1 0.01, K2 0.03 and L 255; the
    mean over the places where the window lies inside the border.

    Args:
        sr: uint8 (height, width, 3).
        hr: uint8, same shape.
        border: HR pixels left out on each side; the scale, by custom.
        channel: "luma" or "rgb", the mean of the three channels' similarities.

    Returns:
        At most 1, which equal pictures have.

    Raises:
        ValueError: different shapes, less than a window inside the border, or another
            channel.
    """
    sr, hr = _inside(sr, hr, border, _WINDOW, channel)
    channels = [(sr[..., c], hr[..., c]) for c in range(sr.shape[-1])]
    return float(np.mean([_mean_similarity(*pair) for pair in channels]))


def smallest_side(scale):
    """Return the shortest side, in HR pixels, of pictures that can be measured.

    Also after they are cut to multiples of `scale`, which is the border too.
    """
    return scale * (2 + -(-_WINDOW // scale))


def _inside(sr, hr, border, least, channel):
    """Check and cut two pictures: float64 (height, width, channels), 0..255."""
    if sr.shape != hr.shape:
        raise ValueError(f"sr and hr must have one shape; got {sr.shape}, {hr.shape}")
    if min(hr.shape[:2]) < 2 * border + least:
        raise ValueError(
            f"a picture of {hr.shape} has no {least} x {least} pixels inside {border=}"
        )
    if channel not in ("luma", "rgb"):
        raise ValueError(f"channel must be 'luma' or 'rgb'; received {channel!r}")
    inside = slice(border, -border or None)
    pair = (x[inside, inside] for x in (sr, hr))
    if channel == "luma":
        return tuple(luma(x)[..., None] for x in pair)
    return tuple(x.astype(np.float64) for x in pair)


def _mean_similarity(a, b):
    """SSIM of one channel: float64 (height, width)."""
    total, height = 0.0, len(a) - _WINDOW + 1
    # In bands that fit into the cache: twice as fast for a large photograph.
    for first in range(0, height, _BAND):
        rows = slice(first, first + _BAND + _WINDOW - 1)
        total += np.sum(_similarities(a[rows], b[rows]))
    return total / (height * (a.shape[1] - _WINDOW + 1))


def _similarities(a, b):
    """SSIM at each place of the window: (height - 10, width - 10)."""
    mean_a, mean_b = _windowed(a), _windowed(b)
    product = mean_a * mean_b
    squares = mean_a**2 + mean_b**2
    covariance = _windowed(a * b) - product
    variances = _windowed(a**2 + b**2) - squares
    return ((2 * product + _C1) * (2 * covariance + _C2)) / (
        (squares + _C1) * (variances + _C2)
    )


def _windowed(x):
    """Gaussian means over the window, first of columns, then of rows."""
    places = np.arange(_WINDOW) - _WINDOW // 2
    weights = np.exp(-(places**2) / (2 * _SIGMA**2))
    weights /= weights.sum()
    height, width = (side - _WINDOW + 1 for side in x.shape)
    x = sum(w * x[i : i + height] for i, w in enumerate(weights))
    return sum(w * x[:, i : i + width] for i, w in enumerate(weights))
