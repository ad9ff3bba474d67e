"""Write TIFF files of 8 and 16 bits a channel, band by band, not compressed.

In bands a file takes no memory beside the picture. What a file says besides its pixels
is written as it was read, byte for byte.

Reference: TIFF revision 6.0 (Adobe 1992).
"""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from srlite.pictures.exif import (
    UNDEFINED,
    Directories,
    Value,
    encode,
    longs,
    read_directories,
    resolution,
    shorts,
)

_STRIP_BYTES = 2**20
_BYTE, _PROFILE, _XMP, _IPTC = 1, 34675, 700, 33723


def write_tiff(
    file: BinaryIO,
    channels: np.ndarray,
    *,
    icc_profile: bytes | None = None,
    exif: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    xmp: bytes | None = None,
    iptc: bytes | None = None,
) -> None:
    """Write a TIFF of uint8 or uint16 (height, width) or (height, width, 1 to 4).

    The binary file is at its start; `dpi` is (horizontal, vertical) pixels per inch,
    the rest are blocks of bytes.
    """
    channels = channels.reshape(*channels.shape[:2], -1)
    height, width, count = channels.shape
    row_bytes = channels.itemsize * count * width
    strip_rows = min(height, max(1, _STRIP_BYTES // row_bytes))
    starts = range(0, height, strip_rows)
    directories = read_directories(exif) if exif else Directories()
    first = directories.setdefault(0, {})
    for tag, kind, raw in (
        (_PROFILE, UNDEFINED, icc_profile),
        (_XMP, _BYTE, xmp),
        (_IPTC, UNDEFINED, iptc),
    ):
        if raw:
            first[tag] = Value(kind, len(raw), raw)
    first |= resolution(dpi) if dpi else {}
    first |= {
        256: longs(width),
        257: longs(height),
        258: shorts(*[8 * channels.itemsize] * count),
        259: shorts(1),  # not compressed
        262: shorts(2 if count > 2 else 1),  # RGB or grey, black is zero
        277: shorts(count),
        278: longs(strip_rows),
        279: longs(*(row_bytes * min(strip_rows, height - y) for y in starts)),
        284: shorts(1),  # interleaved
    }
    if count in (2, 4):
        first[338] = shorts(2)  # alpha, the colours are not multiplied with it
    file.write(_encoded(directories, [row_bytes * y for y in starts]))
    for rows in _bands(channels):
        band = channels[rows]
        dtype = band.dtype.newbyteorder(directories.order)
        file.write(np.ascontiguousarray(band, dtype).data)


def _encoded(directories: Directories, starts: list[int]) -> bytes:
    """Encode with the offsets of strips, which follow the directories."""
    directories[0][273] = longs(*starts)
    length = len(encode(directories))
    length += length % 2
    directories[0][273] = longs(*(length + start for start in starts))
    return encode(directories).ljust(length, b"\0")


def _bands(channels: np.ndarray) -> Iterator[slice]:
    """Yield slices of rows of about 4 megapixels."""
    height, width = channels.shape[:2]
    count = max(1, 2**22 // width)
    for top in range(0, height, count):
        yield slice(top, top + count)
