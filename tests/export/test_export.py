"""Export: the files, and the command that writes them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers
from PIL import Image

from srlite.errors import (
    ConfigError,
    DataError,
    ExportError,
    ImageError,
    SrliteError,
)
from srlite.export.checks import ALLOWED_OPS, check_ops
from srlite.export.command import main
from srlite.export.export import export_tflite
from srlite.models.generators import rrdb_net

COMMAND = [sys.executable, str(Path(__file__).parents[2] / "export_tflite.py")]


def make_generator(seed=0, filters=8, output_gain=1.0):
    """Build a tiny generator whose BatchNorm is far from the identity."""
    generator = rrdb_net(
        filters=filters,
        growth_channels=4,
        num_blocks=1,
        num_dense_blocks=2,
        num_convolutions=3,
    )
    rng = np.random.default_rng(seed)
    for layer in generator.layers:
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights(
                [
                    rng.uniform(0.5, 1.5, gamma.shape),
                    rng.normal(0.0, 0.2, beta.shape),
                    rng.normal(0.0, 0.2, mean.shape),
                    rng.uniform(0.3, 2.0, variance.shape),
                ]
            )
        elif isinstance(layer, layers.Conv2D):
            kernel, *bias = layer.get_weights()
            gain = output_gain if layer.name == "tail" else 0.5
            kernel = rng.normal(0.0, gain / np.sqrt(kernel[..., 0].size), kernel.shape)
            bias = [rng.normal(0.0, 0.02, b.shape) for b in bias]
            layer.set_weights([kernel, *bias])
    return generator


def run_file(path, lr):
    return Interpreter(str(path)).get_signature_runner()(lr=lr)["sr"]


def random_picture(height, width):
    rng = np.random.default_rng(height * width)
    return rng.random((1, height, width, 3), np.float32)


def names_in(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.fixture(scope="module")
def generator():
    return make_generator()


@pytest.fixture(scope="module")
def any_size(generator, tmp_path_factory):
    path = tmp_path_factory.mktemp("any_size") / "any.tflite"
    return export_tflite(generator, path)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (17, 31), (64, 48)])
def test_float32_equals_the_keras_model_at_any_size(generator, any_size, size):
    lr = random_picture(*size)
    expected = np.clip(generator(lr, training=False), 0.0, 1.0)
    received = run_file(any_size.path, lr)
    assert received.shape == (1, 4 * size[0], 4 * size[1], 3)
    assert np.abs(received - expected).max() * 255 < 0.01


def test_names_and_shapes(any_size):
    runner = Interpreter(str(any_size.path)).get_signature_runner()
    (name, lr), *more = runner.get_input_details().items()
    assert (name, more) == ("lr", [])
    assert lr["shape_signature"].tolist() == [-1, -1, -1, 3]
    (name, sr), *more = runner.get_output_details().items()
    assert (name, more) == ("sr", [])
    assert lr["dtype"] == sr["dtype"] == np.float32


def test_batchnorm_and_the_scale_of_dense_blocks_are_folded(any_size):
    # Convolutions: head, 3 in each of 2 dense blocks, fusion, tail. The scale of the
    # RRDB stands after an addition and is the one MUL that stays.
    assert any_size.ops == {
        "CONV_2D": 9,
        "CONCATENATION": 6,
        "ADD": 5,
        "LEAKY_RELU": 4,
        "MUL": 1,
        "DEPTH_TO_SPACE": 1,
        "MINIMUM": 1,
        "RELU": 1,
    }
    assert set(any_size.ops) <= ALLOWED_OPS


def test_report(any_size):
    assert any_size.file_bytes == any_size.path.stat().st_size
    assert (any_size.precision, any_size.input_size) == ("float32", None)
    assert any_size.checked_sizes == ((128, 128), (61, 97), (1, 1))
    assert 0.0 <= any_size.mean_difference <= any_size.largest_difference < 0.01
    fields = json.loads(any_size.to_json())
    assert fields["path"] == str(any_size.path)
    assert fields["ops"] == any_size.ops
    assert f"{any_size.file_bytes:,} bytes" in str(any_size)
    assert "9 CONV_2D" in str(any_size)


def test_nothing_but_the_file_is_left(any_size):
    assert names_in(any_size.path.parent) == ["any.tflite"]


def test_static_size_and_own_photo(generator, tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, (7, 50, 3), np.uint8)
    report = export_tflite(
        generator, tmp_path / "static.tflite", input_size=(12, 20), photos=[photo]
    )
    runner = Interpreter(str(report.path)).get_signature_runner()
    shape = runner.get_input_details()["lr"]["shape_signature"]
    assert shape.tolist() == [1, 12, 20, 3]
    assert report.checked_sizes == ((12, 20),)
    lr = random_picture(12, 20)
    expected = np.clip(generator(lr, training=False), 0.0, 1.0)
    assert np.abs(run_file(report.path, lr) - expected).max() * 255 < 0.01


def test_float16_halves_the_file(tmp_path):
    generator = make_generator(filters=32)
    reports = {
        precision: export_tflite(
            generator, tmp_path / f"{precision}.tflite", (16, 16), precision
        )
        for precision in ("float32", "float16")
    }
    half = reports["float16"]
    assert 0.5 < half.file_bytes / reports["float32"].file_bytes < 0.6
    assert 0.0 < half.largest_difference <= 1.0
    assert set(half.ops) - ALLOWED_OPS == {"DEQUANTIZE"}
    with pytest.raises(ExportError, match="DEQUANTIZE"):
        check_ops(half.path.read_bytes(), "float32")


def test_what_float32_rounds_away_is_no_fault(tmp_path):
    """Of a network whose output is far beyond a picture's, as after a few steps."""
    generator = make_generator(output_gain=1e5)
    report = export_tflite(generator, tmp_path / "wild.tflite", (96, 96))
    assert report.largest_difference > 1.0
    with pytest.raises(ExportError, match="the model gives up to .*: train it longer"):
        export_tflite(generator, tmp_path / "half.tflite", (96, 96), "float16")


