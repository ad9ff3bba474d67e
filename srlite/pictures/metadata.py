"""Metadata of a picture, fitted to another file.

What describes the old pixels (orientation, sizes, offsets, thumbnails) is left out,
because the enlarged picture is upright and larger. Other pictures in the file (gain
maps, further pages, motion) are left out with a note.
"""

import contextlib
import math
import re
import struct
from dataclasses import replace
from typing import Any

from PIL import Image, PngImagePlugin

from srlite.pictures.colour import by_table, grey_to_srgb
from srlite.pictures.decoding import count_frames
from srlite.pictures.embedded import (
    CREDENTIALS_LOST,
    DAMAGED,
    from_start,
    has_credentials,
    has_gain_map,
    has_samsung_video,
    raw_profile,
)
from srlite.pictures.exif import (
    EXIF_IFD,
    MAKER_NOTE,
    RESOLUTION_UNIT,
    X_RESOLUTION,
    Y_RESOLUTION,
    Directories,
    Value,
    encode,
    read_directories,
    resolution,
)

_STALE_XMP = (
    rb"(?:tiff:(?:Orientation|ImageWidth|ImageLength)|exif:(?:Pixel[XY]Dimension"
    rb"|Subject(?:Area|Location)|FocalPlane(?:[XY]Resolution|ResolutionUnit)))"
)
# What announces other pictures in the file, or more XMP than this packet.
_ANNOUNCING = (
    rb"(?:(?:hdrgm|HDRGainMap|GContainer|Container|GDepth|GImage|Device|Camera):\w+"
    rb"|GCamera:(?:Motion|Micro)\w+|xmpNote:HasExtendedXMP)"
)
_MAX_SEGMENT = 65533 - 35  # bytes of a JPEG segment, less the longest name in it
# Pixels per inch that a format holds outside EXIF: least, most.
_DPI = {"JPEG": (0.5, 65535.0), "PNG": (0.02, 5e7), "BMP": (0.02, 5e7)}
_MAX_PNG_PROFILE = 2**20  # bytes that Pillow, as it is, reads again
_WORDS = {
    "icc_profile": "ICC profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "iptc": "IPTC",
    "comment": "comment",
    "text": "text of a PNG",
    "cicp": "cICP, which says what the colours mean",
    "time": "time of the last change of a PNG",
}
_MOTION = re.compile(rb"GCamera:(?:MotionPhoto|MicroVideo)\s*(?:=\s*[\"']|>)\s*1")
_TAG = re.compile(rb"<(/?)([\w:.-]+)[^<>]*?(/?)>")
_ELEMENT = re.compile(_STALE_XMP + b"|" + _ANNOUNCING)
_ATTRIBUTE = re.compile(
    rb"\s(?:" + _ELEMENT.pattern + rb")\s*=\s*(?:\"[^\"]*\"|'[^']*')"
)


def read_exif(image: Image.Image) -> Directories:
    """Read all EXIF of a file that was just opened; empty if there is none."""
    with contextlib.suppress(*DAMAGED):  # A camera's damaged note costs no photo.
        with from_start(image, "TIFF", "MPO") as file:
            if file and hasattr(image, "tag_v2"):
                return read_directories(file, image.tell())
        block = image.info.get("exif") or raw_profile(image, "exif")
        block = block or raw_profile(image, "APP1")
        if not isinstance(block, bytes) or not block.lstrip(b"Exif\0"):
            if image.format == "PNG" and getattr(image, "fp", None):
                # It may follow the pixels, and Pillow would decode them.
                return Directories()
            block = image.getexif().tobytes()
        return read_directories(block)
    return Directories()


def portable_xmp(image: Image.Image) -> bytes | None:
    """Return the XMP packet of a file, without what describes that file alone."""
    packet = _xmp(image)
    if packet is None:
        return None
    kept, start = [], 0
    left: list[bytes] = []  # an element that is left out, and those of its name in it
    # In one pass, because a packet may be long.
    for tag in _TAG.finditer(packet):
        closing, name, empty = tag.groups()
        if left:
            if name == left[0] and closing:
                left.pop()
                start = tag.end()
            elif name == left[0] and not empty:
                left.append(name)
        elif not closing:
            kept.append(packet[start : tag.start()])
            start = tag.end()
            if not _ELEMENT.fullmatch(name):
                kept.append(_ATTRIBUTE.sub(b"", tag.group()))
            elif not empty:
                left.append(name)
    return b"".join([*kept, packet[start:]])


