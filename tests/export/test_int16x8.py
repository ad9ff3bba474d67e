"""Files of 16-bit activations: what they hold, how near they are, what is refused."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from skimage import data

from srlite.data.degradation_vector import Degradation
from srlite.errors import ExportError
from srlite.export.checks import check_sixteen_bits
from srlite.export.command import main
from srlite.export.export import export_tflite
from srlite.models.generators import rrdb_net, srresnet
from srlite.models.tflite import operators, read_metadata
from srlite.runtime.upscaler import Upscaler


@pytest.fixture(scope="module")
def reports(tiny_model, photo_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("int16x8")
    options = {"calibration": str(photo_dir)}
    return {
        precision: export_tflite(
            tiny_model, folder / f"{precision}.tflite", None, precision, **options
        )
        for precision in ("dynamic", "int8", "int16x8")
    }


def types(content):
    """The types of what convolutions take and hold: a set of names for each."""
    from ai_edge_litert import schema_py_generated as schema

    names = {code: name for name, code in vars(schema.TensorType).items()}
    graph = schema.Model.GetRootAs(content).Subgraphs(0)
    found = [set(), set(), set()]
    for name, op in operators(content):
        if name == "CONV_2D":
            for number, kinds in enumerate(found):
                kinds.add(names[graph.Tensors(op.Inputs(number)).Type()])
    return found


def test_convolutions_are_of_16_and_8_bits(reports):
    content = reports["int16x8"].path.read_bytes()
    assert types(content) == [{"INT16"}, {"INT8"}, {"INT64"}]
    check_sixteen_bits(content)
    with pytest.raises(ExportError, match="cannot make .* with 16 bits"):
        check_sixteen_bits(reports["dynamic"].path.read_bytes())


def test_pixels_are_floats_of_any_size(reports):
    path = reports["int16x8"].path
    runner = Interpreter(str(path)).get_signature_runner()
    details = {**runner.get_input_details(), **runner.get_output_details()}
    assert {name: x["dtype"] for name, x in details.items()} == {
        "lr": np.float32,
        "sr": np.float32,
    }
    fields = read_metadata(path.read_bytes())
    assert fields["precision"] == "int16x8"
    assert fields["input"] == {"dtype": "float32", "range": [0, 1]}
    deep = data.astronaut()[:23, :31].astype(np.uint16) * 257
    sr = Upscaler.from_file(path).upscale(deep)
    assert sr.shape == (92, 124, 3) and sr.dtype == np.uint16
    assert len(np.unique(sr)) > 256  # more than levels of 8 bits


def test_it_is_nearer_than_int8(reports, tiny_model):
    lr = data.coffee()[None, 100:180, 200:290].astype(np.float32) / 255
    expected = np.clip(tiny_model(lr, training=False), 0, 1)
    errors = {}
    for precision in ("int16x8", "dynamic"):
        path = str(reports[precision].path)
        sr = Interpreter(path).get_signature_runner()(lr=lr)["sr"]
        errors[precision] = np.abs(sr - expected).mean() * 255
    assert 0 < errors["int16x8"] < 0.3
    assert reports["int16x8"].mean_difference < reports["int8"].mean_difference


def test_a_told_model_of_a_static_size(told_model, photo_dir, tmp_path):
    path = tmp_path / "told.tflite"
    report = export_tflite(
        told_model, path, (20, 24), "int16x8", calibration=str(photo_dir)
    )
    assert report.checked_sizes == ((20, 24),) and report.mean_difference < 1
    upscaler = Upscaler.from_file(path)
    lr = data.astronaut()[:40, :50]
    sr = [upscaler.upscale(lr, degradation=Degradation(noise=x)) for x in (0.0, 16.0)]
    assert sr[0].shape == (160, 200, 3) and (sr[0] != sr[1]).any()


def test_what_repeats_pixels(photo_dir, tmp_path):
    keras.utils.set_random_seed(0)
    small = {"growth_channels": 4, "num_dense_blocks": 1, "num_convolutions": 2}
    model = rrdb_net(filters=8, upsampling="nearest", anchor=False, **small)
    path = tmp_path / "nearest.tflite"
    report = export_tflite(model, path, (16, 16), "int16x8", calibration=str(photo_dir))
    assert report.ops["DEPTH_TO_SPACE"] == 2


def test_an_op_that_has_no_16_bits(photo_dir, tmp_path):
    model = srresnet(filters=8, num_blocks=1)
    with pytest.raises(ExportError, match="cannot make PRELU of this model compute"):
        export_tflite(
            *(model, tmp_path / "prelu.tflite", (16, 16), "int16x8"),
            calibration=str(photo_dir),
        )
    assert list(tmp_path.iterdir()) == []


def test_command(tiny_model, photo_dir, tmp_path, capsys):
    tiny_model.save(tmp_path / "tiny.keras")
    output = tmp_path / "tiny.tflite"
    arguments = ["--model", tmp_path / "tiny.keras", "--output", output]
    arguments += ["--precision", "int16x8"]
    with pytest.raises(ExportError, match="int16x8 needs photographs .*--calibration-"):
        main([*map(str, arguments)])
    one = tmp_path / "one"
    one.mkdir()
    Image.fromarray(data.coffee()[:80, :90]).save(one / "a.png")
    arguments += ["--calibration-dir", one, "--hr-dir", one]
    assert main([*map(str, arguments)]) == 0
    said = capsys.readouterr().out
    assert "precision   int16x8" in said and "loses at most" in said
