"""Colours look alike before and after: gamma, primaries and grey profiles."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from srlite.pictures.colour import make_profile
from srlite.pictures.picture import read_picture
from srlite.pictures.writing import fit_to_format, write_picture

RGB = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)


def png(levels, *chunks):
    """Encode a PNG with some chunks in front of its pixels."""
    height, width, count = levels.shape

    def chunk(kind, data):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    kind = {1: 0, 3: 2}[count]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    lines = b"".join(b"\0" + line.tobytes() for line in levels)
    parts = [head, *(chunk(*c) for c in chunks), chunk(b"IDAT", zlib.compress(lines))]
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IEND", b"")])


def shown(path):
    """The sRGB levels of a file as a viewer with colour management shows them."""
    with Image.open(path) as image:
        profile = image.info.get("icc_profile")
        rgb = image if image.mode in ("L", "RGB") else image.convert("RGB")
        if profile is None:
            return np.asarray(rgb.convert("RGB")).astype(int)
        used = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        return np.asarray(
            ImageCms.profileToProfile(rgb, used, srgb, outputMode="RGB")
        ).astype(int)


@pytest.mark.parametrize("ending", [".png", ".tif", ".webp"])
def test_a_gamma_is_shown_alike(ending, tmp_path):
    flat = np.full((16, 16, 3), (50, 120, 200), np.uint8)
    gamma = (b"gAMA", struct.pack(">I", 100000))  # linear light
    (tmp_path / "lr.png").write_bytes(png(flat, gamma))
    path = tmp_path / f"sr{ending}"
    write_picture(
        path, read_picture(tmp_path / "lr.png"), 100 if ending == ".webp" else None
    )
    light = np.array([50, 120, 200]) / 255
    expected = 255 * (1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(shown(path)[8, 8] - expected).max() <= 2


def test_primaries_become_a_profile(tmp_path):
    p3 = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    flat = np.full((16, 16, 3), (200, 100, 90), np.uint8)
    places = (b"cHRM", struct.pack(">8I", *p3))
    (tmp_path / "lr.png").write_bytes(
        png(flat, (b"gAMA", struct.pack(">I", 45455)), places)
    )
    picture = read_picture(tmp_path / "lr.png")
    write_picture(tmp_path / "sr.tif", picture)
    # By hand: from P3 to sRGB through XYZ, gamma 2.2.
    matrix = np.array(
        [[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]]
    )
    light = matrix @ (np.array([200, 100, 90]) / 255) ** 2.2
    expected = 255 * (1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(shown(tmp_path / "sr.tif")[8, 8] - expected).max() <= 2
    # What says no more than sRGB makes no profile.
    srgb = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    for chunks in (
        [(b"gAMA", struct.pack(">I", 45455))],
        [(b"cHRM", struct.pack(">8I", *srgb))],
        [(b"sRGB", b"\0"), places],
    ):
        (tmp_path / "lr.png").write_bytes(png(flat, *chunks))
        assert read_picture(tmp_path / "lr.png").icc_profile is None


@pytest.mark.parametrize("ending", [".webp", ".avif", ".bmp", ".jpg", ".png", ".tif"])
def test_grey_by_its_profile_looks_the_same(ending, tmp_path):
    grey = np.full((16, 16), 98, np.uint8)
    Image.fromarray(grey).save(tmp_path / "lr.png", icc_profile=make_profile(1 / 1.4))
    path = tmp_path / f"sr{ending}"
    picture = fit_to_format(path, read_picture(tmp_path / "lr.png"))
    write_picture(path, picture)
    light = (98 / 255) ** 1.4
    expected = 255 * (1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(shown(path)[8, 8] - expected).max() <= 3
