"""EXIF blocks and TIFF directories, byte for byte.

Both are a header and directories of tags, each with a type, a count and a value. Values
stay bytes, because programs write what the types do not allow, such as UTF-8 in ASCII.
The byte order stays too, because comments in UTF-16 and maker notes depend on it.

References: TIFF revision 6.0 (Adobe 1992); BigTIFF (Aware Systems 2007); Exif 3.0
(CIPA DC-008-2023).
"""

import io
import struct
from typing import BinaryIO, Literal, NamedTuple

import numpy as np

EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
MAKER_NOTE = 0x927C
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
# Only descriptive tags: in a TIFF, others of this block say how pixels are stored.
_DESCRIPTIVE = (
    *(0x010D, 0x010E, 0x010F, 0x0110),  # DocumentName, ImageDescription, Make, Model
    *(0x011D, 0x0131, 0x0132, 0x013B),  # PageName, Software, DateTime, Artist
    *(0x013C, 0x4746, 0x4749, 0x8298),  # HostComputer, Rating twice, Copyright
    *range(0x9C9B, 0x9CA0),  # XPTitle, XPComment, XPAuthor, XPKeywords, XPSubject
)
# Tags about the old pixels: sizes, places, and pixels on the sensor.
_STALE = (0xA002, 0xA003, 0x9214, 0xA214, 0xA20E, 0xA20F, 0xA210, 0x1001, 0x1002)
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_BYTES |= {13: 4, 129: 1, 16: 8, 17: 8, 18: 8}  # an offset, UTF-8, BigTIFF's
# Bytes of each number in a value.
_SWAPPED = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4}
_SWAPPED |= {16: 8, 17: 8, 18: 8}
_POINTERS = (4, 13, 16, 18)  # kinds
_BIG = (16, 17, 18)  # kinds that only BigTIFF has
_MOST = 2**24  # bytes of all values; a damaged file may claim anything
SHORT, LONG, RATIONAL, UNDEFINED = 3, 4, 5, 7


class Value(NamedTuple):
    """What a tag holds."""

    kind: int  # its type, by its number in TIFF
    number: int  # how many values of that type
    raw: bytes  # little-endian


Order = Literal["<", ">"]
Directory = dict[int, Value]


class Directories(dict[int, Directory]):
    """A directory, under 0, and those it points to, under the tag that does.

    `order` is the byte order of their block: "<" for little-endian, or ">".
    """

    def __init__(self, found: dict[int, Directory] | None = None, order: Order = "<"):
        """Copy a dict of directories."""
        super().__init__(found or {})
        self.order = order


def read_directories(source: bytes | BinaryIO, page: int = 0) -> Directories:
    """Read a directory of a TIFF or an EXIF block, and those it points to.

    `source` is the block, with or without "Exif" in front, or an open TIFF, whose first
    `page` directories are skipped. Raises ValueError if it is damaged.
    """
    if isinstance(source, bytes):
        source = io.BytesIO(source.removeprefix(b"Exif\0\0"))
    file = source
    file.seek(0)
    orders: dict[bytes, Order] = {b"II": "<", b"MM": ">"}
    order = orders.get(_read(file, 2))
    version = int.from_bytes(_read(file, 2), "little" if order == "<" else "big")
    if order is None or version not in (42, 43):
        raise ValueError("no TIFF header")
    form = _Form(order, large=version == 43)
    if version == 43:
        _read(file, 4)
    start = _number(file, form.place)
    for _ in range(page):
        file.seek(start)
        file.seek(form.entry.size * _number(file, form.count), io.SEEK_CUR)
        start = _number(file, form.place)
    found = Directories({0: _read_directory(file, form, start)}, order)
    for pointer, parent in ((EXIF_IFD, 0), (GPS_IFD, 0), (INTEROP_IFD, EXIF_IFD)):
        value = found.get(parent, {}).pop(pointer, None)
        if value is not None and value.kind in _POINTERS and value.number == 1:
            try:
                start = int.from_bytes(value.raw, "little")
                found[pointer] = _read_directory(file, form, start)
            except ValueError:
                continue  # The others may be whole.
    return found


class _Form:
    """Byte order of numbers, and their size: 32 bits or, in BigTIFF, 64."""

    def __init__(self, order: str, large: bool):
        self.order = order
        kinds = ("Q", "Q", "HHQ8s") if large else ("H", "I", "HHI4s")
        self.count, self.place, self.entry = (struct.Struct(order + k) for k in kinds)


