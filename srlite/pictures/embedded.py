"""Blocks of metadata in a file that Pillow passes over, or of which it keeps a part.

Each is found by its place alone and returned as bytes; a damaged file has none.

References: Portable Network Graphics, third edition (W3C 2025); JPEG 2000 (ISO/IEC
15444-1), annex I; XMP specification, part 3 (Adobe 2016); Photoshop file formats
(Adobe 2019), "Image resource blocks"; BITMAPV5HEADER (Microsoft).
"""

import contextlib
import os
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from PIL import Image

from srlite.pictures.exif import Directories, Value

DAMAGED = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, OverflowError),
    *(AttributeError, struct.error),
)
# Of Photoshop's resources, those that hold for another picture too: IPTC, the flag of
# copyright, an address.
IPTC = 0x0404
_LASTING = (IPTC, 0x040A, 0x040B)
_PATHS = range(2000, 2999)
_IPTC_TAG, _RESOURCES_TAG, _LAYERS_TAG, _GEO_TAG = 33723, 34377, 37724, 34735  # TIFF
_JP2_BLOCKS = {
    b"JpgTiffExif->JP2": "exif",
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "xmp",
    bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"): "iptc",
}
_MOST = 2**24  # bytes of a block
_HEAD = 2**16  # bytes in which an AVIF or HEIC says what it is
# Primaries and curves by their numbers in ITU-T H.273, "unknown" among them.
_LIKE_SRGB = ((1, 2), (1, 2, 6, 13, 14, 15))


def add_embedded(image: Image.Image) -> None:
    """Add to the `info` of an image that was just opened what Pillow left out."""
    file: Any = getattr(image, "fp", None)
    readers = {"GIF": _of_gif, "JPEG2000": _of_jp2, "BMP": _of_bmp}
    if file is None or image.format not in readers:
        return
    before = file.tell()
    with contextlib.suppress(*DAMAGED):
        for name, block in readers[image.format](file):
            image.info.setdefault(name, block)
    file.seek(before)


