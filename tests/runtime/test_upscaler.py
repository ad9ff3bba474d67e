"""Model files of every kind behind the one `Upscaler`."""

import math

import numpy as np
import pytest
from litert_files import export_for_even_sides, export_litert
from PIL import Image

from srlite.errors import Cancelled, ConfigError, ImageError, ModelError
from srlite.runtime import upscaler as upscaler_module
from srlite.runtime.runners import LiteRTNetwork
from srlite.runtime.upscaler import Upscaler


@pytest.fixture(scope="module")
def static_tflite(tiny_model, tmp_path_factory):
    """`tiny_model` for 24 x 32 pixels only."""
    import keras

    lr = keras.Input((24, 32, 3))
    path = tmp_path_factory.mktemp("static") / "static.tflite"
    return export_litert(lr, tiny_model(lr), path)


@pytest.fixture(scope="module")
def uint8_tflite(tmp_path_factory):
    """Nearest-neighbour enlargement of 16 x 16 pixels, uint8 in and out."""
    import keras
    import tensorflow as tf

    lr = keras.Input((16, 16, 3))
    sr = keras.layers.UpSampling2D(4, interpolation="nearest")(lr)
    levels = np.linspace(0, 1, 16 * 16 * 3, dtype=np.float32).reshape(1, 16, 16, 3)
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(lr, sr))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter([[levels]])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    path = tmp_path_factory.mktemp("uint8") / "uint8.tflite"
    path.write_bytes(converter.convert())
    return path


def run_whole(model, image):
    """What the picture should become, by Keras and NumPy alone."""
    sr = np.asarray(model(image[None].astype(np.float32) / np.float32(255)))[0]
    return np.clip(np.rint(sr * 255), 0, 255)


def assert_within_a_level(actual, expected):
    assert actual.shape == expected.shape
    assert np.abs(actual.astype(int) - expected).max() <= 1


def test_tflite_equals_keras(tiny_model, tiny_tflite, tmp_path, photo):
    tiny_model.save(tmp_path / "tiny.keras")
    expected = run_whole(tiny_model, photo)
    for path in (tiny_tflite, tmp_path / "tiny.keras"):
        upscaler = Upscaler.from_file(path)
        assert upscaler.scale == 4
        sr = upscaler.upscale(photo)
        assert sr.dtype == np.uint8
        assert_within_a_level(sr, expected)


def test_tiles_equal_the_whole_picture(tiny_tflite, photo):
    whole = Upscaler.from_file(tiny_tflite).upscale(photo)
    tiled = Upscaler.from_file(tiny_tflite, 13, 8, num_threads=1).upscale(photo)
    assert_within_a_level(tiled, whole)


def test_static_input_is_filled_and_tiled(tiny_model, static_tflite, photo):
    upscaler = Upscaler.from_file(static_tflite, overlap=8)
    assert (upscaler.scale, upscaler.tile) == (4, 8)
    assert_within_a_level(upscaler.upscale(photo), run_whole(tiny_model, photo))
    assert upscaler.upscale(photo[:1, :1]).shape == (4, 4, 3)
    assert Upscaler.from_file(static_tflite).overlap == 6
    with pytest.raises(ConfigError, match="tiles of at most 8 with an overlap of 8"):
        Upscaler.from_file(static_tflite, tile=9, overlap=8)
    with pytest.raises(ConfigError, match="no room for an overlap of 12"):
        Upscaler.from_file(static_tflite, overlap=12)


def test_uint8_tflite(uint8_tflite, photo):
    upscaler = Upscaler.from_file(uint8_tflite)
    expected = photo.repeat(4, axis=0).repeat(4, axis=1)
    np.testing.assert_array_equal(upscaler.upscale(photo), expected)
    # Levels of levels, without floats between; floats all the same where it must.
    levels = upscaler.network(photo[None, :16, :16])
    assert levels.dtype == np.uint8
    floats = upscaler.network(photo[None, :16, :16] / np.float32(255))
    np.testing.assert_array_equal(levels, np.rint(255 * floats))
    deep = upscaler.upscale(photo.astype(np.uint16) * 257)
    np.testing.assert_array_equal(deep, expected.astype(np.uint16) * 257)


def test_black_and_white_stay(repeating_upscaler):
    for dtype in (np.uint8, np.uint16):
        for level in (0, np.iinfo(dtype).max):
            flat = np.full((9, 12, 3), level, dtype)
            assert (repeating_upscaler.upscale(flat) == level).all()
            # Also reduced by a filter that rings, and enlarged twice.
            assert (repeating_upscaler.upscale(flat, size=(20, 27)) == level).all()
            assert (repeating_upscaler.upscale(flat, size=(70, 90)) == level).all()


