"""The square of a picture in which something is strongest."""

import numpy as np


def strongest_square(strength, side):
    """Find the square with the largest sum; the first one, by rows, among equals.

    Args:
        strength: real array (height, width).
        side: of the square, at least 1 and at most the smaller side, in its pixels.

    Returns:
        (top, left) in its pixels.
    """
    height, width = strength.shape
    sums = np.zeros((height + 1, width + 1))
    sums[1:, 1:] = np.cumsum(np.cumsum(strength, axis=0, dtype=np.float64), axis=1)
    squares = (
        sums[side:, side:]
        - sums[:-side, side:]
        - sums[side:, :-side]
        + sums[:-side, :-side]
    )  # (height - side + 1, width - side + 1)
    top, left = np.unravel_index(squares.argmax(), squares.shape)
    return int(top), int(left)
