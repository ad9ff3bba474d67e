"""The benchmark of `.tflite` files: its figures are what they say."""

import re

import numpy as np
import pytest
from small_networks import small_generator
from told_files import write_told

from srlite.benchmark.command import main
from srlite.benchmark.inference import BareLiteRT
from srlite.benchmark.tflite import Timing, benchmark_tflite, table
from srlite.errors import ConfigError, ModelError
from srlite.export.export import export_tflite


def test_figures(tiny_tflite):
    timings = benchmark_tflite(
        [tiny_tflite, tiny_tflite], [(24, 16), (8, 8)], num_threads=1, turns=4
    )
    assert [timing.size for timing in timings] == [(8, 8), (8, 8), (24, 16), (24, 16)]
    for timing in timings:
        assert len(timing.seconds) == 4 and min(timing.seconds) > 0
        assert timing.megapixels == timing.size[0] * timing.size[1] * 16 / 1e6
        assert timing.file_bytes == tiny_tflite.stat().st_size
        assert 20 < timing.peak_mib < 2000


def test_table(tmp_path):
    common = {"size": (10, 10), "megapixels": 0.5, "peak_mib": 60.0}
    slow = Timing(tmp_path / "a.tflite", 2_000_000, seconds=(1.0, 2.0, 3.0), **common)
    fast = Timing(tmp_path / "b.tflite", 1_000_000, seconds=(0.25, 0.5, 0.7), **common)
    lines = table([slow, fast], num_threads=2).splitlines()
    assert lines[0] == "2 threads"
    # Medians: 2.0 and 0.5 s; ratios turn by turn: 4, 4 and 4.3.
    assert re.findall(r"\S+", lines[2])[2:4] == ["2.00", "2000.0"]
    assert "1500.0 to 2500.0" in lines[2] and "1.00 x" in lines[2]
    assert "4.00 x" in lines[3] and "1.00" in lines[3].split()
    assert lines[3].split()[3] == "500.0"


def test_command(tiny_tflite, capsys):
    arguments = [str(tiny_tflite), "--sizes", "8", "12", "--threads", "1"]
    assert main(["tflite", *arguments, "--turns", "2"]) == 0
    text = capsys.readouterr().out
    assert text.count("tiny.tflite") == 2 and "12x12" in text
    with pytest.raises(ConfigError, match="--turns must be 2 or more; received 1"):
        main(["tflite", *arguments, "--turns", "1"])
    with pytest.raises(ConfigError, match="--sizes must be 1 or more"):
        main(["tflite", str(tiny_tflite), "--sizes", "0"])
    with pytest.raises(ModelError, match="would take .* GB for .* give smaller --siz"):
        main(["tflite", str(tiny_tflite), "--sizes", "1000000"])


@pytest.mark.parametrize("model", ["light_rt", "light_rt_int8"])
def test_sides_of_which_a_part_would_be_left_out(model):
    refusal = "multiples of 2 LR pixels; received"
    with pytest.raises(ModelError, match=f"{refusal} 9 x 9"):
        main(["tflite", model, "--sizes", "8", "9", "--threads", "1"])
    against = ["--against", "light_psnr", "--size", "8", "7", "--threads", "1"]
    with pytest.raises(ModelError, match=f"{refusal} 8 x 7"):
        main(["inference", "--model", model, *against])


def test_a_file_that_is_told(tmp_path):
    """It has two inputs, of which the picture may be the second."""
    path = write_told(tmp_path)
    (timing,) = benchmark_tflite([path], [(8, 12)], num_threads=1, turns=2)
    assert timing.size == (8, 12) and min(timing.seconds) > 0
    assert timing.peak_mib > 20


def test_a_file_of_grey_pictures(tmp_path):
    path = tmp_path / "grey.tflite"
    export_tflite(small_generator(0, channels=1), path)
    (timing,) = benchmark_tflite([path], [(8, 12)], num_threads=1, turns=2)
    assert timing.peak_mib > 20
    assert BareLiteRT(path, 1, [np.zeros((1, 8, 9, 3), np.float32)]).seconds() > 0


def test_only_tflite(tiny_model, tmp_path):
    tiny_model.save(tmp_path / "tiny.keras")
    with pytest.raises(ModelError, match="tiny.keras is not a .tflite"):
        main(["tflite", str(tmp_path / "tiny.keras")])