def test_levels_and_floats_of_a_told_int8_file(tmp_path):
    import keras
    import tensorflow as tf

    lr, told = keras.Input((16, 16, 3), name="lr"), keras.Input((10,), name="told")
    more = keras.layers.Dense(3, kernel_initializer="zeros")(told)
    sr = keras.layers.UpSampling2D(4, interpolation="nearest")(lr)
    sr = sr + keras.layers.Reshape((1, 1, 3))(more)
    model = keras.Model([lr, told], sr)
    levels = np.linspace(0, 1, 16 * 16 * 3, dtype=np.float32).reshape(1, 16, 16, 3)
    vector = np.linspace(0, 1, 10, dtype=np.float32)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    feed = {"lr": levels, "told": vector[None]}  # by name: their order is not ours
    converter.representative_dataset = lambda: iter([feed])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    (tmp_path / "told.tflite").write_bytes(converter.convert())
    network = LiteRTNetwork(tmp_path / "told.tflite", 1)
    of_floats = network(levels, vector)
    of_levels = network(np.rint(levels * 255).astype(np.uint8), vector)
    assert (of_floats.dtype, of_levels.dtype) == (np.float32, np.uint8)
    np.testing.assert_allclose(of_floats * 255, of_levels, atol=1e-4)


def test_dtypes_and_depth(tiny_tflite, photo):
    upscaler = Upscaler.from_file(tiny_tflite)
    levels = upscaler.upscale(photo)
    from_float = upscaler.upscale(photo / 255)
    assert from_float.dtype == np.uint8
    np.testing.assert_array_equal(from_float, levels)
    deep = upscaler.upscale(photo.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - levels).max() <= 0.51
    assert len(np.unique(deep % 257)) > 100  # the low bits are used


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 30, 3), (3, 2, 3)])
def test_tiny_pictures(tiny_tflite, shape):
    sr = Upscaler.from_file(tiny_tflite).upscale(np.full(shape, 255, np.uint8))
    assert sr.shape == (4 * shape[0], 4 * shape[1], 3)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4), np.uint8), r"received \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"received \(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"received \(0, 4, 3\)"),
        (np.zeros((4, 4, 3), np.int64), "received dtype int64"),
        (np.zeros((4, 4, 3), bool), "received dtype bool"),
        (np.full((4, 4, 3), 255.0), r"lie in \[0, 1\]; received 255 to 255"),
        (np.full((4, 4, 3), -0.1), r"lie in \[0, 1\]"),
        (np.full((4, 4, 3), np.nan), r"lie in \[0, 1\]"),
    ],
)
def test_unusable_arrays(tiny_tflite, image, message):
    with pytest.raises(ImageError, match=message):
        Upscaler.from_file(tiny_tflite).upscale(image)


def test_pictures_of_many_sizes_are_no_mistake(tiny_model, tmp_path, caplog):
    tiny_model.save(tmp_path / "tiny.keras")
    for _ in range(3):
        upscaler = Upscaler.from_file(tmp_path / "tiny.keras")
        for side in range(8, 12):
            upscaler.upscale(np.zeros((side, side, 3), np.uint8))
    assert "retracing" not in caplog.text


def test_tiles_grow_with_the_result(tiny_tflite):
    upscaler = Upscaler.from_file(tiny_tflite)
    assert upscaler.tile is None
    lr_size = 3000, 3000
    small, large = (
        math.prod(upscaler.choose_window(lr_size, (12_000, side)))
        for side in (0, 12_000)
    )
    assert small < large
    deep = upscaler.choose_window(lr_size, (12_000, 12_000), np.uint16)
    assert math.prod(deep) == small
    little = Upscaler.from_file(tiny_tflite, 9, 3)
    assert little.choose_window((90, 90), (360, 360)) == (15, 15)


def test_memory_of_large_tiles_is_given_back(tiny_tflite, photo, monkeypatch):
    upscaler = Upscaler.from_file(tiny_tflite)
    expected = upscaler.upscale(photo)
    released = []
    monkeypatch.setattr(upscaler.network, "release", lambda: released.append(1))
    upscaler.upscale(photo)
    assert not released
    monkeypatch.setattr(upscaler_module, "MAX_TILE_BYTES", 1_000_000)
    upscaler.upscale(photo)
    assert released
    monkeypatch.undo()
    upscaler.network.release()
    np.testing.assert_array_equal(upscaler.upscale(photo), expected)


def test_reduced_result_is_the_reduced_picture_of_the_model(tiny_model, tiny_tflite):
    """Against Keras and Pillow, both on the whole picture."""
    import keras

    image = np.random.default_rng(0).random((30, 20, 3)).astype(np.float32)
    sr = Upscaler.from_file(tiny_tflite).upscale(image, size=(75, 50))
    full = np.asarray(keras.ops.clip(tiny_model(image[None])[0], 0, 1))
    for channel in range(3):
        plane = Image.fromarray(full[..., channel])
        plane = plane.resize((50, 75), Image.Resampling.LANCZOS)
        expected = np.clip(np.rint(255 * np.asarray(plane)), 0, 255)
        assert_within_a_level(sr[..., channel], expected)


