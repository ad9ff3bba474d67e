"""What a picture says of the one it was made from, by hand."""

import numpy as np
import pytest
from skimage import data

from srlite.metrics.faithfulness import colour_error, lr_error
from srlite.data.kernels import KERNELS


@pytest.mark.parametrize("kernel", KERNELS)
def test_one_level_too_bright(kernel):
    """Repeated pixels shrink to themselves where the kernel stays in a block."""
    lr = data.astronaut()[:16, :20] // 2 + 50
    sr = lr.repeat(4, axis=0).repeat(4, axis=1)
    brighter = sr + np.uint8(1)
    if kernel in ("nearest", "area", "bilinear_aliased", "bicubic_aliased"):
        assert lr_error(sr, lr, kernel, 4) == 0.0
        assert lr_error(brighter, lr, kernel, 4) == 1.0
    else:
        assert 0 < lr_error(sr, lr, kernel, 4) < lr_error(sr[::-1], lr, kernel, 4)


def test_colour():
    lr = np.full((4, 5, 3), 100, np.uint8)
    sr = np.full((16, 20, 3), [101, 97, 100], np.uint8)
    assert colour_error(sr, lr) == 3.0
    sr[:8] = 100
    assert colour_error(sr, lr) == 1.5
