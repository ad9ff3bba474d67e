"""Generators from disk: what was saved comes back, and all else is refused."""

import keras
import numpy as np
import pytest
from keras import layers

from srlite.errors import ModelError
from srlite.models.loading import load_generator


def test_file_and_run_directory(tiny_model, tmp_path):
    tiny_model.save(tmp_path / "generator.keras")
    lr = np.random.default_rng(0).random((1, 5, 6, 3), np.float32)
    for path in (tmp_path, tmp_path / "generator.keras"):
        loaded = load_generator(path)
        np.testing.assert_array_equal(loaded(lr), tiny_model(lr))


def test_shipped_name():
    assert load_generator("light_psnr").count_params() == 1_119_728
    with pytest.raises(ModelError, match="there is no model light_nothing"):
        load_generator("light_nothing")


@pytest.mark.filterwarnings("ignore:You are saving a model")
def test_refusals(tiny_model, tmp_path):
    whole = tmp_path / "whole.keras"
    tiny_model.save(whole)
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
