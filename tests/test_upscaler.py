"""Model files of every kind behind the one `Upscaler`."""

import numpy as np
import pytest
from litert_files import export_litert
from PIL import Image

from srlite.runtime import upscaler as upscaler_module
from srlite.errors import Cancelled, ConfigError, ImageError, ModelError
from srlite.runtime.upscaler import DEFAULT_OVERLAP, Upscaler


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


def run_whole(model, image, overlap=DEFAULT_OVERLAP):
    """What the picture should become, by Keras and NumPy alone."""
    margin = (overlap, overlap)
    padded = np.pad(image, (margin, margin, (0, 0)), mode="symmetric")
    sr = np.asarray(model(padded[None].astype(np.float32) / np.float32(255)))[0]
    sr = sr[4 * overlap : -4 * overlap, 4 * overlap : -4 * overlap]
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
    tiled = Upscaler.from_file(tiny_tflite, tile=13, num_threads=1).upscale(photo)
    assert_within_a_level(tiled, whole)


def test_static_input_is_filled_and_tiled(tiny_model, static_tflite, photo):
    upscaler = Upscaler.from_file(static_tflite, overlap=8)
    assert (upscaler.scale, upscaler.tile) == (4, 8)
    assert_within_a_level(upscaler.upscale(photo), run_whole(tiny_model, photo, 8))
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


@pytest.fixture(scope="module")
def nearest_tflite(tmp_path_factory):
    """Nearest-neighbour enlargement by 4."""
    import keras

    lr = keras.Input((None, None, 3))
    sr = keras.ops.depth_to_space(keras.layers.Concatenate()([lr] * 16), 4)
    path = tmp_path_factory.mktemp("nearest") / "nearest.tflite"
    return export_litert(lr, sr, path)


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
    small, large = (upscaler.choose_tile((side, side)) for side in (4, 12_000))
    assert small < large
    assert upscaler.choose_tile((12_000, 12_000), np.uint16) == small
    assert Upscaler.from_file(tiny_tflite, tile=9).choose_tile((12_000, 12_000)) == 9


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


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    "size", [(100, 120), (41, 48), (160, 100), (170, 200), (700, 90), (13, 16)]
)
def test_any_size(tiny_tflite, photo, size, dtype):
    image = {
        np.uint8: photo,
        np.uint16: photo.astype(np.uint16) * 257,
        np.float32: photo / np.float32(255),
    }[dtype]
    whole = Upscaler.from_file(tiny_tflite).upscale(image, size=size)
    assert whole.shape == (*size, 3)
    assert whole.dtype == (np.uint16 if dtype == np.uint16 else np.uint8)
    tiled = Upscaler.from_file(tiny_tflite, tile=19).upscale(image, size=size)
    step = 257 if dtype == np.uint16 else 1
    assert np.abs(tiled.astype(int) - whole).max() <= step


def test_reduced_result_is_the_reduced_picture_of_the_model(tiny_model, tiny_tflite):
    """Against Keras and Pillow, both on the whole picture."""
    import keras

    image = np.random.default_rng(0).random((30, 20, 3)).astype(np.float32)
    sr = Upscaler.from_file(tiny_tflite).upscale(image, size=(75, 50))
    around = np.pad(image, ((16, 16), (16, 16), (0, 0)), mode="symmetric")
    full = np.asarray(keras.ops.clip(tiny_model(around[None])[0], 0, 1))
    box = (64, 64, 64 + 80, 64 + 120)
    for channel in range(3):
        plane = Image.fromarray(full[..., channel])
        plane = plane.resize((50, 75), Image.Resampling.LANCZOS, box)
        expected = np.clip(np.rint(255 * np.asarray(plane)), 0, 255)
        assert_within_a_level(sr[..., channel], expected)


def test_several_runs_keep_colours_in_place(nearest_tflite):
    """A ramp of 6 enlarged by 10: two runs; its ends are mirrored, so it flattens."""
    ramp = np.tile(np.linspace(0.2, 0.8, 6)[:, None, None], (1, 6, 3))
    seen = []
    sr = Upscaler.from_file(nearest_tflite, tile=4).upscale(
        ramp, size=(60, 60), progress=lambda *done: seen.append(done)
    )
    # 4 tiles for 6 x 6 pixels and 16 for the 15 x 15 of the first run.
    assert seen == [(done, 20) for done in range(1, 21)]
    assert (sr == sr[:, :1]).all()
    expected = 255 * np.interp(np.arange(60), 10 * np.arange(6) + 4.5, ramp[:, 0, 0])
    # Nearest neighbours: off by at most half an LR pixel, 0.06, and some ringing.
    assert np.abs(sr[:, 0, 0] - expected).max() < 0.075 * 255
    assert abs(sr.mean() - 127.5) < 0.5


def test_no_run_is_a_plain_reduction(tiny_tflite, photo):
    sr = Upscaler.from_file(tiny_tflite).upscale(photo, size=(20, 31))
    expected = Image.fromarray(photo).resize((31, 20), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(sr, expected)
    same = Upscaler.from_file(tiny_tflite).upscale(photo, size=photo.shape[:2])
    np.testing.assert_array_equal(same, photo)


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
    upscaler = Upscaler.from_file(tiny_tflite, tile=16)
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
        ({"tile": 0}, "tile must be 1 or more LR pixels; received 0"),
        ({"overlap": -1}, "overlap must be 0 or more LR pixels; received -1"),
        ({"num_threads": 0}, "threads must be 1 or more; received 0"),
        ({"strength": 1.1}, "strength must be from 0 to 1; received 1.1"),
        ({"strength": float("nan")}, "strength must be from 0 to 1; received nan"),
        ({"strength": 0.5}, "a strength of 0.5 needs a sharp model too"),
    ):
        with pytest.raises(ConfigError, match=message):
            Upscaler.from_file(tiny_tflite, **options)
