"""How true an enlarged picture is to the small one that it was made from.

Sharp details may be invented; what the LR picture does say may not be changed. Both
measures need no HR picture and are in levels (1/255).
"""

import numpy as np

from srlite.data.kernels import shrink


def lr_error(sr, lr, kernel, scale):
    """Mean absolute difference of LR and SR shrunk again: levels.

    Args:
        sr: uint8 (scale * height, scale * width, 3).
        lr: uint8 (height, width, 3), what the model was given.
        kernel: one of `kernels.KERNELS`, the one that made `lr`.
        scale: SR pixels per LR pixel.
    """
    return float(np.abs(shrink(sr, kernel, scale).astype(int) - lr).mean())


def colour_error(sr, lr):
    """Largest difference, over the channels, of the mean levels of SR and LR."""
    means = (picture.mean(axis=(0, 1)) for picture in (sr, lr))
    return float(np.abs(np.subtract(*means)).max())
