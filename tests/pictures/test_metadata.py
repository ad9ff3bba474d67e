"""What a file says besides its pixels is kept byte for byte, or its loss is said."""

import struct
import subprocess
import zlib
from shutil import which

import numpy as np
import pytest
import tifffile
from exif_blocks import UTF_8, block
from PIL import Image, ImageCms, PngImagePlugin

from srlite.errors import ImageError
from srlite.pictures.embedded import IPTC, encode_resources
from srlite.pictures.exif import read_directories
from srlite.pictures.picture import Picture, read_picture
from srlite.pictures.writing import fit_to_format, write_picture

RGB = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
ENDINGS = (".png", ".jpg", ".tif", ".webp", ".avif", ".bmp")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>%s</rdf:RDF></x:xmpmeta>'
RECORDS = b"\x1c\x02\x78\x00\x05words"


# Of each kind, a picture that has it.
def said():
    exif = block({0x013B: (2, UTF_8 + b"\0"), 0x8298: (2, b"\xa9 x\0")})
    return {
        "icc_profile": SRGB,
        "exif": exif,
        "xmp": XMP % b"words",
        "iptc": encode_resources({IPTC: RECORDS, 0x040A: b"\1", 0x040B: b"http://x"}),
        "comment": b"caf\xc3\xa9",
        "text": (("parameters", "a tree, Seed: 42"), ("Titel", "日本")),
        "cicp": bytes((9, 16, 0, 1)),
        "time": bytes((7, 234, 11, 29, 20, 19, 36)),
        "dpi": (240.0, 240.0),
    }


