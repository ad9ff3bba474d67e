"""Whole runs of a generator that is told: three stages, resumed to the bit."""

import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data
from small_runs import TOLD, tensors

from srlite.errors import CheckpointError, ConfigError, ModelError
from srlite.models import checkpoints
from srlite.models.model_files import load_estimator
from srlite.training.preparation import summarize
from srlite.training.recipe import train

CONFIG = TOLD.updated(
    {"estimator.patch_sizes": [64], "pretrain.steps": 4, "gan.steps": 2}
)
RESULTS = {
    "estimator": "estimator.keras",
    "pretrain": "pretrain.keras",
    "gan": "generator.keras",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, photos, vgg19_file):
    run_dir = tmp_path_factory.mktemp("runs") / "straight"
    assert train(CONFIG, [photos], run_dir, val_dir=photos, vgg19_weights=vgg19_file)
    return run_dir


def test_three_stages_leave_three_networks(finished):
    rows = [json.loads(line) for line in (finished / "metrics.jsonl").open()]
    learnt = [
        (r["stage"], r["step"]) for r in rows if r.keys() & {"e_total", "g_total"}
    ]
    stages = (("estimator", (2, 4)), ("pretrain", (2, 4)), ("gan", (2,)))
    assert learnt == [(stage, step) for stage, steps in stages for step in steps]
    named = {s: set().union(*(r for r in rows if r["stage"] == s)) for s in RESULTS}
    names = {"kernels", "jpeg", "noise", "blur", "sharpening", "val/kernel_16"}
    assert names | {"val/jpeg_16", "val/noise_16"} <= named["estimator"]
    measured = {"val/psnr", "val/psnr_damaged", "val/psnr_jpeg75", "val/ssim_sharp"}
    assert measured <= named["pretrain"] and measured <= named["gan"]
    assert {"content", "val/content"} <= named["gan"]
    for stage, file in RESULTS.items():
        model = keras.saving.load_model(finished / file, compile=False)
        learner = "estimator" if stage == "estimator" else "generator"
        saved = tensors(finished, stage)
        for variable in model.variables:
            name = f"ema_{learner}/{variable.path}"
            value = keras.ops.convert_to_numpy(variable)
            np.testing.assert_array_equal(value, saved[name], err_msg=name)
    lr, vector = np.zeros((1, 7, 5, 3), np.float32), np.full((1, 10), 0.1, np.float32)
    assert model.predict_on_batch([lr, vector]).shape == (1, 28, 20, 3)


@pytest.mark.parametrize(
    "stage", [pytest.param("estimator", marks=pytest.mark.slow), "pretrain"]
)
def test_resumed_run_equals_straight_run(finished, photos, tmp_path, stage):
    """What a kill after two updates leaves, continued, ends with the same bits."""
    run_dir = tmp_path / "resumed"
    shutil.copytree(finished, run_dir)
    for file in list(RESULTS.values())[list(RESULTS).index(stage) :]:
        (run_dir / file).unlink()
    for step, path in checkpoints.find(run_dir / "checkpoints", stage):
        if step > 2:
            path.unlink()
    assert train(CONFIG, [photos], run_dir, stages=[stage], val_dir=photos)
    straight, resumed = tensors(finished, stage), tensors(run_dir, stage)
    assert straight.keys() == resumed.keys()
    for name in straight:
        np.testing.assert_array_equal(straight[name], resumed[name], err_msg=name)


def test_a_run_that_starts_from_a_model_has_its_estimator(
    finished, photos, tmp_path, capsys
):
    config = CONFIG.updated({"pretrain.steps": 1})
    wide = config.updated({"generator.filters": 16})
    with pytest.raises(ModelError, match="is of another shape than"):
        train(wide, [photos], tmp_path, stages=["pretrain"], init_from=finished)
    assert not (tmp_path / "estimator.keras").exists()
    train(config, [photos], tmp_path, stages=["pretrain"], init_from=finished)
    own, other = tmp_path / "estimator.keras", finished / "estimator.keras"
    assert own.read_bytes() == other.read_bytes()
    assert f"{own} is a copy of {other}" in capsys.readouterr().err


