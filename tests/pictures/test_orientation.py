"""TIFFs that lie on a side, of every mode, depth and compression."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from srlite.pictures.picture import read_picture, read_rgb

RGB = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
TURNS = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
    8: np.rot90,
}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_orientation_of_deep_tiffs(channels, compression, order, tmp_path):
    levels = np.random.default_rng(2).integers(0, 65536, (8, 12, channels), np.uint16)
    path, colours = tmp_path / "lr.tif", channels - 1 + channels % 2
    options = {
        "photometric": "rgb" if channels > 2 else "minisblack",
        "planarconfig": "contig" if channels > 1 else None,
        "extrasamples": None if channels % 2 else ["unassalpha"],
        "compression": compression,
        "byteorder": order,
    }
    stored = levels if channels > 1 else levels[..., 0]
    for orientation, turn in TURNS.items():
        tags = [(274, 3, 1, orientation, True)]
        tifffile.imwrite(path, stored, extratags=tags, **options)
        picture = read_picture(path)
        np.testing.assert_array_equal(
            picture.pixels[..., :colours], turn(levels[..., :colours])
        )
        if not channels % 2:
            np.testing.assert_array_equal(picture.alpha, turn(levels[..., -1]))
        rounded = np.rint(turn(levels[..., :colours]) / 257).astype(np.uint8)
        for source in (path, io.BytesIO(path.read_bytes())):
            read = read_rgb(source, "lr.tif")
            np.testing.assert_array_equal(read[..., :colours], rounded)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_orientation_of_every_tiff(mode, compression, tmp_path):
    grey = Image.fromarray(RGB[..., 0])
    image = grey.convert("I;16") if mode == "I;16" else grey.convert(mode)
    if mode == "RGB":
        image = Image.fromarray(RGB)
    path = tmp_path / "lr.tif"
    image.save(path, compression=compression)
    upright, rgb = read_picture(path).pixels, read_rgb(path)
    for orientation, turn in TURNS.items():
        image.save(path, compression=compression, tiffinfo={274: orientation})
        np.testing.assert_array_equal(read_picture(path).pixels, turn(upright))
        np.testing.assert_array_equal(read_rgb(path), turn(rgb))
