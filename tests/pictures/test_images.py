"""Pictures read and written again, with Pillow as the independent reader."""

import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from srlite.errors import ImageError
from srlite.pictures import writing as image_writing
from srlite.pictures.levels import (
    enlarge_bicubic,
    luma,
    to_float,
    to_grey,
    to_levels,
    to_uint8,
)
from srlite.pictures.picture import Picture, picture_from_array, read_picture
from srlite.pictures.writing import write_picture

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY = RGB[..., 0]
GREY16 = GREY.astype(np.uint16) * 251 + 7
ALPHA = RGB[..., 2]
LOSSLESS = [".png", ".tif", ".tiff", ".bmp"]
LOSSY = [".jpg", ".jpeg", ".webp"]


def grey_picture(levels, **more):
    return Picture(np.stack([levels] * 3, axis=-1), grey=True, **more)


@pytest.mark.parametrize("ending", LOSSLESS + LOSSY)
def test_rgb_round_trip(tmp_path, ending, photo):
    path = tmp_path / f"picture{ending.upper()}"
    write_picture(path, Picture(photo))
    again, by_pillow = read_picture(path), np.asarray(Image.open(path))
    np.testing.assert_array_equal(again.pixels, by_pillow)
    worst = 0 if ending in LOSSLESS else 40
    assert np.abs(by_pillow.astype(int) - photo).max() <= worst
    assert not again.grey and again.alpha is None
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("ending", LOSSLESS + [".jpg"])
def test_grey_stays_grey(tmp_path, ending):
    path = tmp_path / f"grey{ending}"
    write_picture(path, grey_picture(GREY))
    with Image.open(path) as image:
        assert image.mode == "L"
        if ending in LOSSLESS:
            np.testing.assert_array_equal(np.asarray(image), GREY)
    assert read_picture(path).grey


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_sixteen_bit_grey_round_trip(tmp_path, ending):
    path = tmp_path / f"deep{ending}"
    Image.fromarray(GREY16).save(path)
    picture = read_picture(path)
    assert picture.grey and picture.pixels.dtype == np.uint16
    np.testing.assert_array_equal(picture.pixels[..., 1], GREY16)
    write_picture(path, picture)
    with Image.open(path) as image:
        assert image.mode == "I;16"
        np.testing.assert_array_equal(np.asarray(image), GREY16)


def test_sixteen_bit_grey_pgm(tmp_path):
    path = tmp_path / "deep.pgm"
    path.write_bytes(b"P5 7 5 65535 " + GREY16.astype(">u2").tobytes())
    np.testing.assert_array_equal(read_picture(path).pixels[..., 0], GREY16)


def test_sixteen_bits_into_an_eight_bit_format_are_rounded(tmp_path):
    write_picture(tmp_path / "shallow.bmp", grey_picture(GREY16))
    expected = np.rint(GREY16 * (255 / 65535))
    levels = np.asarray(Image.open(tmp_path / "shallow.bmp"))
    np.testing.assert_array_equal(levels, expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_alpha_round_trip(tmp_path, mode, ending):
    source = np.dstack([GREY if mode == "LA" else RGB, ALPHA])
    path = tmp_path / f"alpha{ending}"
    Image.fromarray(source).save(path)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.alpha, ALPHA)
    write_picture(path, picture)
    with Image.open(path) as image:
        assert image.mode == mode
        np.testing.assert_array_equal(np.asarray(image), source)


def test_alpha_in_webp(tmp_path):
    path = tmp_path / "alpha.webp"
    write_picture(path, Picture(RGB, ALPHA))
    with Image.open(path) as image:
        assert image.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(image)[..., 3], ALPHA)


@pytest.mark.parametrize("ending", [".jpg", ".bmp"])
def test_alpha_is_flattened_on_white_where_there_is_none(tmp_path, ending):
    path = tmp_path / f"flat{ending}"
    dark = np.zeros((16, 16, 3), np.uint8)
    alpha = np.full((16, 16), 51, np.uint8)
    write_picture(path, Picture(dark, alpha))
    levels = np.asarray(Image.open(path)).astype(int)
    assert np.abs(levels - 204).max() <= 1  # 255 * (1 - 51 / 255)


