"""LR pictures on which an int8 file is calibrated, from photos in a folder.

They are what the network will see: crops of photographs, shrunk with all kernels in
turn. From the same photos come others, on which the file is tried.
"""

import itertools

import numpy as np

from srlite.data.photographs import usable_photographs
from srlite.export.checks import fit

SIZE = 96  # LR pixels, of the crops for a file of any size
CALIBRATING, TRYING = 48, 12
# From more photos, better crops could be drawn, but all must be read for that.
_MAX_PHOTOS = 400


def calibration_pictures(source, scale, size=(SIZE, SIZE), seed=0):
    """Cut and shrink photos of a source.

    Args:
        source: as for `sources.read_source`, a folder or a tar file say.
        scale: HR pixels per LR pixel.
        size: LR (height, width) of the pictures; smaller photos are mirrored.
        seed: decides where crops are cut.

    Returns:
        (pictures, photos): at most 48 uint8 LR pictures (*size, 3) to calibrate on,
        and at most 12 uint8 HR crops (scale * height, scale * width, 3) to try the
        file on. Both come from the same photo when the source has a single one.

    Raises:
        DataError: the source cannot be read, or has no usable picture.
    """
    from srlite.data.kernels import KERNELS, shrink

    random = np.random.default_rng(seed)
    crops = []
    min_sizes = {str(source): 4 * scale}
    photographs = usable_photographs(min_sizes, scale, warn=lambda sentence: None)
    for _, photograph in itertools.islice(photographs, _MAX_PHOTOS):
        crops.append(_cut(photograph.hr, [scale * length for length in size], random))
    tried = _spread(len(crops), min(TRYING, max(1, len(crops) // 5)))
    rest = [i for i in range(len(crops)) if i not in tried] or [0]
    chosen = [rest[i] for i in _spread(len(rest), min(CALIBRATING, len(rest)))]
    pictures = []
    for i in range(min(CALIBRATING, len(KERNELS) * len(chosen))):
        turn, place = divmod(i, len(chosen))
        # Few photos are used again, each time with another kernel.
        kernel = KERNELS[(place + turn) % len(KERNELS)]
        pictures.append(shrink(crops[chosen[place]], kernel, scale))
    return pictures, [crops[i] for i in tried]


def _cut(photo, size, random):
    """Cut (height, width) at a random place."""
    corner = [
        random.integers(max(0, length - wanted) + 1)
        for length, wanted in zip(photo.shape, size, strict=False)
    ]
    window = [slice(first, first + wanted) for first, wanted in zip(corner, size)]
    return fit(photo[tuple(window)], size)


def _spread(length, number):
    """Choose `number` of the places 0 to `length` - 1, evenly."""
    return [int(i) for i in np.linspace(0, length - 1, number)]
