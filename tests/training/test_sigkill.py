"""Killed by SIGKILL at any moment, a run goes on and ends with the same bits.

The moments come from a seeded generator and lie all over the life of a process: while
it imports and builds, between two steps, while it saves a checkpoint, while it writes
the model of a stage. Every second life saves its checkpoints as folders.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from srlite.models import checkpoints
from srlite.models.model_files import load_generator
from srlite.training.logs import read_metrics

ROOT = Path(__file__).parents[2]
STEPS = 90  # of each stage; no stage ends before its kills are through
LATE = 5  # steps of one life after which it is killed, whatever the moment was to be
LONG = 900  # seconds after which a process hangs
OPTIONS = [
    "augmentation.damaged=0",
    "generator.filters=8",
    "generator.growth_channels=4",
    "generator.num_dense_blocks=1",
    "generator.conditional=false",
    "discriminator.filters=[4, 8]",
    f"pretrain.steps={STEPS}",
    "pretrain.batch_size=2",
    "pretrain.patch_size=32",
    "pretrain.freeze_batch_norm_after=15",
    f"gan.steps={STEPS}",
    "gan.patch_size=32",
    "gan.pixel=0.1",
    "gan.content=none",
    "log.log_every=3",
    "log.checkpoint_every=2",
    "log.validate_every=7",
    "log.best_after=7",
]


class Life:
    """One process that trains, until it ends or is killed."""

    def __init__(self, backend, run_dir, photos, errors, *more):
        """Start; stderr goes to the file `errors`."""
        self.run_dir = run_dir
        self.errors = errors
        arguments = ("--preset", "tiny", "--data-dir", photos, "--val-dir", photos)
        command = [sys.executable, ROOT / "train.py", *arguments, "--run-dir", run_dir]
        self.began = time.monotonic()
        with open(errors, "w") as file:
            self._process = subprocess.Popen(
                [*map(str, command), *more, "--set", *OPTIONS],
                stderr=file,
                env=os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
            )

    def wait(self, reached):
        """Poll until `reached()`; it is an error if the process ends before."""
        while not reached():
            assert self._process.poll() is None, self.errors.read_text()
            assert time.monotonic() < self.began + LONG
            time.sleep(0.0005)

    def sleep(self, seconds, last):
        """Let it train for a time, but not beyond the step `last` of both stages."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= end or self.done() >= last)

    def done(self):
        """Steps of both stages by the newest checkpoint."""
        for before, stage in ((STEPS, "gan"), (0, "pretrain")):
            if found := checkpoints.find(self.run_dir / "checkpoints", stage):
                return before + found[-1][0]
        return 0

    def writes(self, folder, start):
        """Whether something whose name begins like this is being written."""
        return any((self.run_dir / folder).glob(f".{start}*.unfinished"))

    def kill(self):
        """Kill it, which must not have complained before."""
        self._process.kill()
        assert self._process.wait() == -signal.SIGKILL
        assert "Traceback" not in self.errors.read_text()

    def end(self):
        """Let it end well."""
        assert self._process.wait(timeout=LONG) == 0, self.errors.read_text()
        assert "Traceback" not in self.errors.read_text()


def results(run_dir):
    """Everything a run leaves that is to be the same, by name."""
    found = {}
    for name in ("pretrain.keras", "generator.keras"):
        for place, array in enumerate(load_generator(run_dir / name).get_weights()):
            found[f"{name} {place}"] = array
    folder = run_dir / "checkpoints"
    for stage in ("pretrain", "gan"):
        step, newest = checkpoints.find(folder, stage)[-1]
        assert step == STEPS
        (best,) = folder.glob(f"best-{stage}-*")
        for path in (newest, best):
            _, tensors = checkpoints.read(path)
            found |= {f"{path.stem} {k}": tensor for k, tensor in tensors.items()}
    return found


def rows(run_dir):
    """The rows of metrics.jsonl without what depends on the clock."""
    clock = ("steps_per_second", "data_wait")
    return [
        {k: v for k, v in json.loads(line).items() if not k.endswith(clock)}
        for line in (run_dir / "metrics.jsonl").read_text().splitlines()
    ]


def names(run_dir):
    """What is in the run directory; a checkpoint may be a file or a folder."""
    folders = (run_dir, run_dir / "checkpoints", run_dir / "logs")
    return [sorted(path.stem for path in folder.iterdir()) for folder in folders]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_killed_twenty_times(backend, photos, tmp_path):
    straight, run_dir = tmp_path / "straight", tmp_path / "killed"
    life = Life(backend, straight, photos, tmp_path / "errors")
    life.wait(lambda: life.done() >= 1)
    start_up = time.monotonic() - life.began
    life.end()

    random = np.random.default_rng(0)
    moments = ["start-up"] * 2 + ["step"] * 3 + ["save"] * 4
    order = [*random.permutation(moments), "pretrain.keras"]
    order += [*random.permutation(moments), "generator.keras"]
    caught = 0
    for number, moment in enumerate(order):
        part_size = ("--checkpoint-part-size", "1") if number % 2 else ()
        life = Life(backend, run_dir, photos, tmp_path / "errors", *part_size)
        before = life.done()
        if moment == "start-up":
            life.sleep(random.uniform(0.1, 1.0) * start_up, before + LATE)
        elif moment in ("step", "save"):
            wanted = before + random.integers(1, 5)
            life.wait(lambda wanted=wanted: life.done() >= wanted)
            if moment == "step":
                life.sleep(random.uniform(0.0, 0.1), before + LATE)
            else:
                life.wait(lambda: life.writes("checkpoints", ""))
        else:
            life.wait(lambda moment=moment: life.writes(".", Path(moment).stem))
        life.kill()
        if moment == "save":
            caught += life.writes("checkpoints", "")
        if (run_dir / "metrics.jsonl").exists():
            read_metrics(run_dir / "metrics.jsonl")
    assert caught >= 4  # of 8: the kill came before the file had its name

    Life(backend, run_dir, photos, tmp_path / "errors").end()
    wanted, received = results(straight), results(run_dir)
    assert wanted.keys() == received.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(received[name], array, err_msg=name)
    assert rows(run_dir) == rows(straight)
    assert names(run_dir) == names(straight)
