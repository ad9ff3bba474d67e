"""`enhance_image` and the command behind `inference.py`."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTO
from PIL import Image

from srlite.errors import Cancelled, ConfigError, ImageError, ModelError
from srlite.enhance.inference import enhance_image
from srlite.runtime.upscaler import Upscaler

ROOT = Path(__file__).parents[1]


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