def test_strength_mixes_before_rounding(tiny_tflite, nearest_tflite, photo):
    deep = photo.astype(np.uint16) * 257
    first, second = (
        Upscaler.from_file(path).upscale(deep) for path in (tiny_tflite, nearest_tflite)
    )
    for strength in (0, 0.25, 1):
        mixed = Upscaler.from_file(
            tiny_tflite, sharp_path=nearest_tflite, strength=strength
        ).upscale(deep)
        expected = (1 - strength) * first + strength * second
        assert np.abs(mixed - expected).max() <= (1 if 0 < strength < 1 else 0)


def test_the_ends_of_strength_open_one_file(tiny_tflite, tmp_path):
    missing = tmp_path / "missing.tflite"
    Upscaler.from_file(tiny_tflite, sharp_path=missing, strength=0)
    Upscaler.from_file(missing, sharp_path=tiny_tflite, strength=1)
    with pytest.raises(ModelError, match="there is no model file"):
        Upscaler.from_file(tiny_tflite, sharp_path=missing, strength=0.5)


def test_models_that_cannot_be_mixed(
    tiny_tflite, static_tflite, uint8_tflite, tmp_path, photo
):
    import keras

    lr = keras.Input((None, None, 3))
    two = keras.ops.depth_to_space(keras.layers.Concatenate()([lr] * 4), 2)
    two = export_litert(lr, two, tmp_path / "two.tflite")
    for paths, message in (
        ((tiny_tflite, two), "models of x4 and x2 cannot be mixed"),
        ((static_tflite, uint8_tflite), r"\(24, 32\) and \(16, 16\) pixels"),
    ):
        with pytest.raises(ModelError, match=message):
            Upscaler.from_file(paths[0], sharp_path=paths[1], strength=0.5)
    # One input of any size takes the size of the other.
    mixed = Upscaler.from_file(tiny_tflite, sharp_path=uint8_tflite, strength=0.5)
    assert mixed.upscale(photo).shape == (160, 192, 3)


def test_a_callback_cancels_and_the_upscaler_lives_on(tiny_tflite, photo):
    upscaler = Upscaler.from_file(tiny_tflite, tile=16, overlap=2)
    whole = upscaler.upscale(photo)

    def cancel(done, total):
        assert total == 9
        if done == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        upscaler.upscale(photo, cancel)
    np.testing.assert_array_equal(upscaler.upscale(photo), whole)


def test_unusable_options(tiny_tflite):
    for options, message in (
        ({"tile": 0}, "tile must be 1 or more whole LR pixels; received 0"),
        ({"overlap": -1}, "overlap must be 0 or more whole LR pixels; received -1"),
        ({"tile": 8.5}, "tile must be 1 or more whole LR pixels; received 8.5"),
        ({"overlap": "4"}, "overlap must be 0 or more whole LR pixels; received 4"),
        ({"num_threads": 1.5}, "threads must be 1 or more, and whole; received 1.5"),
        ({"num_threads": "2"}, "threads must be 1 or more, and whole; received 2"),
        ({"num_threads": 0}, "threads must be 1 or more, and whole; received 0"),
        ({"num_threads": 1025}, "threads must be at most 1024; received 1025"),
        ({"strength": "0.5"}, "strength must be from 0 to 1; received 0.5"),
        ({"strength": 1.1}, "strength must be from 0 to 1; received 1.1"),
        ({"strength": float("nan")}, "strength must be from 0 to 1; received nan"),
        ({"strength": 0.5}, "a strength of 0.5 needs a sharp model too"),
    ):
        with pytest.raises(ConfigError, match=message):
            Upscaler.from_file(tiny_tflite, **options)


def test_pictures_without_colour_stay_without():
    """A model that colours all it makes: equal channels come out equal, others not."""

    class Colouring:
        scale, size, overlap, bytes_per_pixel, eight_bit = 4, None, 0, 1, False

        def __call__(self, lr):
            tint = np.float32([0.1, 0.0, -0.1])
            return np.clip(lr.repeat(4, axis=1).repeat(4, axis=2) + tint, 0, 1)

        def release(self):
            pass

    lr = np.random.default_rng(0).integers(40, 200, (6, 7, 3), np.uint8)
    upscaler = Upscaler(Colouring())
    coloured = upscaler.upscale(lr)
    assert np.ptp(coloured.astype(int) - lr.repeat(4, 0).repeat(4, 1)) > 20
    grey = upscaler.upscale(np.repeat(lr[..., :1], 3, axis=-1))
    assert (grey == grey[..., :1]).all()
    assert np.ptp(grey) > 20


@pytest.mark.parametrize("ending", [".tflite", ".keras"])
def test_a_call_that_fails_leaves_nothing_behind(photo, tmp_path, ending):
    path = export_for_even_sides((tmp_path / "even").with_suffix(ending))
    upscaler = Upscaler.from_file(path)
    expected = upscaler.upscale(photo[:12, :12])
    message = r"does not run on 12 x 13 pixels \(.*\); smaller tiles take less memory"
    with pytest.raises(ModelError, match=message):
        upscaler.upscale(photo[:13, :12])
    np.testing.assert_array_equal(upscaler.upscale(photo[:12, :12]), expected)
