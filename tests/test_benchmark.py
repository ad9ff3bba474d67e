"""The benchmark runs, and its figures are what they say."""

import re

import pytest

from srlite.benchmark import benchmark_training, main
from srlite.errors import ConfigError
from srlite.presets import preset

TINY = {
    "generator.filters": 8,
    "generator.num_dense_blocks": 1,
    "pretrain.patch_size": 32,
    "pretrain.batch_size": 2,
    "gan.patch_size": 32,
    "gan.content": None,
}


@pytest.mark.parametrize(("stage", "size"), [("pretrain", 2), ("gan", 1)])
def test_figures(stage, size):
    config = preset("tiny").updated({**TINY, "steps_per_execution": size})
    found = benchmark_training(config, stage, steps=10)
    assert 0 < found["step_ms"] < 1e4 and 0 < found["loop_ms"] < 1e4
    low, median, high = found["overhead"]
    assert -1 < low <= median <= high
    assert 0 <= found["data_wait"] < 1 and found["turns"] == 4
    assert found["process_mib"] > 100


def test_command(capsys):
    changes = [f"{k}={'none' if v is None else v}" for k, v in TINY.items()]
    assert main(["train", "--preset", "tiny", "--steps", "5", "--set", *changes]) == 0
    shown = capsys.readouterr()
    assert re.search(r"overhead +-?\d+\.\d%, quartiles .* of 4 turns\n", shown.out)
    assert "waiting for data" in shown.out and "time spent" not in shown.err
    with pytest.raises(ConfigError, match="precision must be 'float32' or 'bfl"):
        main(["train", "--set", "precision=float8"])