def _read_directory(file: BinaryIO, form: _Form, start: int) -> Directory:
    file.seek(start)
    count = _number(file, form.count)
    if count > 0xFFFF:
        raise ValueError("too many entries")
    entries = _read(file, form.entry.size * count)
    directory, total = {}, 0
    for tag, kind, number, value in form.entry.iter_unpack(entries):
        length = number * _BYTES.get(kind, 0)
        total += length
        if not length or total > _MOST:
            continue
        if length > len(value):
            file.seek(_number(io.BytesIO(value), form.place))
            value = file.read(length)
        if len(value) < length:
            continue
        raw = _turned(value[:length], kind, form.order)
        directory[tag] = Value(kind, number, raw)
    return directory


def _read(file: BinaryIO, count: int) -> bytes:
    content = file.read(count)
    if len(content) < count:
        raise ValueError("it ends too early")
    return content


def _number(file: BinaryIO, form: struct.Struct) -> int:
    return form.unpack(_read(file, form.size))[0]


def _turned(raw: bytes, kind: int, order: str) -> bytes:
    """Convert numbers from a byte order to little-endian, or the reverse."""
    if order == "<" or kind not in _SWAPPED:
        return raw
    return np.frombuffer(raw, f">u{_SWAPPED[kind]}").byteswap().tobytes()


def encode(directories: Directories) -> bytes:
    """Encode directories as a block in their byte order, with its header."""
    order = directories.order
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, 8)
    tags = [tag for tag in (0, EXIF_IFD, GPS_IFD, INTEROP_IFD) if tag in directories]
    complete = {tag: dict(directories[tag]) for tag in tags}
    # Pointers have a fixed size, so a first pass finds where each directory starts.
    for tag in tags[1:]:
        complete.setdefault(_parent(tag), {})[tag] = longs(0)
    starts, end = {}, len(head)
    for tag in tags:
        starts[tag] = end
        end += len(_encode_directory(complete[tag], 0, order))
    for tag in tags[1:]:
        complete[_parent(tag)][tag] = longs(starts[tag])
    blocks = [_encode_directory(complete[tag], starts[tag], order) for tag in tags]
    return b"".join([head, *blocks])


def _parent(tag: int) -> int:
    return EXIF_IFD if tag == INTEROP_IFD else 0


def _encode_directory(directory: Directory, start: int, order: str) -> bytes:
    entries, values = [struct.pack(order + "H", len(directory))], []
    at = start + 6 + 12 * len(directory)
    for tag, (kind, number, raw) in sorted(directory.items()):
        raw = _turned(raw, kind, order)
        if len(raw) > 4:
            raw += bytes(len(raw) % 2)
            values.append(raw)
            field = struct.pack(order + "I", at)
            at += len(raw)
        else:
            field = raw.ljust(4, b"\0")
        entries.append(struct.pack(order + "HHI", tag, kind, number) + field)
    return b"".join([*entries, bytes(4), *values])


def portable(directories: Directories) -> Directories:
    """Keep what an enlarged picture shares: no orientation, sizes or thumbnail."""
    first = directories.get(0, {})
    kept = Directories({0: {tag: first[tag] for tag in _DESCRIPTIVE if tag in first}})
    kept.order = directories.order
    for pointer in (EXIF_IFD, GPS_IFD, INTEROP_IFD):
        block = {
            tag: value
            for tag, value in directories.get(pointer, {}).items()
            if tag not in _STALE and value.kind not in _BIG
        }
        if block:
            kept[pointer] = block
    if INTEROP_IFD in kept and EXIF_IFD not in kept:
        del kept[INTEROP_IFD]
    if len(kept) == 1 and not kept[0]:
        kept.clear()
    return kept


def shorts(*numbers: int) -> Value:
    """Return 16-bit numbers as the value of a tag."""
    return Value(SHORT, len(numbers), struct.pack(f"<{len(numbers)}H", *numbers))


def longs(*numbers: int) -> Value:
    """Return 32-bit numbers as the value of a tag."""
    return Value(LONG, len(numbers), struct.pack(f"<{len(numbers)}I", *numbers))


def resolution(dpi: tuple[float, float]) -> Directory:
    """Return the tags of (horizontal, vertical) pixels per inch."""
    across, down = (Value(RATIONAL, 1, struct.pack("<II", *_ratio(n))) for n in dpi)
    return {X_RESOLUTION: across, Y_RESOLUTION: down, RESOLUTION_UNIT: shorts(2)}


def _ratio(number: float) -> tuple[int, int]:
    for below in (1, 10, 100, 1000, 10000):
        if number * below == round(number * below):
            break
    return min(round(number * below), 2**32 - 1), below
