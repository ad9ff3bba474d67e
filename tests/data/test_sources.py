"""Pictures found, named and decoded: folders, tar files, tfds."""

import gzip
import importlib
import io
import logging
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numbered_pictures import numbered
from PIL import Image

from srlite.data.photographs import (
    load_images,
    load_photographs,
    usable_photographs,
)
from srlite.data.sources import pictures_in, read_source, split_weight
from srlite.errors import DataError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    Image.fromarray(numbered(40, 50)).save(tmp_path / "a.png")
    Image.fromarray(numbered(30, 60)).convert("L").save(tmp_path / "deep" / "b.JPG")
    Image.fromarray(numbered(8, 90)).save(tmp_path / "small.bmp")
    (tmp_path / "broken.png").write_text("not a picture")
    (tmp_path / "notes.txt").write_text("no picture either")
    with tarfile.open(tmp_path / "more.tar", "w") as archive:
        buffer = io.BytesIO()
        Image.fromarray(numbered(33, 35)).save(buffer, "PNG")
        info = tarfile.TarInfo("inside/c.png")
        info.size = buffer.tell()
        buffer.seek(0)
        archive.addfile(info, buffer)
    return tmp_path


def test_folder_and_tar(folder):
    said = []
    images = load_images(folder, min_size=16, warn=said.append)
    assert sorted(image.shape for image in images) == [
        (30, 60, 3),
        (33, 35, 3),
        (40, 50, 3),
    ]
    assert said == [
        "read 3 pictures, left out 3 files: 1 not readable (broken.png), 1 not "
        "pictures (notes.txt), 1 smaller than 16 pixels (small.bmp)"
    ]
    (alone,) = load_images([folder / "more.tar"])
    np.testing.assert_array_equal(alone, numbered(33, 35))


