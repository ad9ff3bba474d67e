"""Blocks of EXIF, encoded by hand."""

import struct

from srlite.pictures.exif import (
    EXIF_IFD,
    GPS_IFD,
    INTEROP_IFD,
    Directories,
    encode,
    read_directories,
    shorts,
)

UTF_8 = "Jörg Müller, © 2024".encode()


def block(tags, order="<"):
    """Encode a directory of ASCII and undefined values by hand."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    entries, values = struct.pack(order + "H", len(tags)), b""
    start = 8 + 2 + 12 * len(tags) + 4
    for tag, (kind, value) in sorted(tags.items()):
        at = struct.pack(order + "I", start + len(values))
        values += value if len(value) > 4 else b""
        at = value.ljust(4, b"\0") if len(value) <= 4 else at
        entries += struct.pack(order + "HHI", tag, kind, len(value)) + at
    return head + entries + bytes(4) + values


def camera_exif(order):
    """What a camera writes, in its order of bytes, by hand."""
    comment = "日本".encode("utf-16-be" if order == ">" else "utf-16-le")
    exif = {
        0x9286: (7, b"UNICODE\0" + comment),
        0x927C: (7, struct.pack(order + "4H", 1, 2, 3, 4)),
    }
    gps = {0: (1, b"\2\3\0\0"), 1: (2, b"N\0"), 29: (2, b"2024:01:02\0")}
    directories = Directories(
        {
            0: {**read_directories(block({0x013B: (2, UTF_8 + b"\0")}))[0]},
            EXIF_IFD: read_directories(block(exif))[0],
            GPS_IFD: read_directories(block(gps))[0],
            INTEROP_IFD: read_directories(block({1: (2, b"R98\0")}))[0],
        }
    )
    directories[0][0x4746] = shorts(4)
    return encode(Directories(directories, order))
