"""The benchmark runs, and its figures are what they say."""

import re

import numpy as np
import pytest

from srlite.benchmark import inference as benchmark_inference
from srlite.benchmark.training import benchmark_training, main
from srlite.errors import ConfigError
from srlite.config.presets import preset

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


def test_inference_command(tiny_tflite, capsys):
    arguments = ["inference", "--model", str(tiny_tflite), "--threads", "1"]
    assert main([*arguments, "--rounds", "2", "--megapixels", "0.05"]) == 0
    text = capsys.readouterr().out
    for words in ("start-up ", "overhead ", "overhead over it ", "274 x 183 pixels"):
        assert words in text
    # One RRDB of two convolutions, the first, the fusion and the last: 5 pixels.
    reach = [float(n) for n in re.findall(r"at most ([\d.]+) levels off", text)]
    assert len(reach) == 7 and reach[0] > 0.1 and max(reach[1:]) < 0.01
    apart = int(re.search(r"at most (\d+) levels apart, 128 x 128", text)[1])
    assert apart <= 1
    taken, allowed = map(
        int, re.search(r"(\d+) MB at most; .* are (\d+) MB", text).groups()
    )
    assert 50 < taken < allowed == round(7 * 16 * 274 * 183 / 1e6 + 500)
    with pytest.raises(ConfigError, match="rounds must be 2 or more; received 1"):
        main([*arguments, "--rounds", "1"])
    with pytest.raises(ConfigError, match="is not a .tflite"):
        main(["inference", "--model", str(tiny_tflite.parent)])


def test_large_pictures_are_mirrored_photos():
    photo = np.random.default_rng(0).integers(0, 256, (10, 20, 3), np.uint8)
    image = benchmark_inference.enlarged_by_mirrors(photo, 600e-6)
    assert image.shape == (20, 30, 3)
    np.testing.assert_array_equal(image[:10, :20], photo)
    np.testing.assert_array_equal(image[10:, :20], photo[::-1])
    np.testing.assert_array_equal(image[:10, 20:], photo[:, :9:-1])
    small = benchmark_inference.enlarged_by_mirrors(photo, 6e-6)
    np.testing.assert_array_equal(small, photo[:2, :3])
