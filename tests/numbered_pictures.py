"""Pictures by which a test sees what became of each pixel."""

import numpy as np


def numbered(height, width):
    """A picture each of whose pixels differs: (row, column, 7)."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.full_like(rows, 7)], axis=-1).astype(np.uint8)
