"""Logs hold each step once, also after a kill: metrics.jsonl and TensorBoard."""

import json
import sys
import time

import numpy as np
import pytest

from srlite.errors import BackendError
from srlite.training.logs import RunLogger


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


def test_missing_wandb_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)  # what a missing package looks like
    with pytest.raises(BackendError, match=r"pip install 'srlite\[wandb\]'"):
        RunLogger(tmp_path, "project")
