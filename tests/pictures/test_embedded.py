"""Metadata that Pillow passes over, placed in the files by hand."""

import struct
import subprocess
import zlib
from shutil import which

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, PngImagePlugin, features

from srlite.pictures.embedded import (
    IPTC,
    add_embedded,
    decode_resources,
    encode_resources,
)
from srlite.pictures.exif import Directories, encode, read_directories
from srlite.pictures.picture import read_picture
from srlite.pictures.writing import fit_to_format, write_picture

RGB = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b"<x:xmpmeta><rdf:RDF>words</rdf:RDF></x:xmpmeta>"
RECORDS = b"\x1c\x02\x78\x00\x05words"
WORDS = "Jörg".encode() + b"\0"


def exif():
    tags = Directories({0: {}})
    block = b"II*\0\x08\0\0\0\1\0\x3b\1\2\0\6\0\0\0\x1a\0\0\0\0\0\0\0" + WORDS
    tags |= read_directories(block)
    return encode(tags)


def box(kind, data):
    return struct.pack(">I4s", 8 + len(data), kind) + data


@pytest.mark.skipif(not features.check("jpg_2000"), reason="Pillow has no JPEG 2000")
def test_boxes_of_jpeg_2000(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "lr.jp2")
    content = (tmp_path / "lr.jp2").read_bytes()
    iptc = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
    xmp = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    boxes = (
        box(b"uuid", b"JpgTiffExif->JP2" + exif())
        + box(b"uuid", xmp + XMP)
        + box(b"uuid", iptc + RECORDS)
    )
    at = content.index(b"jp2c") - 4
    (tmp_path / "lr.jp2").write_bytes(content[:at] + boxes + content[at:])
    picture = read_picture(tmp_path / "lr.jp2")
    assert WORDS in picture.exif and picture.xmp == XMP
    assert decode_resources(picture.iptc) == {IPTC: RECORDS}


def test_xmp_of_a_gif(tmp_path):
    Image.fromarray(RGB).quantize(16).save(tmp_path / "lr.gif")
    content = (tmp_path / "lr.gif").read_bytes()
    slope = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    block = b"\x21\xff\x0bXMP DataXMP" + XMP + slope
    at = content.rindex(b"\x2c" + bytes(4))
    (tmp_path / "lr.gif").write_bytes(content[:at] + block + content[at:])
    assert read_picture(tmp_path / "lr.gif").xmp == XMP


def test_profile_of_a_bmp(tmp_path):
    rows = b"".join(row.tobytes() for row in RGB[::-1, :, ::-1])
    size, start = 14 + 124, 14 + 124 + len(rows)
    header = struct.pack("<IiiHHIIiiII", 124, 12, 8, 1, 24, 0, len(rows), 0, 0, 0, 0)
    header = header.ljust(56, b"\0") + b"DEBM"
    header = header.ljust(112, b"\0") + struct.pack("<III", start - 14, len(SRGB), 0)
    head = b"BM" + struct.pack("<IHHI", start + len(SRGB), 0, 0, size)
    (tmp_path / "lr.bmp").write_bytes(head + header + rows + SRGB)
    picture = read_picture(tmp_path / "lr.bmp")
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert picture.icc_profile == SRGB


@pytest.mark.skipif(not features.check("avif"), reason="Pillow has no AVIF")
@pytest.mark.parametrize(
    ("said", "kept"), [((1, 13), None), ((1, 1), None), ((12, 13), 12), ((9, 16), 9)]
)
def test_colours_of_an_avif(said, kept, tmp_path):
    """Display P3 and PQ, as phones write them, without an ICC profile."""
    path = tmp_path / "lr.avif"
    Image.fromarray(RGB).save(path)
    content = path.read_bytes()
    at = content.index(b"colrnclx") + 8
    path.write_bytes(content[:at] + struct.pack(">HH", *said) + content[at + 4 :])
    picture = read_picture(path)
    assert picture.cicp == (None if kept is None else bytes((*said, 0, 1)))
    write_picture(tmp_path / "sr.png", picture)
    assert read_picture(tmp_path / "sr.png").cicp == picture.cicp
    notes = fit_to_format(tmp_path / "sr.jpg", picture).notes
    assert len(notes) == (kept is not None)