def test_palette_with_and_without_transparency(tmp_path):
    colours = Image.fromarray(RGB).quantize(16)
    colours.save(tmp_path / "opaque.png")
    picture = read_picture(tmp_path / "opaque.png")
    np.testing.assert_array_equal(picture.pixels, np.asarray(colours.convert("RGB")))
    assert picture.alpha is None and not picture.grey
    colours.save(tmp_path / "clear.png", transparency=3)
    alpha = read_picture(tmp_path / "clear.png").alpha
    np.testing.assert_array_equal(alpha == 0, np.asarray(colours) == 3)


def test_grey_palette_and_one_bit_are_grey(tmp_path):
    one_bit = Image.fromarray(GREY > 100)
    one_bit.save(tmp_path / "bits.png")
    picture = read_picture(tmp_path / "bits.png")
    assert picture.grey
    np.testing.assert_array_equal(picture.pixels[..., 0], (GREY > 100) * 255)
    Image.fromarray(GREY).convert("RGB").quantize(8).save(tmp_path / "palette.png")
    assert read_picture(tmp_path / "palette.png").grey


@pytest.mark.parametrize("ending", [".tga", ".bmp"])
@pytest.mark.parametrize("alpha", [0, 7])
def test_an_empty_fourth_byte_is_no_transparency(tmp_path, ending, alpha):
    """Written by programs that know no transparency."""
    path = tmp_path / f"lr{ending}"
    levels = np.dstack([RGB, np.zeros(RGB.shape[:2], np.uint8)])
    levels[0, 0, 3] = alpha
    Image.fromarray(levels).save(path)
    if ending == ".bmp":
        content = bytearray(path.read_bytes())
        header = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000).ljust(68, b"\0")
        content[54:54] = header
        content[10:18] = struct.pack("<II", 54 + len(header), 40 + len(header))
        content[30:34] = struct.pack("<I", 3)  # masks say where the channels are
        path.write_bytes(content)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert (picture.alpha is not None) == (alpha > 0)


