"""What a picture file says besides its pixels, made to hold for another file.

EXIF, XMP and resolution are kept; what speaks of the old pixels (orientation, sizes,
offsets, thumbnails) is left out, because the enlarged picture is upright and larger.
"""

import contextlib
import io
import math
import re
import struct

from PIL import Image, ImageCms

_DAMAGED = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, OverflowError),
    *(AttributeError, struct.error),
)
# Descriptive tags alone: in a TIFF, others of this block say how pixels are stored.
_DESCRIPTIVE_TAGS = (
    *(0x010D, 0x010E, 0x010F, 0x0110),  # DocumentName, ImageDescription, Make, Model
    *(0x011D, 0x0131, 0x0132, 0x013B),  # PageName, Software, DateTime, Artist
    *(0x013C, 0x4746, 0x4749, 0x8298),  # HostComputer, Rating twice, Copyright
    *range(0x9C9B, 0x9CA0),  # XPTitle, XPComment, XPAuthor, XPKeywords, XPSubject
)
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
_STALE_EXIF = (0xA002, 0xA003, 0xA005)  # pixels across, pixels down, an offset
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128

_STALE_XMP = b"(?:tiff:(?:Orientation|ImageWidth|ImageLength)|exif:Pixel[XY]Dimension)"
_STALE_XMP_ATTRIBUTE = re.compile(rb"\s" + _STALE_XMP + rb"\s*=\s*(\"[^\"]*\"|'[^']*')")
_STALE_XMP_ELEMENT = re.compile(rb"<(" + _STALE_XMP + rb")\s*>[^<]*</\1\s*>")


def portable_exif(image):
    """Encode the EXIF tags that hold for another file too; None if there are none."""
    try:
        old, new = image.getexif(), Image.Exif()
        for tag in _DESCRIPTIVE_TAGS:
            if tag in old:
                new[tag] = old[tag]
        for tag in (EXIF_IFD, GPS_IFD):
            block = dict(old.get_ifd(tag))
            for stale in _STALE_EXIF:
                block.pop(stale, None)
            if block:
                new[tag] = block
        return new.tobytes() if len(new) else None
    except _DAMAGED:
        return None  # A camera's damaged note is no reason to refuse its photo.


def exif_with_resolution(exif, dpi):
    """Add (horizontal, vertical) pixels per inch to an encoded EXIF block, or None."""
    block = Image.Exif()
    if exif:
        block.load(exif)
    block[_X_RESOLUTION], block[_Y_RESOLUTION] = dpi
    block[_RESOLUTION_UNIT] = 2
    return block.tobytes()


def portable_xmp(image):
    """Give the XMP packet of a file, without what speaks of the old pixels, or None."""
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if packet is None and hasattr(image, "tag_v2"):
        packet = image.tag_v2.get(700)
    if isinstance(packet, str):
        packet = packet.encode()
    if not isinstance(packet, bytes) or b"<rdf:RDF" not in packet:
        return None
    return _STALE_XMP_ELEMENT.sub(b"", _STALE_XMP_ATTRIBUTE.sub(b"", packet))


def portable_dpi(image):
    """Give (horizontal, vertical) pixels per inch of a file, or None."""
    dpi = image.info.get("dpi")
    with contextlib.suppress(*_DAMAGED, ZeroDivisionError):
        if dpi is None and image.format in ("WEBP", "AVIF"):
            exif = image.getexif()
            if exif.get(_RESOLUTION_UNIT) == 2:
                dpi = exif.get(_X_RESOLUTION), exif.get(_Y_RESOLUTION)
        horizontal, vertical = (float(value) for value in dpi)
        if all(math.isfinite(v) and v > 0 for v in (horizontal, vertical)):
            return horizontal, vertical
    return None


def cmyk_to_rgb(image, name):
    """Convert a CMYK image to sRGB, by its own profile if it has a usable one.

    Returns:
        The image in mode "RGB", and a sentence that says what was done.
    """
    profile = image.info.get("icc_profile") or b""
    if profile[16:20] == b"CMYK":
        with contextlib.suppress(ImageCms.PyCMSError, *_DAMAGED):
            converted = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                ImageCms.Intent.RELATIVE_COLORIMETRIC,
                "RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            return converted, f"{name} was converted from CMYK to sRGB by its profile"
    return image.convert("RGB"), (
        f"{name} was converted from CMYK to RGB without a profile, so its colours are "
        "an estimate"
    )
