"""16 bits a channel, in and out, with TensorFlow and tifffile as witnesses."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from picture_kinds import CHANNELS, DEEP, LEVELS, read_back, write_kind
from PIL import Image

from srlite.enhance.inference import enhance_image
from srlite.errors import ImageError
from srlite.pictures.levels import join_channels
from srlite.pictures.picture import Picture, read_picture, read_rgb
from srlite.pictures.writing import write_picture


def joined(picture):
    levels = join_channels(picture.pixels, picture.alpha, picture.grey)
    return levels.reshape(*levels.shape[:2], -1)


@pytest.mark.parametrize("mode", CHANNELS)
@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_round_trip(tmp_path, ending, mode):
    path = tmp_path / f"deep{ending}"
    write_kind(path, f"{mode}16")
    picture = read_picture(path)
    np.testing.assert_array_equal(joined(picture), DEEP[..., CHANNELS[mode]])
    write_picture(path, picture)
    np.testing.assert_array_equal(read_back(path), DEEP[..., CHANNELS[mode]])
    np.testing.assert_array_equal(joined(read_picture(path)), joined(picture))


@pytest.mark.parametrize("mode", CHANNELS)
@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_a_gradient_keeps_more_than_256_levels(tiny_tflite, tmp_path, ending, mode):
    """1,000 neighbouring levels, so dark that all of them are one level of 8 bits."""
    count = len(CHANNELS[mode])
    ramp = np.arange(1000, dtype=np.uint16).reshape(20, 50, 1).repeat(count, axis=2)
    alpha = ramp[..., -1:] if mode.endswith("A") else None
    if alpha is not None:
        alpha += 60_000
    source, target = tmp_path / f"lr{ending}", tmp_path / f"sr{ending}"
    colours = ramp[..., : count - (alpha is not None)]
    pixels = np.broadcast_to(colours, (20, 50, 3))
    grey = mode in ("L", "LA")
    write_picture(
        source, Picture(pixels, None if alpha is None else alpha[..., 0], grey)
    )
    enhance_image(lr_path=source, sr_path=target, model=tiny_tflite)
    written = read_back(target)
    assert written.dtype == np.uint16 and written.shape == (80, 200, count)
    for channel in range(count):
        assert len(np.unique(written[..., channel])) > 256


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("mode", CHANNELS)
def test_every_way_to_store_a_tiff(tmp_path, mode, order, compression, tile):
    path = tmp_path / "deep.tif"
    levels = np.tile(DEEP[..., CHANNELS[mode]], (4, 3, 1))
    single = levels.shape[-1] == 1
    tifffile.imwrite(
        path,
        levels[..., 0] if single else levels,
        byteorder=order,
        compression=compression,
        predictor=compression is not None,
        photometric="rgb" if mode.startswith("RGB") else "minisblack",
        planarconfig=None if single else "contig",
        extrasamples=["unassalpha"] if mode.endswith("A") else None,
        tile=tile,
    )
    np.testing.assert_array_equal(joined(read_picture(path)), levels)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_colours_multiplied_with_alpha(tmp_path, mode):
    levels = DEEP[..., CHANNELS[mode]].astype(np.float64)
    levels[..., -1:] = np.maximum(levels[..., -1:], 20_000)
    stored = levels.copy()
    stored[..., :-1] = np.rint(levels[..., :-1] * levels[..., -1:] / 65535)
    tifffile.imwrite(
        tmp_path / "deep.tif",
        stored.astype(np.uint16),
        photometric="rgb" if mode == "RGBA" else "minisblack",
        planarconfig="contig",
        extrasamples=["assocalpha"],
    )
    read = joined(read_picture(tmp_path / "deep.tif"))
    assert np.abs(read - levels).max() <= 2  # a rounded level over an alpha of 0.3


def test_white_is_zero(tmp_path):
    tifffile.imwrite(tmp_path / "deep.tif", DEEP[..., 0], photometric="miniswhite")
    read = read_picture(tmp_path / "deep.tif").pixels[..., 0]
    np.testing.assert_array_equal(read, 65535 - DEEP[..., 0])


def test_separate_planes_are_refused(tmp_path):
    planes = np.ascontiguousarray(DEEP[..., :3].transpose(2, 0, 1))
    for compression in (None, "zlib"):
        tifffile.imwrite(
            tmp_path / "deep.tif",
            planes,
            photometric="rgb",
            planarconfig="separate",
            compression=compression,
        )
        with pytest.raises(ImageError, match="save it with interleaved channels"):
            read_picture(tmp_path / "deep.tif")


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_alpha_in_a_plane_of_its_own_is_refused(tmp_path, compression, tile):
    """Pillow takes alpha for opaque, or grey levels from the wrong place."""
    for extra in ("unassalpha", "assocalpha"):
        tifffile.imwrite(
            tmp_path / "lr.tif",
            np.ascontiguousarray(LEVELS[..., [0, 3]].transpose(2, 0, 1)),
            photometric="minisblack",
            planarconfig="separate",
            extrasamples=[extra],
            compression=compression,
            tile=tile,
        )
        for read in (read_picture, read_rgb):
            with pytest.raises(ImageError, match="save it with interleaved channels"):
                read(tmp_path / "lr.tif")


PAGES = {
    "RGB": (LEVELS[..., :3], {"photometric": "rgb"}),
    "RGB16": (DEEP[..., :3], {"photometric": "rgb"}),
    "L16": (DEEP[..., 0], {"photometric": "minisblack"}),
    "LA16": (
        DEEP[..., [0, 3]],
        {"planarconfig": "contig", "extrasamples": ["unassalpha"]},
    ),
}


@pytest.mark.parametrize("first", PAGES)
@pytest.mark.parametrize("second", PAGES)
def test_pages_of_all_kinds(tmp_path, first, second):
    path = tmp_path / "pages.tif"
    with tifffile.TiffWriter(path) as file:
        for levels, options in (PAGES[first], PAGES[second]):
            file.write(levels, **options)
        file.write(LEVELS.astype(np.float32), photometric="rgb")
    for page, kind in enumerate((first, second), start=1):
        expected = PAGES[kind][0].reshape(*LEVELS.shape[:2], -1)
        np.testing.assert_array_equal(joined(read_picture(path, page=page)), expected)
    with pytest.raises(ImageError, match="is a TIFF of a kind that srlite does not"):
        read_picture(path, page=3)


@pytest.mark.parametrize("dtype", ["float16", "float32", "uint16"])
def test_a_tiff_that_pillow_does_not_open_is_said_to_be_one(tmp_path, dtype):
    levels = DEEP[..., [0, 1, 2, 3, 0]].astype(dtype)
    tifffile.imwrite(tmp_path / "lr.tif", levels, photometric="rgb")
    with pytest.raises(ImageError, match="is a TIFF of a kind that srlite does not"):
        read_picture(tmp_path / "lr.tif")


def png(bits, colour_type, rows, transparent):
    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    size = struct.pack(">II", 4, len(rows))
    header = size + bytes([bits, colour_type, 0, 0, 0])
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tRNS", transparent)
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("above", [b"\0", b"\xff"])
@pytest.mark.parametrize(
    ("bits", "row", "levels"),
    [
        (1, b"\x50", [0, 255, 0, 255]),
        (2, b"\x1b", [0, 85, 170, 255]),
        (4, b"\x01\x2f", [0, 17, 34, 255]),
        (8, b"\0\1\2\3", [0, 1, 2, 3]),
        (16, b"\0\0\0\1\1\0\xff\xff", [0, 1, 256, 65535]),
    ],
)
def test_the_transparent_level_of_a_png(tmp_path, bits, row, levels, above):
    """It is counted in the file's own levels; bits above their depth do not count."""
    path = tmp_path / "key.png"
    path.write_bytes(png(bits, 0, [row], (above if bits < 16 else b"\0") + b"\1"))
    picture = read_picture(path)
    assert picture.grey
    assert picture.pixels[0, :, 0].tolist() == levels
    clear = [level == (255 if bits == 1 else levels[1]) for level in levels]
    assert (picture.alpha[0] == 0).tolist() == clear


