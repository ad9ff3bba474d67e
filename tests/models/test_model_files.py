"""Which file a model is; what was saved comes back, and all else is refused."""

import shutil
import subprocess
import sys

import flatbuffers
import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from keras import layers
from litert_files import export_litert

from srlite.enhance.options import parse_options
from srlite.errors import ModelError
from srlite.models.model_files import (
    fast_model,
    find_estimator,
    find_model,
    load_generator,
    shipped_model_path,
    shipped_models,
)
from srlite.models.tflite import add_metadata, describe
from srlite.runtime.upscaler import Upscaler


def test_damaged_and_missing_files(tiny_tflite, tmp_path):
    with pytest.raises(ModelError, match="there is no model file"):
        Upscaler.from_file(tmp_path / "missing.tflite")
    with pytest.raises(ModelError, match="the name of a model is empty"):
        Upscaler.from_file("")
    whole = tiny_tflite.read_bytes()
    for content in (b"", b"not a model", whole[: len(whole) // 2]):
        for kind in ("tflite", "keras"):
            path = tmp_path / f"damaged.{kind}"
            path.write_bytes(content)
            with pytest.raises(ModelError, match=f"not a (usable )?.{kind} file"):
                Upscaler.from_file(path)


@pytest.mark.parametrize(
    "fields",
    [
        *([1], 5, "scale", None),
        *({"scale": "4"}, {"scale": 0}, {"step": 0}, {"step": None}),
        *({"overlap": -1}, {"overlap": 1.5}, {"bytes_per_pixel": "x"}),
    ],
)
def test_damaged_metadata(fields, tiny_tflite, tmp_path):
    path = tmp_path / "damaged.tflite"
    path.write_bytes(add_metadata(tiny_tflite.read_bytes(), fields))
    for read in (Upscaler.from_file, describe):
        with pytest.raises(ModelError, match="not a usable .tflite file: .* metadata"):
            read(path)


@pytest.mark.parametrize("place", ["far away", "empty"])
def test_metadata_in_no_buffer(place, tiny_tflite, tmp_path):
    content = add_metadata(tiny_tflite.read_bytes(), {})
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    (entry,) = [entry for entry in model.metadata if entry.name == b"srlite"]
    entry.buffer = {"far away": 9999, "empty": len(model.buffers)}[place]
    model.buffers.append(schema.BufferT())
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path = tmp_path / "damaged.tflite"
    path.write_bytes(builder.Output())
    for read in (Upscaler.from_file, describe):
        with pytest.raises(ModelError, match="metadata lies in no buffer"):
            read(path)


def test_unknown_name_lists_the_shipped_models(tmp_path, monkeypatch, tiny_tflite):
    monkeypatch.setattr("srlite.models.model_files.WEIGHTS_DIR", tmp_path)
    for name in ("first", "second"):
        shutil.copy(tiny_tflite, tmp_path / f"{name}.tflite")
    assert shipped_models() == ["first", "second"]
    assert shipped_model_path("second") == tmp_path / "second.tflite"
    assert Upscaler.from_file("first").scale == 4
    with pytest.raises(ModelError, match="unknown model 'third'.*: first, second"):
        Upscaler.from_file("third")


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    ("model", "estimator"),
    [
        ("net.tflite", "net_estimator.tflite"),
        ("net.keras", "net_estimator.keras"),
        ("one.keras", "one_estimator.tflite"),
        ("two.tflite", "two_estimator.keras"),
        ("other.tflite", "shipped/light_estimator.tflite"),
        ("other.keras", "shipped/light_estimator.tflite"),
        ("light", "shipped/light_estimator.tflite"),
        ("quick", "shipped/quick_estimator.tflite"),
        ("run", "run/estimator.keras"),
        ("run/generator.keras", "run/estimator.keras"),
        ("run/pretrain.keras", "run/estimator.keras"),
        ("run/checkpoints/00000005.safetensors", "run/estimator.keras"),
        ("run/checkpoints/00000006", "run/estimator.keras"),
        ("bare", "shipped/light_estimator.tflite"),
    ],
)
def test_where_an_estimator_is_found(model, estimator, tmp_path, monkeypatch):
    monkeypatch.setattr("srlite.models.model_files.WEIGHTS_DIR", tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "net.tflite", "net_estimator.tflite", "net.keras", "one.keras")
    touch(tmp_path, "net_estimator.keras", "one_estimator.tflite", "two.tflite")
    touch(tmp_path, "two_estimator.keras", "other.tflite", "other.keras")
    touch(tmp_path / "shipped", "light.tflite", "light_estimator.tflite")
    touch(tmp_path / "shipped", "quick.tflite", "quick_estimator.tflite")
    touch(tmp_path / "run", "generator.keras", "pretrain.keras", "estimator.keras")
    touch(tmp_path / "run/checkpoints", "00000005.safetensors", "00000006/index.json")
    touch(tmp_path / "bare", "generator.keras")
    assert find_estimator(model).resolve() == tmp_path / estimator
    # Estimators are no models.
    assert shipped_models() == ["light", "quick"]
    with pytest.raises(ModelError, match="unknown model 'light_estimator'"):
        shipped_model_path("light_estimator")


def test_the_int8_file_of_a_model(tmp_path):
    for name in ("m", "m_float32", "m_int8", "m_int8_estimator", "m_estimator", "n"):
        (tmp_path / f"{name}.tflite").touch()
    fast = tmp_path / "m_int8.tflite"
    for name in ("m", "m_float32", "m_int8"):
        assert fast_model(tmp_path / f"{name}.tflite") == fast
    assert fast_model("light").name == "light_int8.tflite"
    with pytest.raises(ModelError, match="no int8 file, n_int8.tflite, beside it"):
        fast_model(tmp_path / "n.tflite")
    # It is told by an estimator of its own, else by that of the model.
    assert find_estimator(fast).name == "m_int8_estimator.tflite"
    (tmp_path / "m_int8_estimator.tflite").unlink()
    assert find_estimator(fast).name == "m_estimator.tflite"


def test_fast_takes_int8_files():
    fast = parse_options(["a.png", "--fast"], "enhance")
    assert fast["model"].name == "light_int8.tflite" and "fast" not in fast
    mixed = parse_options(["a.png", "--fast", "--strength", "0.5"], "enhance")
    names = [mixed[name].name for name in ("model", "sharp_model")]
    assert names == ["light_psnr_int8.tflite", "light_int8.tflite"]
    assert parse_options(["a.png"], "enhance")["model"] is None


def test_a_model_that_nobody_could_tell_is_refused(told_tflite, tmp_path, monkeypatch):
    monkeypatch.setattr("srlite.models.model_files.WEIGHTS_DIR", tmp_path)
    alone = tmp_path / "alone.tflite"
    shutil.copy(told_tflite, alone)
    with pytest.raises(ModelError, match="put one beside it as alone_estimator.tflite"):
        Upscaler.from_file(alone)
    shutil.copy(
        told_tflite.with_name("told_estimator.tflite"),
        tmp_path / "light_estimator.tflite",
    )
    assert Upscaler.from_file(alone).estimator is not None


def test_other_models_are_refused(tmp_path):
    pair = keras.Input((8, 8, 2))
    rgb = keras.Input((8, 8, 3))
    flat = keras.layers.GlobalAveragePooling2D()(rgb)
    pooled = keras.layers.AveragePooling2D(2)(rgb)
    for name, inputs, outputs, message in (
        ("pair", pair, keras.layers.UpSampling2D(4)(pair), r"shape \[-1, 8, 8, 2\]"),
        ("flat", rgb, flat, r"shape \[-1, 3\]"),
        ("pooled", rgb, pooled, "enlarged by a whole number"),
    ):
        path = export_litert(inputs, outputs, tmp_path / f"{name}.tflite")
        with pytest.raises(ModelError, match=message):
            Upscaler.from_file(path)
    keras.Model(rgb, rgb).save(tmp_path / "static.keras")
    with pytest.raises(ModelError, match="pictures of any size"):
        Upscaler.from_file(tmp_path / "static.keras")


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


@pytest.mark.parametrize(
    ("left", "taken", "says"),
    [
        (["pretrain-00000002.safetensors"], "checkpoints/pretrain-00000002.safe", "2"),
        (["pretrain-00000002", "pretrain-00000010"], "0010/index.json", "10"),
        (["pretrain.keras"], "pretrain.keras", "its stage pretrain"),
        (["pretrain.keras", "pretrain-00000009.safetensors"], "pretrain.keras", "pre"),
        (["pretrain.keras", "gan-00000003.safetensors"], "gan-00000003", "3 of its st"),
        (["generator.keras", "gan-00000003.safetensors"], "generator.keras", None),
        (["best-gan-00000001.safetensors", "estimator-00000009.safetensors"], None, ""),
    ],
)
def test_what_a_run_stands_for(left, taken, says, tmp_path, capsys):
    """The last stage begun, and where it is not done, its newest checkpoint."""
    run = tmp_path / "run.1"  # An ending makes no file of a folder.
    (run / "checkpoints").mkdir(parents=True)
    for name in left:
        if name.endswith(".keras"):
            touch(run, name)
        elif name.endswith(".safetensors"):
            touch(run / "checkpoints", name)
        else:
            touch(run / "checkpoints", f"{name}/index.json")
    if taken is None:
        with pytest.raises(ModelError, match="there is no model in .* yet"):
            find_model(run)
        return
    for _ in range(2):  # It is said once.
        found = find_model(run)
        assert taken in found.as_posix() and found.is_file()
        assert find_model(found) == found
    said = capsys.readouterr().err
    assert said.count("note: ") == (says is not None)
    assert says is None or (says in said and str(run) in said)


def test_nothing_hides_a_shipped_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shipped = find_model("light")
    for name in (
        "light/x",
        "light/generator.keras",
        "light_psnr",
        "run/pretrain.keras",
    ):
        touch(tmp_path, name)
        assert find_model("light") == shipped
    assert "light is the shipped model; for the folder say ./light" in (
        capsys.readouterr().err
    )
    assert find_model("light_psnr").suffix == ".tflite"
    assert find_model("light", trained=True) == shipped.with_suffix(".keras")
    assert find_model("./light").samefile(tmp_path / "light/generator.keras")
    assert find_model("light/").samefile(tmp_path / "light/generator.keras")
    assert find_model("run").samefile(tmp_path / "run/pretrain.keras")
    with pytest.raises(ModelError, match="is not a model"):
        find_model("./light_psnr")


def test_file_and_run_directory(tiny_model, tmp_path):
    tiny_model.save(tmp_path / "generator.keras")
    lr = np.random.default_rng(0).random((1, 5, 6, 3), np.float32)
    for path in (tmp_path, tmp_path / "generator.keras"):
        loaded = load_generator(path)
        np.testing.assert_array_equal(loaded(lr), tiny_model(lr))


def test_shipped_name():
    assert load_generator("light_psnr").count_params() == 1_145_392
    with pytest.raises(ModelError, match="unknown model 'light_nothing'"):
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
    (tmp_path / "notes.txt").write_text("not a model")
    keras.Sequential([keras.Input((4,)), layers.Dense(2)]).save(
        tmp_path / "dense.keras"
    )
    keras.Sequential([layers.Dense(2)]).save(tmp_path / "unbuilt.keras")
    lr = keras.Input((None, None, 3))
    keras.Model(lr, layers.Lambda(lambda x: x)(lr)).save(tmp_path / "code.keras")
    for name, message in {
        "missing.keras": "there is no model",
        f"{'n' * 300}.keras": "there is no model",
        "cut.keras": "is not a .keras file, or is damaged",
        "damaged.keras": "cannot load",
        "text.keras": "is not a .keras file, or is damaged",
        "dense.keras": r"received input \(None, 4\) and output \(None, 2\)",
        "unbuilt.keras": "received input",
        "code.keras": "cannot load .*code.keras",
        "": "there is no model in .* yet: neither generator.keras nor pretra",
        "notes.txt": "notes.txt is not a model: it must end in .tflite,",
    }.items():
        with pytest.raises(ModelError, match=message):
            load_generator(tmp_path / name)
