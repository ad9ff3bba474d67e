"""Files of cameras and phones: never enlarged from a preview, named where not read."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from srlite.data.sources import read_source
from srlite.enhance.file_plan import plan_files
from srlite.errors import ImageError
from srlite.pictures import decoding
from srlite.pictures.decoding import is_picture_name
from srlite.pictures.picture import read_picture, read_rgb

FULL = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def write_raw(path, kind):
    """A TIFF whose first picture is a preview: by a tag of DNG, or as Nikon has it."""
    with tifffile.TiffWriter(path) as file:
        tags = [(50706, 1, 4, (1, 4, 0, 0), True)] if kind == "dng" else []
        preview = {"photometric": "rgb", "extratags": tags, "subfiletype": 1}
        if kind == "pages":
            file.write(FULL[::4, ::4], **preview)
            file.write(FULL, photometric="rgb")
        else:
            file.write(FULL[::4, ::4], subifds=1, **preview)
            file.write(FULL, photometric="rgb")


@pytest.mark.parametrize("kind", ["dng", "sub", "pages"])
def test_a_preview_is_not_taken_for_the_picture(kind, tmp_path):
    path = tmp_path / "camera.tif"
    write_raw(path, kind)
    for read in (read_picture, read_rgb):
        with pytest.raises(ImageError, match="begins with a preview; develop it first"):
            read(path)


@pytest.mark.parametrize("name", ["a.CR2", "a.nef", "a.cr3", "a.raf"])
def test_raw_is_told_by_its_ending(name, tmp_path):
    path = tmp_path / name
    if name.lower().endswith(("cr2", "nef")):
        Image.fromarray(FULL).save(path, "TIFF")
    else:
        path.write_bytes(b"FUJIFILMCCD-RAW" + bytes(100))
    with pytest.raises(ImageError, match=f"{name} is the RAW file of a camera"):
        read_picture(path)


def test_pages_and_subpictures_that_are_no_previews_are_read(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(FULL, photometric="rgb", subifds=1)
        file.write(FULL[::2, ::2], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").pixels, FULL)


def test_heic_is_read_or_what_reads_it_is_named(tmp_path):
    path = tmp_path / "iphone.heic"
    assert is_picture_name(path)
    try:
        import pillow_heif
    except ImportError:
        path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(50))
        with pytest.raises(ImageError, match="pip install pillow-heif"):
            read_picture(path)
    else:
        pillow_heif.from_pillow(Image.fromarray(FULL)).save(path)
        assert read_picture(path).pixels.shape == FULL.shape


def jpeg2000(path, mode="RGB", depths=b"", steps=b""):
    """Write a JPEG 2000 and change what it says of its channels."""
    Image.fromarray(FULL).convert(mode).save(path)
    content = bytearray(path.read_bytes())
    start = content.index(b"\xff\x4f\xff\x51") + 42
    for channel, depth in enumerate(depths):
        content[start + 3 * channel] = depth - 1
    for channel, step in enumerate(steps):
        content[start + 3 * channel + 1] = step
    path.write_bytes(content)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_jpeg_2000_that_pillow_misreads_is_refused(tmp_path, mode):
    """It shifts levels to 8 bits: white turns black, or grey."""
    path = tmp_path / "lr.jp2"
    jpeg2000(path, mode)
    expected = Image.fromarray(FULL).convert(mode).convert("RGB")
    for read in (lambda path: read_picture(path).pixels, read_rgb):
        np.testing.assert_array_equal(read(path), expected)
    for depth in (1, 4, 9, 12, 16):
        if mode == "L" and depth > 9:
            continue
        jpeg2000(path, mode, depths=bytes([depth]) * len(mode))
        for read in (read_picture, read_rgb):
            with pytest.raises(ImageError, match=f"of up to {depth} bits a channel"):
                read(path)


def test_jpeg_2000_whose_colours_are_misplaced_is_refused(tmp_path):
    path = tmp_path / "lr.jp2"
    jpeg2000(path, steps=bytes([1, 7, 7]))  # 60 pixels
    with pytest.raises(ImageError, match="with subsampled colours and odd sides"):
        read_picture(path)


def test_deep_grey_jpeg_2000_is_read(tmp_path):
    levels = FULL[..., 0].astype(np.uint16) * 257
    Image.fromarray(levels).save(tmp_path / "lr.jp2")
    picture = read_picture(tmp_path / "lr.jp2")
    np.testing.assert_array_equal(picture.pixels[..., 0], levels)


def test_training_reads_what_enlarging_reads(tmp_path):
    endings = (".jpe", ".jfif", ".gif", ".tga", ".pgm", ".jp2", ".tif", ".bmp")
    for n, ending in enumerate(endings):
        grey = ending == ".pgm"
        Image.fromarray(FULL[..., 0] if grey else FULL).save(tmp_path / f"{n}{ending}")
    (tmp_path / ".hidden.png").write_bytes((tmp_path / "6.tif").read_bytes())
    (tmp_path / "notes.txt").touch()
    *photographs, left_out = read_source(tmp_path)
    assert left_out.name.endswith("notes.txt")
    assert len(photographs) == len(endings) == len(plan_files([tmp_path]).pairs)
    assert all(photograph.hr.shape == FULL.shape for photograph in photographs)


def test_what_a_folder_holds_instead_is_said(tmp_path):
    names = ("a.wmv", "b.FLV", "c.txt", "none", "d.mp4", "e.psd", "f.nef")
    for name in names:
        (tmp_path / name).touch()
    (failure,) = plan_files([tmp_path]).failures
    assert failure.endswith(
        "has nothing to enlarge, but 2 videos of a kind that srlite does not read "
        "(.flv, .wmv); "
        "1 video, to be named one by one (.mp4); 1 RAW file of cameras, to be "
        "developed first (.nef); 1 picture of a kind that srlite does not read (.psd); "
        "2 others (no ending, .txt)"
    )


@pytest.mark.parametrize("name", ["a.wmv", "b.FLV", "c.psd", "d.jxl"])
def test_what_is_known_but_not_read_is_named(name, tmp_path):
    (tmp_path / name).write_bytes(b"whatever it is")
    with pytest.raises(
        ImageError, match=f"{name} is of a kind that srlite does not read"
    ):
        read_picture(tmp_path / name)


def test_no_ending_is_in_two_lists():
    kinds = [getattr(decoding, name) for name in dir(decoding) if "_ENDINGS" in name]
    kinds += [decoding._UNREAD_VIDEOS, decoding._UNREAD_PICTURES]
    endings = [ending for kind in kinds for ending in kind]
    assert len(endings) == len(set(endings))
    assert not any(
        is_picture_name(f"a{e}") for e in set(endings) - {".heic", ".heif", ".hif"}
    )
