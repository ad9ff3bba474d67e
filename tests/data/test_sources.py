"""Pictures found, named and decoded: folders, tar files, pairs, tfds, packs."""

import importlib
import io
import logging
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srlite.data.packs import (
    Photograph,
    keep,
    read_pack,
    writing_pack,
)
from srlite.data.photographs import (
    load_images,
    load_photographs,
    usable_photographs,
)
from srlite.data.sources import _PAIRS, pictures_in, read_source, split_weight
from srlite.errors import DataError


def numbered(height, width):
    """A picture each of whose pixels differs: (row, column, 7)."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.full_like(rows, 7)], axis=-1).astype(np.uint8)


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


def test_folders_of_pairs_on_drives():
    for source, places in (
        ("pairs:C:\\lr:D:/hr", ("C:\\lr", "D:/hr")),
        ("pairs:lr:/a/hr", ("lr", "/a/hr")),
    ):
        with pytest.raises(DataError) as caught:
            next(read_source(source))
        assert str(caught.value) == f"no such folder of pictures: {places[0]}"
        assert _PAIRS.fullmatch(source).groups() == places


@pytest.fixture
def pairs(tmp_path):
    """Pairs 0001 (equal names) and deep/0002 (DIV2K's names)."""
    for folder in ("lr/deep", "hr/deep"):
        (tmp_path / folder).mkdir(parents=True)
    Image.fromarray(numbered(5, 6)).save(tmp_path / "lr" / "0001.png")
    Image.fromarray(numbered(20, 24)).save(tmp_path / "hr" / "0001.bmp")
    Image.fromarray(numbered(3, 2)).save(tmp_path / "lr" / "deep" / "0002x4.png")
    Image.fromarray(numbered(12, 8)).save(tmp_path / "hr" / "deep" / "0002.png")
    return tmp_path


def test_pairs_match_by_name(pairs):
    first, second = read_source(f"pairs:{pairs / 'lr'}:{pairs / 'hr'}")
    assert first.name.endswith("0001.bmp") and second.name.endswith("0002.png")
    np.testing.assert_array_equal(first.hr, numbered(20, 24))
    np.testing.assert_array_equal(first.lr, numbered(5, 6))
    np.testing.assert_array_equal(second.lr, numbered(3, 2))


def test_pairs_that_do_not_match(pairs):
    source = f"pairs:{pairs / 'lr'}:{pairs / 'hr'}"
    Image.fromarray(numbered(25, 24)).save(pairs / "hr" / "0001.bmp")
    with pytest.raises(
        DataError, match="0001.bmp is 24 x 25 pixels, but 4 times .* 24 x 20"
    ):
        list(read_source(source))
    Image.fromarray(numbered(8, 8)).save(pairs / "hr" / "alone.png")
    with pytest.raises(DataError, match="alone.png has no partner of its name"):
        list(read_source(source))
    (pairs / "hr" / "alone.png").unlink()
    Image.fromarray(numbered(8, 8)).save(pairs / "lr" / "0001x4.png")
    with pytest.raises(DataError, match="0001x4.png and .*0001.bmp are two pictures"):
        list(read_source(source))
    for wrong in ("pairs:one", "pairs::x", "pairs:a:b:c"):
        with pytest.raises(DataError, match="pairs are written pairs:LR_DIR:HR_DIR"):
            list(read_source(wrong))
    with pytest.raises(DataError, match="no such folder of pictures: .*gone"):
        list(read_source(f"pairs:{pairs / 'gone'}:{pairs / 'hr'}"))


def test_broken_half_of_a_pair_is_named(pairs):
    (pairs / "lr" / "0001.png").write_text("not a picture")
    bad, good = read_source(f"pairs:{pairs / 'lr'}:{pairs / 'hr'}")
    assert bad.reason == "not readable" and "0001.png" in bad.detail
    assert good.hr.shape == (12, 8, 3)


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


@pytest.fixture
def pack(tmp_path):
    with writing_pack(tmp_path / "some.pack") as add:
        add(Photograph("a", numbered(20, 30)))
        add(Photograph("b", numbered(12, 8), numbered(3, 2)))
    return tmp_path / "some.pack"


def test_pack_holds_what_was_put_in(pack):
    first, second = read_pack(pack)
    assert (first.name, first.lr, second.name) == ("a", None, "b")
    np.testing.assert_array_equal(first.hr, numbered(20, 30))
    np.testing.assert_array_equal(second.hr, numbered(12, 8))
    np.testing.assert_array_equal(second.lr, numbered(3, 2))
    content = pack.read_bytes()
    assert content.startswith(b"SRLPACK\0" + struct.pack("<I", 1))
    assert content[32 : 32 + 1800] == numbered(20, 30).tobytes()


def test_damaged_packs_are_refused(pack):
    good = pack.read_bytes()
    for damaged, says in (
        (b"", "is not a pack of srlite"),
        (b"PK" + good[2:], "is not a pack of srlite"),
        (good[:8] + b"\2" + good[9:], "is a pack of version 2, but 1 is expected"),
        (good[:-1], f"is damaged: it has {len(good) - 1:,} bytes instead of"),
        (good + b"x", "is damaged: it has"),
        (good[:-3] + b"9" + good[-2:], "its index does not match its CRC-32"),
    ):
        pack.write_bytes(damaged)
        with pytest.raises(DataError, match=f"some.pack.* {says}"):
            read_pack(pack)
    pack.unlink()
    with pytest.raises(DataError, match="no such pack: .*some.pack"):
        load_images(pack)


def test_failure_leaves_no_pack(tmp_path):
    def failing():
        yield Photograph("a", numbered(4, 4))
        raise RuntimeError

    with pytest.raises(RuntimeError), writing_pack(tmp_path / "x.pack") as add:
        for photograph in failing():
            add(photograph)
    with pytest.raises(RuntimeError):
        keep(failing(), 10, tmp_path / "y.pack")
    assert list(tmp_path.iterdir()) == []