def test_output_is_clipped_in_the_graph(tmp_path):
    generator = make_generator(output_gain=20.0)
    lr = random_picture(20, 20)
    unclipped = np.asarray(generator(lr, training=False))
    assert unclipped.min() < -0.5 and unclipped.max() > 1.5
    report = export_tflite(generator, tmp_path / "wild.tflite", input_size=(20, 20))
    received = run_file(report.path, lr)
    assert received.min() == 0.0 and received.max() == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"precision": "int4"}, "one of float32, .*, int16x8; received 'int4'"),
        ({"input_size": (0, 8)}, r"at least 1 each; received \(0, 8\)"),
        ({"input_size": (8,)}, "input_size must be"),
        ({"input_size": 8}, "input_size must be"),
        ({"input_size": (8.5, 8)}, "input_size must be"),
        ({"input_size": (10**6, 10**6)}, "would take .* GB .*; give a smaller input"),
        ({"overlap": -1}, "overlap must be 0 or more; received -1"),
        ({"path": "model.onnx"}, "must end in .tflite"),
        ({"path": "missing/model.tflite"}, "cannot write .*missing"),
        ({"path": "folder.tflite"}, "it is a folder"),
    ],
)
def test_impossible_arguments(generator, tmp_path, arguments, message):
    (tmp_path / "folder.tflite").mkdir()
    arguments = dict(arguments)
    path = tmp_path / arguments.pop("path", "model.tflite")
    with pytest.raises(SrliteError, match=message):
        export_tflite(generator, path, **arguments)
    assert names_in(tmp_path) == ["folder.tflite"]


def test_missing_photo(generator, tmp_path):
    with pytest.raises(ImageError, match="missing.png"):
        export_tflite(generator, tmp_path / "m.tflite", photos=["missing.png"])


def run_command(*arguments, **environment):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_command(generator, tmp_path):
    generator.save(tmp_path / "generator.keras")
    output = tmp_path / "small.tflite"
    result = run_command("--model", tmp_path, "--output", output)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == str(output)
    assert [line.split()[0] for line in lines[1:]] == [
        "precision",
        "input",
        "file",
        "ops",
        "difference",
    ]
    assert f"{output.stat().st_size:,} bytes" in result.stdout
    assert names_in(tmp_path) == ["generator.keras", "small.json", "small.tflite"]


def test_a_report_replaces_no_other_json(generator, tmp_path):
    """`model.json` may be the graph of another library, say."""
    generator.save(tmp_path / "generator.keras")
    other = tmp_path / "model.json"
    other.write_text('{"format": "layers-model"}')
    words = ["--model", str(tmp_path), "--output", str(tmp_path / "model.tflite")]
    with pytest.raises(ExportError, match="would overwrite .*model.json"):
        main(words)
    assert names_in(tmp_path) == ["generator.keras", "model.json"]
    assert other.read_text() == '{"format": "layers-model"}'
    other.unlink()
    assert main(words) == main(words) == 0  # its own report


@pytest.mark.parametrize("option", ["--output", "--all", "--describe"])
def test_nothing_behind_an_option(option):
    with pytest.raises(ConfigError, match=f"{option} is empty; give a value"):
        main(["--model", "light_rt", option, ""])


def test_psnr_on_the_smallest_pictures(generator, tmp_path):
    """Those of 9 to 11 pixels have only a border once they are cut to multiples."""
    generator.save(tmp_path / "generator.keras")
    (tmp_path / "hr").mkdir()
    for side in (9, 11, 12):
        levels = np.arange(3 * side**2, dtype=np.uint8).reshape(side, side, 3)
        Image.fromarray(levels).save(tmp_path / "hr" / f"{side}.png")
    arguments = ["--model", str(tmp_path), "--hr-dir", str(tmp_path / "hr")]
    assert main([*arguments, "--output", str(tmp_path / "small.tflite")]) == 0
    (tmp_path / "hr" / "12.png").unlink()
    with pytest.raises(DataError, match=r"2 smaller than 12 pixels"):
        main([*arguments, "--output", str(tmp_path / "small.tflite")])


def test_command_says_what_is_wrong(generator, tmp_path):
    model = tmp_path / "model.keras"
    generator.save(model)
    text = tmp_path / "text.keras"
    text.write_text("not a model")
    good = tmp_path / "good.tflite"
    for source, output, message in [
        (tmp_path / "no.keras", good, "there is no model"),
        (text, good, "is not a .keras file"),
        (model, text / "x.tflite", "cannot write .*x.tflite: the folder"),
        (model, tmp_path / "no" / "x.tflite", "x.tflite: .*no does not exist; create"),
    ]:
        with pytest.raises(SrliteError, match=message) as caught:
            main(["--model", str(source), "--output", str(output)])
        assert "\n" not in str(caught.value)
    result = run_command("--model", model, "--output", good, KERAS_BACKEND="jax")
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert "run again with KERAS_BACKEND=tensorflow" in line
    assert not good.exists()
