"""The benchmark runs, and its figures are what they say."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srlite.benchmark import inference as benchmark_inference
from srlite.benchmark.command import main
from srlite.benchmark.training import benchmark_training
from srlite.config.presets import preset
from srlite.errors import ConfigError, ModelError, SrliteError
from srlite.export.export import export_tflite
from srlite.models.model_files import find_model

TINY = {
    "augmentation.damaged": 0.0,
    "generator.filters": 8,
    "generator.num_dense_blocks": 1,
    "pretrain.patch_size": 64,
    "pretrain.batch_size": 2,
    "gan.patch_size": 64,
    "gan.content": None,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "size"),
    [
        pytest.param("estimator", 1, marks=pytest.mark.slow),
        ("pretrain", 2),
        pytest.param("gan", 1, marks=pytest.mark.slow),
    ],
)
def test_figures(stage, size):
    config = preset("tiny").updated({**TINY, "steps_per_execution": size})
    found = benchmark_training(config, stage, steps=10)
    assert 0 < found["step_ms"] < 1e4 and 0 < found["loop_ms"] < 1e4
    low, median, high = found["overhead"]
    assert -1 < low <= median <= high
    assert 0 <= found["data_wait"] < 1 and found["turns"] == 4
    assert found["process_mib"] > 100
    portions = found["portions"]
    assert list(portions) == ["data", "damage", "forward", "backward", "rest"]
    assert portions["data"] > 0 and portions["damage"] > 0
    assert sum(portions.values()) > portions["data"]  # by the whole update


def test_command(capsys):
    changes = [f"{k}={'none' if v is None else v}" for k, v in TINY.items()]
    assert main(["train", "--preset", "tiny", "--steps", "5", "--set", *changes]) == 0
    shown = capsys.readouterr()
    assert re.search(r"overhead +-?\d+\.\d%, quartiles .* of 4 turns\n", shown.out)
    assert "waiting for data" in shown.out and "time spent" not in shown.err
    assert len(re.findall(r"^\w+ +-?[\d.]+ ms, of the update\n", shown.out, re.M)) == 4
    with pytest.raises(ConfigError, match="precision must be 'float32' or 'bfl"):
        main(["train", "--set", "precision=float8"])


def test_inference_command(tiny_tflite, tiny_model, tmp_path, capsys):
    arguments = ["inference", "--model", str(tiny_tflite), "--threads", "1"]
    assert (
        main([*arguments, "--rounds", "2", "--megapixels", "0.05", "--ending", "png"])
        == 0
    )
    text = capsys.readouterr().out
    for words in ("start-up ", "overhead ", "overhead over it ", "274 x 183 pixels"):
        assert words in text
    assert " 1.00 LR pixels computed for each of the picture" in text
    apart = int(re.search(r"at most (\d+) levels apart, 128 x 128", text)[1])
    assert apart <= 1
    taken, allowed = map(
        int, re.search(r"(\d+) MB at most; .* are (\d+) MB", text).groups()
    )
    assert 50 < taken < allowed == round(7 * 16 * 274 * 183 / 1e6 + 500)
    with pytest.raises(ConfigError, match="rounds must be 2 or more; received 1"):
        main([*arguments, "--rounds", "1"])
    with pytest.raises(ConfigError, match="pictures cannot be written as .xyz"):
        main([*arguments, "--ending", "xyz"])
    with pytest.raises(ConfigError, match="--megapixels must be above 0; received"):
        main([*arguments, "--megapixels", "1", "-1"])
    static = str(tmp_path / "static.tflite")
    export_tflite(tiny_model, static, input_size=(16, 16))
    with pytest.raises(ModelError, match="takes 16 x 16 pixels only"):
        main(["inference", "--model", static])
    (tmp_path / "model.keras").write_bytes(b"weights")
    with pytest.raises(ModelError, match="is not a .tflite"):
        main(["inference", "--model", str(tmp_path / "model.keras")])


def test_a_relative_path_is_that_of_the_folder(tiny_tflite, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.tflite").write_bytes(tiny_tflite.read_bytes())
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save("lr.png")
    run = benchmark_inference.run_enlarging
    seconds, _ = run("lr.png", "sr.png", "--model", "mine.tflite")
    assert seconds > 0
    with Image.open("sr.png") as sr:
        assert sr.size == (20, 16)
    with pytest.raises(SrliteError, match="ended with status 1: .*no model file gone"):
        run("lr.png", "sr.png", "--model", "gone.tflite")


def test_bare_calls_of_an_int8_file():
    path = find_model("light_psnr_int8")
    batches = [np.zeros((1, 8, 8, 3), np.float32)]
    assert benchmark_inference.BareLiteRT(path, 1, batches).seconds() > 0


def test_large_pictures_are_mirrored_photos():
    photo = np.random.default_rng(0).integers(0, 256, (10, 20, 3), np.uint8)
    image = benchmark_inference.enlarged_by_mirrors(photo, 600e-6)
    assert image.shape == (20, 30, 3)
    np.testing.assert_array_equal(image[:10, :20], photo)
    np.testing.assert_array_equal(image[10:, :20], photo[::-1])
    np.testing.assert_array_equal(image[:10, 20:], photo[:, :9:-1])
    small = benchmark_inference.enlarged_by_mirrors(photo, 6e-6)
    np.testing.assert_array_equal(small, photo[:2, :3])
