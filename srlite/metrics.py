"""Metrics as the super-resolution literature computes them.

On 8-bit luma (ITU-R BT.601, 16..235), with a border of `scale` pixels left out, which
is what MATLAB's scripts for Set5 and Set14 do and what published tables mean.
"""

import numpy as np

from srlite.images import luma


def psnr(sr, hr, border):
    """Peak signal-to-noise ratio on luma.

    Args:
        sr: uint8 (height, width, 3).
        hr: uint8, same shape.
        border: HR pixels left out on each side; the scale, by custom.

    Returns:
        dB; infinite for equal pictures.

    Raises:
        ValueError: different shapes, or nothing left inside the border.
    """
    if sr.shape != hr.shape:
        raise ValueError(f"sr and hr must have one shape; got {sr.shape}, {hr.shape}")
    if min(hr.shape[:2]) <= 2 * border:
        raise ValueError(f"a picture of {hr.shape} has no pixels inside {border=}")
    inside = slice(border, -border or None)
    error = np.mean((luma(sr) - luma(hr))[inside, inside] ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))
