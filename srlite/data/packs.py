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

A pack is written under a temporary name and renamed when whole. Other layouts are
refused.
"""

import contextlib
import json
import os
import struct
import zlib
from typing import NamedTuple

import numpy as np

from srlite.errors import DataError
from srlite.files import replacing

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


class _Writer:
    def __init__(self, file):
        self._file = file
        self._index = []
        file.write(bytes(_HEADER.size))

    def add(self, photograph):
        """Append a `Photograph`."""
        entry = {"name": photograph.name, "lr": None}
        for key in ("hr", "lr"):
            pixels = getattr(photograph, key)
            if pixels is not None:
                entry[key] = [self._file.tell(), *pixels.shape[:2]]
                self._file.write(np.ascontiguousarray(pixels).data)
        self._index.append(entry)

    def finish(self):
        index = json.dumps(self._index).encode()
        end = self._file.tell()
        self._file.write(index)
        self._file.seek(0)
        header = (MAGIC, VERSION, zlib.crc32(index), end, len(index))
        self._file.write(_HEADER.pack(*header))


@contextlib.contextmanager
def writing_pack(path):
    """Yield a writer whose `add` takes `Photograph`s; the pack exists at the end.

    Raises:
        DataError: the file cannot be written.
    """
    with replacing(path, DataError) as temporary:
        with open(temporary, "wb") as file:
            writer = _Writer(file)
            yield writer
            writer.finish()


def read_pack(path):
    """Map a pack into memory, as a list of `Photograph` that are read when used.

    Raises:
        DataError: the file is missing, damaged, or no pack of this version.
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


class PhotographStore:
    """Keeps photographs in memory, or all of them in a pack once they pass a limit.

    A context manager: leaving it completes the pack, after which `photographs` works.
    """

    def __init__(self, max_bytes, pack):
        """Create an empty store; above `max_bytes` (None: never) `pack` takes all."""
        self._max_bytes = max_bytes
        self._pack = pack
        self._kept = []
        self._bytes = 0
        self._writer = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        """Begin."""
        return self

    def __exit__(self, *error):
        """Complete the pack, or remove it after an error."""
        return self._stack.__exit__(*error)

    def add(self, photograph):
        """Append a `Photograph`."""
        if self._writer:
            self._writer.add(photograph)
            return
        self._kept.append(photograph)
        self._bytes += photograph.nbytes
        if self._max_bytes is not None and self._bytes > self._max_bytes:
            self._writer = self._stack.enter_context(writing_pack(self._pack))
            while self._kept:  # one by one, so that memory is freed on the way
                self._writer.add(self._kept.pop(0))

    def photographs(self):
        """List what was added, in order."""
        return read_pack(self._pack) if self._writer else self._kept
