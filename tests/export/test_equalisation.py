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


def samples(number=3):
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (number, 1, 20, 24, 3))
    return list((pictures / 255.0).astype(np.float32))


def told_samples(number=3):
    rng = np.random.default_rng(2)
    return [[lr, rng.random((1, 10), np.float32)] for lr in samples(number)]


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
        lambda: rrdb_net(
            filters=8, growth_channels=4, num_dense_blocks=3, conditional=True
        ),
        unequal_activation,
    ],
)
def test_the_function_stays(build):
    model = shake(build())
    before = model.get_weights()
    given = told_samples() if len(model.inputs) == 2 else samples()
    equal = equalise(model, given)
    for sample in given:
        expected = np.asarray(model(sample, training=False))
        received = np.asarray(equal(sample, training=False))
        assert np.abs(received - expected).max() <= 1e-5 * np.abs(expected).max()
    moved = [np.abs(a - b).max() for a, b in zip(before, equal.get_weights())]
    assert max(moved) > 0.01
    for old, now in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, now)  # the model that was given


def ranges(model, name):
    """Largest magnitude of each channel of a layer's output."""
    probe = keras.Model(model.input, model.get_layer(name).output)
    given = told_samples() if len(model.inputs) == 2 else samples()
    values = [np.abs(np.asarray(probe(sample, training=False))) for sample in given]
    return np.max([v.reshape(-1, v.shape[-1]).max(axis=0) for v in values], axis=0)


def test_channels_become_equally_large():
    model = shake(rrdb_net(filters=8, growth_channels=4, num_dense_blocks=3))
    # Growth channels a thousand times as large as the stream, as far as they go.
    norm = model.get_layer("rrdb1_dense2_bn1")
    norm.gamma.assign(1000.0 * np.asarray(norm.gamma))
    norm.beta.assign(1000.0 * np.asarray(norm.beta))
    before = ranges(model, "rrdb1_dense2_concat2")
    after = ranges(equalise(model, samples()), "rrdb1_dense2_concat2")
    assert before.max() / before.min() > 1000
    assert after.max() / after.min() < 5


def test_what_a_network_is_told_becomes_equally_large():
    build = {"filters": 8, "growth_channels": 4, "num_dense_blocks": 3}
    model = shake(rrdb_net(**build, conditional=True))
    told = model.get_layer("told")
    factors = np.geomspace(1.0, 1e4, 64)
    told.kernel.assign(np.asarray(told.kernel) * factors)
    told.bias.assign(np.asarray(told.bias) * factors)
    for layer in model.layers:
        if layer.name.endswith("_shift"):
            layer.kernel.assign(np.asarray(layer.kernel) / factors[:, None])
    before = ranges(model, "told_lrelu")
    equal = equalise(model, told_samples())
    after = ranges(equal, "told_lrelu")
    assert before.max() / before.min() > 1e4
    assert after.max() / after.min() < 10
    # The stream and what is added to it have one factor, so they stay commensurable.
    sample = told_samples()[0]
    parts = []
    for network in (model, equal):
        add = network.get_layer("rrdb1_dense2_shift_add")
        probe = keras.Model(network.input, [*add.input, add.output])
        parts.append([np.asarray(x) for x in probe(sample, training=False)])
    for network in parts:
        np.testing.assert_allclose(network[0] + network[1], network[2], atol=1e-4)
    ratio = [shift / total.max(axis=(1, 2)) for _, shift, total in parts]
    np.testing.assert_allclose(ratio[0].ravel(), ratio[1].ravel(), rtol=1e-3)


def test_a_dead_channel_is_left_finite():
    model = shake(rrdb_net(filters=8, growth_channels=4, num_dense_blocks=3))
    head = model.get_layer("rrdb1_dense1_bn1")
    for weight in (head.gamma, head.beta):
        weight.assign(np.asarray(weight) * [0, 1, 1, 1])
    equal = equalise(model, samples())
    assert all(np.isfinite(weight).all() for weight in equal.get_weights())