@pytest.mark.parametrize("wrapped", [False, True])
def test_profiles_in_the_text_of_a_png(wrapped, tmp_path):
    """As ImageMagick writes them."""
    iptc = encode_resources({IPTC: RECORDS, 2000: b"a path"}) if wrapped else RECORDS
    text = PngImagePlugin.PngInfo()
    for name, block in (("exif", b"Exif\0\0" + exif()), ("xmp", XMP), ("iptc", iptc)):
        value = f"\n{name}\n{len(block):8}\n{block.hex()}\n"
        text.add_text(f"Raw profile type {name}", value, zip=True)
    Image.fromarray(RGB).save(tmp_path / "lr.png", pnginfo=text)
    picture = read_picture(tmp_path / "lr.png")
    assert WORDS in picture.exif and picture.xmp == XMP and picture.text == ()
    assert decode_resources(picture.iptc) == {IPTC: RECORDS}
    assert picture.notes == ("the clipping paths of Photoshop are left out",) * wrapped


@pytest.mark.parametrize("order", "<>")
def test_iptc_of_a_tiff_that_is_called_numbers(order, tmp_path):
    path = tmp_path / "lr.tif"
    padded = RECORDS.ljust(12, b"\0")
    for numbers in ("<3I", ">3I"):
        values = struct.unpack(numbers, padded)
        tags = [(33723, 4, 3, values, True)]
        options = {"photometric": "rgb", "byteorder": order}
        tifffile.imwrite(path, RGB, extratags=tags, **options)
        picture = read_picture(path)
        assert decode_resources(picture.iptc) == {IPTC: padded}
    write_picture(path, picture)
    with tifffile.TiffFile(path) as file:
        assert bytes(file.pages[0].tags[33723].value) == padded


def test_resources_of_photoshop(tmp_path):
    held = {IPTC: RECORDS, 0x040A: b"\1", 0x03ED: bytes(16), 2001: b"a path"}
    tags = [
        (34377, 7, None, encode_resources(held), True),
        (37724, 7, 4, b"layr", True),
    ]
    tifffile.imwrite(tmp_path / "lr.tif", RGB, photometric="rgb", extratags=tags)
    picture = read_picture(tmp_path / "lr.tif")
    assert [note.split(" of ")[0] for note in picture.notes] == [
        "the clipping paths",
        "the layers",
    ]
    for name in ("sr.jpg", "sr.tif"):
        write_picture(tmp_path / name, picture)
        again = read_picture(tmp_path / name)
        assert decode_resources(again.iptc) == {IPTC: RECORDS, 0x040A: b"\1"}


def test_what_holds_for_the_original_alone_is_said(tmp_path):
    tifffile.imwrite(
        tmp_path / "geo.tif",
        RGB,
        photometric="rgb",
        extratags=[(34735, 3, 4, (1, 1, 0, 0), True)],
    )
    tags = [(0xCD41, 7, 4, b"jumb", True)]
    tifffile.imwrite(tmp_path / "c2pa.tif", RGB, photometric="rgb", extratags=tags)
    for name in ("plain.jpg", "c2pa.jpg", "motion.jpg", "c2pa.png"):
        Image.fromarray(RGB).save(tmp_path / name)
    content = (tmp_path / "c2pa.jpg").read_bytes()
    block = b"JP\0\1\0\0\0\1" + box(b"jumb", box(b"jumd", b"c2pa" + bytes(12)))
    segment = b"\xff\xeb" + struct.pack(">H", len(block) + 2) + block
    (tmp_path / "c2pa.jpg").write_bytes(content[:2] + segment + content[2:])
    with open(tmp_path / "motion.jpg", "ab") as file:
        file.write(b"MotionPhoto_Data" + bytes(100) + b"SEFH" + bytes(20) + b"SEFT")
    content = (tmp_path / "c2pa.png").read_bytes()
    chunk = b"caBX" + block
    chunk = struct.pack(">I", len(block)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "c2pa.png").write_bytes(content[:33] + chunk + content[33:])
    for name, word in (
        ("geo.tif", "GeoTIFF"),
        ("c2pa.jpg", "C2PA"),
        ("c2pa.png", "C2PA"),
        ("c2pa.tif", "C2PA"),
        ("motion.jpg", "motion photo"),
        ("plain.jpg", None),
    ):
        notes = read_picture(tmp_path / name).notes
        assert len(notes) == (word is not None) and (not word or word in notes[0]), name


