"""Whole runs at the smallest size, not told: two stages, resumed to the bit."""

import json
import shutil

import keras
import numpy as np
import pytest
from small_runs import CONFIG, tensors

from srlite.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DivergenceError,
    ModelError,
)
from srlite.models import checkpoints
from srlite.models.model_files import load_generator
from srlite.training.recipe import train


@pytest.fixture(scope="module")
def finished(tmp_path_factory, photos):
    run_dir = tmp_path_factory.mktemp("runs") / "straight"
    assert train(CONFIG, [photos], run_dir, val_dir=photos)
    return run_dir


def test_run_directory(finished):
    assert json.loads((finished / "config.json").read_text())["gan"]["steps"] == 4
    rows = [json.loads(line) for line in (finished / "metrics.jsonl").open()]
    steps = [(r["stage"], r["step"]) for r in rows if "g_total" in r]
    assert steps == [("pretrain", s) for s in (2, 4, 6)] + [("gan", 2), ("gan", 4)]
    named = set().union(*(r for r in rows if r["stage"] == "gan"))
    assert {"pixel", "g_adversarial", "d_adversarial"} <= named
    assert {"val/psnr", "val/ssim_area"} <= named
    for stage in ("pretrain", "gan"):
        assert list((finished / "logs" / stage).glob("*tfevents*"))
    sizes = {}
    for name in ("pretrain.keras", "generator.keras"):
        model = keras.saving.load_model(finished / name, compile=False)
        sizes[name] = model.count_params()
        lr = np.zeros((1, 7, 5, 3), np.float32)
        assert model.predict_on_batch(lr).shape == (1, 28, 20, 3)
    assert len(set(sizes.values())) == 1


def test_a_preset_may_be_named(tmp_path, photos):
    run_dir = tmp_path / "run"
    assert not train("tiny", photos, run_dir, stages=["estimator"], max_minutes=0)
    assert json.loads((run_dir / "config.json").read_text())["preset"] == "tiny"
    with pytest.raises(ConfigError, match="unknown preset huge"):
        train("huge", photos, tmp_path / "other")


def test_result_is_the_ema_generator(finished):
    model = keras.saving.load_model(finished / "generator.keras", compile=False)
    saved = tensors(finished, "gan")
    for variable in model.variables:
        name = f"ema_generator/{variable.path}"
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), saved[name])


@pytest.mark.parametrize(
    ("stage", "step"),
    [
        pytest.param("pretrain", 2, marks=pytest.mark.slow),
        ("pretrain", 4),
        pytest.param("gan", 0, marks=pytest.mark.slow),
        ("gan", 2),
    ],
)
def test_resumed_run_equals_straight_run(finished, photos, tmp_path, stage, step):
    """What a kill after `step` leaves, continued, ends with the same bits."""
    run_dir = tmp_path / "resumed"
    shutil.copytree(finished, run_dir)
    for result in ("generator.keras", "pretrain.keras")[: 1 + (stage == "pretrain")]:
        (run_dir / result).unlink()
    for other in ("pretrain", "gan"):
        for saved, path in checkpoints.find(run_dir / "checkpoints", other):
            if (other == stage and saved > step) or (other, stage) == (
                "gan",
                "pretrain",
            ):
                path.unlink()
    train(CONFIG, [photos], run_dir, val_dir=photos)
    for other in ("pretrain", "gan"):
        straight, resumed = tensors(finished, other), tensors(run_dir, other)
        assert straight.keys() == resumed.keys()
        for name in straight:
            np.testing.assert_array_equal(straight[name], resumed[name], err_msg=name)


def test_complete_run_is_left_alone(finished, photos):
    before = {p: p.stat().st_mtime_ns for p in finished.rglob("*.keras")}
    assert train(CONFIG, [photos], finished)
    assert before == {p: p.stat().st_mtime_ns for p in finished.rglob("*.keras")}


