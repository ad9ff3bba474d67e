"""XMP is kept but for what describes the old pixels."""

import time

import numpy as np
import pytest
import tifffile
from PIL import Image

from srlite.pictures.metadata import portable_xmp
from srlite.pictures.picture import read_picture

RGB = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>%s</rdf:RDF></x:xmpmeta>'


def test_what_is_left_out_of_xmp():
    image = Image.fromarray(RGB)
    words = (
        b"<rdf:Description exif:PixelXDimension='12' dc:source=\"a > b\">"
        b"<tiff:Orientation>6</tiff:Orientation><Container:Directory><Container:Directory"
        b" a='1'/><Container:Directory>in</Container:Directory></Container:Directory>"
        b"<hdrgm:x/>kept<Camera:y\n z='1'>out</Camera:y ></rdf:Description>"
    )
    image.info["xmp"] = XMP % words
    assert portable_xmp(image) == XMP % (
        b'<rdf:Description dc:source="a > b">kept</rdf:Description>'
    )


@pytest.mark.parametrize("kind", ["attribute", "element"])
def test_xmp_loses_what_exif_loses(kind):
    """Sizes and places in pixels, by the names that XMP has for EXIF's tags."""
    names = (
        "PixelXDimension PixelYDimension SubjectLocation SubjectArea "
        "FocalPlaneXResolution FocalPlaneYResolution FocalPlaneResolutionUnit"
    ).split()
    image = Image.fromarray(RGB)
    words = "".join(f'<rdf:Description exif:{name}="9"/>' for name in names)
    left = "<rdf:Description/>" * len(names)
    if kind == "element":
        values = "<rdf:Seq><rdf:li>9</rdf:li></rdf:Seq>"
        words = "".join(f"<exif:{name}>{values}</exif:{name}>" for name in names)
        left = ""
    kept = b"<exif:SubjectDistance>9</exif:SubjectDistance>"
    image.info["xmp"] = XMP % (words.encode() + kept)
    assert portable_xmp(image) == XMP % (left.encode() + kept)


@pytest.mark.parametrize(
    "encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
)
@pytest.mark.parametrize("begin", ["", "\ufeff"])
def test_xmp_in_wider_characters_is_kept(encoding, begin, tmp_path):
    text = begin + (XMP % b"<dc:title>caf\xc3\xa9 \xe6\x97\xa5</dc:title>").decode()
    path = tmp_path / "lr.tif"
    with tifffile.TiffWriter(path) as file:
        packet = text.encode(encoding)
        file.write(
            RGB, photometric="rgb", extratags=[(700, 1, len(packet), packet, True)]
        )
    assert read_picture(path).xmp == text.lstrip("\ufeff").encode()


@pytest.mark.parametrize(
    "words", [b"<hdrgm:x>", b' hdrgm:a="', b"<Container:Directory ", b"<hdrgm:x  "]
)
def test_xmp_takes_no_longer_than_its_length(words):
    image = Image.fromarray(RGB)
    image.info["xmp"] = XMP % (words * 20000)
    start = time.monotonic()
    portable_xmp(image)
    assert time.monotonic() - start < 10
