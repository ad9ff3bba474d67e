"""What is wrong with a `.tflite` is found, and the file is not handed over."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from small_networks import small_generator

from srlite.errors import ExportError
from srlite.export.checks import check_difference, check_ops
from srlite.export.command import main
from srlite.export.export import export_tflite
from srlite.files import SAMPLE
from srlite.pictures.picture import read_rgb


@pytest.fixture(scope="module")
def resizing_model():
    lr = keras.Input((None, None, 3))
    large = layers.UpSampling2D(4, interpolation="bilinear")(lr)
    return keras.Model(lr, layers.Conv2D(3, 3, padding="same")(large))


def test_foreign_op_is_named_and_nothing_is_harmed(resizing_model, tmp_path):
    path = tmp_path / "model.tflite"
    with pytest.raises(ExportError, match="RESIZE_BILINEAR"):
        export_tflite(resizing_model, path, input_size=(8, 8))
    assert os.listdir(tmp_path) == []
    path.write_bytes(b"precious")
    with pytest.raises(ExportError, match="RESIZE_BILINEAR"):
        export_tflite(resizing_model, path, input_size=(8, 8))
    assert path.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["model.tflite"]


def test_unfrozen_weights_are_refused(tiny_model):
    class Wrapper(tf.Module):
        def __init__(self):
            super().__init__()
            self.generator = tiny_model

        @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3), tf.float32)])
        def __call__(self, lr):
            return self.generator(lr, training=False)

    wrapper = Wrapper()
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [wrapper.__call__.get_concrete_function()], wrapper
    )
    with pytest.raises(ExportError, match="READ_VARIABLE"):
        check_ops(converter.convert())


def test_over_budget(tiny_model, tmp_path):
    with pytest.raises(ExportError, match=r"has \d\d,\d+ bytes, the budget is 9,999:"):
        export_tflite(tiny_model, tmp_path / "model.tflite", max_bytes=9_999)
    assert os.listdir(tmp_path) == []


def test_a_budget_of_ones_own(tiny_model, tmp_path, capsys):
    tiny_model.save(tmp_path / "m.keras")
    output = tmp_path / "m.tflite"
    command = ["--model", str(tmp_path / "m.keras"), "--output", str(output)]
    command += ["--input-size", "8", "8", "--max-bytes"]
    with pytest.raises(ExportError, match=r"is 999: .*budget \(--max-bytes N"):
        main([*command, "999"])
    assert not output.exists()
    assert main([*command, "none"]) == 0 and output.exists()
    with pytest.raises(SystemExit):
        main([*command, "5MB"])
    assert "a number of bytes, or none; not '5MB'" in capsys.readouterr().err


@pytest.mark.parametrize("input_size", [None, (6, 9)])
def test_repeated_pixels_take_no_op_of_their_own(input_size, tmp_path):
    """ESRGAN enlarges so; the pictures are checked by the export itself."""
    model = small_generator(3, upsampling="nearest", anchor=False)
    model.get_layer("tail2").kernel.assign(
        0.1 * np.random.default_rng(0).standard_normal((3, 3, 8, 3))
    )
    report = export_tflite(model, tmp_path / "m.tflite", input_size)
    assert report.ops["DEPTH_TO_SPACE"] == 2 and report.largest_difference < 0.01
    assert any(isinstance(layer, layers.UpSampling2D) for layer in model.layers)


def changed(model, change):
    """A copy of a model whose weights went through a function."""
    copy = keras.models.clone_model(model)
    copy.set_weights([change(w) for w in model.get_weights()])
    return copy


def test_file_of_another_model_is_refused(tiny_model, tmp_path):
    report = export_tflite(tiny_model, tmp_path / "model.tflite", input_size=(8, 8))
    other = changed(tiny_model, lambda w: 1.1 * w)
    content, photos = report.path.read_bytes(), [read_rgb(SAMPLE)]
    check_difference(content, tiny_model, "float32", photos, [(8, 8)])
    with pytest.raises(ExportError, match="differs from its model by up to"):
        check_difference(content, other, "float32", photos, [(8, 8)])


def test_not_a_number_is_refused(tiny_model, tmp_path):
    broken = changed(tiny_model, lambda w: np.full_like(w, np.nan))
    with pytest.raises(ExportError, match="by up to nan levels"):
        export_tflite(broken, tmp_path / "model.tflite", input_size=(8, 8))
    assert os.listdir(tmp_path) == []
