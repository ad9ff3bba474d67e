"""Models, filters and programs as functions from LR to SR."""

import os
import shlex

import numpy as np
import pytest
from PIL import Image
from skimage import data
from told_files import write_told

from srlite.data.degradation_vector import Degradation
from srlite.errors import ConfigError, DataError, ModelError
from srlite.evaluation.contenders import (
    FILTERS,
    TRUE,
    enlarge_plainly,
    open_contender,
    split_command,
)
from srlite.evaluation.evaluation import evaluate
from srlite.metrics.psnr_ssim import psnr
from srlite.runtime.runners import LiteRTNetwork
from srlite.runtime.upscaler import Upscaler


def cubic_matrix(size):
    """MATLAB's x4 enlargement of an axis: Keys' cubic, mirrored at the edges."""
    places = (np.arange(4 * size) + 0.5) / 4 - 0.5
    matrix = np.zeros((4 * size, size))
    for row, place in enumerate(places):
        for tap in range(int(np.floor(place)) - 1, int(np.floor(place)) + 3):
            t = abs(place - tap)
            near = 1.5 * t**3 - 2.5 * t**2 + 1
            far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
            mirrored = -1 - tap if tap < 0 else tap
            mirrored = 2 * size - 1 - tap if tap >= size else mirrored
            matrix[row, mirrored] += near if t <= 1 else far
    return matrix


def test_bicubic_is_matlabs():
    lr = data.astronaut()[:24, 100:131]
    rows, columns = cubic_matrix(24), cubic_matrix(31)
    expected = np.einsum("ih,hwc,jw->ijc", rows, lr.astype(float), columns)
    expected = np.clip(np.rint(expected), 0, 255)
    sr = open_contender("bicubic", 4).enlarge(lr)
    assert np.abs(sr - expected).max() <= 1
    assert (sr != expected).mean() < 1e-3


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 5)])
def test_flat_and_small(name, shape):
    for level in (0, 77, 255):  # black and white stay what they are
        lr = np.full((*shape, 3), level, np.uint8)
        sr = enlarge_plainly(lr, 3, FILTERS[name])
        assert sr.shape == (3 * shape[0], 3 * shape[1], 3) and (sr == level).all()


def test_bare_and_tiled(tiny_tflite, photo):
    network = LiteRTNetwork(tiny_tflite, 1)
    sr = network(photo[None] / np.float32(255))[0]
    bare = open_contender(str(tiny_tflite), 4).enlarge(photo)
    np.testing.assert_array_equal(bare, np.rint(sr * 255))
    tiled = open_contender(str(tiny_tflite), 4, "tiled").enlarge(photo)
    np.testing.assert_array_equal(tiled, Upscaler.from_file(tiny_tflite).upscale(photo))
    # One tile is the whole picture, with nothing around it.
    np.testing.assert_array_equal(tiled, bare)


def test_names_and_identities(tiny_tflite, tiny_model, tmp_path):
    one = open_contender(str(tiny_tflite), 4)
    named = open_contender(f"mine={tiny_tflite}", 4)
    assert (one.name, named.name) == ("tiny.tflite", "mine")
    assert one.identity == named.identity and len(one.identity) == 64
    tiny_model.save(tmp_path / "generator.keras")
    run = open_contender(str(tmp_path), 4)
    assert run.name == tmp_path.name
    assert run.identity == open_contender(str(tmp_path / "generator.keras"), 4).identity
    assert run.identity != one.identity


def test_a_fixed_size_is_said(tiny_model, tmp_path, photo):
    path = tmp_path / "fixed.tflite"
    from srlite.export.export import export_tflite

    export_tflite(tiny_model, path, input_size=(32, 32))
    contender = open_contender(str(path), 4)
    assert "takes 32 x 32 pixels only" in contender.note
    assert contender.enlarge(photo).shape == (160, 192, 3)


