"""Colours stay what they were: CMYK by its profile, white."""

import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from srlite.enhance.inference import enhance_image
from srlite.pictures.picture import read_picture, read_rgb
from srlite.pictures.writing import write_picture

# Lightness of each ink alone, and of all others: neutral colours, so that what they
# are in sRGB is a formula.
LIGHTNESS = {(0, 0, 0, 0): 100, (1, 0, 0, 0): 60, (0, 1, 0, 0): 40, (0, 0, 1, 0): 80}


def grey_ink_profile():
    """An ICC profile of a press with grey inks, by a table of 2**4 colours in Lab."""
    corners = np.ndindex(2, 2, 2, 2)  # the last ink varies fastest, as in the table
    table = [(LIGHTNESS.get(inks, 0) * 255 // 100, 128, 128) for inks in corners]
    line = bytes(range(256))
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity
    lut += 4 * line + np.array(table, np.uint8).tobytes() + 3 * line
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    text = b"text\0\0\0\0none\0"
    tags, blocks, offset = b"", b"", 128 + 4 + 3 * 12
    for name, block in ((b"A2B0", lut), (b"wtpt", white), (b"cprt", text)):
        block += bytes(-len(block) % 4)
        tags += name + struct.pack(">II", offset + len(blocks), len(block))
        blocks += block
    header = struct.pack(
        ">I4sI4s4s4s",
        offset + len(blocks),
        b"none",
        0x02400000,
        b"prtr",
        b"CMYK",
        b"Lab ",
    )
    header += bytes(12) + b"acsp" + bytes(28)
    header += struct.pack(">3i", 63190, 65536, 54061)  # D50
    return header.ljust(128, b"\0") + struct.pack(">I", 3) + tags + blocks


def srgb_of_lightness(lightness):
    """CIE 1976 lightness to an sRGB level (IEC 61966-2-1), for neutral colours."""
    if lightness <= 8:
        linear = lightness / 903.3
    else:
        linear = ((lightness + 16) / 116) ** 3
    if linear <= 0.0031308:
        return 255 * 12.92 * linear
    return 255 * (1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("ending", [".tif", ".jpg"])
def test_cmyk_is_converted_by_its_profile(tmp_path, ending):
    inks = np.zeros((16, 16 * len(LIGHTNESS), 4), np.uint8)
    for i, amounts in enumerate(LIGHTNESS):
        inks[:, 16 * i : 16 * i + 16] = np.multiply(amounts, 255)
    path = tmp_path / f"cmyk{ending}"
    options = {"quality": 100} if ending == ".jpg" else {}
    image = Image.fromarray(inks, "CMYK")
    image.save(path, icc_profile=grey_ink_profile(), **options)
    picture = read_picture(path)
    for i, lightness in enumerate(LIGHTNESS.values()):
        expected = srgb_of_lightness(lightness)
        pixel = picture.pixels[8, 16 * i + 8].astype(int)
        assert np.abs(pixel - expected).max() <= 3, (lightness, pixel)
    assert picture.notes == ("CMYK was converted to sRGB by the profile in the file",)
    np.testing.assert_array_equal(read_rgb(path), picture.pixels)
    write_picture(tmp_path / "rgb.png", picture)
    assert "icc_profile" not in Image.open(tmp_path / "rgb.png").info


def test_notes_are_warnings_without_a_function_for_them(tiny_tflite, tmp_path):
    Image.new("CMYK", (8, 8)).save(tmp_path / "lr.jpg")
    with pytest.warns(UserWarning, match="CMYK was converted to RGB without a profile"):
        enhance_image(lr_path=tmp_path / "lr.jpg", model=tiny_tflite)
    Image.new("RGB", (8, 8)).save(tmp_path / "lr.jpg")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        enhance_image(lr_path=tmp_path / "lr.jpg", model=tiny_tflite)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".avif"])
def test_white_stays_white(tmp_path, mode, ending):
    Image.new(mode, (16, 12), "white").save(tmp_path / "lr.png")
    target = tmp_path / f"sr{ending}"
    enhance_image(lr_path=tmp_path / "lr.png", sr_path=target, warn=lambda note: None)
    sr = np.asarray(Image.open(target))
    # Next to an edge a few levels are lost: to the network, what lies beyond is black.
    assert sr.min() >= 249 and sr[20:28, 28:36].min() >= 254
