"""EXIF is kept byte for byte, in its order of bytes; what is damaged is passed over."""

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from exif_blocks import UTF_8, block, camera_exif
from PIL import Image, ImageCms

from srlite.pictures.exif import (
    EXIF_IFD,
    GPS_IFD,
    INTEROP_IFD,
    Directories,
    encode,
    portable,
    read_directories,
    shorts,
)
from srlite.pictures.picture import Picture, read_picture
from srlite.pictures.writing import fit_to_format, write_picture

RGB = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif", ".webp", ".avif"])
def test_words_are_kept_byte_for_byte(ending, tmp_path):
    """Looked for in the file itself, past every reader."""
    path = tmp_path / f"sr{ending}"
    for order in "<>":
        tags = {0x013B: (2, UTF_8 + b"\0"), 0x8298: (2, b"\xa9 2024 \xe4\0")}
        Image.fromarray(RGB).save(
            tmp_path / "lr.jpg", exif=b"Exif\0\0" + block(tags, order)
        )
        write_picture(path, read_picture(tmp_path / "lr.jpg"))
        content = path.read_bytes()
        assert UTF_8 + b"\0" in content and b"\xa9 2024 \xe4\0" in content


def test_sizes_of_the_old_picture_are_left_out():
    sizes = {
        EXIF_IFD: (0xA002, 0xA003, 0x9214, 0xA214, 0xA20E, 0xA20F, 0xA210),
        INTEROP_IFD: (0x1001, 0x1002),
    }
    kept = {EXIF_IFD: {0x8822: shorts(3)}, INTEROP_IFD: {2: shorts(4)}}
    found = {
        pointer: dict.fromkeys(tags, shorts(9)) | kept[pointer]
        for pointer, tags in sizes.items()
    }
    assert portable(Directories(found)) == {0: {}} | kept


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif", ".webp", ".avif"])
def test_the_order_of_bytes_stays(ending, order, tmp_path):
    """As Pillow reads it, and in the bytes whose order no reader knows."""
    path = tmp_path / f"sr{ending}"
    exif = camera_exif(order)
    deep = RGB.astype(np.uint16) * 257 + 3
    Image.fromarray(RGB).save(tmp_path / "lr.jpg", exif=b"Exif\0\0" + exif)
    picture = read_picture(tmp_path / "lr.jpg")
    write_picture(path, replace(picture, pixels=deep))
    kept = Image.open(path).getexif()
    assert kept[0x013B].encode("latin-1") == UTF_8 and kept[0x4746] == 4
    assert kept.get_ifd(GPS_IFD) == {0: b"\2\3\0\0", 1: "N", 29: "2024:01:02"}
    camera = kept.get_ifd(EXIF_IFD)
    expected = read_directories(exif)[EXIF_IFD]
    assert [camera[tag] for tag in (0x9286, 0x927C)] == [
        expected[tag].raw for tag in (0x9286, 0x927C)
    ]
    assert kept.get_ifd(INTEROP_IFD) == {1: "R98"}
    assert kept.endian == order
    if ending == ".tif":
        np.testing.assert_array_equal(tifffile.imread(path), deep)


def test_exif_of_every_kind_of_tiff(tmp_path):
    """64-bit offsets, and the types that libtiff gives to a directory's place."""
    tags = [(0x013B, 2, 0, "A. Photographer", True)]
    for big in (False, True):
        path = tmp_path / "lr.tif"
        tifffile.imwrite(path, RGB, photometric="rgb", extratags=tags, bigtiff=big)
        assert b"A. Photographer" in read_picture(path).exif
    exif = bytearray(camera_exif("<"))
    at = exif.index(struct.pack("<HHI", EXIF_IFD, 4, 1))
    exif[at + 2] = 13
    assert EXIF_IFD in read_directories(bytes(exif))


def test_adobe_rgb_by_two_letters_of_exif(tmp_path):
    interop = Directories({0: {}, EXIF_IFD: {}})
    interop[INTEROP_IFD] = read_directories(block({1: (2, b"R03\0")}))[0]
    Image.fromarray(RGB).save(tmp_path / "lr.jpg", exif=b"Exif\0\0" + encode(interop))
    profile = read_picture(tmp_path / "lr.jpg").icc_profile
    red = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.red_primary[1][:2]
    np.testing.assert_allclose(red, (0.6484, 0.3309), atol=0.001)  # adapted to D50


def test_exif_above_64_kib_loses_its_maker_note_first(tmp_path):
    tags = {0x013B: (2, UTF_8 + b"\0")}
    directories = read_directories(block(tags))
    directories[0x8769] = read_directories(block({0x927C: (7, bytes(70000))}))[0]
    picture = Picture(RGB, exif=encode(directories))
    fitted = fit_to_format(tmp_path / "sr.jpg", picture)
    assert fitted.notes == (
        "the maker note of EXIF is left out, because it is too large",
    )
    write_picture(tmp_path / "sr.jpg", picture)
    assert UTF_8 in (tmp_path / "sr.jpg").read_bytes()
    directories[0][0x010E] = directories[0][0x013B]._replace(
        number=70000, raw=bytes(70000)
    )
    picture = Picture(RGB, exif=encode(directories))
    assert "above 64 KiB" in fit_to_format(tmp_path / "sr.jpg", picture).notes[1]


def test_damaged_exif_is_passed_over():
    whole = block({0x013B: (2, UTF_8 + b"\0")})
    rng = np.random.default_rng(0)
    for _ in range(500):
        content = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        content[rng.integers(0, len(content))] = rng.integers(0, 256)
        try:
            encode(read_directories(bytes(content)))
        except (ValueError, struct.error):
            continue
