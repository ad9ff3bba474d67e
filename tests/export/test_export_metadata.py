"""What a file says about itself, and that saying it does no harm."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

import srlite
from srlite.errors import ConfigError, ModelError
from srlite.export.command import main
from srlite.models.tflite import add_metadata, describe, read_metadata
from srlite.runtime.opening import DEFAULT_OVERLAP
from srlite.runtime.runners import LiteRTNetwork
from srlite.runtime.upscaler import Upscaler


@pytest.fixture(scope="module")
def exported(tiny_model, tmp_path_factory):
    """(source, static file of 64 x 64 with an overlap of 5) from the command."""
    folder = tmp_path_factory.mktemp("exported")
    source, output = folder / "tiny.keras", folder / "tiny.tflite"
    tiny_model.save(source)
    arguments = ["--model", source, "--output", output, "--overlap", 5]
    assert main([*map(str, arguments), "--input-size", "64", "64"]) == 0
    return source, output


def model_of(content):
    return schema.Model.GetRootAs(content)


def metadata_names(content):
    model = model_of(content)
    return [model.Metadata(i).Name().decode() for i in range(model.MetadataLength())]


def test_round_trip(tiny_tflite):
    content = tiny_tflite.read_bytes()
    assert read_metadata(content) is None
    fields = {"scale": 4, "name": "Ærø", "nothing": None, "pair": [0, 1]}
    once = add_metadata(content, {"scale": 2})
    twice = add_metadata(once, fields)
    assert read_metadata(once) == {"scale": 2}
    assert read_metadata(twice) == fields
    # What the converter wrote stays, and nothing is there twice.
    assert metadata_names(twice) == [*metadata_names(content), "srlite"]
    assert twice[4:8] == b"TFL3"


def test_the_model_is_untouched(tiny_tflite):
    content = tiny_tflite.read_bytes()
    marked = add_metadata(content, {"scale": 4})
    old, new = model_of(content), model_of(marked)
    weights = 0
    for i in range(old.BuffersLength()):
        if not old.Buffers(i).DataIsNone():
            data = new.Buffers(i).DataAsNumpy()
            np.testing.assert_array_equal(data, old.Buffers(i).DataAsNumpy())
            weights += data.size
    assert weights > 1000
    assert len(marked) < len(content) + 4096
    lr = np.random.default_rng(0).random((1, 9, 7, 3), np.float32)
    results = []
    for one in (content, marked):
        interpreter = Interpreter(model_content=one)
        interpreter.resize_tensor_input(
            interpreter.get_input_details()[0]["index"], lr.shape
        )
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], lr)
        interpreter.invoke()
        index = interpreter.get_output_details()[0]["index"]
        results.append(interpreter.get_tensor(index))
    np.testing.assert_array_equal(*results)


def test_weights_stand_at_multiples_of_16_bytes(exported):
    """The schema demands it, and delegates count on it."""
    content = exported[1].read_bytes()
    model = model_of(content)
    places = []
    for i in range(model.BuffersLength()):
        table = model.Buffers(i)._tab
        if (field := table.Offset(4)) and model.Buffers(i).DataLength():
            places.append(table.Vector(field))
    assert len(places) > 5
    assert all(place % 16 == 0 for place in places)


def test_exported_fields(exported):
    source, output = exported
    pixels = {"dtype": "float32", "range": [0, 1]}
    assert read_metadata(output.read_bytes()) == {
        "scale": 4,
        "channels": 3,
        "input": pixels,
        "output": pixels,
        "precision": "float32",
        "overlap": 5,
        "degradation": None,
        "step": 1,
        "srlite": srlite.__version__,
        "source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
    }


def test_upscaler_takes_the_overlap(exported, tiny_tflite, tmp_path):
    assert LiteRTNetwork(exported[1], 1).overlap == 5
    upscaler = Upscaler.from_file(exported[1])
    assert (upscaler.overlap, upscaler.tile) == (5, 54)
    assert Upscaler.from_file(exported[1], overlap=7).overlap == 7
    assert Upscaler.from_file(tiny_tflite).overlap == DEFAULT_OVERLAP  # says nothing
    wide = tmp_path / "wide.tflite"
    wide.write_bytes(add_metadata(exported[1].read_bytes(), {"overlap": 40}))
    assert Upscaler.from_file(wide).overlap == 16  # a quarter of 64


def test_describe(exported, tiny_tflite, capsys):
    source, output = exported
    assert main(["--describe", str(output)]) == 0
    text = capsys.readouterr().out
    lines = dict(line.strip().split(maxsplit=1) for line in text.splitlines()[1:])
    assert lines["scale"] == "4" and lines["overlap"] == "5"
    assert lines["degradation"] == "not told"
    assert lines["input"] == "float32 (1, 64, 64, 3)"
    assert lines["output"] == "float32 (1, 256, 256, 3)"
    assert lines["source_sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    text = describe(tiny_tflite)
    assert "none of srlite's" in text and "(any, any, any, 3)" in text


def test_describe_needs_no_tensorflow(exported):
    code = (
        "import sys; from srlite.export.command import main;"
        "main(['--describe', sys.argv[1]]);"
        "assert not {'tensorflow', 'keras', 'jax'} & set(sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", code, exported[1]],
        check=True,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
    )


def test_what_is_wrong_is_said(exported, tmp_path):
    text = tmp_path / "text.tflite"
    text.write_text("no model" * 100)
    with pytest.raises(ModelError, match="text.tflite is not a usable .tflite file"):
        describe(text)
    text.write_bytes(b"")
    with pytest.raises(ModelError, match="text.tflite is empty"):
        describe(text)
    with pytest.raises(ModelError, match="cannot read .*missing.tflite: No such file"):
        describe(tmp_path / "missing.tflite")
    with pytest.raises(ConfigError, match="--model is missing"):
        main(["--output", str(tmp_path / "out.tflite")])
    with pytest.raises(ConfigError, match="--overlap must be 0 or more; received -1"):
        main(["--model", "m", "--output", "o.tflite", "--overlap", "-1"])
    content = add_metadata(exported[1].read_bytes(), {"scale": 4})
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(content.replace(b'{"scale": 4}', b'{"scale"= 4}'))
    with pytest.raises(ModelError, match="broken.tflite is not a usable .tflite file"):
        LiteRTNetwork(broken, 1)


def test_the_report_stands_beside_the_file(exported):
    fields = json.loads(exported[1].with_suffix(".json").read_text())
    assert fields["input_size"] == [64, 64] and fields["psnr"] is None
    assert fields["largest_difference"] < 0.01


def test_a_static_float_file_is_fit_for_gpus(exported):
    content = exported[1].read_bytes()
    graph = model_of(content).Subgraphs(0)
    types, shapes = set(), []
    for i in range(graph.TensorsLength()):
        types.add(graph.Tensors(i).Type())
        shapes.append(graph.Tensors(i).ShapeAsNumpy())
        assert graph.Tensors(i).ShapeSignatureLength() == 0  # no length is open
    assert types == {schema.TensorType.FLOAT32}
    assert [1, 64, 64, 3] in [list(shape) for shape in shapes if np.ndim(shape)]