def test_archives_links_and_what_is_left_out(tmp_path):
    """As people have them: packed in several ways, linked, among other files."""
    photos, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    photos.mkdir(), elsewhere.mkdir()
    Image.fromarray(numbered(20, 20)).save(elsewhere / "a.png")
    (photos / "link").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(photos)
    names = ("b.zip", "c.tar.gz", "d.TGZ", "e.tar.xz")
    for size, name in enumerate(names, start=21):
        buffer = io.BytesIO()
        Image.fromarray(numbered(size, size)).save(buffer, "PNG")
        if name.endswith(".zip"):
            with zipfile.ZipFile(photos / name, "w") as archive:
                archive.writestr("deep/x.png", buffer.getvalue())
                archive.writestr("__MACOSX/deep/._x.png", b"of no matter")
                archive.writestr("readme.md", b"text")
            continue
        mode = "w:xz" if name.endswith("xz") else "w:gz"
        with tarfile.open(photos / name, mode) as archive:
            info = tarfile.TarInfo("x.png")
            info.size = buffer.tell()
            buffer.seek(0)
            archive.addfile(info, buffer)
    (photos / ".hidden.png").write_bytes(b"")
    (photos / "f.raw").write_bytes(b"")
    said = []
    found = load_photographs(
        {str(photos): 21}, say=said.append, names=tmp_path / "left_out.txt"
    )
    sizes = sorted(p.hr.shape[0] for p in found[str(photos)])
    assert sizes == [21, 22, 23, 24]
    assert said[0].startswith("read 4 pictures, left out 3 files: 2 not pictures (")
    assert "1 smaller than 21 pixels (a.png)" in said[0]
    lines = (tmp_path / "left_out.txt").read_text().splitlines()
    assert [line.split("/")[-1] for line in lines] == [
        "b.zip:readme.md: not pictures",
        "f.raw: not pictures",
        "a.png: smaller than 21 pixels",
    ]
    for name in names:
        (image,) = load_images(photos / name, warn=said.append)
    for damaged in ("b.zip", "c.tar.gz"):
        content = (photos / damaged).read_bytes()
        (photos / damaged).write_bytes(content[: len(content) // 2])
        with pytest.raises(DataError, match=f"{damaged} is neither a folder nor"):
            load_images(photos / damaged)


def test_what_is_hidden_is_passed_over(tmp_path):
    """Bins, thumbnails, and what other systems add, in folders and in archives."""
    photos = tmp_path / ".photos"  # it is named, so it counts
    for name in ("a", ".Trash-1000/files/b", "deep/.ipynb_checkpoints/c", ".git/d"):
        path = photos / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(numbered(20, 20)).save(path)
    (photos / "._e.zip").write_bytes(b"\0\5\x16\7")
    with (
        zipfile.ZipFile(photos / "e.zip", "w") as packed,
        tarfile.open(photos / "f.tar", "w") as archive,
    ):
        for name in ("./g.png", "./.thumbnails/h.png"):
            packed.write(photos / "a.png", name.removeprefix("./"))
            archive.add(photos / "a.png", name)
    found = [photograph.name for photograph in read_source(photos)]
    assert found == [f"{photos}/{name}" for name in ("a.png", "e.zip:g.png")] + [
        f"{photos}/f.tar:./g.png"
    ]
    assert pictures_in(photos) == [photos / "a.png"]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_with_a_damaged_header_is_no_shorter_tar(mode, tmp_path):
    path = tmp_path / "photos.tar"
    Image.fromarray(numbered(20, 20)).save(tmp_path / "a.png")
    with tarfile.open(path, "w") as archive:
        for name in "ab":
            archive.add(tmp_path / "a.png", f"{name}.png")
    with tarfile.open(path) as archive:
        second = archive.getmembers()[1].offset
    content = bytearray(path.read_bytes())
    for damaged in (
        content[: second + 99],
        content[:second] + b"x" + content[second + 1 :],
    ):
        path.write_bytes(gzip.compress(damaged) if mode == "w:gz" else damaged)
        with pytest.raises(DataError, match="photos.tar is neither .* is damaged$"):
            load_images(path)


def test_nothing_usable(tmp_path):
    with pytest.raises(DataError, match="no usable pictures in"):
        load_images(tmp_path)
    with pytest.raises(DataError, match="no such folder or archive: .*gone"):
        load_images(tmp_path / "gone")
    (tmp_path / "x.png").write_text("text")
    with pytest.raises(DataError, match="no usable pictures in .*1 not readable"):
        load_images(tmp_path)
    (tmp_path / "bad.tar").write_text("text")
    with pytest.raises(
        DataError, match="neither a folder nor a .* opened successfully$"
    ):
        load_images(tmp_path / "bad.tar")
    # One source of several that has nothing is an error too.
    (tmp_path / "good").mkdir()
    Image.fromarray(numbered(9, 9)).save(tmp_path / "good" / "a.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no usable pictures in .*empty"):
        load_images([tmp_path / "good", tmp_path / "empty"])


def test_many_files_come_in_order(tmp_path):
    for number in range(100):
        Image.new("L", (8, 8), number).save(tmp_path / f"{number:03}.png")
    levels = [image[0, 0, 0] for image in load_images(tmp_path)]
    assert levels == list(range(100))


@pytest.mark.parametrize(
    ("source", "weight", "place"),
    [
        ("photos", None, "photos"),
        ("2@photos", 2.0, "photos"),
        ("0.25@/a/b@c", 0.25, "/a/b@c"),
        (".5@tfds:div2k:train", 0.5, "tfds:div2k:train"),
        ("./2@photos", None, "./2@photos"),
        ("a2@photos", None, "a2@photos"),
        ("-1@photos", None, "-1@photos"),
    ],
)
def test_weight_stands_in_front(source, weight, place):
    assert split_weight(source) == (weight, place)


@pytest.mark.parametrize("weight", ["0", "9" * 400])
def test_weight_that_is_no_weight_is_refused(weight):
    with pytest.raises(DataError, match=f"number above 0; received {weight}@photos"):
        split_weight(f"{weight}@photos")


def test_a_source_without_a_name_is_not_the_current_folder(tmp_path, monkeypatch):
    Image.fromarray(numbered(8, 8)).save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    for source in ("", [""]):
        with pytest.raises(DataError, match="a source of pictures has an empty name"):
            load_images(source)
    assert len(load_images(".")) == 1


def test_a_missing_source_is_found_before_others_are_decoded(tmp_path):
    Image.fromarray(numbered(8, 8)).save(tmp_path / "a.png")
    for wrong in ("gone", "gone.pack", "tfds:", "pairs:one", "pairs:gone:gone"):
        sizes = {str(tmp_path): 1, wrong: 1}
        with pytest.raises(DataError, match="gone|received"):
            next(usable_photographs(sizes, 4, print))


def test_links_to_nothing_and_folders_that_cannot_be_read_are_counted(tmp_path):
    Image.fromarray(numbered(8, 8)).save(tmp_path / "a.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "elsewhere.png")
    # Too deep for any path to it.
    inside = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=inside)
        outside, inside = inside, os.open("d" * 250, os.O_RDONLY, dir_fd=inside)
        os.close(outside)
    os.close(inside)
    said = []
    assert len(load_images(tmp_path, warn=said.append)) == 1
    assert "left out 2 files: 2 not readable" in said[0]
    with pytest.raises(DataError, match="cannot read .*dddd: File name too long"):
        pictures_in(tmp_path)


def test_names_that_hold_more_than_letters_stay_on_one_line(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(numbered(8, 8)).save(photos / "a.png")
    for name in ("b\n\x1b[31m.txt", os.fsdecode(b"c\xff.txt")):
        (photos / name).touch()
    said = []
    sizes, names = {str(photos): 1}, tmp_path / "left_out.txt"
    assert len(list(usable_photographs(sizes, 4, said.append, names))) == 1
    assert r"(b\n\x1b[31m.txt and others)" in said[0]
    lines = names.read_text("utf-8").split("\n")
    assert lines[0].endswith(r"b\n\x1b[31m.txt: not pictures") and len(lines) == 3
    assert lines[1].endswith(r"c\udcff.txt: not pictures")


def test_what_data_sets_need_is_asked_for():
    """tensorflow-datasets imports it late, in a builder, and does not ask for it."""
    wanted = (Path(__file__).parents[2] / "requirements.txt").read_text()
    for package in ("tensorflow-datasets", "importlib_resources"):
        assert f"\n{package}>=" in wanted
    importlib.import_module("importlib_resources")


def test_tensorflow_datasets():
    """Data of the right form is made up; nothing is downloaded."""
    tfds = pytest.importorskip("tensorflow_datasets")

    def shapes(source):
        return [p.hr.shape for p in read_source(source)]

    with tfds.testing.mock_data(num_examples=3):
        default = list(read_source("tfds:div2k/bicubic_x4"))
        assert len(default) == 3
        for photograph in default:
            assert photograph.hr.dtype == np.uint8 and photograph.hr.shape[2] == 3
            assert photograph.lr is None
        assert default[1].name == "tfds:div2k/bicubic_x4[1]"
        assert len(shapes("tfds:div2k/bicubic_x4:2.0.0:validation")) == 3
        assert shapes("tfds:mnist:test") == [(28, 28, 3)] * 3  # a single feature, grey
        assert (
            len(load_images(["tfds:div2k/bicubic_x4", "tfds:mnist"], min_size=2)) == 6
        )
        with pytest.raises(DataError, match="tfds:iris must .* are features, label"):
            shapes("tfds:iris")
        with pytest.raises(
            DataError, match="cannot read tfds:no_such_set: .*not found"
        ):
            shapes("tfds:no_such_set")
    with pytest.raises(DataError, match="is written tfds:NAME:SPLIT; received tfds:"):
        shapes("tfds:")


def test_a_download_that_fails_is_one_sentence(monkeypatch, caplog):
    tfds = pytest.importorskip("tensorflow_datasets")
    logger = logging.getLogger("urllib3.connectionpool")

    def refuse(*_, **__):
        logger.warning("Retrying after connection broken")
        raise OSError("no such host\nand more of it")

    with tfds.testing.mock_data(num_examples=1):
        monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", refuse)
        with pytest.raises(DataError) as caught:
            list(read_source("tfds:div2k/bicubic_x4"))
    assert str(caught.value) == "cannot read tfds:div2k/bicubic_x4: no such host"
    assert caplog.records == []
    logger.warning("heard")
    assert [record.message for record in caplog.records] == ["heard"]
