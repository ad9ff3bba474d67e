"""The command behind `inference.py`."""

import contextlib
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTO
from PIL import Image

from srlite.enhance import command
from srlite.enhance.command import _FileBar, main
from srlite.enhance.file_plan import Pair
from srlite.enhance.inference import enhance_image
from srlite.errors import ConfigError, ImageError
from srlite.runtime.upscaler import Upscaler

ROOT = Path(__file__).parents[2]


def run_script(*arguments, cwd=ROOT):
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")
    }
    return subprocess.run(
        [sys.executable, str(ROOT / "inference.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
    )


def test_command(tiny_tflite, tmp_path):
    done = run_script(
        *("--lr-path", PHOTO, "--sr-path", tmp_path / "sr.png", "--visualize"),
        *("--model", tiny_tflite, "--tile", "64", "--overlap", "8", "--threads", "1"),
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"comparison: {tmp_path / 'sr_comparison.png'}"
    assert lines[1].startswith(f"{tmp_path / 'sr.png'}: 512 x 512 pixels in ")
    assert "0.02/0.02 MP" in done.stderr  # four tiles, so there is a progress bar
    assert Image.open(tmp_path / "sr.png").size == (512, 512)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model", ""], "--model is empty; give a value"),
        (["--sharp-model", "", "--strength", "1"], "--sharp-model is empty"),
        (["--sr-path="], "--sr-path is empty"),
        (["--degradation", ""], "--degradation is empty"),
        (["--lr-path", ""], "--lr-path is empty"),
        (["--threads", "1", ""], "an argument is empty"),
    ],
)
def test_options_without_a_value(arguments, says):
    with pytest.raises(ConfigError, match=says):
        main(["--lr-path", str(PHOTO), *arguments])


def test_a_size_without_a_figure(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--lr-path", str(PHOTO), "--size", "3", "3"])
    assert "--size is for the figure of --visualize" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "I;16"])
def test_size_by_the_command(tiny_tflite, photo, tmp_path, mode, capsys):
    source = Image.fromarray(photo).convert("RGB" if mode == "RGBA" else "L")
    if mode == "I;16":
        source = Image.fromarray(photo[..., 0].astype(np.uint16) * 257)
    if mode.endswith("A"):
        source.putalpha(Image.fromarray(photo[..., 0]))
    source.save(tmp_path / "lr.png")
    files = ["--lr-path", str(tmp_path / "lr.png"), "--sr-path"]
    for i, (options, size) in enumerate(
        (
            (["--outscale", "2.5"], (120, 100)),
            (["--width", "101"], (101, 84)),
            (["--height", "500"], (600, 500)),
            (["--width", "31", "--height", "77"], (31, 77)),
            (["--max-side", "24"], (24, 20)),
        )
    ):
        sr = tmp_path / f"sr{i}.png"
        assert main([*files, str(sr), *options, "--model", str(tiny_tflite)]) == 0
        with Image.open(sr) as written:
            assert written.size == size and written.mode == mode
    assert "sr3.png: 31 x 77 pixels in " in capsys.readouterr().out


def test_impossible_sizes_are_told_before_the_work(tiny_tflite, photo, tmp_path):
    options = {"model": tiny_tflite, "sr_path": tmp_path / "sr.png"}
    with pytest.raises(ConfigError, match="more than one way"):
        enhance_image(photo, width=9, outscale=2, **options)
    with pytest.raises(ImageError, match="more than the limit of 1600 megapixels"):
        enhance_image(photo, outscale=1e4, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("size", "steps"), [((121, 101), 3), ((48, 40), 5)])
def test_a_bar_ends_at_its_total(tmp_path, size, steps, capsys):
    """Parts of these pictures, added up in floats, are more than the whole."""
    Image.new("L", size).save(tmp_path / "a.png")
    pair = Pair(tmp_path / "a.png", tmp_path / "b.png")
    bar = _FileBar([pair], {})
    with contextlib.closing(bar), warnings.catch_warnings():
        warnings.simplefilter("error")  # tqdm warns
        for done in range(1, steps + 1):
            bar.within_file(pair, done, steps)
        bar.finish(pair)
    assert "100%" in capsys.readouterr().err


