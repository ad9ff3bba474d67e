"""A run directory: which checkpoint a run goes on from, and with which options."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from srlite.config.presets import preset
from srlite.data.kernels import KERNELS
from srlite.errors import CheckpointError, ConfigError, ModelError
from srlite.models import checkpoints
from srlite.training.run_directory import ChiefsRunDirectory, RunDirectory
from srlite.training.validation import DAMAGES, trained_score

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
    (tmp_path / "pretrain.keras").touch()  # Without a step there is nothing to keep.
    return run


@pytest.mark.parametrize(
    "name",
    ["data", "precision", "log.best_after", "gan.content_loss.normalization"],
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
    for text in ("{", "[]", '{"inputs": 5}'):
        (tmp_path / "config.json").write_text(text)
        (tmp_path / "pretrain.keras").touch()
        with pytest.raises(ConfigError, match="cannot read .*config.json"):
            RunDirectory(tmp_path).compare(CONFIG)


def test_the_estimator_is_the_runs_own(tmp_path):
    run = RunDirectory(tmp_path)
    says = "estimator.keras, which does not exist; run the estimator stage first"
    with pytest.raises(ModelError, match=says):
        run.find_estimator()
    assert run.find_estimator("light").name == "light_estimator.keras"
    # What a stage has left was told by an estimator that is gone.
    (tmp_path / "pretrain.keras").touch()
    with pytest.raises(ModelError, match=says):
        run.find_estimator("light")
    own = tmp_path / "estimator.keras"
    own.write_bytes(b"")
    assert run.find_estimator() == run.find_estimator("light") == own
    # A worker that is not the chief does not look: it may not have the folder.
    assert ChiefsRunDirectory(tmp_path / "gone", 1).find_estimator() is None


def test_options_of_a_start_that_did_no_step_bind_nobody(tmp_path):
    run = RunDirectory(tmp_path)
    run.write_config(CONFIG, {})
    changed = CONFIG.updated({"gan.steps": 7})
    run.compare(changed)
    run.saver("pretrain", network(1), CONFIG, None)(1)
    with pytest.raises(ConfigError, match=r"\(gan.steps 20 -> 7\)"):
        run.compare(changed)


def test_more_steps_of_a_complete_stage(tmp_path):
    run, said = RunDirectory(tmp_path), []
    run.write_config(CONFIG, {})
    for stage in ("pretrain", "gan"):
        run.saver(stage, network(1), CONFIG, None)(20)
        run.write_result(stage, network(1)["generator"])
    more = {"gan.steps": 30, "pretrain.batch_size": 8, "pretrain.steps": 100}
    complete = run.reopen(CONFIG.updated(more), ["pretrain", "gan"], said.append)
    assert complete == ["pretrain"]
    assert not run.result("gan").exists()
    assert (tmp_path / "generator-00000020.keras").exists()
    assert "pretrain.batch_size 4 -> 8, pretrain.steps 200 -> 100 changes" in said[0]
    # What changes nothing is not written down as if it had.
    run.write_config(CONFIG.updated(more), {}, complete)
    written = json.loads((tmp_path / "config.json").read_text())
    assert (written["pretrain"]["batch_size"], written["gan"]["steps"]) == (4, 30)
    for _, path in checkpoints.find(run.checkpoints, "pretrain"):
        path.unlink()
    with pytest.raises(ConfigError, match="after 200 steps, and no checkpoint is left"):
        run.reopen(CONFIG.updated({"pretrain.steps": 900}), ["pretrain"], said.append)


def test_other_inputs_are_named(tmp_path):
    run, said = RunDirectory(tmp_path), []
    run.write_config(CONFIG, {"val_dir": "a", "photographs": {"p": "2 of 9 pixels"}})
    run.saver("pretrain", network(1), CONFIG, None)(1)
    run.note_inputs(
        {"val_dir": "a", "photographs": {"p": "2 of 9 pixels"}}, said.append
    )
    assert not said
    run.note_inputs(
        {"val_dir": "b", "photographs": {"p": "3 of 9 pixels"}}, said.append
    )
    assert "photographs.p 2 of 9 pixels -> 3 of 9 pixels, val_dir a -> b" in said[0]
    run.compare(CONFIG)


@pytest.mark.parametrize("end", ["leave", "kill"])
def test_two_trainings_in_one_folder(tmp_path, end):
    code = (
        "import sys, time; from pathlib import Path; from srlite.files import locked\n"
        f"with locked(Path({str(tmp_path)!r}), 'another'): print('in', flush=True); "
        "sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as other:
        assert other.stdout.readline() == b"in\n"
        says = rf"another training runs in .*process {other.pid} on"
        with pytest.raises(ConfigError, match=says), RunDirectory(tmp_path).locked():
            pass
        if end == "kill":
            other.kill()
        other.communicate()
    with RunDirectory(tmp_path).locked():
        pass


def test_a_folder_that_takes_no_lock(tmp_path):
    (tmp_path / ".lock").mkdir()
    with (
        pytest.raises(ConfigError, match="cannot write .*: Is a directory"),
        RunDirectory(tmp_path).locked(),
    ):
        pass


def test_the_best_is_that_of_the_trained_kernels(tmp_path):
    """A model of one kernel is not judged by the others, which it never sees."""
    one = {f"kernels.{name}": 0.0 for name in KERNELS} | {"kernels.bicubic": 1.0}
    one |= {"log.best_after": 0, "augmentation.damaged": 0.0}
    keep = RunDirectory(tmp_path).best_keeper("gan", network(1), CONFIG.updated(one))
    for step, (bicubic, others) in enumerate([(28.0, 28.0), (29.0, 20.0), (28.5, 30)]):
        scores = {f"psnr_{name}": others for name in KERNELS}
        scores |= {"psnr_bicubic": bicubic}
        keep(step, scores | {"psnr": float(np.mean(list(scores.values())))})
    (best,) = (tmp_path / "checkpoints").glob("best-gan-*")
    assert best.name == "best-gan-00000001.safetensors"


def test_damages_count_by_their_share():
    scores = {f"psnr_{name}": 30.0 for name in KERNELS}
    scores |= {f"psnr_{name}": 20.0 for name in DAMAGES}
    scores |= {"psnr": 30.0, "psnr_damaged": 20.0}
    for share, expected in ((0.0, 30.0), (0.25, 27.5), (1.0, 20.0)):
        config = CONFIG.updated({"augmentation.damaged": share})
        assert trained_score(config, scores)[0] == pytest.approx(expected)
    assert trained_score(CONFIG, {"psnr": 21.0, "psnr_paired": 21.0})[0] == 21.0


def test_only_trained_damages_count():
    """A model that learns JPEG alone is not judged by blur, which it never sees."""
    ways = ("blur", "noise", "jpeg", "sharpening")
    never = {f"augmentation.{way}": 0.0 for way in ways} | {"augmentation.damaged": 1.0}
    scores = {f"psnr_{name}": 30.0 for name in KERNELS} | {"psnr": 30.0}
    scores |= {f"psnr_{name}": 20.0 + n for n, name in enumerate(DAMAGES)}
    scores["psnr_damaged"] = 22.0
    found = {None: trained_score(CONFIG.updated(never), scores)}
    for way in ways:
        config = CONFIG.updated(never | {f"augmentation.{way}": 0.1})
        found[way] = trained_score(config, scores)
    assert [score for score, _ in found.values()] == [30.0, 23.0, 22.0, 20.5, 24.0]
    # Scores of different measures are not compared.
    assert len({how for _, how in found.values()}) == 5
