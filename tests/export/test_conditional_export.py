"""Files of conditional generators: two inputs, told alike, in every precision."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from skimage import data
from told_models import conditional_generator, vectors

from srlite.data.degradation_vector import Degradation
from srlite.data.kernels import KERNELS, shrink
from srlite.errors import ExportError
from srlite.export.checks import (
    ALLOWED_OPS,
    check_difference,
    check_quantization,
    check_size,
)
from srlite.export.export import export_tflite
from srlite.export.psnr_drop import LossMeter
from srlite.metrics.psnr_ssim import psnr
from srlite.models.tflite import describe, read_metadata

OPS = {
    "CONV_2D": 7,
    "CONCATENATION": 4,
    # Two dense blocks, the RRDB, the fusion, the anchor, and two shifts.
    "ADD": 7,
    "LEAKY_RELU": 3,
    "FULLY_CONNECTED": 3,
    "RESHAPE": 2,
    "MUL": 1,
    "DEPTH_TO_SPACE": 1,
    "MINIMUM": 1,
    "RELU": 1,
}


@pytest.fixture(scope="module")
def generator():
    return conditional_generator()


@pytest.fixture(scope="module")
def any_size(generator, tmp_path_factory):
    return export_tflite(generator, tmp_path_factory.mktemp("any") / "any.tflite")


@pytest.fixture(scope="module")
def int8(generator, photo_dir, tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "int8.tflite"
    return export_tflite(generator, path, precision="int8", calibration=photo_dir)


def picture(height, width):
    return data.astronaut()[None, :height, :width] / np.float32(255.0)


def runner_of(report):
    return Interpreter(str(report.path)).get_signature_runner()


def test_names_shapes_and_ops(any_size):
    runner = runner_of(any_size)
    taken = {
        name: x["shape_signature"].tolist()
        for name, x in runner.get_input_details().items()
    }
    assert taken == {"lr": [-1, -1, -1, 3], "degradation": [1, 10]}
    assert list(runner.get_output_details()) == ["sr"]
    assert any_size.ops == OPS
    assert any_size.degradation == "input"
    assert "a second input" in str(any_size)
    assert read_metadata(any_size.path.read_bytes())["degradation"] == "input"
    text = describe(any_size.path)
    assert "float32 (1, 10), degradation" in text
    assert "float32 (any, any, any, 3), lr" in text


@pytest.mark.parametrize("size", [(1, 1), (17, 31)])
def test_any_size_and_whatever_it_is_told(generator, any_size, size):
    runner, received = runner_of(any_size), []
    for vector in vectors(2):
        sr = runner(lr=picture(*size), degradation=vector[None])["sr"]
        expected = generator([picture(*size), vector[None]], training=False)
        assert np.abs(sr - np.clip(expected, 0.0, 1.0)).max() * 255 < 0.01
        received.append(sr)
    assert np.abs(received[0] - received[1]).max() * 255 > 1.0


def test_a_batch_shares_a_degradation(generator, any_size):
    lr = np.concatenate([picture(12, 9), 1.0 - picture(12, 9)])
    vector = vectors(1)
    sr = runner_of(any_size)(lr=lr, degradation=vector)["sr"]
    told = np.repeat(vector, 2, axis=0)
    expected = np.clip(generator([lr, told], training=False), 0.0, 1.0)
    assert np.abs(sr - expected).max() * 255 < 0.01


@pytest.mark.parametrize("precision", ["float16", "dynamic"])
def test_static_files(generator, tmp_path, precision):
    report = export_tflite(generator, tmp_path / "s.tflite", (12, 20), precision)
    taken = runner_of(report).get_input_details()
    assert taken["lr"]["shape_signature"].tolist() == [1, 12, 20, 3]
    assert taken["degradation"]["dtype"] == np.float32
    assert {k: n for k, n in report.ops.items() if k != "DEQUANTIZE"} == OPS
    assert set(report.ops) - ALLOWED_OPS <= {"DEQUANTIZE"}


def test_int8_takes_levels_of_both(generator, int8):
    interpreter = Interpreter(str(int8.path))
    taken = interpreter.get_input_details()
    assert sorted(len(x["shape"]) for x in taken) == [2, 4]
    for tensor in (*taken, *interpreter.get_output_details()):
        assert tensor["dtype"] == np.uint8
        assert tensor["quantization_parameters"]["scales"] == [np.float32(1 / 255)]
        assert tensor["quantization_parameters"]["zero_points"] == [0]
    # As in float32, but that the last addition clips; three inputs and outputs.
    ops = {k: n for k, n in OPS.items() if k not in ("MINIMUM", "RELU")}
    assert int8.ops == ops | {"QUANTIZE": 3}
    assert -0.2 < int8.psnr_loss <= 0.2


def test_int8_follows_what_it_is_told(generator, int8):
    runner, lr = runner_of(int8), data.astronaut()[None, :40, :40]
    inputs = lr / np.float32(255.0)
    ends = np.eye(10, dtype=np.float32)[[0, 3, 6, 7, 8, 9]]
    ends[2:, 3] = 1.0  # damage of bicubic
    errors, answers = [], []
    for vector in np.concatenate([ends, vectors(3)]):
        levels = np.rint(255 * vector).astype(np.uint8)[None]
        sr = runner(lr=lr, degradation=levels)["sr"].astype(np.float32)
        expected = generator([inputs, vector[None]], training=False)
        answers.append(255 * np.clip(expected, 0.0, 1.0))
        errors.append(np.abs(sr - answers[-1]).mean())
    # Each end is in the ranges; several damages at once may be beyond them.
    assert max(errors[: len(ends)]) < 2.0 and max(errors) < 6.0
    apart = np.abs(answers - np.mean(answers, axis=0)).mean(axis=(1, 2, 3, 4))
    assert apart.min() > 5.0 and apart.mean() > 15.0


def test_other_levels_of_a_degradation_are_refused(generator, tmp_path):
    import keras
    import tensorflow as tf

    lr = keras.Input(batch_shape=(1, 8, 8, 3), name="lr")
    told = keras.Input(batch_shape=(1, 10), name="degradation")
    sr = keras.ops.clip(generator([lr, told]), 0.0, 1.0)
    path = tmp_path / "half.tflite"
    keras.Model({"lr": lr, "degradation": told}, {"sr": sr}).export(
        str(path),
        format="litert",
        verbose=False,
        target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
        optimizations=[tf.lite.Optimize.DEFAULT],
        inference_input_type=tf.uint8,
        inference_output_type=tf.uint8,
        representative_dataset=lambda: (
            # Degradations that reach half of their range only.
            {
                "lr": picture,
                "degradation": np.linspace(0, 0.5, 10, dtype=np.float32)[None],
            }
            for picture in np.random.default_rng(0)
            .integers(0, 2, (3, 1, 8, 8, 3))
            .astype(np.float32)
        ),
    )
    with pytest.raises(ExportError, match="degradation.* is UINT8 quantised with"):
        check_quantization(path.read_bytes())


def test_a_file_that_is_not_told_is_refused(generator, any_size):
    """The comparison tells both: a file that heeds it differs from a deaf model."""
    deaf = conditional_generator()
    deaf.set_weights(generator.get_weights())
    told = deaf.get_layer("told")
    told.kernel.assign(np.zeros(told.kernel.shape))
    content, photos = any_size.path.read_bytes(), [data.coffee()]
    check_difference(content, generator, "float32", photos, [(8, 8)])
    with pytest.raises(ExportError, match="differs from its model by up to"):
        check_difference(content, deaf, "float32", photos, [(8, 8)])


def test_the_meter_tells_the_truth(generator, any_size):
    photo = data.coffee()[:80, :96]
    found = LossMeter(generator, [photo], "a photo", 16).measure(any_size.path)
    for i, kernel in enumerate(KERNELS):
        lr = shrink(photo, kernel, 4)
        told = np.eye(10, dtype=np.float32)[i : i + 1]
        sr = generator([lr[None] / np.float32(255.0), told], training=False)
        sr = np.rint(255 * np.clip(sr, 0, 1))[0].astype(np.uint8)
        np.testing.assert_allclose(found[kernel][0], psnr(sr, photo, 4), atol=0.02)
        assert abs(found[kernel][1] - found[kernel][0]) < 0.02


def test_the_estimator_counts_in_the_budget():
    check_size(bytes(70), 100, 30)
    with pytest.raises(ExportError, match="file and its estimator have 101 bytes, the"):
        check_size(bytes(71), 100, 30)


def test_the_bundled_degradations_differ_in_everything():
    from srlite.export.checks import CHECK_DEGRADATIONS

    first, second = (one.vector for one in CHECK_DEGRADATIONS)
    assert np.abs(first - second)[6:].min() > 0.3
    np.testing.assert_array_equal(first, Degradation().vector)