@pytest.mark.parametrize("kind", ["webp", "avif"])
def test_content_credentials_of_later_formats_are_said(kind, tmp_path):
    if not features.check(kind):
        pytest.skip(f"Pillow has no {kind}")
    path = tmp_path / f"lr.{kind}"
    Image.fromarray(RGB).save(path, xmp=b"<rdf:RDF></rdf:RDF>")
    assert not read_picture(path).notes
    content = path.read_bytes()
    if kind == "webp":
        chunks = content[12:] + b"C2PA" + struct.pack("<I", 3) + b"abc\0"
        content = b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks
    else:
        content += box(b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481"))
    path.write_bytes(content)
    assert "C2PA" in read_picture(path).notes[0]


@pytest.mark.skipif(not features.check("avif"), reason="Pillow has no AVIF")
def test_a_gain_map_of_an_avif_is_said(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "lr.avif")
    content = (tmp_path / "lr.avif").read_bytes()
    assert not read_picture(tmp_path / "lr.avif").notes
    (tmp_path / "lr.avif").write_bytes(content + box(b"free", b"tmap"))
    assert "gain map" in read_picture(tmp_path / "lr.avif").notes[0]


def test_damaged_blocks_are_passed_over(tmp_path):
    rng = np.random.default_rng(0)
    whole = encode_resources({IPTC: RECORDS, 0x040A: b"\1"})
    for _ in range(300):
        content = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        content[rng.integers(0, len(content))] = rng.integers(0, 256)
        decode_resources(bytes(content))
    Image.fromarray(RGB).save(tmp_path / "lr.jp2")
    content = (tmp_path / "lr.jp2").read_bytes()
    for length in (0, 1, 7, 2**31):
        uuid = struct.pack(">I4s", length, b"uuid") + b"JpgTiffExif->JP2"
        (tmp_path / "lr.jp2").write_bytes(content + uuid)
        with Image.open(tmp_path / "lr.jp2") as image:
            add_embedded(image)
            assert not image.info.get("exif")


@pytest.mark.skipif(which("exiftool") is None, reason="needs exiftool")
@pytest.mark.parametrize("ending", [".jpg", ".tif"])
def test_exiftool_reads_what_it_wrote(ending, tmp_path):
    said = {
        "EXIF:Artist": "Jörg Müller",
        "EXIF:UserComment": "日本",
        "EXIF:GPSVersionID": "2.3.0.0",
        "EXIF:LensModel": "50mm",
        "IPTC:Keywords": "Grüße",
        "Photoshop:URL": "http://x",
        "XMP-photoshop:City": "Köln",
    }
    Image.fromarray(RGB).save(tmp_path / f"lr{ending}")
    written = ["-IPTC:CodedCharacterSet=UTF8", *(f"-{k}={v}" for k, v in said.items())]
    lr_path, sr_path = (str(tmp_path / f"{name}{ending}") for name in ("lr", "sr"))
    subprocess.run(["exiftool", "-q", *written, lr_path], check=True)
    write_picture(sr_path, read_picture(lr_path))
    shown = ["exiftool", "-s3", *(f"-{name}" for name in said), sr_path]
    read = subprocess.run(shown, check=True, capture_output=True, text=True).stdout
    assert read.splitlines() == list(said.values())
