"""Pairs: which names belong together, and sizes that are a little off."""

from pathlib import Path

import numpy as np
import pytest
from numbered_pictures import numbered
from PIL import Image

from srlite.data.pairs import fit_pair, match_pairs
from srlite.data.sources import _PAIRS, read_source
from srlite.errors import DataError


def matched(tmp_path, lr, hr):
    lr_folder, hr_folder = tmp_path / "lr", tmp_path / "hr"
    pairs = match_pairs(
        lr_folder, hr_folder, [lr_folder / n for n in lr], [hr_folder / n for n in hr]
    )
    names = [
        (pair.lr.relative_to(lr_folder), pair.hr.relative_to(hr_folder))
        for pair in pairs
    ]
    return [(str(one), str(other)) for one, other in names]


@pytest.mark.parametrize(
    ("lr", "hr"),
    [
        ("a.png", "a.png"),
        ("a.png", "a.jpg"),
        ("IMG_1.JPG", "img_1.png"),
        ("a_LR.png", "a_HR.png"),
        ("a_lr.png", "a_hr.png"),
        ("a-LR.png", "a-GT.png"),
        ("aLR.png", "aHR.png"),
        ("0001x4.png", "0001.png"),
        ("babyx4.png", "baby.bmp"),
        ("Canon_001_LR4.png", "Canon_001_HR.png"),
        ("cam1_03_x4.png", "cam1_03_x1.png"),
        ("baby_bicLRx4.png", "baby.png"),
        ("baby_biclrx4.png", "baby_gt.png"),
        ("img_001_SRF_4_LR.png", "img_001_SRF_4_HR.png"),
        ("a_lr_x4.png", "a_hr.png"),
        ("X4/0001x4.png", "0001.png"),
        ("LR_bicubic/X4/deep/0001x4.png", "HR/deep/0001.png"),
        ("x4.png", "x4.png"),
        ("hr.png", "hr.png"),
    ],
)
def test_names_that_belong_together(lr, hr, tmp_path):
    others = ["zoo.png", "jahr.png", "ja.png"]  # `hr` ends a word
    found = matched(tmp_path, [lr, *others], [hr, *others])
    assert sorted(found) == sorted([(lr, hr), *((name, name) for name in others)])


@pytest.mark.parametrize(
    ("lr", "hr", "says"),
    [
        (["a.png"], ["a.png", "b.png", "c.png"], r"hr/b.png has no partner.*nor.* 1 m"),
        (["a.png", "b.png"], ["a.png"], r"lr/b.png has no partner of its name in .*hr"),
        (["a.png", "ax4.png"], ["a.png"], "ax4.png and .*a.png are two pictures"),
        (["a.png"], ["a.jpg", "a.png"], "a.png and .*a.jpg are two pictures of one"),
        (["a.png", "a.webp"], ["a.png"], "a.webp and .*a.png are two pictures of"),
        (["a_LR.png"], ["a.png", "a_HR.png"], "are two pictures of one name"),
        (["jahr.png"], ["ja.png"], "has no partner"),
        (["deep/a.png"], ["a.png"], "has no partner"),
    ],
)
def test_names_that_do_not(lr, hr, says, tmp_path):
    with pytest.raises(DataError, match=says):
        matched(tmp_path, lr, hr)


@pytest.mark.parametrize(
    ("lr", "hr", "kept"),
    [
        ((5, 6), (20, 24), (5, 6)),
        ((5, 6), (23, 27), (5, 6)),  # rounded down
        ((6, 7), (21, 25), (5, 6)),  # and up
        ((6, 6), (21, 27), (5, 6)),
    ],
)
def test_sizes_are_cut_to_fit(lr, hr, kept):
    random = np.random.default_rng(0)
    lr, hr = (random.integers(0, 256, (*size, 3), np.uint8) for size in (lr, hr))
    small, large = fit_pair(lr, hr, 4)
    assert small.shape[:2] == kept and large.shape[:2] == tuple(4 * n for n in kept)
    np.testing.assert_array_equal(small, lr[: kept[0], : kept[1]])
    np.testing.assert_array_equal(large, hr[: 4 * kept[0], : 4 * kept[1]])


@pytest.mark.parametrize("hr", [(24, 24), (20, 20), (16, 24), (40, 48)])
def test_sizes_that_do_not_fit(hr):
    shapes = [np.zeros((*size, 3), np.uint8) for size in ((5, 6), hr)]
    with pytest.raises(DataError, match=r"a.png is .* but 4 times its LR .* 24 x 20"):
        fit_pair(*shapes, 4, "a.png")


def test_accents_as_macos_and_others_write_them():
    one, two = Path("lr/caf\u00e9x4.png"), Path("hr/cafe\u0301.png")
    (pair,) = match_pairs("lr", "hr", [one], [two])
    assert (pair.lr, pair.hr) == (one, two)


@pytest.mark.parametrize("mark", ["_lr", "bic_lr12", "srf12", "_lr_x4", "1lr"])
def test_long_names_take_no_time(mark):
    """They took hours while marks were read in all ways."""
    name = mark * (230 // len(mark)) + "q"
    files = [[Path(folder, f"{name}.png")] for folder in ("lr", "hr")]
    (pair,) = match_pairs("lr", "hr", *files)
    assert pair.name == name
    with pytest.raises(DataError, match="no partner"):
        match_pairs("lr", "hr", files[0], [Path("hr", f"a{name}.png")])


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