def test_refusals(finished, photos, tmp_path):
    run = tmp_path / "run"
    with pytest.raises(ModelError, match="run the estimator stage first"):
        train(CONFIG, [photos], run, stages=["pretrain"])
    for changes, says in (
        ({"pretrain.context_size": 56, "pretrain.patch_size": 56}, "be at least 60"),
        ({"estimator.patch_sizes": [64, 32]}, "estimator.patch_sizes must be at least"),
        ({"data.validation_crop": 40}, "validation_crop must be 0 or at least 60"),
    ):
        with pytest.raises(ConfigError, match=says):
            train(CONFIG.updated(changes), [photos], run)
    assert not run.exists()
    # An estimator is no generator, nor is its checkpoint.
    newest = checkpoints.find(finished / "checkpoints", "estimator")[-1][1]
    shutil.copy(finished / "estimator.keras", tmp_path)
    plain = CONFIG.updated({"generator.conditional": False})
    for start, says in (
        (tmp_path / "estimator.keras", "the model must take and give pictures"),
        (newest, f"{newest.name} is of another model: ema_generator"),
    ):
        with pytest.raises((ModelError, CheckpointError), match=says):
            train(plain, [photos], run, stages=["pretrain"], init_from=start)


def test_an_estimator_learns_from_a_generator(finished, photos, tmp_path):
    """It begins with the run's own, in a run of its own, and goes on to the bit."""
    run_dir = tmp_path / "run"
    changes = {
        "estimator.generator": str(finished / "generator.keras"),
        "estimator.generator_patch_size": 32,
        "estimator.freeze_batch_norm_after": 0,
        "estimator.optimizer.learning_rate": 1e-7,
        "estimator.optimizer.final_learning_rate": 1e-7,
        "estimator.optimizer.warmup_steps": 0,
    }
    config = CONFIG.updated(changes)
    train(config, [photos], run_dir, stages=["estimator"], init_from=finished)
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").open()]
    assert all(-60 < r["generator_error"] < 0 for r in rows if "e_total" in r)
    before, after = (
        load_estimator(folder / "estimator.keras").get_weights()
        for folder in (finished, run_dir)
    )
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert any((one != other).any() for one, other in zip(before, after))
    straight = tensors(run_dir, "estimator")
    (run_dir / "estimator.keras").unlink()
    checkpoints.find(run_dir / "checkpoints", "estimator")[-1][1].unlink()
    train(config, [photos], run_dir, stages=["estimator"])
    resumed = tensors(run_dir, "estimator")
    for name in straight:
        np.testing.assert_array_equal(straight[name], resumed[name], err_msg=name)

    for changes, start, says in (
        ({"generator_patch_size": 96}, None, "at most the smallest of patch_sizes, 64"),
        ({"generator_patch_size": 30}, None, "multiple of the scale 4; received 30"),
        (
            {"generator": "light_rt", "generator_patch_size": 36},
            None,
            "generator_patch_size must be a multiple of 8 with light_rt; received 36",
        ),
        ({"generator": "esrgan"}, None, "esrgan"),
        ({"hidden_units": 9}, finished, "estimator.hidden_units must be those"),
        ({}, finished / "generator.keras", "must make 10 numbers of a picture"),
        ({}, tmp_path / "none", "none"),
    ):
        wrong = config.updated({f"estimator.{n}": v for n, v in changes.items()})
        with pytest.raises((ConfigError, ModelError), match=says):
            train(
                wrong,
                [photos],
                tmp_path / "wrong",
                stages=["estimator"],
                init_from=start,
            )


@pytest.mark.slow
def test_validation_pictures_smaller_than_the_estimators_patches(tmp_path):
    """The sizes that fit are measured; if none does, nothing is."""
    for name, side in (("train", 100), ("val", 70), ("small", 61)):
        (tmp_path / name).mkdir()
        picture = data.astronaut()[:side, :side]
        Image.fromarray(picture).save(tmp_path / name / "a.png")
    config = CONFIG.updated(
        {"estimator.patch_sizes": [100, 64], "estimator.steps": 2, "gan.steps": 1}
    )
    for name, expected in (("val", {"16"}), ("small", set())):
        run_dir = tmp_path / f"run-{name}"
        sources = {"val_dir": tmp_path / name, "stages": ["estimator"]}
        assert train(config, [tmp_path / "train"], run_dir, **sources)
        rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").open()]
        measured = {key.split("_")[-1] for r in rows for key in r if "val/" in key}
        assert measured == expected


def test_summary_has_all_three_networks():
    text = summarize(CONFIG)
    assert all(name in text for name in ("generator", "discriminator", "estimator"))
    assert "estimator" not in summarize(
        CONFIG.updated({"generator.conditional": False})
    )
