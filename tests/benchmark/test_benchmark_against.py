"""Two models side by side: what is counted, and what is said of it."""

import re

import numpy as np
import pytest
from told_files import write_told

from srlite.benchmark.against import Costs, mirrored_to, table, time_against
from srlite.benchmark.command import main
from srlite.errors import ConfigError, ModelError


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return write_told(tmp_path_factory.mktemp("told"))


def test_costs(told, tiny_tflite, photo):
    model, other = time_against([told, tiny_tflite], photo, rounds=3, num_threads=1)
    assert (model.name, other.name) == ("told.tflite", "tiny.tflite")
    for costs in (model, other):
        assert len(costs.cpu) == len(costs.wall) == 3 and min(costs.cpu) > 0
    assert min(model.seeing_cpu) > 0 and 0 < model.share < 1
    assert other.seeing_cpu == (0, 0, 0) and other.all_cpu == other.cpu


def test_table():
    model = Costs("a", (2.0, 4.0, 3.0), (1.0, 2.0, 1.5), (1.0,) * 3, (0.5,) * 3)
    other = Costs("b", (1.0, 2.0, 1.0), (1.0, 2.0, 1.0), (0.0,) * 3, (0.0,) * 3)
    assert model.all_cpu == (3.0, 5.0, 4.0) and model.share == pytest.approx(0.25)
    lines = table([model, other], (90, 160, 3), 2).splitlines()
    assert lines[0].startswith("160 x 90 LR pixels in one call, 3 rounds on 2 threads")
    assert re.findall(r"[\d.]+", lines[2]) == ["3.000", "2.500", "3.500"] + [
        *("1.500", "1.250", "1.750")
    ]
    assert lines[3].endswith("25.0% of its CPU time")
    # Round by round: 3, 2.5 and 4; without the estimator 2, 2 and 3.
    assert re.findall(r"[\d.]+", lines[5])[:1] == ["3.000"]
    assert re.findall(r"[\d.]+", lines[6]) == ["2.000", "2.000", "2.500"]


def test_a_clock_too_coarse_for_a_tiny_picture():
    """As that of CPU time is on Windows."""
    none = Costs("a", (0.0, 0.0), (1e-6, 1e-6), (0.0, 0.0), (0.0, 0.0))
    some = Costs("b", (0.016, 0.0), (1e-6, 1e-6), (0.0, 0.016), (0.0, 0.0))
    assert "nan" in table([some, none], (1, 1, 3), 1).splitlines()[-2]
    assert np.isnan(none.share)


def test_command(told, tiny_tflite, capsys):
    words = ["inference", "--model", str(told), "--threads", "1", "--rounds", "2"]
    size = ["--size", "40", "30"]
    assert main([*words, "--against", str(tiny_tflite), *size]) == 0
    text = capsys.readouterr().out
    assert text.startswith("40 x 30 LR pixels in one call, 2 rounds on 1 thread;")
    for line in ("told.tflite", "  its estimator", "tiny.tflite", "ratio", "without"):
        assert f"\n{line}" in text
    with pytest.raises(ConfigError, match="--size must be 1 or more; received 0"):
        main([*words, "--against", str(tiny_tflite), "--size", "0", "30"])


def test_refusals(told, tiny_model, tmp_path, photo):
    from srlite.export.export import export_tflite

    path = tmp_path / "fixed.tflite"
    export_tflite(tiny_model, path, input_size=(32, 24))
    with pytest.raises(ModelError, match="fixed.tflite takes 24 x 32 pixels only"):
        time_against([told, path], photo, 2, 1)
    huge = np.lib.stride_tricks.as_strided(photo, (10**5, 10**5, 3), (0, 0, 1))
    with pytest.raises(ModelError, match="would take .* GB .* give a smaller --size"):
        time_against([told], huge, 2, 1)


def test_mirrors(photo):
    with pytest.raises(ModelError, match="would take .* GB .* give a smaller one"):
        mirrored_to(photo, (10**7, 10**7))
    image = mirrored_to(photo, (50, 30))
    assert image.shape == (50, 30, 3)
    np.testing.assert_array_equal(image[:40], photo[:, :30])
    np.testing.assert_array_equal(image[40:], photo[:-11:-1, :30])
