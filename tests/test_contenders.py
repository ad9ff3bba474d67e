"""Models, filters and programs as functions from LR to SR."""

import numpy as np
import pytest
from skimage import data

from srlite.evaluation.contenders import FILTERS, enlarge_plainly, open_contender
from srlite.errors import ModelError
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
    sr = open_contender("bicubic", 4).upscale(lr)
    assert np.abs(sr - expected).max() <= 1
    assert (sr != expected).mean() < 1e-3


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 5)])
def test_flat_and_small(name, shape):
    lr = np.full((*shape, 3), 77, np.uint8)
    sr = enlarge_plainly(lr, 3, FILTERS[name])
    assert sr.shape == (3 * shape[0], 3 * shape[1], 3) and (sr == 77).all()


def test_bare_and_mirrored(tiny_tflite, photo):
    network = LiteRTNetwork(tiny_tflite, 1)
    sr = network(photo[None] / np.float32(255))[0]
    bare = open_contender(str(tiny_tflite), 4).upscale(photo)
    np.testing.assert_array_equal(bare, np.rint(sr * 255))
    mirrored = open_contender(str(tiny_tflite), 4, "mirrored").upscale(photo)
    np.testing.assert_array_equal(
        mirrored, Upscaler.from_file(tiny_tflite).upscale(photo)
    )
    assert (bare != mirrored).any()


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
    assert contender.upscale(photo).shape == (160, 192, 3)


def test_programs_that_fail(photo):
    def upscale(command):
        return open_contender(command, 4).upscale(photo)

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