def _of_gif(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """XMP stands as it is, and a slope of bytes after it takes readers to its end."""
    file.seek(0)
    content = file.read(_MOST)
    start = content.find(b"\x21\xff\x0bXMP DataXMP")
    end = content.find(b"\x01\xff\xfe\xfd", start)
    if 0 <= start < end:
        yield "xmp", content[start + 14 : end]


def _of_jp2(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    end, start = file.seek(0, os.SEEK_END), 0
    while start + 8 <= end:
        file.seek(start)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
        if length == 0:
            length = end - start
        if kind == b"uuid" and length < _MOST:
            name = _JP2_BLOCKS.get(file.read(16))
            if name:
                yield name, file.read(start + length - file.tell())
        start += max(8, length)


def _of_bmp(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    file.seek(14)
    header = file.read(124)
    if len(header) == 124 and header[:4] == b"\x7c\0\0\0" and header[56:60] == b"DEBM":
        start, length = struct.unpack("<II", header[112:120])
        file.seek(14 + start)
        profile = file.read(min(length, _MOST))
        if len(profile) == length:
            yield "icc_profile", profile


def read_cicp(image: Image.Image) -> bytes | None:
    """Read how a PNG, AVIF or HEIC says its colours as video does.

    Returns:
        Four bytes, as in cICP of a PNG; None where nothing is said, or that it is sRGB
        in an AVIF or HEIC.
    """
    file = getattr(image, "fp", None)
    if file is None or image.format not in ("PNG", "AVIF", "HEIF"):
        return None
    before = file.tell()
    try:
        if image.format != "PNG":
            return _nclx(file)
        file.seek(8)
        while True:
            length, kind = struct.unpack(">I4s", file.read(8))
            if kind == b"cICP" and length == 4:
                return file.read(4)
            if kind in (b"IDAT", b"IEND"):
                return None
            file.seek(length + 4, 1)
    except struct.error:
        return None
    finally:
        file.seek(before)


def _nclx(file: BinaryIO) -> bytes | None:
    file.seek(0)
    head = file.read(_HEAD)
    at = head.find(b"colrnclx")
    if at < 0:
        return None
    primaries, transfer = struct.unpack_from(">HH", head, at + 8)
    if (primaries in _LIKE_SRGB[0] and transfer in _LIKE_SRGB[1]) or transfer > 255:
        return None
    return bytes((primaries, transfer, 0, 1))


def has_gain_map(image: Image.Image) -> bool:
    """Whether an AVIF or HEIC that was just opened has a gain map of ISO 21496."""
    file: Any = getattr(image, "fp", None)
    if file is None or image.format not in ("AVIF", "HEIF"):
        return False
    before = file.tell()
    file.seek(0)
    found = b"tmap" in file.read(_HEAD)
    file.seek(before)
    return found


def has_samsung_video(image: Image.Image) -> bool:
    """Whether a JPEG that was just opened ends with a video, as Samsung puts it."""
    file: Any = getattr(image, "fp", None)
    if file is None or image.format not in ("JPEG", "MPO"):
        return False
    before, found = file.tell(), False
    file.seek(max(0, file.seek(0, os.SEEK_END) - 4))
    if file.read() == b"SEFT":
        file.seek(0)
        found = b"MotionPhoto_Data" in file.read()
    file.seek(before)
    return found


def raw_profile(image: Image.Image, name: str) -> bytes | None:
    """Decode what ImageMagick and others keep as hexadecimal text of a PNG, or None."""
    text = image.info.get(f"Raw profile type {name}")
    with contextlib.suppress(*DAMAGED):
        _, _, rest = str(text).strip().partition("\n")
        length, _, digits = rest.strip().partition("\n")
        return bytes.fromhex(digits)[: int(length)] or None
    return None


def resources_of(image: Image.Image, directories: Directories) -> dict[int, bytes]:
    """Collect the Photoshop resources of a file, IPTC among them, by their numbers.

    Args:
        image: a PNG's pixels have been decoded, since text may follow them.
        directories: those of the file, where it is a TIFF.
    """
    found: dict[int, bytes] = {}
    first = directories.get(0, {})
    if image.format == "TIFF":
        if _RESOURCES_TAG in first:
            found |= decode_resources(first[_RESOURCES_TAG].raw)
        if _IPTC_TAG in first:
            found[IPTC] = _records(first[_IPTC_TAG])
    elif image.format in ("JPEG", "MPO"):
        held = image.info.get("photoshop") or {}
        found |= {n: block for n, block in held.items() if isinstance(block, bytes)}
    elif image.format == "PNG":
        block = raw_profile(image, "iptc") or raw_profile(image, "8bim") or b""
        records = block.startswith(b"\x1c")
        found |= {IPTC: block} if records else decode_resources(block)
    elif image.format == "JPEG2000" and "iptc" in image.info:
        found[IPTC] = image.info["iptc"]
    return {number: block for number, block in found.items() if block}


def _records(value: Value) -> bytes:
    """Undo the swap of bytes of programs that take IPTC for numbers."""
    swapped = b"".join(value.raw[n : n + 4][::-1] for n in range(0, len(value.raw), 4))
    if not value.raw.startswith(b"\x1c") and swapped.startswith(b"\x1c"):
        return swapped
    return value.raw


def lasting_resources(resources: dict[int, bytes]) -> bytes | None:
    """Encode those that hold for another picture too, or return None."""
    kept = {n: resources[n] for n in _LASTING if n in resources}
    return encode_resources(kept) if kept else None


def lost_resources(image: Image.Image, resources: dict[int, bytes]) -> Iterator[str]:
    """Yield a sentence for what holds for the old pixels alone."""
    if any(number in _PATHS for number in resources):
        yield "the clipping paths of Photoshop are left out"
    if _LAYERS_TAG in getattr(image, "tag_v2", {}):
        yield "the layers of Photoshop are left out; what they show together is kept"
    if _GEO_TAG in getattr(image, "tag_v2", {}):
        yield "the geographic reference of a GeoTIFF is left out"
    segments = [(name, data) for name, data in getattr(image, "applist", ())]
    segments += [(chunk[0], chunk[1]) for chunk in getattr(image, "private_chunks", ())]
    if any(
        name == b"caBX" or (name == "APP11" and b"c2pa" in data)
        for name, data in segments
    ):
        yield "the content credentials (C2PA) are left out: they are the original's"


def decode_resources(block: bytes) -> dict[int, bytes]:
    """Decode a block of Photoshop resources, up to where it is damaged."""
    found = {}
    block = block.removeprefix(b"Photoshop 3.0\0")
    with contextlib.suppress(*DAMAGED, IndexError):
        while block[:4] == b"8BIM":
            start = 7 + block[6]
            start += start % 2  # after a name of even length
            (length,) = struct.unpack_from(">I", block, start)
            (number,) = struct.unpack_from(">H", block, 4)
            found[number] = block[start + 4 : start + 4 + length]
            block = block[start + 4 + length + length % 2 :]
    return found


def encode_resources(resources: dict[int, bytes]) -> bytes:
    """Encode Photoshop resources without names."""
    return b"".join(
        b"8BIM"
        + struct.pack(">HHI", number, 0, len(block))
        + block
        + bytes(len(block) % 2)
        for number, block in resources.items()
    )
