"""Written files: whole or not there, and refused before the work where possible."""

import os

import numpy as np
import pytest
from PIL import Image

from srlite.errors import ConfigError, ImageError
from srlite.pictures.picture import Picture
from srlite.pictures.writing import check_writable, write_picture

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def test_failing_encoder_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    path.write_bytes(b"precious")

    def fail(image, file, name, **options):  # a disk that is full half-way
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(ImageError, match="No space left"):
        write_picture(path, Picture(RGB))
    assert path.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["picture.png"]


def test_link_is_written_through_and_mode_is_kept(tmp_path):
    (tmp_path / "real.png").write_bytes(b"old")
    os.chmod(tmp_path / "real.png", 0o640)
    (tmp_path / "link.png").symlink_to("real.png")
    write_picture(tmp_path / "link.png", Picture(RGB))
    assert (tmp_path / "link.png").is_symlink()
    np.testing.assert_array_equal(Image.open(tmp_path / "real.png"), RGB)
    assert os.stat(tmp_path / "real.png").st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("name", "height", "width", "message"),
    [
        ("picture.xyz", 4, 4, r"ending must be one of \.avif"),
        ("picture", 4, 4, "ending must be one of"),
        ("picture.jpg", 65501, 4, "JPEG holds at most 65500"),
        ("picture.webp", 4, 16384, "WEBP holds at most 16383"),
        ("picture.avif", 4, 32769, "AVIF holds at most 32768"),
        ("picture.avif", 20000, 20000, "AVIF holds at most 268435456 pixels"),
        ("picture.tif", 32769, 32768, "TIFF holds at most 4032 MiB"),
        ("picture.bmp", 32769, 32768, "BMP holds at most 4032 MiB"),
        ("missing/picture.png", 4, 4, "does not exist; create it"),
        ("folder.png", 4, 4, "is not a file"),
        ("file.txt/picture.png", 4, 4, "does not exist"),
    ],
)
def test_what_cannot_be_written_is_known_beforehand(
    tmp_path, name, height, width, message
):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file.txt").touch()
    with pytest.raises(ImageError, match=message):
        check_writable(tmp_path / name, height, width)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs Linux's /proc")
def test_folder_that_takes_no_files():
    with pytest.raises(ImageError, match="cannot write /proc/self/picture.png: "):
        check_writable("/proc/self/picture.png", 4, 4)


@pytest.mark.parametrize(
    "quality", [0, 101, -1, 50.5, float("nan"), float("inf"), "x", [80], ()]
)
def test_qualities_that_there_are_not(quality, tmp_path):
    with pytest.raises(ConfigError, match="quality must be 1 to 100; received"):
        check_writable(tmp_path / "picture.jpg", 4, 4, quality=quality)
    for possible in (1, 100, 80.0, np.int64(80)):
        check_writable(tmp_path / "picture.jpg", 4, 4, quality=possible)


def test_checking_leaves_nothing_behind(tmp_path):
    check_writable(tmp_path / "picture.png", 4, 4)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["x" * 252 + ".png", "a\0b.png"])
def test_a_name_that_no_file_can_have_is_known_beforehand(name, tmp_path):
    with pytest.raises(ImageError, match="cannot write"):
        check_writable(tmp_path / name, 4, 4)