def test_time_limit_and_going_on_with_checkpoints_in_parts(finished, photos, tmp_path):
    run_dir = tmp_path / "run"
    folder = run_dir / "checkpoints"
    options = {"stages": ["pretrain"], "checkpoint_part_size": 1}
    assert not train(CONFIG, [photos], run_dir, max_minutes=0.0, **options)
    assert checkpoints.find(folder, "pretrain")[-1][0] == 1
    leftovers = [f / ".a.b.unfinished" for f in (folder, run_dir)]
    for leftover in leftovers:
        leftover.mkdir()
    assert train(CONFIG, [photos], run_dir, **options)
    assert not (run_dir / "generator.keras").exists()
    assert not any(leftover.exists() for leftover in leftovers)
    paths = [p for _, p in checkpoints.find(folder, "pretrain")]
    assert len(paths) == 4 and all(path.is_dir() for path in paths)
    lr = np.random.default_rng(0).random((1, 9, 7, 3), np.float32)
    one, *others = (
        load_generator(path).predict_on_batch(lr)
        for path in (paths[-1], run_dir / "pretrain.keras", finished / "pretrain.keras")
    )
    for other in others:
        np.testing.assert_array_equal(one, other)


def test_other_options_are_an_error(finished, photos):
    changed = CONFIG.updated({"gan.steps": 8})
    with pytest.raises(ConfigError, match=r"\(gan.steps 4 -> 8\); add --override"):
        train(changed, [photos], finished)


def test_refusals(photos, tmp_path, finished):
    run = tmp_path / "run"
    with pytest.raises(ConfigError, match="pretrain.patch_size must be a multiple"):
        train(CONFIG.updated({"pretrain.patch_size": 30}), [photos], run)
    with pytest.raises(
        ConfigError, match="gan.steps must be from 1 to 99999999; received 0"
    ):
        train(CONFIG.updated({"gan.steps": 0}), [photos], run)
    with pytest.raises(ConfigError, match="precision must be 'float32' or 'bfl"):
        train(CONFIG.updated({"precision": "half"}), [photos], run)
    with pytest.raises(ConfigError, match="steps_per_execution must be at least 1"):
        train(CONFIG.updated({"steps_per_execution": 0}), [photos], run)
    with pytest.raises(ConfigError, match="at least 1 MiB; received 0"):
        train(CONFIG, [photos], run, checkpoint_part_size=0)
    with pytest.raises(ConfigError, match="unknown stage finetune"):
        train(CONFIG, [photos], run, stages=["finetune"])
    assert not run.exists()
    with pytest.raises(ConfigError, match="cannot write .*: "):
        train(CONFIG, [photos], photos / "a.png" / "run", stages=["pretrain"])
    with pytest.raises(ModelError, match="pretrain.keras, which does not exist"):
        train(CONFIG, [photos], run, stages=["gan"])
    with pytest.raises(ModelError, match="gone.h5"):
        config = CONFIG.updated({"gan.content": 1.0})
        train(config, [photos], run, vgg19_weights=tmp_path / "gone.h5")
    with pytest.raises(DataError, match="no such folder"):
        train(CONFIG, [tmp_path / "gone"], run, stages=["pretrain"])
    large = CONFIG.updated({"pretrain.patch_size": 256})
    with pytest.raises(DataError, match="smaller than 256 pixels"):
        train(large, [photos], tmp_path / "other", stages=["pretrain"])
    damaged = tmp_path / "damaged"
    shutil.copytree(finished, damaged)
    (damaged / "generator.keras").unlink()
    newest = checkpoints.find(damaged / "checkpoints", "gan")[-1][1]
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="gan-00000004.* is damaged.*--skip-dam"):
        train(CONFIG, [photos], damaged)
    options = {"skip_damaged": True}
    assert train(CONFIG, [photos], damaged, val_dir=photos, **options)
    straight, resumed = tensors(finished, "gan"), tensors(damaged, "gan")
    for name in straight:
        np.testing.assert_array_equal(straight[name], resumed[name], err_msg=name)


def test_models_by_checkpoint_and_run_directory(finished, tmp_path):
    lr = np.random.default_rng(0).random((1, 9, 7, 3), np.float32)
    newest = checkpoints.find(finished / "checkpoints", "gan")[-1][1]
    by_file, by_run, by_checkpoint = (
        load_generator(path).predict_on_batch(lr)
        for path in (finished / "generator.keras", finished, newest)
    )
    np.testing.assert_array_equal(by_file, by_run)
    np.testing.assert_array_equal(by_file, by_checkpoint)
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(b"text")
    with pytest.raises(CheckpointError, match="foreign.safetensors is damaged"):
        load_generator(foreign)


