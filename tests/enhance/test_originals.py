"""An original is never written to, however the arguments are put."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srlite.enhance.command import main
from srlite.errors import SrliteError


@pytest.fixture
def originals(tmp_path, monkeypatch):
    """Pictures in a folder and one below, links to them, one named as a result."""
    monkeypatch.chdir(tmp_path)
    os.makedirs("sub/deep")
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png", "b_sr.png", "sub/a.png", "sub/deep/c.jpg"):
        Image.fromarray(rng.integers(0, 256, (6, 7, 3), np.uint8)).save(name)
    os.symlink("a.png", "soft.png")
    os.link("b.png", "hard.png")
    os.symlink("sub", "folder")
    files = (path for path in Path().rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files}


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
@pytest.mark.parametrize(
    "arguments",
    [
        "a.png b.png",
        "a.png a.png",
        "a.png ./a.png",
        "a.png soft.png",
        "b.png hard.png",
        "b.png b_sr.png",
        "b_sr.png b.png",
        "a.png b.png b_sr.png soft.png hard.png",
        "--lr-path *.png",
        "--lr-path b*.png",
        "--lr-path a.png --sr-path soft.png",
        "--lr-path b.png --sr-path hard.png",
        "--lr-path a.png --sr-path sub/../a.png",
        "--lr-path sub --sr-path folder --recursive",
        "--lr-path sub --sr-path sub",
        "--lr-path a.png sub/a.png --sr-path out",
        "a.png sub",
        "sub folder",
        "sub sub",
        ". sub",
        "sub .",
        "b_sr.png .",
        "--lr-path b_sr.png *.png .",
        "--lr-path sub/a.png . --recursive --sr-path sub",
    ],
)
def test_originals_stay(originals, tiny_tflite, arguments, overwrite):
    try:
        main([*arguments.split(), *overwrite, "--quiet", "--model", str(tiny_tflite)])
    except SrliteError:
        pass
    if overwrite and "b_sr" not in arguments:
        del originals[Path("b_sr.png")]  # as good as the result of an earlier run
    assert {path: path.read_bytes() for path in originals} == originals


def test_several_names_are_inputs(originals, tiny_tflite):
    model = ["--model", str(tiny_tflite), "--quiet"]
    assert main(["a.png", "b.png", *model, "--ending", "webp"]) == 0
    assert {p.name for p in Path().glob("*.webp")} == {"a_sr.webp", "b_sr.webp"}
    assert main(["a.png", "sub/a.png", "sub/deep/c.jpg", *model]) == 0
    assert Path("a_sr.png").is_file() and Path("sub/deep/c_sr.jpg").is_file()
    assert main(["a.png", "new.png", *model]) == 0
    assert Image.open("new.png").size == (28, 24)
    with pytest.raises(SrliteError, match="may hold originals"):
        main(["sub", "folder", "--overwrite", *model])


def test_a_figure_replaces_nothing(originals, tiny_tflite, capsys):
    Path("x_comparison.png").write_text("mine")
    arguments = ["a.png", "x.png", "--visualize", "--model", str(tiny_tflite)]
    assert main(arguments) == 0
    assert "comparison: x_comparison_2.png" in capsys.readouterr().out
    assert Path("x_comparison.png").read_text() == "mine"
