"""The half-resolution net: its anchor, its pairs of pixels, what it is told, int8."""

import keras
import numpy as np
import pytest
from PIL import Image

from srlite.errors import ConfigError, ExportError
from srlite.export.equalisation import equalise
from srlite.export.export import export_tflite
from srlite.export.graphs import reach_of
from srlite.export.quantisation import quantise
from srlite.models.generators import half_net, is_conditional
from srlite.runtime.runners import KerasNetwork, LiteRTNetwork
from srlite.runtime.upscaler import Upscaler

SMALL = {"filters": 8, "num_convolutions": 2}


def _pictures(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def _enlarged(lr, scale):
    return lr.repeat(scale, axis=1).repeat(scale, axis=2)


def _shaken(**options):
    """A network whose every trained weight is its own."""
    keras.utils.set_random_seed(0)
    model = half_net(**SMALL, **options)
    random = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(variable + random.uniform(-0.05, 0.05, variable.shape))
    return model


@pytest.mark.parametrize(("scale", "channels"), [(2, 3), (4, 3), (4, 1)])
def test_training_starts_at_the_nearest_enlargement(scale, channels):
    lr = _pictures(2, 6, 8, channels)
    sr = half_net(scale, **SMALL, channels=channels)(lr)
    np.testing.assert_array_equal(sr, _enlarged(lr, scale))


def test_odd_sides_keep_their_pairs():
    model, lr = _shaken(), _pictures(1, 7, 9, 3)
    even = np.pad(lr, [(0, 0), (0, 1), (0, 1), (0, 0)])
    sr = model(lr)
    assert sr.shape == (1, 32, 40, 3)
    np.testing.assert_allclose(sr, model(even), atol=1e-6)


def test_parameter_count():
    n, hidden = 8, 64
    expected = 16 * 3 * n + n + 2 * (9 * n * n + n) + 9 * n * 192 + 192 + 4 * 3 * 192
    assert half_net(**SMALL).count_params() == expected
    told = 10 * hidden + hidden + hidden * n + n
    assert half_net(**SMALL, conditional=True).count_params() == expected + told


def test_the_anchor_is_not_trained():
    model = half_net(**SMALL)
    trained = {variable.path for variable in model.trainable_variables}
    assert {x.path for x in model.variables} - trained == {"anchor/kernel"}


def test_what_is_told_counts_and_reloads(tmp_path):
    model, lr = _shaken(conditional=True), _pictures(1, 6, 4, 3)
    assert is_conditional(model)
    one, other = (np.asarray(model([lr, np.full((1, 10), x)])) for x in (0.0, 1.0))
    assert np.abs(one - other).max() > 1e-3
    model.save(tmp_path / "generator.keras")
    again = keras.saving.load_model(tmp_path / "generator.keras", safe_mode=True)
    np.testing.assert_array_equal(again([lr, np.ones((1, 10))]), other)


def test_levels_pass_the_anchor_of_int8_whole():
    model = half_net(**SMALL)  # the nearest enlargement
    # Grey is all that the ranges are measured on; black and white pass even so.
    grey = [np.full((1, 8, 8, 3), level, np.float32) for level in (0.4, 0.5, 0.6)]
    levels = np.arange(192, dtype=np.float32).reshape(1, 8, 8, 3) * 255 / 191
    lr = np.rint(levels) / np.float32(255.0)
    sr = quantise(equalise(model, grey), grey)(lr)
    np.testing.assert_allclose(sr, _enlarged(lr, 4), atol=1e-6)


def test_scale_is_a_power_of_two():
    with pytest.raises(ConfigError, match="power of two.*3"):
        half_net(3)


@pytest.mark.parametrize("size", [(37, 50), (64, 41), (1, 3)])
def test_tiles_equal_the_whole_whatever_the_sides(size):
    network = KerasNetwork(_shaken())
    assert (network.step, network.scale) == (2, 4)
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    # The network sees 8 pixels to a side, and windows lie by up to one aside.
    whole, tiles = (Upscaler(network, tile, 9).upscale(image) for tile in (None, 10))
    assert whole.shape == (4 * size[0], 4 * size[1], 3)
    np.testing.assert_array_equal(tiles, whole)
    wrapped = Upscaler(network, 10, 9).upscale(image, wrap=True)
    assert wrapped.shape == whole.shape


def test_int8_file(tmp_path):
    path = tmp_path / "rt_int8.tflite"
    photo = np.random.default_rng(2).integers(0, 256, (256, 256, 3), np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    model = _shaken(conditional=True)
    export_tflite(model, path, precision="int8", calibration=tmp_path)
    network = LiteRTNetwork(path, 1)
    assert (network.step, network.overlap) == (2, reach_of(model) + 1) == (2, 9)
    image = photo[:45, :63]
    whole, tiles = (
        Upscaler(network, tile).upscale(image, degradation="clean")
        for tile in (None, 16)
    )
    np.testing.assert_array_equal(tiles, whole)
    with pytest.raises(ExportError, match="multiples of 2 .*63"):
        export_tflite(model, tmp_path / "odd.tflite", input_size=(64, 63))
