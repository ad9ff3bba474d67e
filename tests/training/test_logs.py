"""Logs hold each step once, also after a kill: metrics.jsonl and TensorBoard."""

import json
import re
import shutil
import sys
import time

import numpy as np
import pytest

from srlite.errors import BackendError, CheckpointError
from srlite.files import disk_errors
from srlite.training.logs import RunLogger, read_metrics


def rows(path):
    return [json.loads(line) for line in (path / "metrics.jsonl").open()]


def shown_by_tensorboard(folder):
    """Points of all files: the start of a session hides those from its step on."""
    import tensorflow as tf

    points = []
    for path in sorted(folder.glob("*tfevents*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            if event.session_log.status == event.session_log.START:
                points = [point for point in points if point[0] < event.step]
            points += [
                (event.step, value.tag, value.simple_value)
                for value in event.summary.value
                if value.HasField("simple_value")
            ]
    return points


def test_repeated_steps_are_dropped(tmp_path):
    with RunLogger(tmp_path) as logger:
        logger.start("pretrain", 0, 30)
        for step in (10, 20, 30):
            logger.scalars("pretrain", step, {"pixel": 1.0 / step})
        logger.images("pretrain", 10, {"sr": np.zeros((8, 8, 3), np.uint8)})
        logger.start("gan", 0, 30)
        logger.scalars("gan", 10, {"content": 2.0})
    time.sleep(1.1)  # the names of TensorBoard's files hold seconds
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"stage": "pretrain", "st')  # cut off by a kill
    with RunLogger(tmp_path) as logger:
        logger.start("pretrain", 20, 30)
        logger.scalars("pretrain", 30, {"pixel": 0.5})
    assert rows(tmp_path) == [
        {"stage": "pretrain", "step": 10, "pixel": 0.1},
        {"stage": "pretrain", "step": 20, "pixel": 0.05},
        {"stage": "gan", "step": 10, "content": 2.0},
        {"stage": "pretrain", "step": 30, "pixel": 0.5},
    ]
    assert shown_by_tensorboard(tmp_path / "logs" / "gan") == [(10, "gan/content", 2.0)]
    assert shown_by_tensorboard(tmp_path / "logs" / "pretrain") == [
        (10, "pretrain/pixel", pytest.approx(0.1)),
        (20, "pretrain/pixel", pytest.approx(0.05)),
        (30, "pretrain/pixel", 0.5),
    ]


@pytest.mark.parametrize("cut", [1, 20, 43])
def test_last_line_cut_at_any_place_is_dropped(tmp_path, cut):
    row = {"stage": "gan", "step": 1, "content": 0.5}
    line = json.dumps(row) + "\n"
    (tmp_path / "metrics.jsonl").write_text(line + line[:cut])
    with RunLogger(tmp_path) as logger:
        logger.start("gan", 1, 2)
        logger.scalars("gan", 2, {"content": 0.25})
    assert rows(tmp_path) == [row, {"stage": "gan", "step": 2, "content": 0.25}]


def test_bar_shows_losses(tmp_path, capsys):
    with RunLogger(tmp_path) as logger:
        logger.start("gan", 3, 5)
        logger.advance()
        logger.advance({"content": 0.123456, "d_adversarial": 1.5})
    bar = capsys.readouterr().err
    assert "gan" in bar and "5/5" in bar and "content=0.1235" in bar


def test_numbers_that_are_none_are_null(tmp_path):
    with RunLogger(tmp_path) as logger:
        logger.start("gan", 0, 5)
        logger.scalars("gan", 1, {"a": float("inf"), "b": 2.0, "c": float("nan")})
    (line,) = (tmp_path / "metrics.jsonl").read_text().splitlines()
    constants = []
    row = json.loads(line, parse_constant=constants.append)
    assert row == {"stage": "gan", "step": 1, "a": None, "b": 2.0, "c": None}
    assert constants == []
    assert read_metrics(tmp_path / "metrics.jsonl")["gan"].keys() == {"b"}


def test_a_full_disk_is_an_error_and_no_wait(tmp_path):
    """More pictures than a queue would take, while files may be 50 kB long."""
    resource = pytest.importorskip("resource")
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    with RunLogger(tmp_path) as logger:
        logger.start("gan", 0, 100)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, former[1]))
        try:
            with (
                pytest.raises(CheckpointError, match="cannot write to .* any more"),
                disk_errors(tmp_path),
            ):
                for step in range(100):
                    logger.images("gan", step, {"sr": picture})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, former)
    assert step < 10


def test_a_folder_that_is_gone_is_an_error_of_one_sentence(tmp_path):
    """Removed, or on a disk that was; what is missing elsewhere is another matter."""
    run = tmp_path / "run"
    with RunLogger(run) as logger:
        logger.start("gan", 0, 100)
        shutil.rmtree(run)
        with pytest.raises(CheckpointError, match="run any more: No such"):
            with disk_errors(run):
                logger.scalars("gan", 1, {"pixel": 1.0})
    with pytest.raises(FileNotFoundError), disk_errors(run):
        open(tmp_path / "other")
    with pytest.raises(OSError, match="^other"), disk_errors(run):
        raise OSError("other")


@pytest.mark.parametrize("room", [1000, 1001, 1030])
def test_a_full_disk_takes_whole_lines_only(tmp_path, room):
    resource = pytest.importorskip("resource")
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    with RunLogger(tmp_path) as logger:
        logger.start("gan", 0, 100)
        logger._writers.clear()  # else they would be the first that are too large
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, former[1]))
        try:
            with pytest.raises(OSError):
                for step in range(1, 101):
                    logger.scalars("gan", step, {"pixel": 1.0})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, former)
    assert (tmp_path / "metrics.jsonl").read_text().endswith("}\n")
    assert [row["step"] for row in rows(tmp_path)] == list(range(1, step))


def test_a_closed_terminal_is_of_no_matter(tmp_path, monkeypatch):
    class Closed:
        encoding = "utf-8"

        def write(self, text):
            raise OSError(5, "Input/output error")

        def flush(self):
            raise OSError(5, "Input/output error")

        def isatty(self):
            return True

        def fileno(self):
            raise OSError(5, "Input/output error")

    with RunLogger(tmp_path) as logger:
        monkeypatch.setattr(sys, "stderr", Closed())
        logger.start("gan", 0, 2)
        logger.advance({"pixel": 1.0})
        logger.say("a sentence")
        logger.scalars("gan", 1, {"pixel": 1.0})
    assert rows(tmp_path) == [{"stage": "gan", "step": 1, "pixel": 1.0}]


def test_a_sentence_stands_above_the_bar(tmp_path, capsys):
    with RunLogger(tmp_path) as logger:
        logger.start("gan", 0, 5)
        capsys.readouterr()
        logger.say("a sentence")
        said = capsys.readouterr().err
    # The bar is cleared, the sentence written, and the bar drawn again.
    assert re.search(r"\r *\ra sentence\n\r?gan:", said), said


def test_missing_wandb_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)  # what a missing package looks like
    with pytest.raises(BackendError, match=r"pip install 'srlite\[wandb\]'"):
        RunLogger(tmp_path, "project")
