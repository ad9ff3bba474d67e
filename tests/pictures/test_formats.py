"""Formats times modes times features, and the table of them in the docs."""

import re
from pathlib import Path

import numpy as np
import pytest
from picture_kinds import (
    ALL_KINDS,
    DEEP,
    LEVELS,
    SIZE,
    SRGB,
    read_back,
    write_kind,
)
from PIL import Image

from srlite.enhance.inference import enhance_image
from srlite.errors import ConfigError, ImageError
from srlite.pictures.picture import Picture, read_picture
from srlite.pictures.writing import check_writable, write_picture

ENDINGS = (".png", ".tif", ".webp", ".avif", ".jpg", ".bmp")
LOSSLESS = (".png", ".tif", ".bmp")
PAGE = (Path(__file__).parents[2] / "docs" / "inference.md").read_text()
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description '
    b'dc:creator="A. Photographer" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


@pytest.fixture(scope="module")
def table():
    """The table of the docs: {ending: {column: cell}}."""
    lines = PAGE[PAGE.index("| written as |") :].split("\n\n")[0].splitlines()
    header, _, *rows = [
        [cell.strip() for cell in line.strip()[1:-1].split("|")] for line in lines
    ]
    return {
        ending: dict(zip(header[1:], row[1:], strict=True))
        for row in rows
        for ending in row[0].replace("`", "").split(", ")
    }


@pytest.mark.parametrize(("ending", "mode"), ALL_KINDS)
def test_every_kind_into_every_format(tiny_tflite, tmp_path, table, ending, mode):
    source = tmp_path / f"lr{ending}"
    write_kind(source, mode)
    base = mode.removesuffix("+key")
    is_grey = base in ("1", "L", "LA", "L16", "LA16")
    is_clear = base in ("LA", "RGBA", "LA16", "RGBA16") or mode.endswith("+key")
    for target_ending in ENDINGS:
        target = tmp_path / f"sr{target_ending}"
        said = []
        sr = enhance_image(
            lr_path=source, sr_path=target, model=tiny_tflite, warn=said.append
        )
        holds = table[target_ending]
        clear = is_clear and holds["transparency"] == "yes"
        deep = base.endswith("16") and holds["16 bits"] == "yes"
        channels = (1 if is_grey else 3) + clear
        assert sr.dtype == (np.uint16 if deep else np.uint8)
        sr = sr.reshape(*sr.shape[:2], -1)
        assert sr.shape == (4 * SIZE[0], 4 * SIZE[1], channels)
        written = read_back(target)
        assert written.dtype == sr.dtype
        if is_grey and holds["grey"] != "yes":
            assert written.shape[2] == 3 + clear
            # Three equal channels, but for what the codec loses.
            assert np.ptp(written[..., :3].astype(int), axis=-1).max() <= 3
        else:
            assert written.shape == sr.shape
        if target_ending in LOSSLESS:
            np.testing.assert_array_equal(written, sr)
        if clear:
            assert abs(written[..., -1].mean() / sr[..., -1].mean() - 1) < 0.02
        about = " ".join(said)
        assert ("CMYK" in about) == (mode == "CMYK")
        assert ("became white" in about) == (is_clear and not clear)
        assert ("8 of the 16 bits" in about) == (base.endswith("16") and not deep)


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_other_levels_are_refused_with_a_sentence(tmp_path, mode):
    path = tmp_path / "lr.tif"
    image = Image.fromarray(LEVELS[..., :3])
    if mode == "LAB":
        Image.frombytes("LAB", image.size, image.tobytes()).save(path)
    else:
        image.convert("L").convert(mode).save(path)
    with pytest.raises(ImageError, match=f"mode '{mode}'; convert it to 8 bits"):
        read_picture(path)


@pytest.fixture
def complete(tmp_path):
    """A picture with all that a file can say."""
    exif = Image.Exif()
    exif[0x0112], exif[0x013B], exif[0x4746] = 6, "A. Photographer", 4
    exif[0x8769] = {0x9003: "2024:05:06 07:08:09", 0x927C: b"maker's", 0xA002: 7}
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 0.0)}
    path = tmp_path / "complete.png"
    image = Image.fromarray(LEVELS)
    image.save(path, exif=exif, icc_profile=SRGB, dpi=(300, 300))
    with_xmp = tmp_path / "xmp.webp"
    image.save(with_xmp, xmp=XMP)
    picture, about = read_picture(path), read_picture(with_xmp)
    return Picture(**{**vars(picture), "xmp": about.xmp})