def _xmp(image: Image.Image) -> bytes | None:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    packet = packet or raw_profile(image, "xmp")
    if packet is None and hasattr(image, "tag_v2"):
        packet = image.tag_v2.get(700)
    if isinstance(packet, str):
        packet = packet.encode()
    if not isinstance(packet, bytes):
        return None
    if b"<rdf:RDF" in packet:
        return packet
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        text = packet.decode(encoding, "replace")
        if "<rdf:RDF" in text:
            return text.lstrip("\ufeff").encode()
    return None


def portable_dpi(
    image: Image.Image, directories: Directories
) -> tuple[float, float] | None:
    """Return (horizontal, vertical) pixels per inch of a file, or None."""
    dpi = image.info.get("dpi")
    first = directories.get(0, {})
    # Pillow makes one up where a file states none.
    if image.format == "TIFF" and X_RESOLUTION not in first:
        return None
    if image.format in ("JPEG", "MPO") and not image.info.get("jfif_unit"):
        dpi = dpi if X_RESOLUTION in first else None
    with contextlib.suppress(*DAMAGED, ZeroDivisionError):
        if dpi is None and image.format in ("WEBP", "AVIF"):
            unit = first[RESOLUTION_UNIT].raw[:2]
            if unit == b"\2\0":
                dpi = _ratio(first[X_RESOLUTION]), _ratio(first[Y_RESOLUTION])
        horizontal, vertical = (float(value) for value in dpi or ())
        if all(math.isfinite(v) and v > 0 for v in (horizontal, vertical)):
            return horizontal, vertical
    return None


def _ratio(value: Value) -> float:
    above, below = struct.unpack("<II", value.raw)
    return above / below


def portable_text(image: Image.Image) -> tuple[tuple[str, str], ...]:
    """Return (key, value) of each text of a decoded PNG."""
    text = getattr(image, "text", None) if image.format == "PNG" else None
    return tuple(
        (key, value)  # with its language, if it has one
        for key, value in (text or {}).items()
        if key != "XML:com.adobe.xmp" and not key.startswith("Raw profile type ")
    )


def left_in_file(image: Image.Image) -> tuple[str, ...]:
    """Return a sentence for each part of a file that is left out."""
    notes = []
    several = image.format in ("HEIF", "MPO", "TIFF")
    count = count_frames(image) if several else 1
    packet = _xmp(image) or b""
    others = " ".join(map(str, image.info.get("aux") or ())).lower()
    if image.format == "TIFF" and count > 1:
        notes.append(f"of {count} pages only page {image.tell() + 1} is enlarged")
    announced = b"hdrgm:" in packet or b"HDRGainMap" in packet or "gainmap" in others
    if announced or has_gain_map(image):
        notes.append("the gain map is left out, so the picture has no HDR any more")
    elif image.format != "TIFF" and count > 1:
        notes.append(f"of {count} pictures in the file the first is enlarged")
    if image.info.get("depth_images") or b"GDepth:" in packet:
        notes.append("the depth map is left out")
    if _MOTION.search(packet) or has_samsung_video(image):
        notes.append("the video of a motion photo is left out")
    if has_credentials(image):
        notes.append(CREDENTIALS_LOST)
    if b"HasExtendedXMP" in packet:
        notes.append("the part of XMP beyond its first packet is left out")
    return tuple(notes)


def encode_exif(
    directories: Directories, dpi: tuple[float, float] | None = None
) -> bytes | None:
    """Encode EXIF, with (horizontal, vertical) pixels per inch if given, or None."""
    if dpi is not None:
        first = {0: directories.get(0, {}) | resolution(dpi)}
        directories = Directories(directories | first, directories.order)
    return encode(directories) if directories else None


