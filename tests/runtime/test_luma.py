"""A model of one channel enlarges grey pictures, and the luma of colour ones."""

import numpy as np
import pytest
from litert_files import export_litert
from PIL import Image
from small_networks import small_generator

from srlite.enhance.inference import enhance_image
from srlite.evaluation.evaluation import evaluate
from srlite.runtime.upscaler import Upscaler

SCALE = 2
WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601


@pytest.fixture(scope="module")
def grey_model(tmp_path_factory):
    """A network of grey pictures and x2 whose weights are random, as two files."""
    model = small_generator(3, channels=1, scale=SCALE)
    for variable in model.trainable_variables[-2:]:
        variable.assign(np.random.default_rng(0).normal(0, 0.005, variable.shape))
    folder = tmp_path_factory.mktemp("grey")
    model.save(folder / "grey.keras")
    export_litert(model.inputs[0], model.outputs[0], folder / "grey.tflite")
    return model, folder


def expected_luma(model, luma):
    """What a plane of [0, 1] should become, by Keras and NumPy alone."""
    return np.asarray(model(luma[None, ..., None].astype(np.float32)))[0, ..., 0]


@pytest.mark.parametrize("ending", ["keras", "tflite"])
def test_grey_and_colour(grey_model, ending, photo):
    model, folder = grey_model
    upscaler = Upscaler.from_file(folder / f"grey.{ending}")
    assert upscaler.scale == SCALE
    grey = np.repeat(photo[..., 1:2], 3, axis=2)
    sr = upscaler.upscale(grey)
    expected = np.clip(expected_luma(model, photo[..., 1] / 255), 0, 1)
    assert (sr == sr[..., :1]).all()
    assert np.abs(sr[..., 0] / 255 - expected).max() < 0.6 / 255

    muted = photo // 4 + 96  # of which nothing is clipped
    sr = upscaler.upscale(muted).astype(float)
    expected = 255 * expected_luma(model, muted @ WEIGHTS / 255)
    assert np.abs(sr @ WEIGHTS - expected).max() < 1
    height, width = muted.shape[:2]
    plain = np.asarray(
        Image.fromarray(muted).resize((SCALE * width, SCALE * height), Image.BICUBIC)
    ).astype(float)
    for one, other in ((0, 1), (2, 1)):
        colour = (a[..., one] - a[..., other] for a in (sr, plain))
        assert np.abs(np.subtract(*colour))[8:-8, 8:-8].max() <= 2


def test_grey_in_grey_out_and_tiles(grey_model, photo, tmp_path):
    _, folder = grey_model
    path = folder / "grey.tflite"
    assert enhance_image(photo[..., 0], model=path).ndim == 2
    whole = enhance_image(photo, model=path)
    tiled = enhance_image(photo, model=path, tile=17)
    assert np.abs(whole.astype(int) - tiled).max() <= 1
    Image.fromarray(photo[..., 0]).save(tmp_path / "a.png")
    enhance_image(lr_path=tmp_path / "a.png", sr_path=tmp_path / "b.png", model=path)
    with Image.open(tmp_path / "b.png") as image:
        assert image.mode == "L"


def test_it_is_measured(grey_model, hr_folder):
    _, folder = grey_model
    models = [folder / "grey.keras", "bicubic"]
    found = evaluate(models, hr_folder, kernels=["area"], metrics=["psnr"], scale=SCALE)
    assert {score.model for score in found.scores} == {"grey.keras", "bicubic"}
    assert all(10 < score.values["psnr"] < 60 for score in found.scores)
