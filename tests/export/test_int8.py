"""Files of 8-bit numbers: what they hold, what they cost, when they are refused."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from skimage import data

from srlite.data.kernels import shrink
from srlite.enhance.inference import enhance_image
from srlite.errors import ConfigError, DataError, ExportError
from srlite.export.checks import ALLOWED_OPS, check_ops, check_quantization
from srlite.export.command import main
from srlite.export.export import export_tflite
from srlite.export.psnr_drop import LossMeter, check_loss
from srlite.metrics.psnr_ssim import psnr
from srlite.models.generators import rrdb_net
from srlite.models.tflite import read_metadata
from srlite.runtime.upscaler import Upscaler


@pytest.fixture(scope="module")
def uneven_model(tiny_model):
    """`tiny_model` with two growth channels 300 times as large, and what reads them.

    The function is the same; plain quantisation rounds the other channels away.
    """
    model = keras.models.clone_model(tiny_model)
    model.set_weights(tiny_model.get_weights())
    first, last = (model.get_layer(f"rrdb1_dense1_conv{i}") for i in (1, 2))
    factors = np.array([300.0, 1.0, 1.0, 300.0])
    first.kernel.assign(np.asarray(first.kernel) * factors)
    first.bias.assign(np.asarray(first.bias) * factors)
    kernel = np.asarray(last.kernel)  # (3, 3, 8 + 4, 8)
    last.kernel.assign(kernel / np.concatenate([np.ones(8), factors])[:, None])
    return model


@pytest.fixture(scope="module")
def report(uneven_model, photo_dir, tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "model.tflite"
    return export_tflite(
        uneven_model, path, precision="int8", calibration=str(photo_dir)
    )


def quantise_plainly(model, path, photos, highest=1.0):
    """Quantise a model as the converter does it by itself."""
    lr = keras.Input((None, None, 3), name="lr")
    clipped = keras.Model(lr, {"sr": keras.ops.clip(model(lr), 0.0, 1.0)})
    pictures = [shrink(photo[:200, :240], "area", 4) for photo in photos]
    clipped.export(
        str(path),
        format="litert",
        verbose=False,
        target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
        optimizations=[tf.lite.Optimize.DEFAULT],
        inference_input_type=tf.uint8,
        inference_output_type=tf.uint8,
        representative_dataset=lambda: (
            {"lr": picture[None] * np.float32(highest / 255.0)} for picture in pictures
        ),
    )
    return path


def test_input_and_output_are_levels(report):
    interpreter = Interpreter(str(report.path))
    for tensor in (*interpreter.get_input_details(), *interpreter.get_output_details()):
        assert tensor["dtype"] == np.uint8
        assert tensor["quantization_parameters"]["scales"] == [np.float32(1 / 255)]
        assert tensor["quantization_parameters"]["zero_points"] == [0]


def test_everything_is_int8(report):
    content = report.path.read_bytes()
    check_quantization(content)
    assert set(report.ops) <= ALLOWED_OPS | {"QUANTIZE"}
    # Nothing is rounded twice: the last addition clips by itself, one range holds for
    # all that a concatenation joins, and QUANTIZE stands at the two ends alone.
    assert report.ops == {
        "CONV_2D": 5,
        "CONCATENATION": 3,
        "ADD": 3,
        "QUANTIZE": 2,
        "LEAKY_RELU": 1,
        "DEPTH_TO_SPACE": 1,
    }
    with pytest.raises(ExportError, match="QUANTIZE"):
        check_ops(content, "float32")


@pytest.mark.parametrize("size", [(1, 1), (17, 30)])
def test_any_size_and_close_to_the_model(report, uneven_model, size):
    lr = data.astronaut()[None, : size[0], : size[1]]
    sr = Interpreter(str(report.path)).get_signature_runner()(lr=lr)["sr"]
    assert sr.shape == (1, 4 * size[0], 4 * size[1], 3)
    expected = uneven_model(lr / np.float32(255.0), training=False)
    expected = 255 * np.clip(expected, 0.0, 1.0)
    assert np.abs(sr - expected).mean() < 2.5


def test_uneven_channels_cost_nothing(report, uneven_model, photo_dir, tmp_path):
    assert -0.2 < report.psnr_loss <= 0.2
    assert report.psnr_photos == f"{photo_dir} (1 crop)"
    photos = [np.asarray(Image.open(p)) for p in sorted(photo_dir.iterdir())]
    path = quantise_plainly(uneven_model, tmp_path / "plain.tflite", photos)
    lr = photos[0][None, :60, :60]
    expected = 255 * np.clip(uneven_model(lr / np.float32(255.0)), 0.0, 1.0)
    plain, ours = (
        np.abs(Interpreter(str(file)).get_signature_runner()(lr=lr)["sr"] - expected)
        for file in (path, report.path)
    )
    assert plain.mean() > 3 * ours.mean()


def test_loss_is_that_of_an_evaluation(report, uneven_model):
    photos = [data.coffee()[:120, :160], data.chelsea()[:124, :164]]
    found = LossMeter(uneven_model, photos, "photos", 16).measure(report.path)
    upscale = Upscaler.from_file(report.path).upscale
    means = [
        np.mean([psnr(upscale(shrink(photo, kernel, 4)), photo, 4) for photo in photos])
        for kernel in found
    ]
    np.testing.assert_allclose([file for _, file in found.values()], means)


def test_pictures_of_one_colour_tell_nothing(report, uneven_model):
    """Both files may enlarge them exactly, or one of them."""
    photo, white = data.coffee()[:80, :80], np.full((80, 80, 3), 255, np.uint8)
    found = [
        LossMeter(uneven_model, photos, "photos", 16).measure(report.path)
        for photos in ([photo], [white, photo])
    ]
    assert found[0] == found[1]
    with pytest.raises(ExportError, match="one colour tells nothing, and photos has"):
        LossMeter(uneven_model, [white], "photos", 16)


@pytest.mark.parametrize("loss", [0.21, np.nan])
def test_the_worst_kernel_counts(loss):
    found = {"area": (30.0, 30.0), "bicubic": (31.0, 31.0 - loss)}
    with pytest.raises(ExportError, match="kernel bicubic, on Set5"):
        check_loss(found, "Set5")
    check_loss(found | {"bicubic": (31.0, 30.85)}, "Set5")


def test_a_file_that_loses_too_much_is_not_kept(tiny_model, photo_dir, tmp_path):
    # Untrained, it gives the nearest-neighbour enlargement, 10 dB better than noise.
    better = rrdb_net(filters=4, growth_channels=4, num_dense_blocks=3)
    meter = LossMeter(better, [data.coffee()[:80, :80]], "a photo", 16)
    path = tmp_path / "model.tflite"
    path.write_bytes(b"precious")
    with pytest.raises(ExportError, match="loses .* on a photo.* calibrate on more"):
        export_tflite(
            *(tiny_model, path, (16, 16), "int8"),
            calibration=str(photo_dir),
            meter=meter,
        )
    assert path.read_bytes() == b"precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.tflite"]


def test_other_levels_are_refused(tiny_model, tiny_tflite, tmp_path):
    path = quantise_plainly(
        tiny_model, tmp_path / "dark.tflite", [data.coffee()], highest=0.5
    )
    with pytest.raises(ExportError, match=r"expected UINT8 with \(1/255, 0\)"):
        check_quantization(path.read_bytes())
    with pytest.raises(ExportError, match="not int8 throughout: .* is FLOAT32"):
        check_quantization(tiny_tflite.read_bytes())


def test_static_size_and_folding(photo_dir, tmp_path):
    model = rrdb_net(
        filters=8,
        growth_channels=4,
        num_dense_blocks=2,
        num_convolutions=2,
    )
    report = export_tflite(
        *(model, tmp_path / "static.tflite", (24, 20), "int8"),
        calibration=str(photo_dir),
    )
    entry = Interpreter(str(report.path)).get_input_details()[0]
    assert entry["shape_signature"].tolist() == [1, 24, 20, 3]
    # Neither BatchNorm nor the scale of a dense block leaves an op; that of an RRDB,
    # which stands after an addition, does.
    assert report.ops == {
        "CONV_2D": 7,
        "CONCATENATION": 4,
        "ADD": 5,
        "LEAKY_RELU": 2,
        "QUANTIZE": 2,
        "MUL": 1,
        "DEPTH_TO_SPACE": 1,
    }


def test_dynamic_rounds_the_weights_alone(tmp_path):
    model = rrdb_net(num_dense_blocks=1, num_convolutions=2)
    files = {
        precision: export_tflite(
            model, tmp_path / f"{precision}.tflite", None, precision
        )
        for precision in ("float32", "dynamic")
    }
    assert files["dynamic"].file_bytes < 0.35 * files["float32"].file_bytes
    assert files["dynamic"].ops == files["float32"].ops
    details = Interpreter(str(files["dynamic"].path)).get_input_details()
    assert details[0]["dtype"] == np.float32


def test_without_photos_one_sentence(tiny_model, tmp_path, capsys):
    with pytest.raises(ExportError, match="int8 needs photographs .*--calibration-dir"):
        export_tflite(tiny_model, tmp_path / "m.tflite", precision="int8")
    with pytest.raises(DataError, match="no such folder"):
        export_tflite(
            tiny_model, tmp_path / "m.tflite", precision="int8", calibration="no/where"
        )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def whole_set(tiny_model, photo_dir, tmp_path_factory):
    """What `--all` writes and says when the photographs are not there."""
    folder = tmp_path_factory.mktemp("all")
    tiny_model.save(folder / "tiny.keras")
    target = folder / "new" / "set"
    arguments = ["--model", folder / "tiny.keras", "--all", target]
    arguments += ["--calibration-dir", folder / "missing"]
    return main([*map(str, arguments)]), target


@pytest.mark.slow
def test_the_whole_set(whole_set, capfd):
    status, folder = whole_set
    names = sorted(path.name for path in folder.glob("*.tflite"))
    assert names == [
        "tiny_dynamic.tflite",
        "tiny_float16.tflite",
        "tiny_float16_128.tflite",
        "tiny_float32.tflite",
        "tiny_float32_128.tflite",
    ]
    assert status == 1  # int8 has no photographs
    for name in names:
        fields = json.loads((folder / name).with_suffix(".json").read_text())
        assert fields["path"].endswith(name)
        assert fields["file_bytes"] == (folder / name).stat().st_size
    static = Interpreter(str(folder / "tiny_float32_128.tflite"))
    assert static.get_input_details()[0]["shape"].tolist() == [1, 128, 128, 3]


def test_all_takes_no_precision_or_size():
    for option in (["--precision", "int8"], ["--input-size", "64", "64"]):
        with pytest.raises(ConfigError, match="--all writes precisions at"):
            main(["--model", "m.keras", "--all", "folder", *option])


def test_a_report_that_cannot_be_written(tiny_model, tmp_path):
    tiny_model.save(tmp_path / "tiny.keras")
    (tmp_path / "out.json").mkdir()
    with pytest.raises(ExportError, match="cannot write .*out.json: "):
        main(
            [
                *("--model", str(tmp_path / "tiny.keras"), "--input-size", "16", "16"),
                *("--output", str(tmp_path / "out.tflite")),
            ]
        )


def test_of_sixteen_bits_eight_are_kept_and_that_is_said(report, tiny_tflite):
    deep = data.astronaut()[:12, :10].astype(np.uint16) * 257
    for model, lr, count in (
        (report.path, deep, 1),
        (report.path, data.astronaut()[:12, :10], 0),
        (tiny_tflite, deep, 0),
    ):
        notes = []
        sr = enhance_image(lr, model=model, warn=notes.append)
        assert sr.dtype == lr.dtype and len(notes) == count
        assert all("computes with 8 bits" in note for note in notes)


def test_tiles_equal_the_whole_picture_bit_for_bit(report):
    photo = data.astronaut()[100:190, 180:300]
    fields = read_metadata(report.path.read_bytes())
    assert fields["overlap"] == 5  # five convolutions, one behind the other
    whole = Upscaler.from_file(report.path).upscale(photo)
    upscaler = Upscaler.from_file(report.path, tile=16)
    tiled = upscaler.upscale(photo)
    np.testing.assert_array_equal(tiled, whole)
    # Little for so small a network; what a picture of it takes is counted by this.
    assert upscaler.network.bytes_per_pixel == fields["bytes_per_pixel"]
    assert 16 * 3 < fields["bytes_per_pixel"] < 3100


def test_command_with_photographs(tiny_model, photo_dir, tmp_path, capsys):
    model = tmp_path / "tiny.keras"
    tiny_model.save(model)
    output = tmp_path / "out.tflite"
    status = main(
        [
            *("--model", str(model), "--output", str(output), "--precision", "int8"),
            *("--calibration-dir", str(photo_dir), "--hr-dir", str(photo_dir)),
            *("--input-size", "48", "48"),
        ]
    )
    assert status == 0
    text = capsys.readouterr().out
    assert f"on {photo_dir}" in text and "bicubic_aliased" in text
    fields = json.loads(output.with_suffix(".json").read_text())
    assert fields["psnr_loss"] <= 0.2 and len(fields["psnr"]) == 6