def test_the_transparent_colour_of_a_png(tmp_path):
    row, key = LEVELS[0, :4, :3], LEVELS[0, 2, :3].astype(">u2")
    for above in (0, 0x300):
        content = png(8, 2, [row.tobytes()], (key | above).astype(">u2").tobytes())
        (tmp_path / "key.png").write_bytes(content)
        picture = read_picture(tmp_path / "key.png")
        np.testing.assert_array_equal(picture.pixels[0], row)
        assert picture.alpha.tolist() == [[255, 255, 0, 255]]


def test_the_transparent_colour_of_a_deep_png(tmp_path):
    row = DEEP[0, :4, :3]
    key = row[2].astype(">u2").tobytes()
    (tmp_path / "key.png").write_bytes(png(16, 2, [row.astype(">u2").tobytes()], key))
    picture = read_picture(tmp_path / "key.png")
    np.testing.assert_array_equal(picture.pixels[0], row)
    assert picture.alpha.tolist() == [[65535, 65535, 0, 65535]]


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_metadata_beside_deep_pixels(tmp_path, ending):
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "A. Photographer"
    exif[0x8769] = {0x9003: "2024:05:06 07:08:09"}
    profile = bytes(16) + b"RGB " + bytes(200)
    xmp = b"<rdf:RDF>A. Photographer</rdf:RDF>"
    path = tmp_path / f"deep{ending}"
    write_picture(
        path,
        Picture(
            DEEP[..., :3],
            icc_profile=profile,
            exif=exif.tobytes(),
            dpi=(300.0, 300.0),
            xmp=xmp,
        ),
    )
    np.testing.assert_array_equal(read_back(path), DEEP[..., :3])
    with Image.open(path) as image:
        assert image.info["icc_profile"] == profile
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        image.load()
        assert image.getexif()[0x013B] == "A. Photographer"
        assert image.getexif().get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
    # Its orientation was written as given, and is applied by whoever reads it.
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, np.rot90(DEEP[..., :3], -1))
    assert b"A. Photographer" in picture.xmp


def test_many_bands_and_strips(tmp_path):
    """Larger than one band of the writers, and no multiple of it."""
    rng = np.random.default_rng(0)
    levels = np.add.outer(np.arange(2101) * 30, np.arange(2050)).astype(np.uint16)
    levels = levels[..., None] + rng.integers(0, 3, (1, 1, 2), dtype=np.uint16)
    for ending in (".png", ".tif"):
        path = tmp_path / f"deep{ending}"
        write_picture(
            path, Picture(levels[..., :1].repeat(3, axis=2), levels[..., 1], grey=True)
        )
        np.testing.assert_array_equal(read_back(path), levels)


def test_levels_with_a_sign_are_refused(tmp_path):
    path = tmp_path / "lr.tif"
    tifffile.imwrite(path, LEVELS[..., 0].view(np.int8), photometric="minisblack")
    for read in (read_picture, read_rgb):
        with pytest.raises(ImageError, match="plain TIFF of 8 or 16 bits a channel"):
            read(path)
