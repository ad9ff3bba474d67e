"""metrics.jsonl holds each step once; TensorBoard files are written."""

import json

import numpy as np

from srlite.logs import RunLogger


def rows(path):
    return [json.loads(line) for line in (path / "metrics.jsonl").open()]


def test_repeated_steps_are_dropped(tmp_path):
    with RunLogger(tmp_path) as logger:
        logger.start("pretrain", 0, 30)
        for step in (10, 20, 30):
            logger.scalars("pretrain", step, {"pixel": 1.0 / step})
        logger.images("pretrain", 10, {"sr": np.zeros((8, 8, 3), np.uint8)})
        logger.scalars("gan", 10, {"content": 2.0})
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
    events = [p for p in (tmp_path / "logs").iterdir() if "tfevents" in p.name]
    assert events and all(p.stat().st_size for p in events)


def test_bar_shows_losses(tmp_path, capsys):
    with RunLogger(tmp_path) as logger:
        logger.start("gan", 3, 5)
        logger.advance()
        logger.advance({"content": 0.123456, "d_adversarial": 1.5})
    bar = capsys.readouterr().err
    assert "gan" in bar and "5/5" in bar and "content=0.1235" in bar
