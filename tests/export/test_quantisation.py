"""Roundings that are put into a network."""

import keras
import numpy as np
from keras import layers
from skimage import data
from told_models import conditional_generator

from srlite.export.quantisation import quantise


def samples():
    crops = [data.astronaut()[i : i + 24, i : i + 32] for i in range(0, 240, 40)]
    return [crop[None] / np.float32(255.0) for crop in crops]


def test_the_ends_are_levels_and_the_function_nearly_stays(tiny_model):
    lr = np.concatenate(samples())
    expected = np.clip(tiny_model(lr, training=False), 0.0, 1.0) * 255.0
    rounded = quantise(tiny_model, samples())
    assert rounded.input_shape == tiny_model.input_shape
    received = np.asarray(rounded(lr, training=False)) * 255.0
    assert np.abs(received - np.rint(received)).max() < 1e-3
    assert received.min() >= 0.0 and received.max() <= 255.001
    assert np.abs(received - expected).mean() < 2.0
    # Input between two levels counts as one of them.
    between = np.clip(lr + 0.3 / 255.0, 0.0, 1.0).astype(np.float32)
    np.testing.assert_array_equal(rounded(between), rounded(lr))


def test_a_stray_value_does_not_coarsen_the_rest():
    lr = keras.Input((None, None, 1))
    x = layers.Conv2D(1, 1, name="conv")(lr)
    x = layers.LeakyReLU(0.2)(x)
    model = keras.Model(lr, layers.Conv2D(1, 1, name="last")(x))
    # Grey levels up to 100 of 255, and one white pixel in each picture.
    rng = np.random.default_rng(0)
    photos = rng.integers(0, 101, (4, 400, 400, 1), np.uint8)
    photos[:, 0, 0] = 255  # the first value is looked at, whatever the stride
    for name in ("conv", "last"):
        model.get_layer(name).set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    rounded = quantise(model, list(photos[:, None] / np.float32(255.0)))
    # The step inside is 100/255 levels, so that no level is lost, and white saturates.
    levels = np.arange(256, dtype=np.float32)[None, None, :, None] / 255.0
    received = np.ravel(rounded(levels)) * 255.0
    np.testing.assert_allclose(received[:100], np.arange(100), atol=1e-3)
    assert 99.0 <= received[255] <= 102.0


def test_a_rare_picture_keeps_its_range():
    lr = keras.Input((None, None, 1))
    x = layers.Conv2D(1, 1, name="conv")(lr)
    model = keras.Model(lr, layers.Conv2D(1, 1, name="last")(layers.ReLU()(x)))
    model.get_layer("conv").set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    model.get_layer("last").set_weights([np.full((1, 1, 1, 1), 0.5), np.zeros(1)])
    # One bright pixel in twenty thousand, but all of them in one picture.
    photos = [np.full((200, 200, 1), 40, np.uint8) for _ in range(20)]
    photos[7][100, :40] = 240
    rounded = quantise(model, [photo[None] / np.float32(255.0) for photo in photos])
    bright = np.ravel(rounded(np.full((1, 1, 1, 1), 240 / 255, np.float32)))
    np.testing.assert_allclose(bright * 255.0, 120.0, atol=1.0)


def test_what_a_network_is_told_is_rounded_to_levels_too():
    model = conditional_generator()
    random = np.random.default_rng(0)
    told = random.random((6, 1, 10), np.float32)
    given = [[lr, one] for lr, one in zip(samples(), told, strict=True)]
    rounded = quantise(model, given)
    assert [x.name for x in rounded.inputs] == ["lr", "degradation"]
    differences = []
    for lr, one in given:
        received = np.asarray(rounded([lr, one])) * 255.0
        assert np.abs(received - np.rint(received)).max() < 1e-3
        expected = np.clip(model([lr, one], training=False), 0.0, 1.0) * 255.0
        differences.append(np.abs(received - expected).mean())
        # Between two levels it counts as one of them.
        level = np.rint(255.0 * one) / np.float32(255.0)
        between = np.clip(level + 0.3 / 255.0, 0.0, 1.0).astype(np.float32)
        np.testing.assert_array_equal(rounded([lr, between]), rounded([lr, level]))
    assert np.mean(differences) < 2.5


def test_biases_take_up_what_rounding_a_kernel_changes_on_average():
    lr = keras.Input((None, None, 1))
    model = keras.Model(lr, layers.Conv2D(1, 3, padding="valid", name="conv")(lr))
    # Beside 1, the others are a third of a step of 8 bits: they are rounded away.
    kernel = np.full((3, 3, 1, 1), 1 / (3 * 127), np.float32)
    kernel[1, 1] = 1.0
    model.get_layer("conv").set_weights([kernel, np.full(1, 0.1, np.float32)])
    rounded = quantise(model, [np.full((1, 8, 8, 1), 0.5, np.float32)] * 2)
    (bias,) = [weight for weight in rounded.weights if weight.name == "bias"]
    np.testing.assert_allclose(bias, 0.1 + 0.5 * 8 / (3 * 127), atol=1e-6)
