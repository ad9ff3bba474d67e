"""A run directory: which checkpoint a run goes on from, and with which options."""

import json

import keras
import numpy as np
import pytest

from srlite.models import checkpoints
from srlite.errors import CheckpointError, ConfigError
from srlite.config.presets import preset
from srlite.training.run_directory import RunDirectory

CONFIG = preset("tiny")


def network(value):
    """A part whose only variable holds `value`."""
    inputs = keras.Input((1,))
    dense = keras.layers.Dense(1, use_bias=False, name="dense")
    part = keras.Model(inputs, dense(inputs))
    part.set_weights([np.full((1, 1), value, np.float32)])
    return {"generator": part}


def held(parts):
    return parts["generator"].get_weights()[0].item()


@pytest.fixture(params=[None, 1], ids=["files", "folders"])
def run(request, tmp_path):
    """A run with checkpoints of the steps 2, 4 and 6 that hold these numbers."""
    run = RunDirectory(tmp_path)
    for step in (2, 4, 6):
        run.saver("gan", network(step), CONFIG, request.param)(step)
    return run


def some_file(checkpoint):
    if not checkpoint.is_dir():
        return checkpoint
    return checkpoint / "generator-1.safetensors"


def truncate(checkpoint):
    file = some_file(checkpoint)
    file.write_bytes(file.read_bytes()[:-1])


def flip(checkpoint):
    file = some_file(checkpoint)
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 16]))


def replace(checkpoint):
    some_file(checkpoint).write_text("foreign")


def lose(checkpoint):
    if not checkpoint.is_dir():
        pytest.skip("a checkpoint of one file has no part to lose")
    some_file(checkpoint).unlink()


@pytest.mark.parametrize("harm", [truncate, flip, replace, lose])
def test_damaged_newest_checkpoint(run, harm):
    folder = run.path / "checkpoints"
    newest = checkpoints.find(folder, "gan")[-1][1]
    harm(newest)
    says = rf"{newest.name} is damaged: .+; --skip-damaged goes on from the one before"
    with pytest.raises(CheckpointError, match=says):
        run.resume("gan", network(0), print)
    assert newest.exists()
    parts, said = network(0), []
    assert run.resume("gan", parts, said.append, skip_damaged=True) == 4
    assert held(parts) == 4
    assert "left aside as damaged-gan-00000006" in said[0]
    assert (folder / f"damaged-{newest.name}").exists() and not newest.exists()
    # A repetition of the same command goes on from there, whatever was done since.
    assert run.resume("gan", network(0), print, skip_damaged=True) == 4
    part_size = None if newest.suffix else 1
    run.saver("gan", network(7), CONFIG, part_size)(6)
    assert run.resume("gan", parts, print) == 6 and held(parts) == 7
    harm(newest)
    assert run.resume("gan", parts, print, skip_damaged=True) == 4
    assert (folder / f"damaged-damaged-{newest.name}").exists()


def test_no_whole_checkpoint_is_left(run):
    folder = run.path / "checkpoints"
    before = sorted(folder.iterdir())
    for _, path in checkpoints.find(folder, "gan"):
        flip(path)
    says = "gan-00000002.* no other one of stage gan is whole: remove .*6.*4.*2"
    with pytest.raises(CheckpointError, match=says):
        run.resume("gan", network(0), print, skip_damaged=True)
    assert sorted(folder.iterdir()) == before
    assert run.resume("pretrain", network(0), print, skip_damaged=True) == 0


def test_other_model_is_not_skipped(run):
    parts = network(0) | {"discriminator": network(0)["generator"]}
    with pytest.raises(CheckpointError, match="gan-00000006.* is of another model"):
        run.resume("gan", parts, print, skip_damaged=True)
    assert [step for step, _ in checkpoints.find(run.path / "checkpoints", "gan")] == [
        *(2, 4, 6)
    ]


def begun_with(tmp_path, *removed, **added):
    """A run whose config.json lacks some options of today's and has some others."""
    run = RunDirectory(tmp_path)
    options = CONFIG.to_dict()
    for name in removed:
        *groups, option = name.split(".")
        place = options
        for group in groups:
            place = place[group]
        del place[option]
    (tmp_path / "config.json").write_text(json.dumps(options | added))
    return run


@pytest.mark.parametrize(
    "name",
    ["augmentation", "precision", "log.best_after", "gan.content_loss.normalization"],
)
def test_option_that_did_not_exist_had_its_default(tmp_path, name):
    begun_with(tmp_path, name).compare(CONFIG)


def test_new_option_with_another_value_is_a_difference(tmp_path):
    run = begun_with(tmp_path, "precision", "log.best_after")
    changed = CONFIG.updated({"precision": "bfloat16"})
    with pytest.raises(ConfigError, match=r"\(precision float32 -> bfloat16\)"):
        run.compare(changed)


def test_option_without_a_default_and_one_that_is_gone(tmp_path):
    run = begun_with(tmp_path, "gan.steps", ema=None)
    with pytest.raises(
        ConfigError, match=r"\(ema None -> nothing, gan.steps nothing -> 20\)"
    ):
        run.compare(CONFIG)


def test_unreadable_options(tmp_path):
    for text in ("{", "[]"):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(ConfigError, match="cannot read .*config.json"):
            RunDirectory(tmp_path).compare(CONFIG)