def test_best_and_stored_checkpoints_stay(photos, tmp_path):
    run_dir = tmp_path / "run"
    changes = {"validate_every": 2, "best_after": 4, "store_every": 4}
    config = CONFIG.updated({"log": changes | {"keep_checkpoints": 1}})
    assert train(config, [photos], run_dir, stages=["pretrain"], val_dir=photos)
    folder = run_dir / "checkpoints"
    assert [step for step, _ in checkpoints.find(folder, "pretrain")] == [4, 6]
    (best,) = folder.glob("best-*")
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").open()]
    scores = {r["step"]: r["val/psnr"] for r in rows if "val/psnr" in r}
    assert list(scores) == [2, 4, 6]
    winner = max((4, 6), key=scores.get)
    assert best.name == f"best-pretrain-{winner:08d}.safetensors"
    odd = CONFIG.updated({"log.store_every": 3})
    with pytest.raises(
        ConfigError, match="store_every must be a multiple of .* 2; rec"
    ):
        train(odd, [photos], tmp_path / "other")


@pytest.mark.slow
def test_starts_from_given_weights(finished, photos, tmp_path, capfd):
    """The gan stage from another run's pixel stage is that of one run, to the bit."""
    other = tmp_path / "other"
    arguments = {
        "stages": ["gan"],
        "val_dir": photos,
        "init_from": finished / "pretrain.keras",
    }
    assert not train(CONFIG, [photos], other, max_minutes=0.0, **arguments)
    assert "left aside" not in capfd.readouterr().err
    assert train(CONFIG, [photos], other, **arguments)
    assert "has checkpoints of its own for stage gan" in capfd.readouterr().err
    straight, resumed = tensors(finished, "gan"), tensors(other, "gan")
    for name in straight:
        np.testing.assert_array_equal(straight[name], resumed[name], err_msg=name)

    run_dir = tmp_path / "fine"
    newest = checkpoints.find(finished / "checkpoints", "gan")[-1][1]
    slow = {"learning_rate": 1e-12, "final_learning_rate": 1e-12, "warmup_steps": 0}
    config = CONFIG.updated(
        {"pretrain": {"generator_optimizer": slow, "freeze_batch_norm_after": 0}}
    )
    train(config, [photos], run_dir, stages=["pretrain"], init_from=newest)
    tuned, given = tensors(run_dir, "pretrain"), tensors(finished, "gan")
    for name in (name for name in tuned if name.startswith("generator/")):
        np.testing.assert_allclose(
            tuned[name], given[f"ema_{name}"], atol=1e-9, err_msg=name
        )
    large = CONFIG.updated({"generator.filters": 12})
    with pytest.raises(ModelError, match="pretrain.keras is of another shape"):
        init_from = finished / "pretrain.keras"
        train(large, [photos], tmp_path / "x", stages=["pretrain"], init_from=init_from)
    with pytest.raises(ModelError, match="there is no model .*gone"):
        gone = tmp_path / "gone.keras"
        train(CONFIG, [photos], tmp_path / "y", stages=["pretrain"], init_from=gone)


@pytest.mark.slow
def test_a_stage_that_diverges_ends_with_a_sentence(photos, tmp_path, capfd):
    """Its learning rate is far too high, and so are all that it is lowered to."""
    optimizer = {"learning_rate": 1e30, "warmup_steps": 0}
    config = CONFIG.updated(
        {"pretrain.generator_optimizer": optimizer, "log.max_dropped_steps": 2}
    )
    says = "pretrain diverges after step 0 even with 0.03125 of its learning rate"
    with pytest.raises(DivergenceError, match=says):
        train(config, [photos], tmp_path / "run", stages=["pretrain"])
    assert capfd.readouterr().err.count("going back to step 0 with") == 5
    assert not (tmp_path / "run" / "pretrain.keras").exists()
    ((step, path),) = checkpoints.find(tmp_path / "run" / "checkpoints", "pretrain")
    _, held = checkpoints.read(path)
    assert step == 0 and all(np.isfinite(tensor).all() for tensor in held.values())
