"""Write TIFF files of 16 bits a channel, band by band.

Pillow writes 16 bits of grey alone. The format needs little beyond what Python and
Pillow have, and in bands a file takes no memory beside the picture. Metadata is encoded
by Pillow, as for files of 8 bits.

Reference: TIFF revision 6.0 (Adobe 1992).
"""

import numpy as np
from PIL import Image, TiffImagePlugin

from srlite.pictures.metadata import EXIF_IFD, GPS_IFD

_STRIP_BYTES = 2**20


def write_deep_tiff(file, channels, options):
    """Write a TIFF of 16 bits a channel, not compressed.

    Args:
        file: binary file object at its start.
        channels: uint16 array (height, width) or (height, width, 2 to 4).
        options: what `PIL.Image.Image.save` takes for a TIFF.
    """
    channels = channels.reshape(*channels.shape[:2], -1)
    height, width, count = channels.shape
    row_bytes = 2 * count * width
    strip_rows = min(height, max(1, _STRIP_BYTES // row_bytes))
    starts = range(0, height, strip_rows)
    directory = TiffImagePlugin.ImageFileDirectory_v2()  # little-endian
    exif = options.get("exif") or Image.Exif()
    for tag in exif:
        block = tag in (EXIF_IFD, GPS_IFD)
        directory[tag] = exif.get_ifd(tag) if block else exif[tag]
    if "icc_profile" in options:
        directory[34675] = options["icc_profile"]
    if "dpi" in options:
        directory[282], directory[283] = options["dpi"]
        directory[296] = 2  # inches
    directory[256], directory[257] = width, height
    directory[258] = (16,) * count
    directory[259] = 1  # not compressed
    directory[262] = 2 if count > 2 else 1  # RGB or grey, black is zero
    directory[277] = count
    directory[278] = strip_rows
    directory[279] = tuple(
        row_bytes * min(strip_rows, height - start) for start in starts
    )
    directory[284] = 1  # interleaved
    if count in (2, 4):
        directory[338] = 2  # alpha, the colours are not multiplied with it
    # Counted from the end of the directory; Pillow adds where that is.
    directory[273] = tuple(row_bytes * start for start in starts)
    for tag in (273, 279):
        directory.tagtype[tag] = 4  # 32 bits
    directory.save(file)
    for rows in _bands(channels):
        file.write(np.ascontiguousarray(channels[rows], "<u2"))


def _bands(channels):
    """Yield slices of rows of about 4 megapixels."""
    height, width = channels.shape[:2]
    count = max(1, 2**22 // width)
    for top in range(0, height, count):
        yield slice(top, top + count)
