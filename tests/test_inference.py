"""`enhance_image` and the command behind `inference.py`."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTO
from PIL import Image

from srlite.enhance_command import main
from srlite.errors import Cancelled, ConfigError, ImageError, ModelError
from srlite.inference import enhance_image
from srlite.upscaler import Upscaler

ROOT = Path(__file__).parents[1]


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


def test_array_in_array_out(tiny_tflite, photo):
    sr = enhance_image(photo, model=tiny_tflite)
    np.testing.assert_array_equal(sr, Upscaler.from_file(tiny_tflite).upscale(photo))


def test_path_array_and_file_agree(tiny_tflite, photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "lr.png")
    sr = enhance_image(
        lr_path=tmp_path / "lr.png", sr_path=tmp_path / "sr.png", model=tiny_tflite
    )
    np.testing.assert_array_equal(sr, enhance_image(photo, model=tiny_tflite))
    np.testing.assert_array_equal(sr, Image.open(tmp_path / "sr.png"))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_files_leave_in_the_mode_they_came(tiny_tflite, photo, tmp_path, mode):
    source = Image.fromarray(photo)
    if mode == "I;16":
        source = Image.fromarray(photo[..., 0].astype(np.uint16) * 257)
    source = source.convert(mode)
    if mode.endswith("A"):
        source.putalpha(Image.fromarray(photo[..., 0]))
    source.save(tmp_path / "lr.png")
    paths = {"lr_path": tmp_path / "lr.png", "sr_path": tmp_path / "sr.png"}
    sr = enhance_image(**paths, model=tiny_tflite)
    with Image.open(tmp_path / "sr.png") as written:
        assert written.mode == mode
        np.testing.assert_array_equal(sr, written)
    if mode.endswith("A"):
        alpha = Image.fromarray(photo[..., 0]).resize(
            (192, 160), Image.Resampling.BICUBIC
        )
        np.testing.assert_array_equal(sr[..., -1], alpha)


def test_every_kind_of_array(tiny_tflite, photo):
    import tensorflow as tf

    sr = enhance_image(photo, model=tiny_tflite)
    for image in (
        photo / 255,
        (photo / 255).astype(np.float32),
        tf.constant(photo),
        Image.fromarray(photo),
    ):
        np.testing.assert_array_equal(enhance_image(image, model=tiny_tflite), sr)
    palette = Image.fromarray(photo).quantize(32)
    np.testing.assert_array_equal(
        enhance_image(palette, model=tiny_tflite),
        enhance_image(np.asarray(palette.convert("RGB")), model=tiny_tflite),
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
@pytest.mark.parametrize("channels", [(), (1,), (3,), (4,)])
def test_shapes_and_dtypes_of_arrays(tiny_tflite, dtype, channels):
    image = np.ones((5, 6, *channels), dtype)
    sr = enhance_image(image, model=tiny_tflite)
    assert sr.shape == (20, 24, *channels)
    assert sr.dtype == (np.uint16 if dtype == np.uint16 else np.uint8)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((1, 4, 4, 3), np.uint8), r"received \(1, 4, 4, 3\)"),
        (np.zeros((4, 4, 2), np.uint8), r"received \(4, 4, 2\)"),
        (np.zeros((0, 4, 3), np.uint8), r"received \(0, 4, 3\)"),
        (np.full((4, 4), 200.0), r"lie in \[0, 1\]"),
        (np.zeros((4, 4, 3), np.int32), "received dtype int32"),
        ("photo.png", "give it as lr_path"),
    ],
)
def test_unusable_arrays(tiny_tflite, image, message):
    with pytest.raises(ImageError, match=message):
        enhance_image(image, model=tiny_tflite)


def test_exactly_one_input(photo):
    with pytest.raises(ImageError, match="received neither"):
        enhance_image()
    with pytest.raises(ImageError, match="received both"):
        enhance_image(photo, lr_path=PHOTO)


def test_too_large_for_the_format_is_refused_before_the_work(tiny_tflite, tmp_path):
    calls = []
    with pytest.raises(ImageError, match="WEBP holds at most 16383 pixels"):
        enhance_image(
            np.zeros((1, 5000, 3), np.uint8),
            sr_path=tmp_path / "sr.webp",
            model=tiny_tflite,
            progress=lambda *p: calls.append(p),
        )
    assert not calls


def test_a_file_trained_anew_is_loaded_anew(tiny_tflite, photo, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(tiny_tflite.read_bytes())
    before = enhance_image(photo, model=path)
    np.testing.assert_array_equal(enhance_image(photo, model=path), before)
    path.write_bytes(b"no longer a model")
    os.utime(path, (1, 1))
    with pytest.raises(ModelError, match="not a usable .tflite"):
        enhance_image(photo, model=path)


def test_comparison_is_saved_without_a_display(
    tiny_tflite, photo, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(tmp_path)
    enhance_image(photo, model=tiny_tflite, visualize=True, size=(6, 4))
    assert capsys.readouterr().out == "comparison: srlite_comparison.png\n"
    assert Image.open("srlite_comparison.png").size == (720, 480)
    for image in (photo[:1, :1], photo[:2, :40, 0], np.full((40, 9, 4), 0.5)):
        enhance_image(image, sr_path="sr.png", model=tiny_tflite, visualize=True)
        assert capsys.readouterr().out == "comparison: sr_comparison.png\n"
        os.remove("sr_comparison.png")
    with pytest.raises(ConfigError, match="width and height in inches"):
        enhance_image(photo, model=tiny_tflite, visualize=True, size=(0, 4))


def test_comparison_magnifies_where_the_pictures_differ():
    from srlite.comparison import find_telling_region

    bicubic = np.zeros((160, 240, 3), np.uint8)
    sr = bicubic.copy()
    sr[60:80, 120:140] = 90
    top, left, side = find_telling_region(bicubic, sr, (40, 60))  # a quarter
    assert side == 8 and top <= 15 and left <= 30
    assert top + side >= 20 and left + side >= 35


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


def test_comparison_of_any_size(tiny_tflite, photo, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "agg")
    options = {"model": tiny_tflite, "sr_path": tmp_path / "sr.png", "visualize": True}
    for outscale in (0.3, 1.7, 5):
        enhance_image(photo, outscale=outscale, size=(6, 4), **options)
        assert Image.open(tmp_path / "sr_comparison.png").size == (720, 480)


def test_strength(tiny_tflite, photo, tmp_path):
    alone = enhance_image(photo, model=tiny_tflite)
    for strength in (0, 0.5, 1):
        mixed = enhance_image(
            photo, model=tiny_tflite, sharp_model=tiny_tflite, strength=strength
        )
        np.testing.assert_array_equal(mixed, alone)
    np.testing.assert_array_equal(
        enhance_image(photo, model=tiny_tflite, strength=0), alone
    )
    with pytest.raises(ConfigError, match="from 0 to 1; received 2"):
        enhance_image(photo, model=tiny_tflite, strength=2)
    with pytest.raises(ConfigError, match="mixed in by a strength"):
        enhance_image(photo, model=tiny_tflite, sharp_model=tiny_tflite)


def test_strength_without_a_sharp_model(tiny_tflite, photo, tmp_path, monkeypatch):
    monkeypatch.setattr("srlite.model_files.WEIGHTS_DIR", tmp_path)
    with pytest.raises(ModelError, match="sharp model 'light', which is not shipped"):
        enhance_image(photo, model=tiny_tflite, strength=0.5)
    (tmp_path / "light.tflite").write_bytes(tiny_tflite.read_bytes())
    sr = enhance_image(photo, model=tiny_tflite, strength=0.5)
    np.testing.assert_array_equal(sr, enhance_image(photo, model=tiny_tflite))


def test_a_cancelled_picture_is_not_written(tiny_tflite, photo, tmp_path):
    def cancel(done, total):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        enhance_image(
            photo, sr_path=tmp_path / "sr.png", model=tiny_tflite, progress=cancel
        )
    assert not list(tmp_path.iterdir())


def test_quiet_command(tiny_tflite, tmp_path, capsys):
    out = tmp_path / "sr.png"
    arguments = ["--lr-path", str(PHOTO), "--sr-path", str(out), "--quiet"]
    assert main([*arguments, "--model", str(tiny_tflite), "--tile", "64"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "" and "MP" not in captured.err
    assert out.exists()


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


def test_command_tells_of_impossible_options(tiny_tflite, tmp_path):
    done = run_script(
        *("--lr-path", PHOTO, "--sr-path", tmp_path / "sr.png"),
        *("--model", tiny_tflite, "--tile", "0"),
    )
    assert done.returncode == 2
    assert "error: tile must be 1 or more" in done.stderr
    assert os.listdir(tmp_path) == []


def test_import_stays_light():
    code = (
        "import sys, inference\n"
        "heavy = {'tensorflow', 'keras', 'jax', 'matplotlib', 'ai_edge_litert', "
        "'tqdm'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "assert callable(inference.enhance_image)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
