"""A network whose BatchNorm is folded away computes the same, and learns the same."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from srlite.models.folding import fold_batch_norm
from srlite.models.generators import rrdb_net, srresnet

SMALL = {"filters": 8, "growth_channels": 4, "num_blocks": 1, "num_dense_blocks": 2}


def network_of(build, **options):
    """Make a network whose every value is its own."""
    network = build(**options)
    random = np.random.default_rng(0)
    for variable in network.variables:
        low = 0.5 if "variance" in variable.name else -1.0
        variable.assign(random.uniform(low, 1.0, variable.shape) / 2)
    return network


def assert_near(one, other):
    """Both are equal up to a few roundings of their largest value."""
    np.testing.assert_allclose(one, other, rtol=0, atol=2e-5 * np.abs(one).max())


def normalised_elsewhere():
    """BatchNorm behind an activation, behind a branch, and without gamma or beta."""
    x = picture = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="a")(x)
    x = layers.BatchNormalization(name="a_bn")(x)
    x = branch = layers.Conv2D(4, 3, padding="same", name="b")(x)
    x = layers.Add()([layers.BatchNormalization(name="b_bn")(x), branch])
    x = layers.Conv2D(4, 3, name="c")(x)
    x = layers.BatchNormalization(scale=False, name="c_bn")(x)
    x = layers.Conv2D(4, 3, name="d")(x)
    return keras.Model(picture, layers.BatchNormalization(center=False, name="d_bn")(x))


CASES = {
    "rrdb": (rrdb_net, SMALL),
    "told": (rrdb_net, {**SMALL, "conditional": True}),
    "srresnet": (srresnet, {"filters": 8, "num_blocks": 2}),
    "none": (rrdb_net, {**SMALL, "batch_norm": False}),
    "elsewhere": (normalised_elsewhere, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_are_those_of_the_network(case):
    build, options = CASES[case]
    network = network_of(build, **options)
    compute = fold_batch_norm(network)
    random = np.random.default_rng(1)
    for variable in network.variables:  # it follows what changes after it was made
        variable.assign(variable + 0.01)
    picture = random.random((2, 12, 10, 3), np.float32)
    if len(network.inputs) == 2:
        picture = [picture, random.random((2, 10), np.float32)]
    outputs, gradients = [], []
    for function in (lambda x: network(x, training=False), compute):
        with tf.GradientTape() as tape:
            output = function(picture)
            loss = ops.mean(ops.square(output))
        outputs.append(output)
        gradients.append(tape.gradient(loss, network.trainable_variables))
    assert_near(*outputs)
    for one, other in zip(*gradients, strict=True):
        assert_near(one, other)


def test_no_feature_map_is_normalised(monkeypatch):
    calls = []
    original = layers.BatchNormalization.call

    def call(self, inputs, *args, **kwargs):
        calls.append(self.name)
        return original(self, inputs, *args, **kwargs)

    network, other = network_of(rrdb_net, **SMALL), normalised_elsewhere()
    monkeypatch.setattr(layers.BatchNormalization, "call", call)
    picture = np.zeros((1, 12, 12, 3), np.float32)
    fold_batch_norm(network)(picture)
    assert not calls
    compute = fold_batch_norm(other)
    calls.clear()
    compute(picture)
    assert calls == ["a_bn", "b_bn"]


def test_it_computes_in_the_precision_of_the_network():
    network = network_of(rrdb_net, **SMALL)
    exact = fold_batch_norm(network)
    network.get_layer("head").dtype_policy = "mixed_bfloat16"
    picture = np.random.default_rng(2).random((1, 8, 8, 3), np.float32)
    rounded = fold_batch_norm(network)(picture)
    assert np.abs(exact(picture) - rounded).max() > 1e-4
    assert_near(rounded, network(picture))
