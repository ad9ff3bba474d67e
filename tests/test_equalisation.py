"""Equalisation keeps the function and makes channels equally large."""

import keras
import numpy as np
import pytest
from keras import layers

from srlite.export.equalisation import equalise
from srlite.models.generators import rrdb_net, srresnet


def shake(model, seed=0):
    """Give every weight a random value; what is a variance stays positive."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        value = rng.normal(0.0, 0.1, weight.shape)
        if weight.name in ("gamma", "moving_variance"):
            value = np.exp(value)
        weight.assign(value)
    return model


def pictures(number=3):
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (20, 24, 3), np.uint8) for _ in range(number)]


def unequal_activation():
    """A network with an activation that is not homogeneous."""
    lr = keras.Input((None, None, 3))
    x = layers.Activation("gelu")(layers.Conv2D(6, 3, padding="same")(lr))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(12, 3, padding="same")(layers.Conv2D(4, 1)(x))
    return keras.Model(lr, keras.ops.depth_to_space(x, 2))


@pytest.mark.parametrize(
    "build",
    [
        lambda: rrdb_net(filters=8, growth_channels=4, num_dense_blocks=3),
        lambda: rrdb_net(
            filters=8, growth_channels=4, num_dense_blocks=3, batch_norm=False
        ),
        lambda: rrdb_net(
            filters=8,
            growth_channels=4,
            num_dense_blocks=3,
            upsampling="depth_to_space_x2",
            anchor=False,
        ),
        lambda: srresnet(filters=8, num_blocks=2),
        unequal_activation,
    ],
)
def test_the_function_stays(build):
    model = shake(build())
    before = model.get_weights()
    equal = equalise(model, pictures())
    lr = np.stack(pictures()) / np.float32(255.0)
    expected = np.asarray(model(lr, training=False))
    received = np.asarray(equal(lr, training=False))
    assert np.abs(received - expected).max() <= 1e-5 * np.abs(expected).max()
    moved = [np.abs(a - b).max() for a, b in zip(before, equal.get_weights())]
    assert max(moved) > 0.01
    for old, now in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, now)  # the model that was given


def ranges(model, name):
    """Largest magnitude of each channel of a layer's output."""
    probe = keras.Model(model.input, model.get_layer(name).output)
    lr = np.stack(pictures()) / np.float32(255.0)
    return np.abs(np.asarray(probe(lr, training=False))).max(axis=(0, 1, 2))


def test_channels_become_equally_large():
    model = shake(rrdb_net(filters=8, growth_channels=4, num_dense_blocks=3))
    # Growth channels a thousand times as large as the stream, as far as they go.
    norm = model.get_layer("rrdb1_dense2_bn1")
    norm.gamma.assign(1000.0 * np.asarray(norm.gamma))
    norm.beta.assign(1000.0 * np.asarray(norm.beta))
    before = ranges(model, "rrdb1_dense2_concat2")
    after = ranges(equalise(model, pictures()), "rrdb1_dense2_concat2")
    assert before.max() / before.min() > 1000
    assert after.max() / after.min() < 5


def test_a_dead_channel_is_left_finite():
    model = shake(rrdb_net(filters=8, growth_channels=4, num_dense_blocks=3))
    head = model.get_layer("rrdb1_dense1_bn1")
    for weight in (head.gamma, head.beta):
        weight.assign(np.asarray(weight) * [0, 1, 1, 1])
    equal = equalise(model, pictures())
    assert all(np.isfinite(weight).all() for weight in equal.get_weights())
