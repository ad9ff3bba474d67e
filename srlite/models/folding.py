"""BatchNorm folded into the convolutions before it, while a network trains.

With frozen statistics, BatchNorm is a factor and a shift for each channel, and makes
one convolution of the one before it (Jacob et al. 2018,
https://arxiv.org/abs/1712.05877, section 3.2, equation 14). Computing the new weights
in each update costs next to nothing and saves two passes over every feature map.
Gradients flow through them to kernel, gamma and beta, as through BatchNorm.
"""

import collections
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import layers, ops


def fold_batch_norm(network: keras.Model) -> Callable:
    """Return a faster function that computes `network(x, training=False)`.

    Each layer of the Functional network must be called once. Results are equal up to
    rounding. The function follows the network's variables, but not later changes of its
    precision. BatchNorm folds where it alone follows a convolution.
    """
    pairs = _find_pairs(network)
    if not pairs:
        return functools.partial(network, training=False)
    normalisations = {layer.name for layer in pairs.values()}

    def clone(layer: layers.Layer) -> layers.Layer:
        config = layer.get_config()
        if layer.name in pairs:
            config["use_bias"] = True
        return type(layer).from_config(config)

    def call(layer: layers.Layer, *args: Any, **kwargs: Any) -> Any:
        return args[0] if layer.name in normalisations else layer(*args, **kwargs)

    copy = keras.models.clone_model(network, clone_function=clone, call_function=call)

    def compute(x: Any) -> Any:
        with keras.StatelessScope(list(_values(network, copy, pairs))):
            return copy(x, training=False)

    return compute


def _find_pairs(network: keras.Model) -> dict:
    """Find what folds: dict of a convolution's name to its BatchNorm."""
    steps = [op for op in network.operations if not isinstance(op, layers.InputLayer)]
    makers = {id(op.output): op for op in steps}
    read = [id(tensor) for op in steps for tensor in keras.tree.flatten(op.input)]
    readers = collections.Counter(read + [id(tensor) for tensor in network.outputs])
    pairs = {}
    for layer in steps:
        if not isinstance(layer, layers.BatchNormalization):
            continue
        conv = makers.get(id(layer.input))
        if (
            isinstance(conv, layers.Conv2D)
            and conv.activation is keras.activations.linear
            and readers[id(layer.input)] == 1
        ):
            pairs[conv.name] = layer
    return pairs


def _values(network: keras.Model, copy: keras.Model, pairs: dict) -> Iterator:
    """Yield (variable, value) for all variables of the copy."""
    for layer in copy.layers:
        if not layer.variables:
            continue
        original = network.get_layer(layer.name)
        if layer.name in pairs:
            kernel, bias = _fold(original, pairs[layer.name])
            yield layer.kernel, kernel
            yield layer.bias, bias
        else:
            for own, variable in zip(layer.variables, original.variables, strict=True):
                yield own, variable.value


def _fold(conv: layers.Layer, normalisation: layers.Layer) -> tuple:
    """Compute the kernel and the bias of both layers as one convolution."""
    factor = ops.rsqrt(normalisation.moving_variance + normalisation.epsilon)
    if normalisation.scale:
        factor = factor * normalisation.gamma
    shift = -normalisation.moving_mean
    if conv.use_bias:
        shift = shift + conv.bias
    bias = shift * factor
    if normalisation.center:
        bias = bias + normalisation.beta
    return conv.kernel * factor, bias
