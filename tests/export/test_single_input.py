"""What a generator is told can be built in, as numbers or as the estimator."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers
from skimage import data
from told_models import conditional_generator, random_estimator, vectors

from srlite.data.degradation_vector import Degradation, fitting
from srlite.enhance.inference import enhance_image
from srlite.errors import ConfigError, ExportError, ModelError
from srlite.export.checks import ALLOWED_OPS, SEEING_OPS
from srlite.export.export import export_tflite
from srlite.export.single_input import build_in, tell, tell_by_estimator
from srlite.models.generators import rrdb_net
from srlite.models.tflite import read_metadata
from srlite.runtime.seeing import Estimator
from srlite.runtime.upscaler import Upscaler


@pytest.fixture(scope="module")
def generator():
    return conditional_generator()


@pytest.fixture(scope="module")
def estimator():
    return random_estimator()


def picture(height, width):
    return data.astronaut()[None, :height, :width] / np.float32(255.0)


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({}, 0),
        # The second block's skip takes what comes before the shift.
        ({"num_blocks": 2}, 1),
        ({"num_blocks": 3, "num_dense_blocks": 1}, 0),
        ({"upsampling": "depth_to_space_x2", "anchor": False}, 0),
    ],
)
def test_a_degradation_becomes_a_part_of_biases(options, left):
    model = conditional_generator(**options)
    lr = picture(20, 24)
    answers = []
    for vector in vectors(2):
        expected = np.asarray(model([lr, vector[None]], training=False))
        alone = tell(model, vector)
        received = np.asarray(alone(lr, training=False))
        assert np.abs(received - expected).max() < 1e-5
        answers.append(expected)
        # Nothing is left of the second input but additions of constants.
        shape = {"filters": 8, "growth_channels": 4, "num_convolutions": 2}
        plain = rrdb_net(**shape | {"num_dense_blocks": 2} | options)
        names = [sorted(layer.name for layer in x.layers) for x in (alone, plain)]
        assert names[0] == names[1]
        assert len(alone.operations) == len(plain.operations) + left
    assert np.abs(answers[0] - answers[1]).max() > 0.01


def test_the_model_stays_as_it_was(generator):
    before = generator.get_weights()
    tell(generator, vectors(1)[0])
    for a, b in zip(before, generator.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def told_elsewhere(kind):
    """A network in which what is told cannot pass back into a bias."""
    lr = keras.Input((None, None, 3), name="lr")
    told = keras.Input((10,), name="degradation")
    shift = layers.Reshape((1, 1, 4))(layers.Dense(4, bias_initializer="ones")(told))
    before = x = layers.Conv2D(4, 3, padding="same", use_bias=kind != "no bias")(lr)
    if kind == "activation":
        x = layers.LeakyReLU(0.2)(x)
    join = layers.Multiply if kind == "times" else layers.Add
    x = join(name="joined")([shift, x])
    if kind == "read twice":
        x = layers.Concatenate()([x, before])
    x = layers.Conv2D(48, 3, padding="same")(x)
    return keras.Model([lr, told], keras.ops.depth_to_space(x, 4))


@pytest.mark.parametrize("kind", ["activation", "read twice", "no bias"])
def test_without_a_bias_before_it_is_added_where_it_stood(kind):
    model = told_elsewhere(kind)
    vector = vectors(1)[0]
    alone = tell(model, vector)
    expected = model([picture(9, 8), vector[None]], training=False)
    np.testing.assert_allclose(alone(picture(9, 8)), expected, atol=1e-5)


def test_what_is_not_added_is_refused():
    with pytest.raises(ModelError, match="received a Multiply, joined"):
        tell(told_elsewhere("times"), vectors(1)[0])


def test_the_file_has_no_trace_of_it(generator, tmp_path):
    report = export_tflite(
        generator, tmp_path / "m.tflite", degradation="jpeg=60, noise=5,kernel=bicubic"
    )
    # What is not said is no damage.
    told = Degradation((0.0, 0.0, 0.0, 1.0, 0.0, 0.0), jpeg=60.0, noise=5.0)
    words = "bicubic, JPEG about 60, noise about 5 levels"
    fields = read_metadata(report.path.read_bytes())["degradation"]
    assert fields["words"] == words
    np.testing.assert_allclose(fields["vector"], told.vector, atol=1e-6)
    assert f"built in: {words}" in str(report)
    runner = Interpreter(str(report.path)).get_signature_runner()
    assert list(runner.get_input_details()) == ["lr"]
    assert set(report.ops) <= ALLOWED_OPS - {"FULLY_CONNECTED", "RESHAPE"}
    lr = picture(17, 12)
    expected = np.clip(generator([lr, told.vector[None]], training=False), 0.0, 1.0)
    assert np.abs(runner(lr=lr)["sr"] - expected).max() * 255 < 0.01


@pytest.mark.parametrize(
    "given",
    [
        "clean",
        {"jpeg": 100.0},
        Degradation(),
        [1 / 6] * 6 + [0.0] * 4,
    ],
)
def test_what_is_not_given_is_no_damage_and_any_kernel(generator, given):
    model, told = build_in(generator, given)
    np.testing.assert_allclose(told["vector"], [1 / 6] * 6 + [0.0] * 4, atol=1e-6)
    assert told["words"] == "kernel unknown, clean"
    assert len(model.inputs) == 1


@pytest.mark.parametrize("size", [(15, 15), (16, 22), (40, 63), (127, 71)])
def test_the_estimator_sees_the_picture(generator, estimator, size):
    model = tell_by_estimator(generator, estimator)
    lr = picture(*size)
    seen = np.asarray(estimator(lr[:, : fitting(size[0]), : fitting(size[1])]))
    expected = generator([lr, seen], training=False)
    np.testing.assert_allclose(model(lr), expected, atol=1e-5)
    other = generator([lr, vectors(1)], training=False)
    assert np.abs(np.asarray(other) - expected).max() > 0.01


@pytest.fixture(scope="module")
def seeing_file(generator, estimator, tmp_path_factory):
    path = tmp_path_factory.mktemp("auto") / "auto.tflite"
    return export_tflite(generator, path, degradation="auto", estimator=estimator)


def test_the_file_tells_itself(seeing_file, generator, estimator):
    assert read_metadata(seeing_file.path.read_bytes())["degradation"] == "auto"
    assert "estimated in the file" in str(seeing_file)
    assert seeing_file.checked_sizes == ((128, 128), (61, 97), (15, 15))
    assert set(seeing_file.ops) <= SEEING_OPS
    runner = Interpreter(str(seeing_file.path)).get_signature_runner()
    assert list(runner.get_input_details()) == ["lr"]
    see = Estimator(estimator.predict_on_batch)
    for size in ((15, 23), (71, 39)):  # of these `Estimator` sees all
        seen = see(picture(*size)[0]).vector
        expected = generator([picture(*size), seen[None]], training=False)
        received = runner(lr=picture(*size))["sr"]
        assert np.abs(received - np.clip(expected, 0, 1)).max() * 255 < 0.05


def test_the_upscaler_runs_it(seeing_file, generator, estimator):
    lr = data.astronaut()[100:147, 200:263]
    sr = Upscaler.from_file(seeing_file.path, tile=64).upscale(lr)
    seen = Estimator(estimator.predict_on_batch)(lr).vector
    expected = generator([lr[None] / np.float32(255.0), seen[None]], training=False)
    expected = 255.0 * np.clip(expected, 0, 1)[0]
    assert np.abs(sr - expected).max() < 0.6


@pytest.fixture(scope="module")
def static_file(generator, estimator, tmp_path_factory):
    path = tmp_path_factory.mktemp("static") / "static.tflite"
    options = {"degradation": "auto", "estimator": estimator}
    return export_tflite(generator, path, (32, 48), **options)


@pytest.mark.parametrize(
    ("options", "size", "seen"),
    [
        ({"tile": 16, "overlap": 4}, None, "63 x 47 .* not 22 x 21"),
        ({"tile": 16, "overlap": 4, "ensemble": 2}, None, "63 x 47 .* not 22 x 21"),
        # The first run sees the picture as a whole, the second does not.
        ({"tile": 64, "overlap": 4}, (400, 500), "125 x 100 .* at once, not"),
        ({"strength": 0.5, "tile": 16, "overlap": 4}, None, "63 x 47 .* not 22 x 21"),
    ],
)
def test_tiles_that_would_be_judged_one_by_one_are_refused(
    seeing_file, tiny_tflite, options, size, seen
):
    lr = data.astronaut()[:47, :63]
    if "strength" in options:
        options = options | {"sharp_path": tiny_tflite}
    upscaler = Upscaler.from_file(seeing_file.path, **options)
    with pytest.raises(ModelError, match=f"must see all {seen}"):
        upscaler.upscale(lr, size=size)


def check_mirrored(path, lr, sr, around):
    """Compare SR with what the file makes of LR, mirrored without its edge pixels.

    Repeated pixels would look to an estimator like the edges of JPEG's blocks.
    """
    mirrored = np.pad(lr, [*around, (0, 0)], "reflect") / np.float32(255)
    runner = Interpreter(str(path)).get_signature_runner()
    expected = 255 * runner(lr=mirrored[None])["sr"][0]
    (top, _), (left, _) = around
    expected = expected[4 * top :, 4 * left :][: sr.shape[0], : sr.shape[1]]
    assert sr.shape == (4 * lr.shape[0], 4 * lr.shape[1], 3)
    assert np.abs(sr - expected).max() < 0.6


def test_a_static_file_refuses_a_larger_picture(static_file):
    upscaler = Upscaler.from_file(static_file.path)
    for height, width in ((32, 49), (33, 48)):
        with pytest.raises(ModelError, match=f"all {width} x {height} .* 48 x 32"):
            upscaler.upscale(data.astronaut()[:height, :width])
    assert upscaler.upscale(data.astronaut()[:32, :48]).shape == (128, 192, 3)
    lr = data.astronaut()[100:109, 200:217]
    check_mirrored(static_file.path, lr, upscaler.upscale(lr), [(11, 12), (15, 16)])


@pytest.mark.parametrize("size", [(1, 1), (5, 40), (14, 15)])
def test_a_picture_too_small_to_be_judged_is_mirrored(seeing_file, size):
    lr = data.astronaut()[100 : 100 + size[0], 200 : 200 + size[1]]
    sr = Upscaler.from_file(seeing_file.path).upscale(lr)
    lacking = [max(0, 16 - side) for side in size]
    around = [(n // 2, n - n // 2) for n in lacking]
    check_mirrored(seeing_file.path, lr, sr, around)


def test_the_note_says_that_it_estimates_itself(seeing_file):
    lr, notes, lines = data.astronaut()[:20, :20], [], []
    options = {"model": seeing_file.path, "warn": notes.append, "say": lines.append}
    enhance_image(lr, degradation="jpeg=60", **options)
    said = "the model itself estimates how a picture was made"
    assert lines == [said]
    assert notes == [f"{said}, so the given degradation is ignored"]


def test_a_static_file_tells_itself(generator, estimator, tmp_path):
    report = export_tflite(
        *(generator, tmp_path / "m.tflite", (20, 31), "float16"),
        degradation="auto",
        estimator=estimator,
    )
    lr = picture(20, 31)
    seen = np.asarray(estimator(lr[:, :15, :31]))
    expected = np.clip(generator([lr, seen], training=False), 0, 1)
    received = Interpreter(str(report.path)).get_signature_runner()(lr=lr)["sr"]
    assert np.abs(received - expected).max() * 255 < 1.0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"degradation": "auto"}, ExportError, "auto builds in an estimator"),
        ({"precision": "int8"}, ExportError, "float32 or float16.*received int8"),
        ({"precision": "dynamic"}, ExportError, "float32 or float16"),
        ({"input_size": (64, 14)}, ExportError, "at least 15 x 15.*14"),
        ({"degradation": "auto,jpeg=60"}, ConfigError, "give auto alone"),
        ({"degradation": "jpeg=0"}, ConfigError, "jpeg must be a number from 1"),
        ({"degradation": {"jpeg": 500}}, ConfigError, "jpeg must be a number from 1"),
        ({"degradation": Degradation(noise=99.0)}, ConfigError, "must be from 0 to 1"),
        ({"degradation": [0.5, 0.5]}, ConfigError, "10 numbers"),
    ],
)
def test_what_cannot_be_built_in(
    generator, estimator, tmp_path, options, error, message
):
    if "degradation" not in options:
        options = options | {"degradation": "auto", "estimator": estimator}
    if options.get("precision") == "int8":
        options = options | {"calibration": "photos"}
    with pytest.raises(error, match=message):
        export_tflite(generator, tmp_path / "m.tflite", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_plain_model_is_told_nothing(tiny_model, tmp_path):
    with pytest.raises(ExportError, match="told nothing .* leave --degradation out"):
        export_tflite(tiny_model, tmp_path / "m.tflite", degradation="clean")
