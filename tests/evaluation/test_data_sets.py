"""Folders, pairs and known sets, and what is said of those that do not do."""

import pytest
from PIL import Image

from srlite.errors import DataError, ImageError
from srlite.evaluation.data_sets import (
    KNOWN_SETS,
    hr_folder,
    known_set,
    paired_folders,
    rename_apart,
    results_in,
)


@pytest.fixture
def put(tmp_path):
    """Write pictures of 9 x 6 pixels; return the folder of all."""

    def write(*paths):
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (9, 6)).save(tmp_path / path)
        return tmp_path

    return write


def names(data_set):
    return [item.name for item in data_set.items]


def test_folder(put):
    root = put("Set5/HR/b.png", "Set5/HR/a.bmp", "Set5/HR/more/a.png", "Set5/HR/a.png")
    (root / "Set5/HR/.hidden.png").write_text("")
    (root / "Set5/HR/notes.txt").write_text("")
    data_set = hr_folder(root / "Set5/HR")
    assert data_set.name == "Set5"
    assert names(data_set) == ["a", "a-2", "b", "more_a"]
    assert data_set.items[0].hr_path.name == "a.bmp"
    assert data_set.items[0].read(4)[0].shape == (4, 8, 3)
    twice = rename_apart([data_set, hr_folder(root / "Set5" / "HR")])
    assert [one.name for one in twice] == ["Set5", "Set5-2"]


def test_pairs_by_name(put):
    root = put("l/0001x4.png", "l/b_LR.png", "l/c.png", "h/0001.jpg", "h/b_HR.png")
    put("h/c.webp")
    data_set = paired_folders(root / "l", root / "h")
    assert names(data_set) == ["0001", "b_HR", "c"]
    for item in data_set.items:
        assert item.lr_path.stem[0] == item.hr_path.stem[0]
    put("l/d.png", "l/e.png")
    with pytest.raises(DataError, match=r"d.png has no partner.* in .*h, nor have 1"):
        paired_folders(root / "l", root / "h")
    put("h/0001x4.png")
    with pytest.raises(DataError, match="are two pictures of one name"):
        paired_folders(root / "l", root / "h")


def test_pairs_whose_names_would_fall_together_stay_apart(put):
    """Each has scores and pictures of its own."""
    long = "n" * 110
    files = [f"x/{name}.png" for name in ("a/b", "a_b", long + "1", long + "2")]
    root = put(*files, *(file.replace("x/", "y/") for file in files))
    data_set = paired_folders(root / "x", root / "y")
    assert len({name.lower() for name in names(data_set)}) == len(files)
    for item in data_set.items:
        assert item.lr_path.relative_to(root / "x") == item.hr_path.relative_to(
            root / "y"
        )


def test_pairs_of_other_sizes(put):
    root = put("l/a.png", "h/a.png")
    [item] = paired_folders(root / "l", root / "h").items
    with pytest.raises(DataError, match=r"h/a.png is 9 x 6 pixels, but 4 times its LR"):
        item.read(4)
    for size in ((2, 1), (3, 2)):  # rounded down and up
        Image.new("RGB", size, "red").save(root / "l/a.png")
        hr, lr = item.read(4)
        assert hr.shape == (4, 8, 3) and (lr == [[[255, 0, 0]] * 2]).all()


def test_results_of_each_set(put):
    root = put("a/1.png", "a/deep/2.png", "b/1.bmp", "sr/a/1_SR.png")
    put("sr/a/deep/2x4.png", "sr/b/1_out.png", "sr/b/spare.png")
    sets = [hr_folder(root / name) for name in "ab"]
    found = results_in(root / "sr", sets)
    assert {str(k.relative_to(root)): v.name for k, v in found.items()} == {
        "a/1.png": "1_SR.png",
        "a/deep/2.png": "2x4.png",
        "b/1.bmp": "1_out.png",
    }
    (root / "sr/a/1_SR.png").unlink()
    with pytest.raises(DataError, match="a/1.png has no partner of its name in .*sr/a"):
        results_in(root / "sr", sets)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("set5", "Set5/HR/baby.png"),
        ("Set14", "Set14/image_SRF_4/img_001_SRF_4_HR.png"),
        ("BSD100", "B100/GTmod12/1.png"),
        ("Urban100", "Urban100/img_001.png"),
        ("DIV2K", "DIV2K/DIV2K_valid_HR/0801.png"),
        ("BSDS500", "BSR/BSDS500/data/images/test/100007.jpg"),
    ],
)
def test_known_sets(put, name, path):
    root = put(path, path.replace("_HR", "_LR"))
    data_set = known_set(name, root)
    assert data_set.name.lower() == name.lower()
    assert [item.hr_path for item in data_set.items] == [root / path]


def test_known_sets_that_are_missing(tmp_path):
    for name in KNOWN_SETS:
        with pytest.raises(
            DataError, match=rf"{name} is not in .*\. {name} \(.*20\d\d"
        ):
            known_set(name, tmp_path)
    with pytest.raises(DataError, match="say where Set5 lies, with --sets-dir"):
        known_set("Set5", None)
    with pytest.raises(DataError, match="unknown data set 'Set6'; there are Set5, Set"):
        known_set("Set6", tmp_path)
    with pytest.raises(DataError, match="no such folder of data sets"):
        known_set("Set5", tmp_path / "gone")


def test_empty_folders(put):
    root = put("full/a.png")
    (root / "empty").mkdir()
    for make in (hr_folder, lambda folder: paired_folders(root / "full", folder)):
        with pytest.raises(DataError, match="there are no pictures in .*empty"):
            make(root / "empty")
    (root / "full" / "a.png").write_bytes(b"torn")
    with pytest.raises(ImageError, match=r"full/a.png"):
        hr_folder(root / "full").items[0].read(4)


def test_long_names_fit_a_file(put, tmp_path):
    """Also those of letters that take three bytes each."""
    long = "日" * 60
    root = put(f"hr/{long}/{long}.png")
    (item,) = hr_folder(root / "hr").items
    assert len(item.name) <= 100
    (tmp_path / f"{item.name}-2.png").write_bytes(b"")