def test_the_docs_tell_the_truth(tmp_path, table, complete):
    assert set(table) == {*ENDINGS, ".jpeg", ".tiff"}
    opaque = Picture(**{**vars(complete), "alpha": None})
    for ending, holds in table.items():
        path = tmp_path / f"sr{ending}"
        write_picture(path, opaque if holds["transparency"] != "yes" else complete)
        with Image.open(path) as image:
            exif, info = image.getexif(), image.info
            assert ("A" in image.getbands()) == (holds["transparency"] == "yes")
            assert (info.get("icc_profile") == SRGB) == (holds["ICC profile"] == "yes")
            assert (exif.get(0x013B) == "A. Photographer") == (holds["EXIF"] == "yes")
            if holds["EXIF"] == "yes":
                assert 0x0112 not in exif and exif[0x4746] == 4
                block = exif.get_ifd(0x8769)
                assert block[0x9003] == "2024:05:06 07:08:09" and 0xA002 not in block
                assert block[0x927C] == b"maker's"
                assert exif.get_ifd(0x8825)[2] == (48.0, 8.0, 0.0)
            packet = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
            if hasattr(image, "tag_v2"):
                packet = image.tag_v2.get(700, b"")
            packet = packet.encode() if isinstance(packet, str) else packet
            assert (b"A. Photographer" in packet) == (holds["XMP"] == "yes")
            assert b"Orientation" not in packet
            if holds["resolution"] == "yes":
                assert info["dpi"] == pytest.approx((300, 300), abs=0.1)
            elif holds["resolution"] == "in EXIF":
                assert "dpi" not in info
                for tag in (0x011A, 0x011B):
                    assert exif[tag] == pytest.approx(300, abs=0.1)
            else:
                raise AssertionError(holds["resolution"])
        assert read_picture(path).dpi == pytest.approx((300, 300), abs=0.1)
        grey = Picture(np.stack([LEVELS[..., 0]] * 3, axis=-1), grey=True)
        write_picture(path, grey)
        assert (read_back(path).shape[2] == 1) == (holds["grey"] == "yes")
        write_picture(path, Picture(DEEP[..., :3]))
        assert (read_back(path).dtype == np.uint16) == (holds["16 bits"] == "yes")


def test_the_docs_tell_the_limits(tmp_path, table):
    for ending, holds in table.items():
        path, limit = tmp_path / f"sr{ending}", holds["at most"]
        number = int(re.sub(r"[^\d]", "", limit.split(" ")[0]) or 2**20)
        if "MiB" in limit:
            widest = number * 2**20 // 2**14
            fits, too_much = (2**14 // 4, widest), (2**14 // 4, widest + 1)
        else:
            fits, too_much = (4, number), (4, number + 1)
        check_writable(path, *fits)
        if limit == "":
            continue
        with pytest.raises(ImageError, match="holds at most .* use .png"):
            check_writable(path, *too_much)


@pytest.mark.parametrize("ending", [".jpg", ".webp", ".avif"])
def test_quality(tmp_path, photo, ending):
    sizes, errors = [], []
    for quality in (30, 60, None):
        path = tmp_path / f"sr{ending}"
        write_picture(path, Picture(photo), quality)
        sizes.append(path.stat().st_size)
        errors.append(np.abs(read_back(path).astype(int) - photo).mean())
    assert sizes == sorted(sizes) and errors == sorted(errors, reverse=True)
    write_picture(path, Picture(photo), 100)
    if ending == ".webp":
        np.testing.assert_array_equal(read_back(path), photo)
    if ending == ".jpg":
        with Image.open(path) as image:  # (1, 1) for luma and both chromas: 4:4:4
            assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3


@pytest.mark.parametrize(
    ("name", "quality", "message"),
    [
        ("sr.png", 90, "quality is for .jpg, .webp and .avif; received 90"),
        ("sr.jpg", 0, "quality must be 1 to 100; received 0"),
        ("sr.webp", 101, "quality must be 1 to 100; received 101"),
    ],
)
def test_impossible_quality(tmp_path, name, quality, message):
    with pytest.raises(ConfigError, match=message):
        check_writable(tmp_path / name, 4, 4, None, quality)


def test_a_pillow_without_avif_is_told(tmp_path, monkeypatch):
    monkeypatch.delitem(Image.SAVE, "AVIF")
    with pytest.raises(ImageError, match="has no AVIF; install a newer one"):
        check_writable(tmp_path / "sr.avif", 4, 4)


@pytest.mark.parametrize("name", ["lr.png", "lr.jpg", "lr.tif", "lr.webp", "lr.avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_every_format(tmp_path, name, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if name == "lr.webp" else {"quality": 100}
    options = {} if name in ("lr.png", "lr.tif") else lossless
    blocks = LEVELS[:3, :4, :3].repeat(16, axis=0).repeat(16, axis=1)
    stored = Image.fromarray(blocks)
    stored.save(tmp_path / name, exif=exif, **options)
    turned = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a),
    }[orientation](blocks)
    picture = read_picture(tmp_path / name)
    assert picture.pixels.shape == turned.shape
    middle = (slice(8, None, 16), slice(8, None, 16))
    difference = picture.pixels[middle].astype(int) - turned[middle]
    assert np.abs(difference).max() <= 12