def test_cmyk_becomes_rgb_without_its_profile(tmp_path):
    path = tmp_path / "cmyk.tif"
    cmyk = Image.fromarray(RGB).convert("CMYK")
    profile = bytes(16) + b"CMYK" + bytes(112)
    cmyk.save(path, icc_profile=profile)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, np.asarray(cmyk.convert("RGB")))
    write_picture(tmp_path / "rgb.png", picture)
    assert "icc_profile" not in Image.open(tmp_path / "rgb.png").info


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif", ".webp"])
def test_metadata_is_kept_and_orientation_applied(tmp_path, ending):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    exif[0x013B] = "A. Photographer"
    exif[0x8769] = {0x9003: "2024:05:06 07:08:09", 0xA002: 7}
    source, target = tmp_path / "in.jpg", tmp_path / f"out{ending}"
    Image.fromarray(RGB).save(source, exif=exif, icc_profile=srgb, dpi=(300, 300))
    picture = read_picture(source)
    assert picture.pixels.shape == (7, 5, 3)
    by_hand = np.rot90(np.asarray(Image.open(source)), k=-1)
    np.testing.assert_array_equal(picture.pixels, by_hand)
    write_picture(target, picture)
    with Image.open(target) as image:
        written = image.getexif()
        assert image.size == (5, 7)
        assert 0x0112 not in written
        assert written[0x013B] == "A. Photographer"
        block = written.get_ifd(0x8769)
        assert block[0x9003] == "2024:05:06 07:08:09" and 0xA002 not in block
        assert image.info["icc_profile"] == srgb
        if ending != ".webp":
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_damaged_exif_does_not_cost_the_picture(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "in.png", exif=b"Exif\0\0MM\0*garbage")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(read_picture(tmp_path / "in.png").pixels, RGB)


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(ImageError, match="No such file"):
        read_picture(tmp_path / "missing.png")
    with pytest.raises(ImageError, match="Is a directory"):
        read_picture(tmp_path)
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(ImageError, match="cannot identify"):
        read_picture(tmp_path / "text.png")
    for ending in LOSSLESS + LOSSY:
        whole = io.BytesIO()
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(whole, image_writing._FORMATS[ending].name)
        path = tmp_path / f"half{ending}"
        path.write_bytes(whole.getvalue()[: whole.tell() // 2])
        with pytest.raises(ImageError, match="cannot read"):
            read_picture(path)


def test_pixel_limit_is_an_error_without_a_warning(tmp_path, monkeypatch):
    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    def png_header(side):
        ihdr = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + ihdr + chunk(b"IDAT", b"") + chunk(b"IEND", b"")

    for side in (10_001, 100_000):  # Pillow warns of the first, refuses the second
        (tmp_path / "bomb.png").write_bytes(png_header(side))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(ImageError, match="limit"):
                read_picture(tmp_path / "bomb.png")


def test_animation_is_refused(tmp_path):
    frames = [Image.fromarray(RGB), Image.fromarray(RGB[::-1].copy())]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="animation of 2 frames"):
        read_picture(tmp_path / "moving.gif")


def test_float_file_is_refused(tmp_path):
    Image.fromarray(GREY.astype(np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(ImageError, match="mode 'F'"):
        read_picture(tmp_path / "float.tif")


def test_conversions_round():
    values = np.array([0.0, 0.499 / 255, 0.501 / 255, 2.0, -1.0])
    assert to_uint8(values).tolist() == [0, 0, 1, 255, 0]
    for dtype in (np.uint8, np.uint16):
        levels = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
        np.testing.assert_array_equal(to_levels(to_float(levels), dtype), levels)


def test_grey_equals_pillow():
    by_pillow = np.asarray(Image.fromarray(RGB).convert("L")).astype(int)
    assert np.abs(to_grey(RGB).astype(int) - by_pillow).max() <= 1
    np.testing.assert_array_equal(to_grey(np.dstack([GREY16] * 3)), GREY16)


def test_luma_equals_scikit_image():
    from skimage.color import rgb2ycbcr

    np.testing.assert_allclose(luma(RGB), rgb2ycbcr(RGB)[..., 0], atol=1e-3)
    assert luma(np.array([255, 255, 255])) == pytest.approx(235)
    assert luma(np.array([0, 0, 0])) == 16


def test_bicubic_of_both_depths():
    levels = GREY // 2 + 64  # nothing overshoots, which 8 bits clip after each pass
    by_pillow = Image.fromarray(levels).resize((28, 20), Image.Resampling.BICUBIC)
    shallow = enlarge_bicubic(levels, 4)
    np.testing.assert_array_equal(shallow, by_pillow)
    deep = enlarge_bicubic(levels.astype(np.uint16) * 257, 4)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - shallow).max() < 1.5


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif"])
def test_a_damaged_file_opened_by_pillow(ending, tmp_path, photo):
    path = tmp_path / f"half{ending}"
    Image.fromarray(photo).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 4 // 5])
    with pytest.raises(ImageError, match="cannot read"):
        picture_from_array(Image.open(path))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_colours_multiplied_with_alpha(mode, photo, tmp_path):
    opened = Image.fromarray(photo).convert(mode)
    opened.putalpha(Image.linear_gradient("L").resize(opened.size))
    multiplied = opened.convert(f"{mode[:-1]}a")
    plain = picture_from_array(multiplied.convert(mode))
    picture = picture_from_array(multiplied)
    assert picture.grey == (mode == "LA")
    np.testing.assert_array_equal(picture.pixels, plain.pixels)
    np.testing.assert_array_equal(picture.alpha, plain.alpha)