HOLDS = {
    ".png": {"icc_profile", "exif", "xmp", "text", "cicp", "time", "dpi"},
    ".jpg": {"icc_profile", "exif", "xmp", "iptc", "comment", "dpi"},
    ".tif": {"icc_profile", "exif", "xmp", "iptc", "dpi"},
    ".webp": {"icc_profile", "exif", "xmp", "dpi"},
    ".avif": {"icc_profile", "exif", "xmp", "dpi"},
    ".bmp": {"dpi"},
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_cell_is_kept_or_said(ending, tmp_path):
    path = tmp_path / f"sr{ending}"
    for name, value in said().items():
        picture = Picture(RGB, **{name: value})
        notes = fit_to_format(path, picture).notes
        write_picture(path, picture)
        kept = name in HOLDS[ending]
        print(f"{ending:6} {name:12} {'kept' if kept else notes[0]}")
        assert len(notes) == (not kept)
        again = getattr(read_picture(path), name)
        if name == "exif" and kept:
            again, value = read_directories(again), read_directories(value)
        if name == "dpi":
            assert again == pytest.approx(value, abs=0.1)
        else:
            assert (again == value) == kept, (name, again)


SEEN_AS = {
    "icc_profile": "ICC_Profile:ProfileDescription",
    "exif": "EXIF:Artist",
    "xmp": "XMP-dc:Source",
    "iptc": "IPTC:SpecialInstructions",
    "comment": "File:Comment",
    "text": "PNG:Parameters",
    "cicp": "PNG-cICP:ColorPrimaries",
    "time": "PNG:ModifyDate",
    "dpi": "XResolution",
}


@pytest.mark.skipif(which("exiftool") is None, reason="needs exiftool")
@pytest.mark.parametrize("ending", ENDINGS)
def test_exiftool_sees_what_is_kept(ending, tmp_path):
    path = tmp_path / f"sr{ending}"
    words = (
        b"<rdf:Description xmlns:dc='http://purl.org/dc/elements/1.1/' dc:source='x'/>"
    )
    described = (XMP % words).replace(
        b"<rdf:RDF>",
        b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>",
    )
    records = encode_resources({IPTC: b"\x1c\x02\x28\x00\x05words"})
    for name, value in {**said(), "xmp": described, "iptc": records}.items():
        write_picture(path, Picture(RGB, **{name: value}))
        tag = {"dpi.png": "PixelsPerUnitX", "dpi.bmp": "PixelsPerMeterX"}.get(
            name + ending, SEEN_AS[name]
        )
        read = subprocess.run(
            ["exiftool", "-s3", f"-{tag}", path],
            check=True,
            capture_output=True,
            text=True,
        )
        seen = read.stdout.strip()
        print(f"{ending:6} {name:12} {seen or 'not seen'}")
        expected = {"exif": UTF_8.decode(), "comment": "café", "iptc": "words"}
        if name in HOLDS[ending]:
            assert seen == expected.get(name, seen) and seen, name
        else:
            assert not seen or name == "dpi", (name, seen)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_keeps_what_a_tiff_says(tmp_path, dtype):
    levels = RGB.astype(dtype)
    tags = [(271, 2, 0, "Maker", True), (315, 2, 0, "A. Photographer", True)]
    tifffile.imwrite(
        tmp_path / "lr.tif", levels, photometric="rgb", extratags=tags, software="Scan"
    )
    picture = read_picture(tmp_path / "lr.tif")
    write_picture(tmp_path / "sr.tif", picture)
    with tifffile.TiffFile(tmp_path / "sr.tif") as file:
        kept = file.pages[0].tags
        words = [kept[n].value for n in ("Make", "Artist", "Software")]
        assert words == ["Maker", "A. Photographer", "Scan"]
        np.testing.assert_array_equal(file.asarray(), levels)


def test_no_resolution_stays_none(tmp_path):
    tifffile.imwrite(tmp_path / "lr.tif", RGB, photometric="rgb", resolution=None)
    with Image.open(tmp_path / "lr.tif") as image:
        image.tag_v2.pop(282, None)
    content = (tmp_path / "lr.tif").read_bytes()
    for tag in (282, 283):  # under a private number: nothing reads it
        content = content.replace(
            struct.pack("<HH", tag, 5), struct.pack("<HH", tag + 65000 - 282, 5)
        )
    (tmp_path / "lr.tif").write_bytes(content)
    Image.fromarray(RGB).save(
        tmp_path / "lr.jpg", exif=block({0x013B: (2, b"words\0")})
    )
    for name in ("lr.tif", "lr.jpg"):
        picture = read_picture(tmp_path / name)
        assert picture.dpi is None
        write_picture(tmp_path / "sr.tif", picture)
        assert 282 not in Image.open(tmp_path / "sr.tif").tag_v2


def test_what_is_left_in_the_file_is_said(tmp_path):
    pages = [Image.fromarray(RGB)] * 3
    pages[0].save(tmp_path / "lr.tif", save_all=True, append_images=pages[1:])
    assert read_picture(tmp_path / "lr.tif").notes == (
        "of 3 pages only page 1 is enlarged",
    )
    words = (
        b'<rdf:Description hdrgm:Version="1.0" GCamera:MotionPhoto="1" '
        b'xmpNote:HasExtendedXMP="AB" dc:title="kept"><Container:Directory>'
        b"<rdf:Seq/></Container:Directory></rdf:Description>"
    )
    Image.fromarray(RGB).save(tmp_path / "lr.jpg", xmp=XMP % words)
    picture = read_picture(tmp_path / "lr.jpg")
    assert [note.split(" is left out")[0] for note in picture.notes] == [
        "the gain map",
        "the video of a motion photo",
        "the part of XMP beyond its first packet",
    ]
    assert picture.xmp == XMP % b'<rdf:Description dc:title="kept"></rdf:Description>'


@pytest.mark.parametrize("after", [False, True])
def test_chunks_of_a_png(after, tmp_path):
    """Public ones are kept or named; private ones and those of old pixels are not."""
    Image.fromarray(RGB).save(tmp_path / "lr.png")
    content = (tmp_path / "lr.png").read_bytes()
    time = bytes((7, 234, 11, 29, 20, 19, 36))
    chunks = b""
    for kind, data in (
        *((b"tIME", time), (b"mDCV", bytes(24)), (b"cLLI", bytes(8))),
        *((b"sTER", b"\0"), (b"bKGD", bytes(6)), (b"vpAg", bytes(9))),
    ):
        chunks += struct.pack(">I", len(data)) + kind + data
        chunks += struct.pack(">I", zlib.crc32(kind + data))
    at = content.index(b"IEND" if after else b"IDAT") - 4
    beyond = struct.pack(">I", 4) + b"sCAL" + bytes(8)  # no part of the picture
    (tmp_path / "lr.png").write_bytes(content[:at] + chunks + content[at:] + beyond)
    picture = read_picture(tmp_path / "lr.png")
    assert picture.time == time
    assert picture.notes == ("chunks of the PNG are left out: cLLI, mDCV, sTER",)


def test_a_page_says_what_is_its_own(tmp_path):
    path = tmp_path / "lr.tif"
    deep = np.random.default_rng(1).integers(0, 65536, (5, 7, 3), np.uint16)
    with tifffile.TiffWriter(path) as file:
        file.write(RGB, photometric="rgb", resolution=(300, 300), iccprofile=SRGB)
        artist = [(0x013B, 2, 0, "second", True)]
        file.write(deep, photometric="rgb", extratags=artist, resolution=(72, 72))
        file.write(deep[..., 0], photometric="minisblack")
        odd = np.stack([RGB[..., 0]] * 5, -1)
        file.write(odd, photometric="minisblack", planarconfig="contig")
    first, second, third = (read_picture(path, page=n) for n in (1, 2, 3))
    for picture, levels in ((first, RGB), (second, deep)):
        np.testing.assert_array_equal(picture.pixels, levels)
    np.testing.assert_array_equal(third.pixels[..., 1], deep[..., 0])
    assert [p.icc_profile for p in (first, second, third)] == [SRGB, None, None]
    assert [p.dpi for p in (first, second)] == [(300, 300), (72, 72)]
    assert b"second" in second.exif and b"second" not in (first.exif or b"")
    assert second.notes == ("of 4 pages only page 2 is enlarged",)
    for page in (0, 5):
        with pytest.raises(ImageError, match=f"4 pages; received page {page}"):
            read_picture(path, page=page)
    assert read_picture(path, page=np.float32(2)).notes == second.notes
    for page in (1.5, float("nan"), "2", None):
        with pytest.raises(ImageError, match=f"4 pages; received page {page!r}"):
            read_picture(path, page=page)
    with pytest.raises(ImageError, match="lr.tif is a TIFF of a kind that srlite"):
        read_picture(path, page=4)  # of five channels
    Image.fromarray(RGB).save(tmp_path / "lr.png")
    with pytest.raises(ImageError, match="lr.png has 1 page; received page 2"):
        read_picture(tmp_path / "lr.png", page=2)


def test_a_large_profile_of_a_png_is_said(tmp_path):
    profile = SRGB[:16] + b"RGB " + bytes(2**20)
    fitted = fit_to_format(tmp_path / "sr.png", Picture(RGB, icc_profile=profile))
    assert fitted.icc_profile is None and "above 1 MiB" in fitted.notes[0]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("words", ["a", "日"])
def test_a_large_text_of_a_png_is_kept(packed, words, tmp_path):
    text = PngImagePlugin.PngInfo()
    add = text.add_text if words == "a" else text.add_itxt
    add("workflow", words * 2**21, zip=packed)
    profile = SRGB + bytes(2**21)
    Image.fromarray(RGB).save(tmp_path / "lr.png", pnginfo=text, icc_profile=profile)
    picture = read_picture(tmp_path / "lr.png")
    assert picture.text == (("workflow", words * 2**21),)
    assert picture.icc_profile == profile
    write_picture(tmp_path / "sr.png", picture)
    assert read_picture(tmp_path / "sr.png").text == picture.text


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("dpi", [(254000.0, 254000.0), (4e9, 300.0), (300.0, 0.001)])
def test_every_resolution_is_kept_or_said(ending, dpi, tmp_path):
    # As microscopes write it, and as no camera does.
    path = tmp_path / f"sr{ending}"
    picture = Picture(RGB, dpi=dpi)
    write_picture(path, picture)
    kept = read_picture(path).dpi
    if kept is None or (ending == ".bmp" and dpi[0] != dpi[1]):  # it states another
        (note,) = fit_to_format(path, picture).notes
        assert note.endswith(f"{dpi[0]:g} x {dpi[1]:g} dpi, so it is left out")
    else:
        np.testing.assert_allclose(kept, dpi, rtol=1e-3)
    assert ending not in (".tif", ".webp", ".avif") or kept


def test_languages_of_texts_are_kept_and_lost_texts_said(tmp_path):
    words = PngImagePlugin.PngInfo()
    words.add_text("Author", "one")
    words.add_itxt("Title", "Garten", "de", "Titel")
    words.add_text("Author", "two", zip=True)
    Image.fromarray(RGB).save(tmp_path / "lr.png", pnginfo=words)
    picture = read_picture(tmp_path / "lr.png")
    assert picture.text == (("Author", "two"), ("Title", "Garten"))
    assert picture.notes == (
        "of several texts of the PNG under one name the last is kept: Author",
    )
    write_picture(tmp_path / "sr.png", picture)
    title = Image.open(tmp_path / "sr.png").text["Title"]
    assert (title, title.lang, title.tkey) == ("Garten", "de", "Titel")


def test_a_lost_comment_of_a_jpeg_is_said(tmp_path):
    path = tmp_path / "lr.jpg"
    Image.fromarray(RGB).save(path, comment=b"two")
    content = path.read_bytes()
    path.write_bytes(content[:2] + b"\xff\xfe\x00\x05one" + content[2:])
    picture = read_picture(path)
    assert picture.comment == b"two"
    assert picture.notes == ("of 2 comments the last is kept",)
