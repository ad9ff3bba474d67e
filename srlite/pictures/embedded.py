"""Read blocks of metadata that Pillow skips, or reads in part, as bytes.

A damaged file has none.

References: Portable Network Graphics, third edition (W3C 2025); JPEG 2000 (ISO/IEC
15444-1), annex I; XMP specification, part 3 (Adobe 2016); Photoshop file formats
(Adobe 2019), "Image resource blocks"; BITMAPV5HEADER (Microsoft).
"""

import collections
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
# Photoshop's resources that hold for the enlarged picture too: IPTC, the flag of
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
# Content credentials: the box of an AVIF or HEIC, the tag of a TIFF.
_CREDENTIALS = b"uuid" + bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_CREDENTIALS_TAG = 0xCD41
CREDENTIALS_LOST = (
    "the content credentials (C2PA) are left out: they are the original's"
)
_MOST = 2**24  # bytes of a block
_KEY = 80  # bytes in which the name of a PNG's text ends
HEAD = 2**16  # bytes in which an AVIF or HEIC says what it is
# Primaries and curves by their numbers in ITU-T H.273, "unknown" among them.
_LIKE_SRGB = ((1, 2), (1, 2, 6, 13, 14, 15))
# Public chunks of a PNG that are kept, are read otherwise, or describe the old pixels.
_KNOWN_CHUNKS = frozenset(
    b"IHDR PLTE IDAT IEND tRNS bKGD cHRM cICP eXIf gAMA hIST iCCP iDOT iTXt oFFs pHYs "
    b"sBIT sPLT sRGB tEXt tIME zTXt".split()
)


@contextlib.contextmanager
def from_start(image: Image.Image, *formats: str) -> Iterator[Any]:
    """Yield the file of an image just opened, at its start; None for other formats.

    Pillow then reads on from where it was.
    """
    file: Any = getattr(image, "fp", None)
    if file is None or image.format not in formats:
        yield None
        return
    before = file.tell()
    file.seek(0)
    try:
        yield file
    finally:
        file.seek(before)


def add_embedded(image: Image.Image) -> None:
    """Add blocks that Pillow left out to the `info` of an image just opened."""
    readers = {"GIF": _of_gif, "JPEG2000": _of_jp2, "BMP": _of_bmp}
    with from_start(image, *readers) as file, contextlib.suppress(*DAMAGED):
        if file:
            for name, block in readers[str(image.format)](file):
                image.info.setdefault(name, block)


