"""What the shipped weights promise, on photos that they were not trained on."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from srlite.pictures.picture import enlarge_bicubic
from srlite.data.kernels import KERNELS, shrink
from srlite.models.loading import load_generator
from srlite.metrics.psnr_ssim import psnr
from srlite.models.model_files import DEFAULT_MODEL, WEIGHTS_DIR, shipped_models
from srlite.export.checks import (
    check_difference,
    check_ops,
    check_quantization,
    check_size,
)
from srlite.models.tflite import read_metadata
from srlite.runtime.upscaler import DEFAULT_OVERLAP, Upscaler

CARD = (WEIGHTS_DIR / "README.md").read_text()
SHARED = Path(__file__).parents[2] / "shared"
MODELS = shipped_models()


@pytest.fixture(scope="module", params=MODELS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def upscaler(name):
    return Upscaler.from_file(name)


def source_of(name):
    """The `.keras` file that a shipped `.tflite` was made from."""
    return WEIGHTS_DIR / f"{name.removesuffix('_int8')}.keras"


def test_there_are_models():
    assert {"light", "light_psnr", "light_int8", "light_psnr_int8"} == set(MODELS)


def test_files_are_those_of_the_card(name):
    for path in (WEIGHTS_DIR / f"{name}.tflite", source_of(name)):
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        assert f"| `{path.name}` | {len(content):,} bytes | `{digest}` |" in CARD


def test_files_say_what_they_are(name):
    fields = read_metadata((WEIGHTS_DIR / f"{name}.tflite").read_bytes())
    assert (fields["scale"], fields["overlap"]) == (4, DEFAULT_OVERLAP)
    highest = 255 if name.endswith("_int8") else 1
    assert fields["input"]["range"] == fields["output"]["range"] == [0, highest]
    digest = hashlib.sha256(source_of(name).read_bytes()).hexdigest()
    assert fields["source_sha256"] == digest


def test_tflite_is_the_keras_model(name):
    content = (WEIGHTS_DIR / f"{name}.tflite").read_bytes()
    precision = "int8" if name.endswith("_int8") else "float32"
    check_size(content)
    check_ops(content, precision)
    if precision == "int8":
        check_quantization(content)
    generator = load_generator(source_of(name))
    photos = [data.astronaut()[:96, 150:250], data.coffee()[:80, :120]]
    _, mean = check_difference(content, generator, precision, photos)
    assert mean <= (1.0 if precision == "int8" else 0.01)


@pytest.mark.parametrize("level", [0, 17, 128, 255])
def test_flat_pictures_stay_flat(name, upscaler, level):
    sr = upscaler.upscale(np.full((40, 40, 3), level, np.uint8)).astype(int)
    # A step of the last convolution of an int8 file is more than a level.
    assert np.abs(sr - level).max() <= (3 if name.endswith("_int8") else 1)
    assert np.abs(sr - level).mean() <= 0.5


@pytest.mark.parametrize("photo", ["astronaut", "coffee", "chelsea", "rocket"])
def test_mean_colour_stays(upscaler, photo):
    lr = getattr(data, photo)()[:120, 60:220]
    sr = upscaler.upscale(lr)
    assert np.abs(sr.mean((0, 1)) - lr.mean((0, 1))).max() <= 0.5


def test_smallest_picture(upscaler):
    sr = upscaler.upscale(np.full((1, 1, 3), (10, 120, 250), np.uint8))
    assert sr.shape == (4, 4, 3)
    assert np.abs(sr.astype(int) - (10, 120, 250)).max() <= 3


def test_tiles_equal_the_whole(name):
    lr = data.coffee()[100:260, 150:350]
    whole = Upscaler.from_file(name, tile=512).upscale(lr).astype(int)
    tiled = Upscaler.from_file(name, tile=48).upscale(lr).astype(int)
    difference = np.abs(whole - tiled)
    if not name.endswith("_int8"):
        assert difference.max() <= 1 and difference.mean() <= 0.001
        return
    # What lies beyond the overlap tips roundings within, so that single values jump.
    assert np.quantile(difference, 0.9999) <= 4 and difference.max() <= 8
    assert difference.mean() <= 0.2


@pytest.mark.parametrize("kernel", KERNELS)
def test_gains_on_every_kernel(upscaler, kernel):
    gains = []
    for photo in ("astronaut", "coffee", "chelsea", "rocket"):
        hr = getattr(data, photo)()[40:296, 100:420]
        lr = shrink(hr, kernel, 4)
        gains.append(
            psnr(upscaler.upscale(lr), hr, 4) - psnr(enlarge_bicubic(lr, 4), hr, 4)
        )
    assert np.mean(gains) > 0.3, gains


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="Set5 does not come with the project")
def test_figures_of_the_card():
    """The card's table for Set5 is what an independent script measures."""
    for name in MODELS:
        table = CARD[CARD.index(f"## {name}\n") :]
        row = re.search(r"\| Set5 \|(.*)\|\n", table)[1].split("|")
        model = WEIGHTS_DIR / f"{name}.tflite"
        done = subprocess.run(
            [
                *(sys.executable, SHARED / "tools" / "score.py", "--model", model),
                *("--hr-dir", SHARED / "data" / "bench" / "Set5" / "HR"),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        measured = dict(re.findall(r"^(\w+) +(\d+\.\d+) ", done.stdout, re.MULTILINE))
        for kernel, value in zip(KERNELS, row, strict=False):
            assert float(value) == pytest.approx(float(measured[kernel]), abs=0.01)


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("side", [1, 20])
def test_shipped_model_keeps_flat_colours(level, side):
    flat = np.full((side, side, 3), level, np.uint8)
    sr = Upscaler.from_file(DEFAULT_MODEL).upscale(flat)
    assert sr.shape == (4 * side, 4 * side, 3)
    assert np.abs(sr.astype(int) - level).max() <= 1
