"""What the shipped weights promise, on photos that they were not trained on."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from srlite.benchmark.inference import enlarged_by_mirrors, run_enlarging
from srlite.data.kernels import KERNELS, shrink
from srlite.export.checks import (
    check_difference,
    check_ops,
    check_quantization,
    check_size,
)
from srlite.metrics.psnr_ssim import psnr
from srlite.models.model_files import (
    DEFAULT_MODEL,
    WEIGHTS_DIR,
    load_generator,
    shipped_models,
)
from srlite.models.tflite import read_metadata
from srlite.pictures.levels import enlarge_bicubic
from srlite.runtime.opening import DEFAULT_OVERLAP
from srlite.runtime.upscaler import Upscaler

CARD = (WEIGHTS_DIR / "README.md").read_text()
ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
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
    names = ("light", "light_psnr", "light_rt")
    assert {n + end for n in names for end in ("", "_int8")} == set(MODELS)


def test_files_are_those_of_the_card(name):
    estimators = WEIGHTS_DIR.glob("*_estimator.*")
    for path in (WEIGHTS_DIR / f"{name}.tflite", source_of(name), *estimators):
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        assert f"| `{path.name}` | {len(content):,} bytes | `{digest}` |" in CARD


def test_files_say_what_they_are(name):
    fields = read_metadata((WEIGHTS_DIR / f"{name}.tflite").read_bytes())
    assert fields["scale"] == 4 and fields["overlap"] >= DEFAULT_OVERLAP
    highest = 255 if name.endswith("_int8") else 1
    assert fields["input"]["range"] == fields["output"]["range"] == [0, highest]
    digest = hashlib.sha256(source_of(name).read_bytes()).hexdigest()
    assert fields["source_sha256"] == digest


def test_overlaps_on_the_page_for_phones():
    page = (ROOT / "docs" / "mobile.md").read_text()
    (sentence,) = re.findall("An int8 file asks.*?bit for bit", page, re.DOTALL)
    files = [WEIGHTS_DIR / f"{n}.tflite" for n in MODELS if n.endswith("_int8")]
    overlaps = {read_metadata(path.read_bytes())["overlap"] for path in files}
    assert {int(number) for number in re.findall(r"\b\d\d\b", sentence)} == overlaps


def test_tflite_is_the_keras_model(name):
    content = (WEIGHTS_DIR / f"{name}.tflite").read_bytes()
    precision = read_metadata(content)["precision"]
    # The wheel has room for one file of 32 bits.
    assert (precision == "float32") == (name == DEFAULT_MODEL)
    check_size(content)
    check_ops(content, precision)
    if precision == "int8":
        check_quantization(content)
    generator = load_generator(source_of(name))
    photos = [data.astronaut()[:96, 150:250], data.coffee()[:80, :120]]
    _, mean = check_difference(content, generator, precision, photos)
    # Fewer features carry more in a smaller network, and 8 bits cost it more.
    mean /= 1.5 if name == "light_rt_int8" else 1.0
    assert mean <= {"int8": 1.0, "float16": 0.05, "float32": 0.01}[precision]


@pytest.mark.parametrize("level", [0, 17, 128, 255])
def test_flat_pictures_stay_flat(name, upscaler, level):
    """Where the network sees no edge; beyond edges is nothing, which shows a little."""
    sr = upscaler.upscale(np.full((66, 66, 3), level, np.uint8)).astype(int)
    off = np.abs(sr - level)
    inner = off[4 * 27 : -4 * 27, 4 * 27 : -4 * 27]
    # A step of the last convolution of an int8 file is more than a level.
    assert inner.max() <= (3 if name.endswith("_int8") else 1)
    assert inner.mean() <= (1.0 if name == "light_rt_int8" else 0.5)
    assert off.max() <= (7 if name.endswith("_int8") else 5)
    small = upscaler.upscale(np.full((1, 3, 3), level, np.uint8)).astype(int)
    assert np.abs(small - level).max() <= 6


@pytest.mark.parametrize("photo", ["astronaut", "coffee", "chelsea", "rocket"])
def test_mean_colour_stays(upscaler, photo):
    lr = getattr(data, photo)()[:90, 60:180]
    sr = upscaler.upscale(lr)
    assert np.abs(sr.mean((0, 1)) - lr.mean((0, 1))).max() <= 0.5


def test_smallest_picture(upscaler):
    sr = upscaler.upscale(np.full((1, 1, 3), (10, 120, 250), np.uint8))
    assert sr.shape == (4, 4, 3)
    assert np.abs(sr.astype(int) - (10, 120, 250)).max() <= 3


def test_tiles_equal_the_whole(name):
    lr = data.coffee()[100:260, 150:350]
    # To the bit where tiles overlap by all that a network in integers sees.
    overlap = 27 if name.endswith("_int8") else None
    whole = Upscaler.from_file(name, tile=512).upscale(lr).astype(int)
    tiled = Upscaler.from_file(name, 48, overlap).upscale(lr).astype(int)
    difference = np.abs(whole - tiled)
    assert difference.max() <= (overlap is None) and difference.mean() <= 0.001


@pytest.mark.slow
def test_memory_is_as_promised(name, tmp_path):
    """At most 7 bytes per pixel of the result and 500 MB, for a picture of 1 MP."""
    lr = enlarged_by_mirrors(data.coffee(), 1.0)
    Image.fromarray(lr).save(tmp_path / "lr.png")
    _, peak = run_enlarging(tmp_path / "lr.png", tmp_path / "sr.png", "--model", name)
    assert 100e6 < peak <= 500e6 + 7 * 16 * lr.shape[0] * lr.shape[1]


@pytest.mark.parametrize("kernel", KERNELS)
def test_gains_on_every_kernel(name, upscaler, kernel):
    gains = []
    for photo in ("astronaut", "coffee", "chelsea", "rocket"):
        hr = getattr(data, photo)()[40:232, 100:340]
        lr = shrink(hr, kernel, 4)
        gains.append(
            psnr(upscaler.upscale(lr), hr, 4) - psnr(enlarge_bicubic(lr, 4), hr, 4)
        )
    assert np.mean(gains) > (0.15 if name.startswith("light_rt") else 0.3), gains


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="Set5 does not come with the project")
def test_figures_of_the_card():
    """The card's table for Set5 is what an independent script measures."""
    for name in MODELS:
        table = CARD[CARD.index(f"## {name}\n") :]
        row = re.search(r"\| Set5 \|(.*)\|\n", table)[1].split("|")
        file = WEIGHTS_DIR / f"{name}.tflite"
        how = ("--model", file)
        if read_metadata(file.read_bytes()).get("degradation"):  # told by its estimator
            command = f"{sys.executable} inference.py --quiet --model {name} "
            how = ("--command", command + "--lr-path {lr} --sr-path {sr}")
        done = subprocess.run(
            [
                *(sys.executable, SHARED / "tools" / "score.py", *how),
                *("--hr-dir", SHARED / "data" / "bench" / "Set5" / "HR"),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        measured = dict(re.findall(r"^(\w+) +(\d+\.\d+) ", done.stdout, re.MULTILINE))
        # Networks in integers round otherwise on a CPU with other instructions.
        tolerance = 0.05 if name.endswith("_int8") else 0.01
        for kernel, value in zip(KERNELS, row, strict=False):
            value, found = float(value), float(measured[kernel])
            assert value == pytest.approx(found, abs=tolerance), (name, kernel)