def _of_gif(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Find XMP, which a ramp of bytes follows."""
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


def misread_jp2(image: Image.Image) -> str | None:
    """Return what Pillow misreads of a JPEG 2000 that was just opened, or None.

    It shifts levels to 8 bits, which turns white black or grey, and misplaces
    subsampled colours in a tile whose sides are no multiples of their spacing.
    """
    with from_start(image, "JPEG2000") as file:
        content = file.read(_MOST) if file else b""
    at = content.find(b"\xff\x4f\xff\x51")  # where the codestream begins
    if at < 0:
        return None
    with contextlib.suppress(*DAMAGED, ZeroDivisionError):
        *sides, tile_width, tile_height = struct.unpack_from(">6I", content, at + 8)
        (count,) = struct.unpack_from(">H", content, at + 40)
        kinds = set(struct.iter_unpack("3B", content[at + 42 :][: 3 * count]))
        bits = max((depth & 0x7F) + 1 for depth, _, _ in kinds)
        sides += [min(tile_width, sides[0]), min(tile_height, sides[1])]
        if image.mode != "I;16" and {depth & 0x7F for depth, _, _ in kinds} != {7}:
            return f"of up to {bits} bits a channel"
        if any(n % step for _, *steps in kinds for n, step in zip(sides, 3 * steps)):
            return "with subsampled colours and odd sides"
    return None


def _of_bmp(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    file.seek(14)
    header = file.read(124)
    if len(header) == 124 and header[:4] == b"\x7c\0\0\0" and header[56:60] == b"DEBM":
        start, length = struct.unpack("<II", header[112:120])
        file.seek(14 + start)
        profile = file.read(min(length, _MOST))
        if len(profile) == length:
            yield "icc_profile", profile


def read_chunks(image: Image.Image) -> list[tuple[bytes, bytes]]:
    """Return (kind, first bytes) of each chunk of a PNG that was just opened."""
    found: list[tuple[bytes, bytes]] = []
    with from_start(image, "PNG") as file:
        place, kind = 8, b""
        while file and kind != b"IEND":
            file.seek(place)
            length, kind = struct.unpack(">I4s", file.read(8).ljust(8, b"\0"))
            if not kind.isalpha():  # the end of a damaged file
                break
            found.append((kind, file.read(min(length, _KEY))))
            place += length + 12
    return found


def lost_chunks(chunks: list[tuple[bytes, bytes]]) -> Iterator[str]:
    """Yield a sentence for each kind of chunk that is left out."""
    public = {kind for kind, _ in chunks if kind[1:2].isupper()}
    if lost := sorted(public - _KNOWN_CHUNKS):
        yield f"chunks of the PNG are left out: {b', '.join(lost).decode('latin-1')}"
    texts = (b"tEXt", b"zTXt", b"iTXt")
    keys = collections.Counter(d.split(b"\0")[0] for k, d in chunks if k in texts)
    if several := sorted(key for key, count in keys.items() if count > 1):
        names = b", ".join(several).decode("latin-1")
        yield f"of several texts of the PNG under one name the last is kept: {names}"


def read_cicp(image: Image.Image, chunks: dict[bytes, bytes]) -> bytes | None:
    """Read the cICP of a PNG, or the like of an AVIF or HEIC: four bytes.

    Returns None if there is none, or if an AVIF or HEIC states sRGB.
    """
    with from_start(image, "AVIF", "HEIF") as file:
        if file:
            return _nclx(file.read(HEAD))
    cicp = chunks.get(b"cICP", b"")
    return cicp if len(cicp) == 4 else None


def _nclx(head: bytes) -> bytes | None:
    at = head.find(b"colrnclx")
    if at < 0:
        return None
    with contextlib.suppress(struct.error):
        primaries, transfer = struct.unpack_from(">HH", head, at + 8)
        like_srgb = primaries in _LIKE_SRGB[0] and transfer in _LIKE_SRGB[1]
        if not like_srgb and transfer <= 255:
            return bytes((primaries, transfer, 0, 1))
    return None


def has_gain_map(image: Image.Image) -> bool:
    """Whether an AVIF or HEIC has a gain map of ISO 21496."""
    with from_start(image, "AVIF", "HEIF") as file:
        return bool(file) and b"tmap" in file.read(HEAD)


def has_credentials(image: Image.Image) -> bool:
    """Whether a picture has content credentials (C2PA).

    In a PNG they may follow the pixels: see `lost_resources`.
    """
    segments = getattr(image, "applist", ())
    if any(name == "APP11" and b"c2pa" in segment for name, segment in segments):
        return True
    with from_start(image, "AVIF", "HEIF", "WEBP") as file:
        if file and image.format == "WEBP":
            return b"C2PA" in _webp_chunks(file)
        if file:
            return _CREDENTIALS in file.read(HEAD)
    return _CREDENTIALS_TAG in getattr(image, "tag_v2", {})


def _webp_chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(12)
    while len(head := file.read(8)) == 8:
        kind, length = struct.unpack("<4sI", head)
        yield kind
        file.seek(length + length % 2, os.SEEK_CUR)


def has_samsung_video(image: Image.Image) -> bool:
    """Whether a JPEG ends with a video, as Samsung writes it."""
    with from_start(image, "JPEG", "MPO") as file:
        if not file:
            return False
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4))
        if file.read() != b"SEFT":
            return False
        file.seek(0)
        return b"MotionPhoto_Data" in file.read()


def raw_profile(image: Image.Image, name: str) -> bytes | None:
    """Decode the hexadecimal text in which ImageMagick keeps profiles, or None."""
    text = image.info.get(f"Raw profile type {name}")
    with contextlib.suppress(*DAMAGED):
        _, _, rest = str(text).strip().partition("\n")
        length, _, digits = rest.strip().partition("\n")
        return bytes.fromhex(digits)[: int(length)] or None
    return None


def resources_of(image: Image.Image, directories: Directories) -> dict[int, bytes]:
    """Collect the Photoshop resources of a file, IPTC among them, by number.

    Decode a PNG first, since text may follow its pixels. A TIFF has them in
    `directories`.
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
    """Undo the byte swap of programs that store IPTC as numbers."""
    swapped = b"".join(value.raw[n : n + 4][::-1] for n in range(0, len(value.raw), 4))
    if not value.raw.startswith(b"\x1c") and swapped.startswith(b"\x1c"):
        return swapped
    return value.raw


def lasting_resources(resources: dict[int, bytes]) -> bytes | None:
    """Encode the resources that an enlarged picture keeps, or return None."""
    kept = {n: resources[n] for n in _LASTING if n in resources}
    return encode_resources(kept) if kept else None


def lost_resources(image: Image.Image, resources: dict[int, bytes]) -> Iterator[str]:
    """Yield a sentence for each resource, layer or comment that is left out."""
    if any(number in _PATHS for number in resources):
        yield "the clipping paths of Photoshop are left out"
    if _LAYERS_TAG in getattr(image, "tag_v2", {}):
        yield "the layers of Photoshop are left out; what they show together is kept"
    if _GEO_TAG in getattr(image, "tag_v2", {}):
        yield "the geographic reference of a GeoTIFF is left out"
    comments = [name for name, _ in getattr(image, "applist", ())].count("COM")
    if comments > 1:
        yield f"of {comments} comments the last is kept"
    if any(chunk[0] == b"caBX" for chunk in getattr(image, "private_chunks", ())):
        yield CREDENTIALS_LOST


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
        struct.pack(">4sHHI", b"8BIM", n, 0, len(block)) + block + bytes(len(block) % 2)
        for n, block in resources.items()
    )
