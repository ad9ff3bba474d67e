"""Many files by the command: one bad file stops no other, Ctrl-C leaves no part."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from litert_files import export_for_even_sides
from PIL import Image

from srlite.enhance.batch import choose_workers
from srlite.enhance.command import main
from srlite.enhance.file_plan import Pair
from srlite.enhance.inference import enhance_image
from srlite.errors import ConfigError, ImageError, ModelError

ROOT = Path(__file__).parents[2]
NAMES = ["-dash.png", "a b.png", "line\nbreak.png", "sub/ü日.png"]


@pytest.fixture
def folder(photo, tmp_path, monkeypatch):
    """Four pictures, one that is none, and a text."""
    monkeypatch.chdir(tmp_path)
    os.makedirs("in/sub")
    for i, name in enumerate(NAMES):
        Image.fromarray(photo[i : i + 12, :16]).save(Path("in", name))
    Path("in/bad.png").write_text("no picture")
    Path("in/notes.txt").touch()
    return tmp_path


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_bad_file_stops_no_other(folder, tiny_tflite, workers, capsys):
    arguments = ["--lr-path", "in", "missing.png", "--sr-path", "out", "--recursive"]
    arguments += ["--workers", workers, "--model", str(tiny_tflite), "--quality", "80"]
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("4 enlarged, 0 skipped, 2 failed in ")
    assert "error: cannot read in/bad.png as a picture" in captured.err
    assert "error: cannot read missing.png as a picture" in captured.err
    assert "note: left out what is not a picture: 1 other (.txt)" in captured.err
    assert "6/6 files" in captured.err
    assert "MP/s" in captured.err or "s/MP" in captured.err
    written = sorted(str(p.relative_to("out")) for p in Path("out").rglob("*.png"))
    assert written == sorted(NAMES)
    for name in NAMES:
        np.testing.assert_array_equal(
            Image.open(Path("out", name)),
            enhance_image(lr_path=Path("in", name), model=tiny_tflite),
        )


def test_a_picture_on_which_the_model_fails_stops_no_other(photo, tmp_path, capsys):
    model = export_for_even_sides(tmp_path / "even.tflite")
    for i, side in enumerate((12, 13, 12)):
        Image.fromarray(photo[:side, :12]).save(tmp_path / f"{i}.png")
    arguments = ["--lr-path", str(tmp_path), "--sr-path", str(tmp_path / "out")]
    assert main([*arguments, "--model", str(model)]) == 1
    reason = f"error: {tmp_path / '1.png'}: {model} does not run on 12 x 13 pixels ("
    assert reason in capsys.readouterr().err
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["0.png", "2.png"]


@pytest.fixture
def many(photo, tmp_path, monkeypatch):
    """Make 64 small pictures."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("many")
    for i in range(64):
        part = photo[i % 8 : i % 8 + 9, i // 8 : i // 8 + 8]
        Image.fromarray(part).save(f"many/{i:02}.png")
    return sorted(Path("many").iterdir())


def test_many_small_pictures_are_split_between_the_cores(many, tiny_tflite, photo):
    pairs = [Pair(path, Path("out") / path.name) for path in many]
    options = {"model": tiny_tflite, "num_threads": 2}
    assert choose_workers(pairs, options) == 2
    assert choose_workers(pairs, {**options, "num_threads": 1}) == 1
    assert choose_workers(pairs[1:], options) == 1
    assert choose_workers(pairs, {**options, "max_side": 100}) == 1
    Image.new("RGB", (1000, 301)).save(many[5])
    assert choose_workers(pairs, options) == 1
    still, moving = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    still.save(many[5], save_all=True, append_images=[moving])
    assert choose_workers(pairs, options) == 1
    many[5].write_text("no picture")
    assert choose_workers(pairs, options) == 2
    model = ["--model", str(tiny_tflite), "--quiet", "--threads", "2"]
    assert main(["many", "--sr-path", "split", *model]) == 1
    assert main(["many", "--sr-path", "alone", *model, "--workers", "1"]) == 1
    written = sorted(path.name for path in Path("split").iterdir())
    assert len(written) == 63
    for name in written:
        assert Path("split", name).read_bytes() == Path("alone", name).read_bytes()


def test_runs_after_the_first(folder, tiny_tflite, capsys):
    arguments = ["--lr-path", "in/*.png", "--model", str(tiny_tflite), "--quiet"]
    assert main(arguments) == 1
    with pytest.raises(ConfigError, match="exists? already"):
        main(arguments)
    os.remove("in/bad.png")
    before = {path: path.stat().st_mtime_ns for path in Path("in").glob("*_sr.png")}
    assert len(before) == 3
    assert main([*arguments, "--skip-existing"]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert main([*arguments, "--overwrite"]) == 0
    after = {path: path.stat().st_mtime_ns for path in Path("in").glob("*_sr.png")}
    assert before.keys() == after.keys()
    assert all(before[path] != after[path] for path in before)
    assert capsys.readouterr().out == ""


def test_nothing_could_be_done(folder, tiny_tflite, capsys):
    model = ["--model", str(tiny_tflite)]
    assert main(["--lr-path", "in/bad.png", "missing.png", *model]) == 2
    assert "0 enlarged, 0 skipped, 2 failed" in capsys.readouterr().out
    with pytest.raises(ImageError, match="there are no pictures in in/x"):
        main(["--lr-path", "in/x*", *model])
    with pytest.raises(ModelError, match="there is no model file"):
        main(["--lr-path", "in", "--model", "none.tflite"])
    with pytest.raises(ConfigError, match="workers must be 1 or more; received 0"):
        main(["--lr-path", "in", "--workers", "0", *model])
    with pytest.raises(
        ConfigError, match="threads must be 1 or more, and whole; received -3"
    ):
        main(["--lr-path", "in", "--workers", "2", "--threads", "-3", *model])
    with pytest.raises(ConfigError, match="pictures cannot be written as .gif"):
        main(["--lr-path", "in", "--ending", "gif", *model])
    with pytest.raises(ConfigError, match="--visualize shows one picture"):
        main(["--lr-path", "in", "--visualize", *model])
    assert not [*Path("in").rglob("*_sr*")]
    assert capsys.readouterr().out == ""


def test_names_are_printed_on_one_line(folder, tiny_tflite, capsys):
    out = "out\n.png"
    arguments = ["--lr-path=in/-dash.png", f"--sr-path={out}"]
    assert main([*arguments, "--model", str(tiny_tflite)]) == 0
    assert capsys.readouterr().out.startswith("out\\n.png: 64 x 48 pixels in ")
    assert Path(out).exists()


def test_names_and_links_that_cannot_be_written(folder, tiny_tflite, capsys):
    long = "n" * 250 + ".png"  # A file may have this name, but not its result.
    Path("in/-dash.png").rename(long)
    os.mkdir("folder_sr.png")
    Path("in/a b.png").rename("folder.png")
    Path("in/line\nbreak.png").rename("link.png")
    Path("in/target.png").write_bytes(b"to be replaced")
    os.symlink("in/target.png", "link_sr.png")
    arguments = ["--lr-path", long, "folder.png", "link.png", "--overwrite"]
    assert main([*arguments, "--model", str(tiny_tflite)]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("1 enlarged, 0 skipped, 2 failed in ")
    assert "_sr.png: File name too long" in captured.err
    assert "folder_sr.png: it is there and is not a file" in captured.err
    assert os.path.islink("link_sr.png")
    assert Image.open("in/target.png").size == (64, 48)
    assert sorted(os.listdir()) == sorted(
        ["in", "folder.png", "folder_sr.png", "link.png", "link_sr.png", long]
    )


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_interrupted(folder, tiny_tflite, photo, workers):
    (folder / "many").mkdir()
    large = np.tile(photo, (8, 8, 1))
    for i in range(40):
        Image.fromarray(large).save(folder / "many" / f"{i:02}.bmp")
    process = subprocess.Popen(
        [
            *(sys.executable, str(ROOT / "inference.py"), "--lr-path", "many"),
            *("--sr-path", "out", "--model", str(tiny_tflite), "--tile", "64"),
            *("--workers", workers),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not list(Path("out").glob("*.bmp")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "interrupted" and "Traceback" not in err
    finished = list(Path("out").iterdir())
    assert 0 < len(finished) < 40
    assert all(Image.open(path).size == (1536, 1280) for path in finished)
    # What the workers end after the signal is not counted.
    assert int(out.split(" enlarged")[0]) <= len(finished)


def test_lines_for_programs(folder, tiny_tflite, capsys):
    arguments = ["--lr-path", "in", "--sr-path", "out", "--model", str(tiny_tflite)]
    assert main([*arguments, "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    by_input = {line.pop("input"): line for line in lines}
    assert by_input["in/line\nbreak.png"] == {
        "output": "out/line\nbreak.png",
        "status": "enlarged",
        **{"width": 64, "height": 48, "notes": []},
        "seen": ["the model is not told how a picture was made"],
    }
    bad = by_input["in/bad.png"]
    assert bad["status"] == "failed" and "cannot read in/bad.png" in bad["error"]
    os.remove("in/bad.png")
    assert main([*arguments, "--json", "--skip-existing"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["status"] for line in lines] == ["skipped"] * 3
    with pytest.raises(ConfigError, match="--visualize shows one picture"):
        main(["in/a b.png", "new.png", "--json", "--visualize"])


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1/0", "3", "-1/2", "a/b", "1/2/3"])
def test_shards_that_are_none(shard, capsys):
    with pytest.raises(SystemExit):
        main(["in", f"--shard={shard}"])
    assert "expected K/N with K from 1 to N" in capsys.readouterr().err