@pytest.mark.parametrize("edges", ["none", "tiled"])
def test_what_a_model_is_told(tmp_path, photo, edges):
    path = write_told(tmp_path)
    contender = open_contender(str(path), 4, edges)
    assert contender.conditional and contender.degradation == "auto"
    upscaler = Upscaler.from_file(path)
    if edges == "none":
        upscaler = Upscaler(upscaler.network, 10**4, 0, upscaler.estimator)
    truth = Degradation(noise=12.0, jpeg=20.0)
    seen = upscaler.estimate(photo)
    for told, degradation in (
        ("auto", seen),
        (TRUE, truth),
        ("noise=2,jpeg=50", seen.replace({"noise": 2.0, "jpeg": 50.0})),
    ):
        sr = contender.told(told).enlarge(photo, truth)
        expected = upscaler.upscale(photo, degradation=degradation)
        np.testing.assert_array_equal(sr, expected)
    apart = [contender.told(t).enlarge(photo, truth) for t in ("auto", TRUE)]
    assert (apart[0] != apart[1]).mean() > 0.1
    with pytest.raises(ConfigError, match="a degradation is auto, clean, or parts"):
        contender.told("truth")
    # Another estimator makes another contender.
    (tmp_path / "told_estimator.tflite").write_bytes(b"")
    with pytest.raises(ModelError, match="not a usable .tflite"):
        open_contender(str(path), 4)
    from srlite.models.estimator import estimator

    (tmp_path / "told_estimator.tflite").unlink()
    estimator(hidden_units=5).save(tmp_path / "estimator.keras")
    assert open_contender(str(path), 4).identity != contender.identity


def test_a_folder_of_results(photo, tmp_path):
    hr, results = photo[:40, :44], tmp_path / "sr"
    results.mkdir()
    (tmp_path / "hr").mkdir()
    for name in ("a", "b"):
        Image.fromarray(photo[:41, :46]).save(tmp_path / "hr" / f"{name}.png")
        Image.fromarray(hr // 2 + 60).save(results / f"{name}_SR.png")
    told = {"metrics": ["psnr"], "kernels": ["area"]}
    models = [f"mine={results}/", "bicubic"]
    found = evaluate(models, tmp_path / "hr", **told)
    expected = psnr(hr // 2 + 60, hr, 4)
    assert [x.values["psnr"] for x in found.scores if x.model == "mine"] == [
        *(pytest.approx(expected),) * 2
    ]
    with pytest.raises(ConfigError, match="one kind of LR; name it, .*--kernels bicub"):
        evaluate(models, tmp_path / "hr")
    (results / "b_SR.png").unlink()
    with pytest.raises(DataError, match="b.png has no partner of its name in .*sr"):
        evaluate(models, tmp_path / "hr", **told)
    with pytest.raises(ModelError, match="there is no model in .*empty"):
        (tmp_path / "empty").mkdir()
        evaluate(str(tmp_path / "empty"), tmp_path / "hr", **told)


def test_programs_that_fail(photo):
    def upscale(command):
        return open_contender(command, 4).enlarge(photo)

    with pytest.raises(ModelError, match="lacks {sr}, the file it writes"):
        upscale("enlarge {lr}")
    with pytest.raises(ModelError, match="cannot be taken apart"):
        upscale("enlarge {lr} '{sr}")
    with pytest.raises(ModelError, match="cannot run srlite-has-no-such-program"):
        upscale("srlite-has-no-such-program {lr} {sr}")
    with pytest.raises(ModelError, match="ended with status 1: ls: "):
        upscale("sh -c 'echo ls: {lr} {sr} >&2; exit 1'")
    with pytest.raises(ModelError, match="left no result"):
        upscale("true {lr} {sr}")
    with pytest.raises(
        ModelError, match="made 48 x 40 pixels of 48 x 40; expected 192"
    ):
        upscale("cp {lr} {sr}")
    with pytest.raises(ModelError, match="ended with status 1"):
        upscale(f"long=false {'n' * 300} {{lr}} {{sr}}")  # no possible file name


def test_commands_keep_the_backslashes_of_windows():
    command = r"""C:\tools\up.exe "C:\my models\a" {lr} '{sr}' #1"""
    words = [r"C:\tools\up.exe", r"C:\my models\a", "{lr}", "{sr}", "#1"]
    assert split_command(command, "\\") == words
    assert split_command(r"a\ b '{lr}' #1", "/") == shlex.split(r"a\ b '{lr}' #1")


def test_programs_take_nothing_of_what_is_typed(photo):
    reading, writing = os.pipe()
    os.write(writing, b"typed")
    os.close(writing)
    before = os.dup(0)
    os.dup2(reading, 0)
    try:
        sr = open_contender("sh -c 'cat; cp {lr} {sr}'", 1).enlarge(photo)
        assert os.read(reading, 10) == b"typed"
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(reading)
    np.testing.assert_array_equal(sr, photo)
