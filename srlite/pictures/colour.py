"""Colours of files that have no RGB profile.

A PNG may name primaries and a gamma, and cameras mark Adobe RGB in EXIF. This module
makes an ICC profile that says the same, because every other format holds one. It also
applies grey and CMYK profiles where a format stores RGB.

References: ICC.1:2022; Portable Network Graphics, third edition (W3C 2025), section 11;
Lindbloom, "RGB/XYZ Matrices" and "Chromatic Adaptation", for the arithmetic.
"""

import contextlib
import io
import struct
from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageCms

from srlite.pictures.exif import EXIF_IFD, INTEROP_IFD, Directories

# x and y of white, red, green and blue.
_SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_ADOBE = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_SRGB_GAMMA = 1 / 2.2
_ADOBE_GAMMA = 256 / 563
_NEAR = 0.003  # of each x and y: rounding
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def make_profile(gamma: float, places: tuple[float, ...] | None = None) -> bytes:
    """Make an ICC profile of version 2.

    Levels are light to the power `gamma`, as in PNG: usually 1 / 2.2. `places` are x
    and y of white, red, green and blue; None makes a grey profile.
    """
    curve = struct.pack(">4sIIH", b"curv", 0, 1, round(256 / gamma))
    tags = {
        b"desc": b"desc" + struct.pack(">II", 0, 7) + b"srlite\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": _xyz(_D50),
    }
    if places is None:
        tags[b"kTRC"] = curve
    else:
        tags |= {name: curve for name in (b"rTRC", b"gTRC", b"bTRC")}
        columns = _primaries(places).T
        tags |= dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(_xyz, columns)))
    table, content = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(content), len(tag))
        content += tag + bytes(-len(tag) % 4)
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x12s",
        start + len(content),
        0x02100000,
        b"mntr",
        b"GRAY" if places is None else b"RGB ",
        b"XYZ ",
        b"acsp",
        _xyz(_D50)[8:],
    )
    return header.ljust(128, b"\0") + table + content


def _xyz(values: Iterable[float]) -> bytes:
    return struct.pack(">4sI3i", b"XYZ ", 0, *(round(v * 65536) for v in values))


def _primaries(places: tuple[float, ...]) -> np.ndarray:
    """Compute the XYZ of red, green and blue, adapted to D50, as columns."""
    x, y = np.reshape(np.asarray(places, np.float64), (4, 2)).T
    xyz = np.array([x / y, np.ones(4), (1 - x - y) / y])
    white, primaries = xyz[:, 0], xyz[:, 1:]
    primaries = primaries * np.linalg.solve(primaries, white)
    gains = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    return np.linalg.inv(_BRADFORD) @ gains @ _BRADFORD @ primaries


def profile_of_png(image: Image.Image, grey: bool) -> bytes | None:
    """Make an ICC profile from the gamma and primaries of an open PNG.

    Returns None if the file names none, or those of sRGB.
    """
    gamma, places = image.info.get("gamma"), image.info.get("chromaticity")
    if image.format != "PNG" or "srgb" in image.info or (gamma, places) == (None, None):
        return None
    gamma = gamma or _SRGB_GAMMA
    places = places or _SRGB
    plain = bool(np.allclose(places, _SRGB, atol=_NEAR)) or grey
    if not gamma > 0 or (plain and abs(gamma * 2.2 - 1) < 0.05):
        return None
    damaged = (np.linalg.LinAlgError, ArithmeticError, struct.error)
    with contextlib.suppress(*damaged), np.errstate(all="raise"):
        return make_profile(gamma, None if grey else places)
    return None


def profile_of_exif(directories: Directories) -> bytes | None:
    """Make the profile of Adobe RGB if EXIF names it by interoperability "R03"."""
    index = directories.get(INTEROP_IFD, {}).get(1)
    space = directories.get(EXIF_IFD, {}).get(0xA001)
    if index is None or not index.raw.startswith(b"R03"):
        return None
    if space is not None and space.raw[:2] == b"\x01\x00":  # sRGB
        return None
    return make_profile(_ADOBE_GAMMA, _ADOBE)


def grey_to_srgb(profile: bytes) -> np.ndarray | None:
    """Map 256 grey levels to sRGB, uint8 (256,), or None if the profile is unusable."""
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    converted = _to_srgb(ramp, profile)
    return None if converted is None else np.asarray(converted)[0, :, 1]


def by_table(pixels: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Map equal channels by a table of 256 levels; the dtype stays."""
    highest = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
    grey = pixels[..., 0]
    mapped = np.interp(grey * np.float32(255 / highest), np.arange(256), levels)
    mapped *= highest / 255
    if highest > 1:
        mapped = np.rint(mapped)
    mapped = mapped.astype(pixels.dtype)
    return np.broadcast_to(mapped[..., None], (*mapped.shape, 3))


def cmyk_to_rgb(image: Image.Image) -> tuple[Image.Image, str]:
    """Convert a CMYK image to sRGB, by its own profile if that is usable.

    Returns the image in mode "RGB" and a sentence for the user.
    """
    profile = image.info.get("icc_profile") or b""
    converted = _to_srgb(image, profile) if profile[16:20] == b"CMYK" else None
    if converted is not None:
        return converted, "CMYK was converted to sRGB by the profile in the file"
    return image.convert("RGB"), (
        "CMYK was converted to RGB without a profile, so the colours are an estimate"
    )


def to_srgb(levels: np.ndarray, profile: bytes) -> np.ndarray:
    """Convert uint8 levels (height, width, 3) of an RGB or grey profile to sRGB.

    Returns them as they are if the profile is unusable.
    """
    grey = profile[16:20] == b"GRAY"
    image = Image.fromarray(levels[..., 0] if grey else levels)
    converted = _to_srgb(image, profile)
    return levels if converted is None else np.asarray(converted)


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    with contextlib.suppress(
        ImageCms.PyCMSError, OSError, SyntaxError, ValueError, TypeError, KeyError
    ):
        return ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    return None