def test_quiet_command(tiny_tflite, tmp_path, capsys):
    out = tmp_path / "sr.png"
    arguments = ["--lr-path", str(PHOTO), "--sr-path", str(out), "--quiet"]
    assert main([*arguments, "--model", str(tiny_tflite), "--tile", "64"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "" and "MP" not in captured.err
    assert out.exists()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_verbose_says_what_was_seen_of_each(
    told_tflite, photo, tmp_path, workers, capsys
):
    pictures = {"a.png": photo, "b.png": photo[:20, :20]}
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(tmp_path / name)
    upscaler = Upscaler.from_file(told_tflite)
    arguments = ["--lr-path", str(tmp_path), "--model", str(told_tflite)]
    arguments += ["--overwrite", "--workers", workers, "--verbose"]
    for quiet in ([], ["--quiet"]):
        assert main([*arguments, "--degradation", "noise=16,blur=2", *quiet]) == 0
        printed = capsys.readouterr().out.splitlines()
        assert len(printed) == (2 if quiet else 3)
        for name, pixels in pictures.items():
            seen = upscaler.estimate(pixels)
            told = upscaler.tell(pixels, "noise=16,blur=2")
            assert f"{tmp_path / name}: seen {seen}; told {told}" in printed
            with Image.open(tmp_path / f"{name[0]}_sr.png") as written:
                expected = upscaler.upscale(pixels, degradation=told)
                np.testing.assert_array_equal(written, expected)
    assert main([*arguments, "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert printed.count(": seen ") == 2 and "; told" not in printed


@pytest.mark.parametrize("workers", ["1", "2"])
def test_notes_name_the_first_file_and_count_others(
    tiny_tflite, photo, tmp_path, workers, capsys
):
    pages = Image.fromarray(photo)
    for name in ("a.tif", "b.tif", "c.tif"):
        pages.save(tmp_path / name, save_all=True, append_images=[pages])
    pages.convert("CMYK").save(tmp_path / "d.tif")
    pages.save(tmp_path / "e.png")
    arguments = ["--lr-path", str(tmp_path), "--model", str(tiny_tflite)]
    arguments += ["--overwrite", "--workers", workers]

    def notes(*options):
        assert main([*arguments, *options]) == 0
        lines = capsys.readouterr().err.splitlines()
        return [line for line in lines if line.startswith("note: ")]

    paged = "of 2 pages only page 1 is enlarged"
    cmyk = f"note: {tmp_path / 'd.tif'}: CMYK was converted"
    first, *rest = sorted(notes("--quiet"), key=lambda note: paged not in note)
    assert first in [f"note: {tmp_path / n}.tif: {paged}" for n in "abc"]
    assert rest[0] == f"note: 2 more files: {paged}"
    assert len(rest) == 2 and rest[1].startswith(cmyk)
    named = [f"note: {tmp_path / n}.tif: {paged}" for n in "abc"]
    assert sorted(notes("--quiet", "--verbose"))[:3] == named
    # One that holds for all files is said of the first, and counted.
    all_of_them = notes("--quiet", "--degradation", "clean")
    assert sum("the model is not told" in note for note in all_of_them) == 2
    assert any(note.startswith("note: 4 more files: the model") for note in all_of_them)


def test_a_note_on_the_only_file_does_not_name_it(tiny_tflite, photo, tmp_path, capsys):
    Image.fromarray(photo).convert("CMYK").save(tmp_path / "a.tif")
    options = ["--model", str(tiny_tflite), "--quiet"]
    assert main(["--lr-path", str(tmp_path / "a.tif"), *options]) == 0
    assert capsys.readouterr().err.startswith("note: CMYK was converted")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--degradation", "jpeg=high"], "jpeg must be a number from 1 to 100"),
        (["--degradation", "dirty"], "a degradation is auto, clean, or parts such as"),
        (["--degradation", "kernel=box"], "kernel must be one of nearest"),
        (["--ensemble", "3"], "ensemble must be 1, 2, 4 or 8; received 3"),
    ],
)
def test_command_refuses_what_cannot_be_told(
    told_tflite, photo, tmp_path, options, message
):
    Image.fromarray(photo).save(tmp_path / "lr.png")
    with pytest.raises(ConfigError, match=f"^{message}"):
        main([str(tmp_path / "lr.png"), "--model", str(told_tflite), *options])
    assert os.listdir(tmp_path) == ["lr.png"]


def test_command_ends_with_2_at_a_wrong_degradation(tmp_path):
    done = run_script(tmp_path / "missing.png", "--degradation", "jpeg=high")
    assert (done.returncode, done.stdout) == (2, "")
    expected = "error: jpeg must be a number from 1 to 100; received 'high'\n"
    assert done.stderr == expected


@pytest.fixture
def bad_inputs(tmp_path, tiny_tflite):
    (tmp_path / "text.png").write_text("not a picture")
    Image.open(PHOTO).convert("RGB").save(tmp_path / "whole.jpg")
    jpeg = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (tmp_path / "broken.tflite").write_bytes(b"not a model")
    (tmp_path / "folder").mkdir()
    (tmp_path / "regular").touch()
    (tmp_path / "model.tflite").write_bytes(tiny_tflite.read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("lr", "sr", "model", "message"),
    [
        ("missing.png", "sr.png", "model.tflite", "No such file"),
        ("text.png", "sr.png", "model.tflite", "cannot identify"),
        ("regular", "sr.png", "model.tflite", "regular: it is empty"),
        ("cut.jpg", "sr.png", "model.tflite", "truncated"),
        (
            "folder",
            "sr.png",
            "model.tflite",
            "is one file, and the input may be several",
        ),
        ("whole.jpg", "regular/sr.png", "model.tflite", "does not exist"),
        ("whole.jpg", "sr.xyz", "model.tflite", "ending must be one of"),
        ("whole.jpg", "whole.jpg", "model.tflite", "both input and output"),
        ("whole.jpg", "folder/../whole.jpg", "model.tflite", "both input and output"),
        ("whole.jpg", "sr.png", "broken.tflite", "not a usable .tflite"),
        ("whole.jpg", "sr.png", "missing.tflite", "there is no model file"),
        ("whole.jpg", "sr.png", "no_such_name", "unknown model 'no_such_name'"),
    ],
)
def test_command_refuses_with_one_sentence(bad_inputs, lr, sr, model, message):
    before = {path: path.read_bytes() for path in bad_inputs.glob("*.*")}
    done = run_script(
        "--lr-path", lr, "--sr-path", sr, "--model", model, cwd=bad_inputs
    )
    assert done.returncode == 2
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if "XNNPACK" not in line]
    assert len(lines) == 1
    assert lines[0].startswith("error: ") and message in lines[0]
    assert {path: path.read_bytes() for path in bad_inputs.glob("*.*")} == before
    assert os.listdir(bad_inputs / "folder") == []


def test_long_work_names_a_faster_way(tiny_tflite, tmp_path, monkeypatch, capsys):
    """Once, where there is an int8 file that does not run already."""
    monkeypatch.setattr(command, "_LONG", -1)
    monkeypatch.setattr(command, "_SURE", 0)
    plain, fast = tmp_path / "tiny.tflite", tmp_path / "tiny_int8.tflite"
    arguments = ["--lr-path", str(PHOTO), "--sr-path", str(tmp_path / "sr.png")]
    arguments += ["--tile", "40", "--overwrite"]

    def named(model):
        assert main([*arguments, "--model", str(model)]) == 0
        return capsys.readouterr().err.count("--fast runs the int8 file")

    plain.write_bytes(tiny_tflite.read_bytes())
    assert named(plain) == 0
    fast.write_bytes(tiny_tflite.read_bytes())
    assert (named(plain), named(fast)) == (1, 0)


def test_command_tells_of_impossible_options(tiny_tflite, tmp_path):
    done = run_script(
        *("--lr-path", PHOTO, "--sr-path", tmp_path / "sr.png"),
        *("--model", tiny_tflite, "--tile", "0"),
    )
    assert done.returncode == 2
    assert "error: tile must be 1 or more" in done.stderr
    assert os.listdir(tmp_path) == []
