"""Export: the files, the checks that guard them, loading, the command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from srlite.errors import ExportError, ImageError, ModelError
from srlite.export import SAMPLE_PHOTO, export_tflite
from srlite.generators import rrdb_net
from srlite.images import read_rgb
from srlite.loading import load_generator
from srlite.tflite_checks import ALLOWED_OPS, check_difference, check_ops

COMMAND = [sys.executable, str(Path(__file__).parents[1] / "export_tflite.py")]


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


def test_output_is_clipped_in_the_graph(tmp_path):
    generator = make_generator(output_gain=20.0)
    lr = random_picture(20, 20)
    unclipped = np.asarray(generator(lr, training=False))
    assert unclipped.min() < -0.5 and unclipped.max() > 1.5
    report = export_tflite(generator, tmp_path / "wild.tflite", input_size=(20, 20))
    received = run_file(report.path, lr)
    assert received.min() == 0.0 and received.max() == 1.0


@pytest.fixture(scope="module")
def resizing_model():
    lr = keras.Input((None, None, 3))
    large = layers.UpSampling2D(4, interpolation="bilinear")(lr)
    return keras.Model(lr, layers.Conv2D(3, 3, padding="same")(large))


def test_foreign_op_is_named_and_nothing_is_harmed(resizing_model, tmp_path):
    path = tmp_path / "model.tflite"
    with pytest.raises(ExportError, match="RESIZE_BILINEAR"):
        export_tflite(resizing_model, path, input_size=(8, 8))
    assert names_in(tmp_path) == []
    path.write_bytes(b"precious")
    with pytest.raises(ExportError, match="RESIZE_BILINEAR"):
        export_tflite(resizing_model, path, input_size=(8, 8))
    assert path.read_bytes() == b"precious"
    assert names_in(tmp_path) == ["model.tflite"]


def test_unfrozen_weights_are_refused(generator):
    class Wrapper(tf.Module):
        def __init__(self):
            super().__init__()
            self.generator = generator

        @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3), tf.float32)])
        def __call__(self, lr):
            return self.generator(lr, training=False)

    wrapper = Wrapper()
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [wrapper.__call__.get_concrete_function()], wrapper
    )
    with pytest.raises(ExportError, match="READ_VARIABLE"):
        check_ops(converter.convert())


def test_over_budget(generator, tmp_path):
    with pytest.raises(ExportError, match=r"has \d\d,\d+ bytes, the budget is 9,999:"):
        export_tflite(generator, tmp_path / "model.tflite", max_bytes=9_999)
    assert names_in(tmp_path) == []


def test_file_of_another_model_is_refused(any_size):
    content = any_size.path.read_bytes()
    with pytest.raises(ExportError, match="differs from its model by up to"):
        check_difference(
            content, make_generator(seed=1), "float32", [read_rgb(SAMPLE_PHOTO)]
        )


def test_not_a_number_is_refused(tmp_path):
    generator = make_generator()
    tail = generator.get_layer("tail")
    tail.set_weights([np.full_like(w, np.nan) for w in tail.get_weights()])
    with pytest.raises(ExportError, match="by up to nan levels"):
        export_tflite(generator, tmp_path / "model.tflite", input_size=(8, 8))
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"precision": "int4"}, "one of float32, .*, int8; received 'int4'"),
        ({"input_size": (0, 8)}, r"at least 1 each; received \(0, 8\)"),
        ({"input_size": (8,)}, "input_size must be"),
        ({"path": "model.onnx"}, "must end in .tflite"),
        ({"path": "missing/model.tflite"}, "cannot write .*missing"),
        ({"path": "folder.tflite"}, "it is a folder"),
    ],
)
def test_impossible_arguments(generator, tmp_path, arguments, message):
    (tmp_path / "folder.tflite").mkdir()
    arguments = dict(arguments)
    path = tmp_path / arguments.pop("path", "model.tflite")
    with pytest.raises(ExportError, match=message):
        export_tflite(generator, path, **arguments)
    assert names_in(tmp_path) == ["folder.tflite"]


def test_missing_photo(generator, tmp_path):
    with pytest.raises(ImageError, match="missing.png"):
        export_tflite(generator, tmp_path / "m.tflite", photos=["missing.png"])


def test_load_generator(generator, tmp_path):
    generator.save(tmp_path / "generator.keras")
    lr = random_picture(5, 6)
    for path in (tmp_path, tmp_path / "generator.keras"):
        loaded = load_generator(path)
        np.testing.assert_array_equal(loaded(lr), generator(lr))


@pytest.mark.filterwarnings("ignore:You are saving a model")
def test_load_generator_refuses(generator, tmp_path):
    whole = tmp_path / "whole.keras"
    generator.save(whole)
    content = bytearray(whole.read_bytes())
    (tmp_path / "cut.keras").write_bytes(content[: len(content) // 2])
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    (tmp_path / "damaged.keras").write_bytes(content)
    (tmp_path / "text.keras").write_text("not a model")
    keras.Sequential([keras.Input((4,)), layers.Dense(2)]).save(
        tmp_path / "dense.keras"
    )
    keras.Sequential([layers.Dense(2)]).save(tmp_path / "unbuilt.keras")
    lr = keras.Input((None, None, 3))
    keras.Model(lr, layers.Lambda(lambda x: x)(lr)).save(tmp_path / "code.keras")
    for name, message in {
        "missing.keras": "there is no model",
        "cut.keras": "is not a .keras file, or is damaged",
        "damaged.keras": "cannot load",
        "text.keras": "is not a .keras file, or is damaged",
        "dense.keras": r"received input \(None, 4\) and output \(None, 2\)",
        "unbuilt.keras": "received input",
        "code.keras": "cannot load .*code.keras",
        "": "there is no generator.keras or pretrain.keras in",
    }.items():
        with pytest.raises(ModelError, match=message):
            load_generator(tmp_path / name)


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


def test_command_says_what_is_wrong(generator, tmp_path):
    model = tmp_path / "model.keras"
    generator.save(model)
    text = tmp_path / "text.keras"
    text.write_text("not a model")
    good = tmp_path / "good.tflite"
    for arguments, environment, message in [
        (("--model", tmp_path / "no.keras", "--output", good), {}, "there is no model"),
        (("--model", text, "--output", good), {}, "is not a .keras file"),
        (("--model", model, "--output", text / "x.tflite"), {}, "cannot write"),
        (
            ("--model", model, "--output", good),
            {"KERAS_BACKEND": "jax"},
            "run again with KERAS_BACKEND=tensorflow",
        ),
    ]:
        result = run_command(*arguments, **environment)
        assert result.returncode == 2
        assert result.stdout == ""
        assert result.stderr.startswith("error: ") and message in result.stderr
        assert result.stderr.count("\n") == 1
    assert not good.exists()
