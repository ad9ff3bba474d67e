"""Which file a model is: shipped names, and files that are refused."""

import shutil
import subprocess
import sys

import pytest
from litert_files import export_litert

from srlite.errors import ModelError
from srlite.models.model_files import shipped_model_path, shipped_models
from srlite.runtime.upscaler import Upscaler


def test_damaged_and_missing_files(tiny_tflite, tmp_path):
    with pytest.raises(ModelError, match="there is no model file"):
        Upscaler.from_file(tmp_path / "missing.tflite")
    whole = tiny_tflite.read_bytes()
    for content in (b"", b"not a model", whole[: len(whole) // 2]):
        for kind in ("tflite", "keras"):
            path = tmp_path / f"damaged.{kind}"
            path.write_bytes(content)
            with pytest.raises(ModelError, match=f"not a (usable )?.{kind} file"):
                Upscaler.from_file(path)


def test_unknown_name_lists_the_shipped_models(tmp_path, monkeypatch, tiny_tflite):
    monkeypatch.setattr("srlite.models.model_files.WEIGHTS_DIR", tmp_path)
    for name in ("first", "second"):
        shutil.copy(tiny_tflite, tmp_path / f"{name}.tflite")
    assert shipped_models() == ["first", "second"]
    assert shipped_model_path("second") == tmp_path / "second.tflite"
    assert Upscaler.from_file("first").scale == 4
    with pytest.raises(ModelError, match="unknown model 'third'.*: first, second"):
        Upscaler.from_file("third")


def test_other_models_are_refused(tmp_path):
    import keras

    grey = keras.Input((8, 8, 1))
    rgb = keras.Input((8, 8, 3))
    flat = keras.layers.GlobalAveragePooling2D()(rgb)
    pooled = keras.layers.AveragePooling2D(2)(rgb)
    for name, inputs, outputs, message in (
        ("grey", grey, keras.layers.UpSampling2D(4)(grey), r"shape \[-1, 8, 8, 1\]"),
        ("flat", rgb, flat, r"shape \[-1, 3\]"),
        ("pooled", rgb, pooled, "enlarged by a whole number"),
    ):
        path = export_litert(inputs, outputs, tmp_path / f"{name}.tflite")
        with pytest.raises(ModelError, match=message):
            Upscaler.from_file(path)
    keras.Model(grey, grey).save(tmp_path / "grey.keras")
    with pytest.raises(ModelError, match="pictures of any size"):
        Upscaler.from_file(tmp_path / "grey.keras")


def test_running_a_tflite_needs_no_tensorflow(tiny_tflite):
    code = (
        "import sys, numpy as np\n"
        "from srlite.runtime.upscaler import Upscaler\n"
        "assert 'ai_edge_litert' not in sys.modules\n"
        f"u = Upscaler.from_file({str(tiny_tflite)!r})\n"
        "u.upscale(np.zeros((5, 5, 3), np.uint8))\n"
        "assert not {'tensorflow', 'keras', 'jax'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
