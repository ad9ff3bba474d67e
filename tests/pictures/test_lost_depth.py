"""Files of more than 8 bits a channel, of which no more than 8 are read."""

import base64
import zlib

import numpy as np
import pytest
import tifffile
from picture_kinds import DEEP, LEVELS, write_kind
from PIL import Image, features

from srlite.pictures.picture import picture_from_array, read_picture


@pytest.mark.parametrize("ending", [".png", ".tif"])
@pytest.mark.parametrize("mode", ["RGB16", "RGBA16", "LA16", "L16", "RGB"])
def test_bits_that_pillow_drops_are_said(tmp_path, ending, mode):
    path = tmp_path / f"lr{ending}"
    write_kind(path, mode)
    if (ending, mode) == (".tif", "LA16"):
        pytest.skip("Pillow does not open it")
    picture = picture_from_array(Image.open(path))
    dropped = read_picture(path).pixels.dtype != picture.pixels.dtype
    assert ["8 of the file's 16 bits" in n for n in picture.notes] == [True] * dropped


def write_ppm(path, highest, plain):
    height, width = LEVELS.shape[:2]
    levels = np.rint(LEVELS[..., :3] * (highest / 255)).astype(">u2")
    kind = "P3" if plain else "P6"
    values = " ".join(map(str, levels.flat)).encode() if plain else levels.tobytes()
    path.write_bytes(f"{kind} {width} {height} {highest}\n".encode() + values)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(("highest", "bits"), [(1000, 10), (4095, 12), (65535, 16)])
def test_bits_of_a_ppm_that_are_not_read_are_said(tmp_path, highest, bits, plain):
    path = tmp_path / "lr.ppm"
    write_ppm(path, highest, plain)
    picture = read_picture(path)
    assert np.abs(picture.pixels - LEVELS[..., :3].astype(int)).max() <= 1
    assert picture.notes == (f"8 of the file's {bits} bits a channel are read",)


def test_bits_of_cmyk_that_are_not_read_are_said(tmp_path):
    for levels, said in ((LEVELS, False), (DEEP, True)):
        tifffile.imwrite(tmp_path / "lr.tif", levels, photometric="separated")
        notes = " ".join(read_picture(tmp_path / "lr.tif").notes)
        assert ("8 of the file's 16 bits a channel are read" in notes) == said


# Grey, 8 x 8 pixels, 10 bits a channel, compressed.
AVIF = (
    "eNpjYGCQSSupLEgsy0xjAAIQnZuZZpibmQjiv8xNLUlkgADFjJScIiiboSAzuYQBDfAVZJbkglmM"
    "QCyXmZOfDOK4gPiMEFFGXiAtAcQamZl5aXC1UkBOKhOUl1hmYOicn5MPtisjs6CoAEh7ZhYk5wNp"
    "kcziglSofRxQDLS3IhOsmQtI8CSWGTo3MsSABIST83OK8pJzKhiYQLABKCSeWZAL8xHQWSyMTM0s"
    "QKZCbkpiiRADF6sEx/7sACNeSTfFzmUZDBPs5/R37wAAIUQyVA=="
)


@pytest.mark.skipif(not features.check("avif"), reason="Pillow has no AVIF")
def test_bits_of_an_avif_that_are_not_read_are_said(tmp_path):
    path = tmp_path / "lr.avif"
    path.write_bytes(zlib.decompress(base64.b64decode(AVIF)))
    picture = read_picture(path)
    assert picture.notes == ("8 of the file's 10 bits a channel are read",)
    assert abs(picture.pixels.mean() - 600 / 1023 * 255) < 1
    Image.fromarray(LEVELS).save(path)
    assert read_picture(path).notes == ()
