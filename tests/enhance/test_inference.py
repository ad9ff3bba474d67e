"""`enhance_image` and the command behind `inference.py`."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTO
from PIL import Image

from srlite.enhance.inference import enhance_image
from srlite.errors import Cancelled, ConfigError, ImageError, ModelError
from srlite.runtime.upscaler import Upscaler

ROOT = Path(__file__).parents[2]


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
    sr = enhance_image(**paths, model=tiny_tflite, alpha="bicubic")
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


@pytest.mark.parametrize(
    "options", [{"model": ""}, {"sharp_model": "", "strength": 1}, {"strength": 0}]
)
def test_an_empty_name_is_no_default(photo, options):
    with pytest.raises(ModelError, match="the name of a model is empty"):
        enhance_image(photo, **{"model": "", **options})


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)])
def test_shapes_and_dtypes_of_arrays(tiny_tflite, dtype, channels):
    image = np.ones((5, 6, *channels), dtype)
    sr = enhance_image(image, model=tiny_tflite)
    assert sr.shape == (20, 24, *channels)
    assert sr.dtype == (np.uint16 if dtype == np.uint16 else np.uint8)
    reduced = enhance_image(image, model=tiny_tflite, outscale=0.5)
    assert sr.flags.writeable and reduced.flags.writeable


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((1, 4, 4, 3), np.uint8), r"received \(1, 4, 4, 3\)"),
        (np.zeros((4, 4, 5), np.uint8), r"received \(4, 4, 5\)"),
        (np.zeros((0, 4, 3), np.uint8), r"received \(0, 4, 3\)"),
        (np.full((4, 4), 200.0), r"lie in \[0, 1\]"),
        (np.full((4, 4), np.nan), r"received nan to nan, .* replace what is no number"),
        (np.zeros((4, 4, 3), np.int32), "received dtype int32"),
        (np.array("photo.png"), "must be a picture or the path of one"),
    ],
)
def test_unusable_arrays(tiny_tflite, image, message):
    with pytest.raises(ImageError, match=message):
        enhance_image(image, model=tiny_tflite)


def test_what_other_programs_pass(tiny_tflite, photo, tmp_path):
    options = {"model": tiny_tflite}
    sr = enhance_image(photo, **options)
    Image.fromarray(photo).save(tmp_path / "lr.png")
    for path in (tmp_path / "lr.png", str(tmp_path / "lr.png")):
        np.testing.assert_array_equal(enhance_image(path, **options), sr)
    by_position = enhance_image(photo, tmp_path / "sr.png", False, (6, 4), **options)
    np.testing.assert_array_equal(by_position, sr)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "sr.png")), sr)
    deep = photo.astype(np.uint16) * 257
    np.testing.assert_array_equal(
        enhance_image(deep.astype(">u2"), **options), enhance_image(deep, **options)
    )
    twice = enhance_image(photo, outscale=2, **options)
    np.testing.assert_array_equal(
        enhance_image(photo, outscale=np.float32(2), **options), twice
    )
    wide = enhance_image(photo, width=100.0, **options)
    assert wide.shape[1] == 100
    with pytest.raises(ConfigError, match="width must be 1 or more whole pixels"):
        enhance_image(photo, width=100.5, **options)
    for size in (5, (3, float("nan")), (float("inf"), 3), (0, 3), (101, 3), (1, 2, 3)):
        with pytest.raises(
            ConfigError, match="size must be a figure's width and height"
        ):
            enhance_image(photo, size=size, **options)


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
    from srlite.figures.figure import find_telling_region

    bicubic = np.zeros((160, 240, 3), np.uint8)
    sr = bicubic.copy()
    sr[60:80, 120:140] = 90
    top, left, side = find_telling_region(bicubic, sr, (40, 60))  # a quarter
    assert side == 8 and top <= 15 and left <= 30
    assert top + side >= 20 and left + side >= 35


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


def test_strength_goes_from_light_psnr_to_light(photo):
    for strength, model in ((0.0, "light_psnr"), (1.0, "light")):
        sr = enhance_image(photo, strength=strength)
        np.testing.assert_array_equal(sr, enhance_image(photo, model=model))


def test_degradation_is_told_and_said(told_tflite, photo, tmp_path):
    upscaler = Upscaler.from_file(told_tflite)
    seen = upscaler.estimate(photo)
    lines, notes = [], []
    options = {"model": told_tflite, "say": lines.append, "warn": notes.append}
    for said in ("auto", "jpeg=20,noise=12", {"kernel": "area"}, "clean"):
        told = upscaler.tell(photo, said)
        expected = upscaler.upscale(photo, degradation=told)
        sr = enhance_image(photo, degradation=said, **options)
        np.testing.assert_array_equal(sr, expected)
        quiet = enhance_image(photo, degradation=said, model=told_tflite)
        np.testing.assert_array_equal(sr, quiet)
        other = f"{told}" != f"{seen}"
        assert lines.pop() == f"seen {seen}" + (f"; told {told}" if other else "")
        assert not lines
    sr = enhance_image(photo, degradation=told.vector, model=told_tflite)
    np.testing.assert_array_equal(sr, expected)
    enhance_image(photo, width=20, **options)
    assert lines == ["the result is no larger than the picture, so no model runs"]
    assert not notes


def test_degradation_of_grey_deep_and_transparent_pictures(told_tflite, photo):
    grey = photo[..., 0]
    clear = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    for image in (grey, grey.astype(np.uint16) * 257, clear, grey / 255, photo[:9, :9]):
        lines = []
        sr = enhance_image(image, model=told_tflite, say=lines.append)
        assert sr.shape[:2] == tuple(4 * n for n in image.shape[:2])
        assert len(lines) == 1
    assert lines == ["seen kernel unknown, clean"]  # of 9 x 9 pixels


def test_degradation_is_left_aside_by_a_model_that_is_not_told(tiny_tflite, photo):
    lines, notes = [], []
    options = {"model": tiny_tflite, "say": lines.append, "warn": notes.append}
    plain = enhance_image(photo, **options)
    assert not notes and lines == ["the model is not told how a picture was made"]
    sr = enhance_image(photo, degradation="jpeg=50", **options)
    np.testing.assert_array_equal(sr, plain)
    assert notes == [f"{lines[0]}, so the given degradation is ignored"]


def test_wrong_degradation_is_refused_before_the_work(tmp_path):
    with pytest.raises(ConfigError, match="received 'dirty'"):
        enhance_image(lr_path=tmp_path / "missing.png", degradation="dirty")


def test_ensemble(told_tflite, photo):
    for count in (1, 2, 8):
        upscaler = Upscaler.from_file(told_tflite, ensemble=count)
        sr = enhance_image(photo, model=told_tflite, ensemble=count)
        np.testing.assert_array_equal(sr, upscaler.upscale(photo))
    with pytest.raises(ConfigError, match="must be 1, 2, 4 or 8; received 5"):
        enhance_image(photo, model=told_tflite, ensemble=5)


def test_an_estimator_trained_anew_is_loaded_anew(told_tflite, photo, tmp_path):
    beside = told_tflite.with_name("told_estimator.tflite")
    for path in (told_tflite, beside):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before = enhance_image(photo, model=tmp_path / "told.tflite")
    np.testing.assert_array_equal(before, enhance_image(photo, model=told_tflite))
    (tmp_path / beside.name).write_bytes(b"no longer a model")
    os.utime(tmp_path / beside.name, (1, 1))
    with pytest.raises(ModelError, match="told_estimator.tflite is not a usable"):
        enhance_image(photo, model=tmp_path / "told.tflite")


def test_a_cancelled_picture_is_not_written(tiny_tflite, photo, tmp_path):
    def cancel(done, total):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        enhance_image(
            photo, sr_path=tmp_path / "sr.png", model=tiny_tflite, progress=cancel
        )
    assert not list(tmp_path.iterdir())


def test_import_stays_light():
    code = (
        "import sys, inference\n"
        "heavy = {'tensorflow', 'keras', 'jax', 'matplotlib', 'ai_edge_litert', "
        "'tqdm'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "assert callable(inference.enhance_image)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
