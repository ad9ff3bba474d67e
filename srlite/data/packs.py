"""Packs: decoded photographs in one file that is mapped into memory, not read.

A pack may be larger than the memory, and needs no decoding. Its layout, little-endian:

    bytes 0..7     magic "SRLPACK" and a zero byte
    bytes 8..11    version, 1 (uint32)
    bytes 12..15   CRC-32 of the index (uint32)
    bytes 16..23   offset of the index = end of the pixels (uint64)
    bytes 24..31   length of the index (uint64); the file ends with it
    from byte 32   uint8 pixels of one picture after the other, RGB, row by row
    the index      JSON: a list of {"name", "hr", "lr"}; hr is [offset, height, width],
                   lr in the same form, or null where there is no LR picture

Other layouts are refused.
"""

import contextlib
import json
import os
import struct
import zlib
from typing import NamedTuple

import numpy as np

from srlite.errors import DataError
from srlite.files import replacing, writing

MAGIC, VERSION = b"SRLPACK\0", 1
_HEADER = struct.Struct("<8sIIQQ")


class Photograph(NamedTuple):
    """A decoded picture to train on."""

    name: str  # its file, for messages
    hr: np.ndarray  # uint8 (height, width, 3)
    lr: np.ndarray | None = None  # real LR, uint8 (height // scale, width // scale, 3)

    @property
    def nbytes(self):
        """Bytes of its pixels."""
        return self.hr.nbytes + (0 if self.lr is None else self.lr.nbytes)


@contextlib.contextmanager
def writing_pack(path):
    """Yield a function that appends a `Photograph`; the pack exists at the end.

    Raises DataError if the file cannot be written.
    """
    index = []
    with replacing(path, DataError) as temporary, open(temporary, "wb") as file:
        file.write(bytes(_HEADER.size))

        def add(photograph):
            entry = {"name": photograph.name, "lr": None}
            for key in ("hr", "lr"):
                pixels = getattr(photograph, key)
                if pixels is not None:
                    entry[key] = [file.tell(), *pixels.shape[:2]]
                    file.write(np.ascontiguousarray(pixels).data)
            index.append(entry)

        yield add
        text = json.dumps(index).encode()
        end = file.tell()
        file.write(text)
        file.seek(0)
        file.write(_HEADER.pack(MAGIC, VERSION, zlib.crc32(text), end, len(text)))


def read_pack(path):
    """Map a pack into memory, as a list of `Photograph` that are read when used.

    Raises DataError for a file that is missing, damaged, or no pack of this version.
    """
    try:
        with open(path, "rb") as file:
            header = file.read(_HEADER.size)
            size = file.seek(0, os.SEEK_END)
            if len(header) < _HEADER.size or not header.startswith(MAGIC):
                raise DataError(f"{path} is not a pack of srlite")
            _, version, checksum, end, length = _HEADER.unpack(header)
            if version != VERSION:
                raise DataError(
                    f"{path} is a pack of version {version}, but {VERSION} is "
                    "expected; write it again"
                )
            if end + length != size:
                raise DataError(
                    f"{path} is damaged: it has {size:,} bytes instead of "
                    f"{end + length:,}; write it again"
                )
            file.seek(end)
            index = file.read(length)
        if zlib.crc32(index) != checksum:
            raise DataError(
                f"{path} is damaged: its index does not match its CRC-32; "
                "write it again"
            )
        pixels = np.asarray(np.memmap(path, np.uint8, mode="r"))
    except FileNotFoundError:
        raise DataError(f"no such pack: {path}") from None
    except OSError as error:
        raise DataError(f"cannot read the pack {path}: {error}") from None

    def view(place):
        if place is None:
            return None
        offset, height, width = place
        flat = pixels[offset : offset + height * width * 3]
        return flat.reshape(height, width, 3)

    return [
        Photograph(entry["name"], view(entry["hr"]), view(entry["lr"]))
        for entry in json.loads(index)
    ]


def keep(photographs, max_bytes, pack):
    """List `Photograph`s from an iterable, in order.

    They stay in memory, unless they pass `max_bytes` (None: never): then a pack takes
    all of them, and its folder is made if missing.
    """
    photographs = iter(photographs)
    kept, size = [], 0
    for photograph in photographs:
        kept.append(photograph)
        size += photograph.nbytes
        if max_bytes is not None and size > max_bytes:
            break
    else:
        return kept
    with writing(pack, DataError):
        os.makedirs(os.path.dirname(os.path.abspath(pack)), exist_ok=True)
    with writing_pack(pack) as add:
        while kept:  # one by one, so that memory is freed on the way
            add(kept.pop(0))
        for photograph in photographs:
            add(photograph)
    return read_pack(pack)
