"""EXIF blocks and TIFF directories, byte for byte: every value as it was stored.

Both are the same: a header, and directories of tags with a type, a count and a value.
Values are kept as bytes, since programs write what the types do not allow, such as
UTF-8 where ASCII is due.

References: TIFF revision 6.0 (Adobe 1992); Exif 3.0 (CIPA DC-008-2023).
"""

import io
import struct
from typing import BinaryIO, NamedTuple

import numpy as np

EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
MAKER_NOTE = 0x927C
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
# Descriptive tags alone: in a TIFF, others of this block say how pixels are stored.
_DESCRIPTIVE = (
    *(0x010D, 0x010E, 0x010F, 0x0110),  # DocumentName, ImageDescription, Make, Model
    *(0x011D, 0x0131, 0x0132, 0x013B),  # PageName, Software, DateTime, Artist
    *(0x013C, 0x4746, 0x4749, 0x8298),  # HostComputer, Rating twice, Copyright
    *range(0x9C9B, 0x9CA0),  # XPTitle, XPComment, XPAuthor, XPKeywords, XPSubject
)
_STALE = (0xA002, 0xA003)  # pixels across, pixels down
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_SWAPPED = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8}  # bytes of a number
_MOST = 2**24  # bytes of all values; a damaged file may claim anything
SHORT, LONG, RATIONAL, UNDEFINED = 3, 4, 5, 7


class Value(NamedTuple):
    """What a tag holds.

    Attributes:
        kind: its type, by its number in TIFF.
        number: how many values of that type.
        raw: the bytes, little-endian.
    """

    kind: int
    number: int
    raw: bytes


# A directory, and the directories that it points to, by the tag that does.
Directory = dict[int, Value]
Directories = dict[int, Directory]  # 0 for the first


def read_directories(source: bytes | BinaryIO, page: int = 0) -> Directories:
    """Read a directory of a TIFF or an EXIF block, and those it points to.

    The source is the block, with or without "Exif" in front, or a TIFF file, of which
    `page` directories are passed over.

    Raises:
        ValueError: it is damaged, or a TIFF of 64 bits.
    """
    file = (
        io.BytesIO(source.removeprefix(b"Exif\0\0"))
        if isinstance(source, bytes)
        else source
    )
    file.seek(0)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(_read(file, 4))
    if order is None:
        raise ValueError("no TIFF header")
    (start,) = struct.unpack(order + "I", _read(file, 4))
    for _ in range(page):
        file.seek(start)
        file.seek(12 * struct.unpack(order + "H", _read(file, 2))[0], io.SEEK_CUR)
        (start,) = struct.unpack(order + "I", _read(file, 4))
    found = {0: _read_directory(file, order, start)}
    for pointer, parent in ((EXIF_IFD, 0), (GPS_IFD, 0), (INTEROP_IFD, EXIF_IFD)):
        value = found.get(parent, {}).pop(pointer, None)
        if value is not None and len(value.raw) == 4:
            try:
                start = int.from_bytes(value.raw, "little")
                found[pointer] = _read_directory(file, order, start)
            except ValueError:
                continue  # The others may be whole.
    return found


def _read_directory(file: BinaryIO, order: str, start: int) -> Directory:
    file.seek(start)
    (count,) = struct.unpack(order + "H", _read(file, 2))
    entries = _read(file, 12 * count)
    directory, total = {}, 0
    for tag, kind, number, value in struct.iter_unpack(order + "HHI4s", entries):
        length = number * _BYTES.get(kind, 0)
        total += length
        if not length or total > _MOST:
            continue
        if length > 4:
            file.seek(*struct.unpack(order + "I", value))
            value = file.read(length)
        if len(value) < length:
            continue
        directory[tag] = Value(kind, number, _little(value[:length], kind, order))
    return directory


def _read(file: BinaryIO, count: int) -> bytes:
    content = file.read(count)
    if len(content) < count:
        raise ValueError("it ends too early")
    return content


def _little(raw: bytes, kind: int, order: str) -> bytes:
    if order == "<" or kind not in _SWAPPED:
        return raw
    return np.frombuffer(raw, f">u{_SWAPPED[kind]}").byteswap().tobytes()


def encode(directories: Directories) -> bytes:
    """Encode directories as a little-endian block, which begins with its header."""
    starts, parts = {}, [b"II*\0\x08\0\0\0"]
    end = 8
    # Pointers have a fixed size, so a first pass finds where each directory starts.
    order = [tag for tag in (0, EXIF_IFD, GPS_IFD, INTEROP_IFD) if tag in directories]
    complete = {tag: dict(directories[tag]) for tag in order}
    for tag in order[1:]:
        parent = EXIF_IFD if tag == INTEROP_IFD else 0
        complete.setdefault(parent, {})[tag] = Value(LONG, 1, b"\0\0\0\0")
    for tag in order:
        starts[tag] = end
        end += _length(complete[tag])
    for tag in order:
        for pointer in complete[tag].keys() & starts.keys():
            raw = struct.pack("<I", starts[pointer])
            complete[tag][pointer] = Value(LONG, 1, raw)
        parts.append(_encode_directory(complete[tag], starts[tag]))
    return b"".join(parts)


def _length(directory: Directory) -> int:
    values = (len(v.raw) + len(v.raw) % 2 for v in directory.values())
    return 6 + 12 * len(directory) + sum(n for n in values if n > 4)


def _encode_directory(directory: Directory, start: int) -> bytes:
    entries, values = [struct.pack("<H", len(directory))], []
    at = start + 6 + 12 * len(directory)
    for tag, (kind, number, raw) in sorted(directory.items()):
        if len(raw) > 4:
            raw += bytes(len(raw) % 2)
            values.append(raw)
            field = struct.pack("<I", at)
            at += len(raw)
        else:
            field = raw.ljust(4, b"\0")
        entries.append(struct.pack("<HHI", tag, kind, number) + field)
    return b"".join([*entries, bytes(4), *values])


def portable(directories: Directories) -> Directories:
    """Keep what holds for another file too: no orientation, no sizes, no thumbnail."""
    first = directories.get(0, {})
    kept = {0: {tag: first[tag] for tag in _DESCRIPTIVE if tag in first}}
    for pointer in (EXIF_IFD, GPS_IFD, INTEROP_IFD):
        block = directories.get(pointer, {})
        block = {tag: v for tag, v in block.items() if tag not in _STALE}
        if block:
            kept[pointer] = block
    if INTEROP_IFD in kept and EXIF_IFD not in kept:
        del kept[INTEROP_IFD]
    return kept if len(kept) > 1 or kept[0] else {}


def shorts(*numbers: int) -> Value:
    """Return numbers of 16 bits as the value of a tag."""
    return Value(SHORT, len(numbers), struct.pack(f"<{len(numbers)}H", *numbers))


def longs(*numbers: int) -> Value:
    """Return numbers of 32 bits as the value of a tag."""
    return Value(LONG, len(numbers), struct.pack(f"<{len(numbers)}I", *numbers))


def resolution(dpi: tuple[float, float]) -> Directory:
    """Return the tags of (horizontal, vertical) pixels per inch."""
    across, down = (
        Value(RATIONAL, 1, struct.pack("<II", *_ratio(number))) for number in dpi
    )
    return {X_RESOLUTION: across, Y_RESOLUTION: down, RESOLUTION_UNIT: shorts(2)}


def _ratio(number: float) -> tuple[int, int]:
    for below in (1, 10, 100, 1000, 10000):
        if number * below == round(number * below):
            break
    return min(round(number * below), 2**32 - 1), below