def fit_metadata(picture: Any, kind: str, holds: tuple[str, ...], grey: bool) -> Any:
    """Remove what a format cannot hold from a `Picture`, and add notes about it.

    `holds` names the attributes that the format holds. A grey profile is applied to the
    pixels, which may be float in [0, 1], unless the format stores `grey` as such.
    """
    changes: dict[str, Any] = {}
    notes = list(picture.notes)
    profile = picture.icc_profile
    if profile and profile[16:20] != (b"GRAY" if picture.grey else b"RGB "):
        changes["icc_profile"] = None
        notes.append("the ICC profile is left out, because it is for other colours")
    elif profile and picture.grey and not (grey and "icc_profile" in holds):
        changes["icc_profile"] = None
        levels = grey_to_srgb(profile)
        if levels is not None:
            changes["pixels"] = by_table(picture.pixels, levels)
            notes.append("the grey levels were converted to sRGB by their profile")
    elif profile and kind == "PNG" and len(profile) > _MAX_PNG_PROFILE:
        changes["icc_profile"] = None
        notes.append("the ICC profile is left out, because it is above 1 MiB")
    if kind == "JPEG":
        changes |= _fit_to_segments(picture, notes)
    if picture.dpi and kind in _DPI:
        least, most = _DPI[kind]
        if not least <= min(picture.dpi) <= max(picture.dpi) <= most:
            changes["dpi"] = None
            across, down = picture.dpi
            notes.append(
                f"{kind} holds no {across:g} x {down:g} dpi, so it is left out"
            )
    for name, words in _WORDS.items():
        if getattr(picture, name) and name not in holds and name not in changes:
            changes[name] = () if name == "text" else None
            notes.append(f"{kind} holds no {words}, so it is left out")
    return replace(picture, **changes, notes=tuple(notes))


def save_options(picture: Any, kind: str, dpi: bool) -> dict[str, Any]:
    """Return a fitted picture's metadata as options of Pillow's `save`.

    `kind` is the name of the format, `dpi` whether it stores a resolution outside EXIF.
    """
    options: dict[str, Any] = {}
    exif, xmp = picture.exif, picture.xmp
    if picture.icc_profile:
        options["icc_profile"] = picture.icc_profile
    if picture.dpi and dpi:
        options["dpi"] = picture.dpi
    elif picture.dpi:
        directories = read_directories(exif) if exif else Directories()
        exif = encode_exif(directories, picture.dpi)
    if picture.comment:
        options["comment"] = picture.comment
    if kind == "JPEG":
        exif = exif and b"Exif\0\0" + exif
        if picture.iptc:
            resources = b"Photoshop 3.0\0" + picture.iptc
            length = struct.pack(">H", len(resources) + 2)
            options["extra"] = b"\xff\xed" + length + resources
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        for key, value in picture.text:
            lang, tkey = (getattr(value, name, "") or "" for name in ("lang", "tkey"))
            try:
                plain = None if lang or tkey else value.encode("latin-1")
            except UnicodeEncodeError:
                plain = None
            if plain is None:
                text.add_itxt(key, value, lang, tkey)
            else:
                text.add_text(key, plain)
        if xmp:
            text.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
        if picture.cicp:
            text.add(b"cICP", picture.cicp)
        if picture.time:
            text.add(b"tIME", picture.time)
        options["pnginfo"] = text
        xmp = None
    if exif:
        options["exif"] = exif
    if xmp:
        options["xmp"] = xmp
    return options


def _fit_to_segments(picture: Any, notes: list[str]) -> dict[str, Any]:
    """Return changes that remove what does not fit into a JPEG segment."""
    changes = {}
    exif = picture.exif
    if exif and len(exif) > _MAX_SEGMENT:
        directories = read_directories(exif)
        if directories.get(EXIF_IFD, {}).pop(MAKER_NOTE, None):
            notes.append("the maker note of EXIF is left out, because it is too large")
            exif = encode(directories)
        if len(exif) > _MAX_SEGMENT:
            notes.append("EXIF is left out, because it is above 64 KiB")
            exif = None
        changes["exif"] = exif
    for name in ("xmp", "iptc", "comment"):
        if len(getattr(picture, name) or b"") > _MAX_SEGMENT:
            notes.append(f"{_WORDS[name]} is left out, because it is above 64 KiB")
            changes[name] = None
    return changes
