"""Write PNG and TIFF files of 8 and 16 bits a channel, band by band.

This takes the memory of a few bands besides the picture. Metadata is written as it was
read, byte for byte.

Several threads filter and compress bands of a PNG, whose streams are then joined.
Pillow uses one thread and cannot write 16-bit colour; it encodes the metadata here.
ISA-L takes a fraction of zlib's time and compresses a little better; zlib replaces it
where it is missing. TIFF is not compressed.

References: Portable Network Graphics, third edition (W3C 2025); RFC 1950, the zlib
format; TIFF revision 6.0 (Adobe 1992).
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from srlite.memory import cores, in_order
from srlite.pictures.embedded import IPTC, decode_resources
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

try:
    from isal import isal_zlib as deflate
except ImportError:  # a machine for which there is no wheel
    deflate = zlib  # type: ignore[misc]

_STRIP_BYTES = 2**20
_BYTE, _PROFILE, _XMP, _IPTC, _RESOURCES = 1, 34675, 700, 33723, 34377
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by number of channels
_SUB, _UP, _AVERAGE = 1, 2, 3  # filters
_BAND_BYTES = 2**20
_MAX_THREADS = 8  # more only wait for the disk
# Of either library: zlib's level 4 took half as long again for 2 % fewer bytes of a
# photo, and ISA-L's level 3 twice as long for 1 % more.
_LEVEL = 2
_ZLIB_HEADER = b"\x78\x01"  # window of 32 KiB, compressed fast
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def write_png(file: BinaryIO, channels: np.ndarray, options: dict[str, Any]) -> None:
    """Write a PNG of uint8 or uint16 (height, width) or (height, width, 1 to 4).

    `options` is the metadata that `PIL.Image.Image.save` takes for a PNG.
    """
    channels = channels.reshape(*channels.shape[:2], -1)
    height, width, count = channels.shape
    depth = 8 * channels.itemsize
    before, after = _metadata(options)
    kind = _COLOUR_TYPES[count]
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    file.write(PNG_SIGNATURE + png_chunk(b"IHDR", header) + before)
    file.write(png_chunk(b"IDAT", _ZLIB_HEADER))
    checksum = zlib.adler32(b"")
    threads = min(_MAX_THREADS, cores())
    for lines, packed in in_order(_pack, _bands(channels), threads, 2 * threads):
        checksum = zlib.adler32(lines.data, checksum)
        file.write(png_chunk(b"IDAT", packed))
    end = zlib.compress(b"", wbits=-15) + struct.pack(">I", checksum)
    file.write(png_chunk(b"IDAT", end) + after + png_chunk(b"IEND"))


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    """Encode a chunk of a PNG, with its length and checksum."""
    checksum = struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
    return b"".join([struct.pack(">I", len(data)), kind, data, checksum])


def png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (kind, data) of each chunk, or raise ValueError if the file ends in one."""
    start = len(PNG_SIGNATURE)
    while start + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, start)
        if start + 12 + length > len(content):
            raise ValueError("it ends within a chunk")
        yield kind, content[start + 8 : start + 8 + length]
        start += 12 + length


def _bands(channels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (some rows, the row above them), zeros above the first."""
    rows = max(1, _BAND_BYTES // channels[0].nbytes)
    above = np.zeros_like(channels[:1])
    for top in range(0, len(channels), rows):
        band = channels[top : top + rows]
        yield band, above
        above = band[-1:]


def _pack(band_and_above: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, bytes]:
    """Filter a band and compress it: (filtered lines, compressed bytes)."""
    band, above = band_and_above
    rows = np.concatenate([above, band]).reshape(1 + len(band), -1)
    rows = rows.astype(rows.dtype.newbyteorder(">"), copy=False).view(np.uint8)
    lines = _filtered(rows[1:], rows[:-1], band.itemsize * band.shape[2])
    packer = deflate.compressobj(_LEVEL, wbits=-15)
    # A full flush ends on a whole byte, and later data never refers back.
    return lines, packer.compress(lines.data) + packer.flush(zlib.Z_FULL_FLUSH)


def _filtered(raw: np.ndarray, above: np.ndarray, pixel_bytes: int) -> np.ndarray:
    """Apply to each row of bytes the filter that leaves the smallest differences.

    `raw` is uint8 (rows, bytes), `above` the same one row higher. Returns uint8 (rows,
    1 + bytes): the number of the filter, and the differences.
    """
    left = np.zeros_like(raw)
    left[:, pixel_bytes:] = raw[:, :-pixel_bytes]
    mean = (left & above) + ((left ^ above) >> 1)  # rounded down, within 8 bits
    lines = np.empty((len(raw), 1 + raw.shape[1]), np.uint8)
    smallest = np.full(len(raw), np.inf)
    for number, predicted in ((_SUB, left), (_UP, above), (_AVERAGE, mean)):
        differences = raw - predicted
        size = np.abs(differences.view(np.int8)).view(np.uint8).sum(axis=1)
        better = size < smallest
        smallest[better] = size[better]
        lines[better, 0] = number
        lines[better, 1:] = differences[better]
    return lines


def _metadata(options: dict[str, Any]) -> tuple[bytes, bytes]:
    """Encode the chunks of metadata that stand before and after the pixels."""
    encoded = io.BytesIO()
    Image.new("L", (1, 1)).save(encoded, "PNG", **options)
    parts, after = [b"", b""], False
    for kind, data in png_chunks(encoded.getvalue()):
        after = after or kind == b"IDAT"
        if kind not in (b"IHDR", b"IDAT", b"IEND"):
            parts[after] += png_chunk(kind, data)
    return parts[0], parts[1]


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

    The file must be at its start; `dpi` is (horizontal, vertical) pixels per inch.
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
        (_IPTC, UNDEFINED, decode_resources(iptc or b"").get(IPTC)),
        (_RESOURCES, UNDEFINED, iptc),
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
        first[338] = shorts(2)  # alpha; colours are not multiplied by it
    file.write(_encoded(directories, [row_bytes * y for y in starts]))
    for band, _ in _bands(channels):
        dtype = band.dtype.newbyteorder(directories.order)
        file.write(np.ascontiguousarray(band, dtype).data)


def _encoded(directories: Directories, starts: list[int]) -> bytes:
    """Encode with the offsets of the strips, which follow the directories."""
    directories[0][273] = longs(*starts)
    length = len(encode(directories))
    length += length % 2
    directories[0][273] = longs(*(length + start for start in starts))
    return encode(directories).ljust(length, b"\0")
