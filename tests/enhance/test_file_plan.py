"""Which files are enlarged, and where their results go. No picture is opened."""

import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from srlite.enhance.file_plan import plan_files
from srlite.enhance.options import parse_options
from srlite.errors import ConfigError, ImageError


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder `in` of empty files, as the current folder's child."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.JPG", "c.gif", "notes.txt", ".hidden.png", "sub/d.webp"):
        path = Path("in", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def planned(*arguments, **options):
    plan = plan_files(*arguments, **options)
    return [(str(pair.lr), str(pair.sr)) for pair in plan.pairs]


def test_a_file_to_a_file_replaces(tree):
    assert planned(["in/a.png"], "in/b.JPG") == [("in/a.png", "in/b.JPG")]
    assert planned(["in/a.png"], "new/") == [("in/a.png", "new/a.png")]
    assert planned(["in/a.png"], "in/sub") == [("in/a.png", "in/sub/a.png")]


def test_a_folder_to_a_folder_keeps_the_tree(tree):
    plan = plan_files(["in"], "out", recursive=True)
    assert [(str(p.lr), str(p.sr)) for p in plan.pairs] == [
        ("in/a.png", "out/a.png"),
        ("in/b.JPG", "out/b.JPG"),
        ("in/c.gif", "out/c.png"),  # No animations are written here.
        ("in/sub/d.webp", "out/sub/d.webp"),
    ]
    assert plan.foreign == (".txt",)
    assert len(planned(["in"], "out")) == 3
    assert planned(["in/sub"], "out", ending=".png") == [("in/sub/d.webp", "out/d.png")]


def test_patterns_keep_the_tree_under_their_fixed_part(tree):
    assert planned(["in/*.png", "in/**/*.webp"], "out") == [
        ("in/a.png", "out/a.png"),
        ("in/sub/d.webp", "out/sub/d.webp"),
    ]
    Path("[a].png").touch()  # the file of this very name, not a pattern
    assert planned(["[a].png"]) == [("[a].png", "[a]_sr.png")]


def test_beside_the_input(tree):
    Path("in/a_sr.png").touch()
    Path("in/other_sr.png").touch()  # of no input: a picture like any other
    plan = plan_files(["in"], skip_existing=True)
    assert [str(pair.sr) for pair in plan.pairs] == [
        "in/b_sr.JPG",
        "in/c_sr.png",
        "in/other_sr_sr.png",
    ]
    assert [str(pair.lr) for pair in plan.skipped] == ["in/a.png"]
    assert plan.earlier == 1
    assert planned(["in/a_sr.png"]) == [("in/a_sr.png", "in/a_sr_sr.png")]


def test_results_that_are_there(tree):
    Path("in/a_sr.png").touch()
    with pytest.raises(ConfigError, match="in/a_sr.png exists already"):
        plan_files(["in"])
    assert len(planned(["in"], overwrite=True)) == 3
    plan_files(["in"], "out")
    os.mkdir("out")
    Path("out/a.png").touch()
    Path("out/c.png").touch()
    with pytest.raises(ConfigError, match="out/a.png and 1 more exist already"):
        plan_files(["in/a.png", "in/b.JPG", "in/c.gif"], "out")


def test_results_inside_the_input_folder_are_no_inputs(tree):
    os.mkdir("in/sub/out")
    Path("in/sub/out/a.png").touch()
    plan = plan_files(["in"], "in/sub/out", recursive=True, overwrite=True)
    assert plan.earlier == 1
    assert "in/sub/out/a.png" not in [str(pair.lr) for pair in plan.pairs]


def test_two_inputs_of_one_result(tree):
    Path("in/a.gif").touch()
    for sr_path in (None, "out"):
        with pytest.raises(ConfigError, match="in/a.gif and in/a.png would both be"):
            plan_files(["in"], sr_path)
    with pytest.raises(ConfigError, match="in/a.png and in/sub/a.png would both be"):
        Path("in/sub/a.png").touch()
        plan_files(["in/a.png", "in/sub/a.png"], "out")
    assert len(planned(["in/a.png", "./in/a.png", "in/b.JPG"], "out")) == 2


def test_results_that_a_disk_takes_for_one(tree, monkeypatch):
    pairs = ["in/a.png", "sub/A.png"], ["in/\u00e4.png", "sub/a\u0308.png"]
    for inputs in pairs:
        outputs = [Path("out", Path(name).name) for name in inputs]
        plan = planned(inputs, "out")
        assert plan == list(zip(inputs, map(str, outputs), strict=True))

    def exists(path):
        """As on a disk that ignores case and the encoding of accents."""
        parent, name = os.path.split(os.fspath(path))
        names = os.listdir(parent or ".") if os.path.isdir(parent or ".") else ()
        return spelled(name) in map(spelled, names)

    def spelled(name):
        return unicodedata.normalize("NFC", name).casefold()

    monkeypatch.setattr(os.path, "exists", exists)
    for inputs in pairs:
        with pytest.raises(ConfigError, match="would both be written to out/"):
            planned(inputs, "out")
    assert not os.path.exists("out") and len(os.listdir(tree)) == 1


def test_a_result_on_an_input(tree):
    with pytest.raises(ImageError, match="in/a.png is both input and output"):
        plan_files(["in"], "in", overwrite=True)
    os.mkdir("out")
    os.symlink(tree / "in/b.JPG", "out/a.png")
    with pytest.raises(ImageError, match="out/a.png is both input and output"):
        plan_files(["in"], "out", overwrite=True)
    with pytest.raises(ImageError, match="both input and output"):
        plan_files(["in/b.JPG"], "out/a.png")


def test_one_file_for_several_inputs(tree):
    for inputs in (["in"], ["in/*.png"], ["in/a.png", "in/b.JPG"]):
        for sr_path in ("sr.png", "in/notes.txt"):
            with pytest.raises(ConfigError, match="is one file, and the input may be"):
                plan_files(inputs, sr_path)
    with pytest.raises(ConfigError, match="given by its name"):
        plan_files(["in/a.png"], "sr.png", ending=".png")


def test_inputs_without_pictures_stop_no_other(tree):
    os.mkdir("empty")
    plan = plan_files(["empty", "x*.png", "in/a.png"])
    assert plan.failures == (
        "there are no pictures in empty; check its path",
        "there are no pictures in x*.png; check its path",
    )
    assert len(plan.pairs) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        "-- -a.png",
        "--overwrite -- -a.png",
        "-- -a.png --b.png --quiet",
        "b.png --overwrite -- -a.png",
    ],
)
def test_names_after_two_dashes_are_no_options(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = [name for name in arguments.split() if "png" in name or "quiet" in name]
    for name in named:
        Path(name).touch()
    options = parse_options(arguments.split(), "srlite enhance")
    assert (options["lr_path"], options["sr_path"]) == (named, None)
    assert not options["quiet"]
    options = parse_options(["c.png", "--", "-d.png"], "srlite enhance")
    assert (options["lr_path"], options["sr_path"]) == (["c.png"], "-d.png")


def test_odd_names_and_links(tree):
    names = ["-dash.png", "a b.png", "line\nbreak.png", "z.png", "ü—日本.png"]
    os.mkdir("odd")
    for name in names:
        if name != "z.png":
            Path("odd", name).touch()
    os.symlink("odd", "link")
    os.symlink(tree / "odd", "odd/circle")
    os.symlink(tree / "in/a.png", "odd/z.png")
    pairs = planned(["link"], "out", recursive=True)
    assert [lr for lr, _ in pairs] == [f"link/{name}" for name in names]
    os.chdir("odd")
    assert plan_files([""]).failures[0].startswith("one of the inputs has an empty")
    assert planned(["-dash.png"]) == [("-dash.png", "-dash_sr.png")]


@pytest.mark.parametrize("source", ["in", "in/*"])
def test_links_to_what_is_not_there_are_named(tree, source):
    os.symlink("elsewhere.png", "in/gone.png")
    os.symlink("elsewhere.txt", "in/gone.txt")
    plan = plan_files([source], "out")
    assert [str(pair.lr) for pair in plan.pairs] == ["in/a.png", "in/b.JPG", "in/c.gif"]
    assert plan.failures == ("cannot read in/gone.png: what it links to is not there",)
    for name in ("a.png", "b.JPG", "c.gif"):
        os.remove(f"in/{name}")
    plan = plan_files([source], "out")
    assert not plan.pairs
    assert len(plan.failures) == 1 and "in/gone.png" in plan.failures[0]


def test_shards_are_disjoint_and_together_all(tree):
    every = planned(["in"], "out", recursive=True)
    parts = []
    for k in (1, 2, 3):
        parts += planned(
            ["in"], "out", recursive=True, skip_existing=True, shard=(k, 3)
        )
        # What another job has done by now moves nothing from one share to the other.
        os.makedirs("out", exist_ok=True)
        Path(every[0][1]).touch()
    assert sorted(parts) == sorted(every)
    assert len(planned(["in"], "new", recursive=True, shard=(1, 3))) == 2
    assert planned(["in/a.png"], "one.png", shard=(2, 2)) == []


def test_a_shard_of_a_folder_that_fills_with_results(tree):
    every = planned(["in"], recursive=True)
    parts = []
    for k in (1, 2):
        parts += planned(["in"], recursive=True, shard=(k, 2))
        for _, sr in parts:
            Path(sr).touch()
    assert sorted(parts) == sorted(every)


def test_an_animated_gif_stays_one_and_a_still_one_becomes_a_png(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "still.gif")
    frames[0].save(tmp_path / "moving.GIF", save_all=True, append_images=frames[1:])
    (tmp_path / "broken.gif").write_bytes(b"GIF89a")
    beside = plan_files([tmp_path])
    names = {"broken_sr.png", "moving_sr.GIF", "still_sr.png"}
    assert {pair.sr.name for pair in beside.pairs} == names
    apart = plan_files([tmp_path], tmp_path / "out", ending=".webp")
    assert {pair.sr.suffix for pair in apart.pairs} == {".webp"}
