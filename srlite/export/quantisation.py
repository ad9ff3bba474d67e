"""Put the rounding of int8 into a network, with ranges measured on pictures.

A converter that calibrates by itself gives each tensor the range from its least to its
largest value; one stray pixel then coarsens the step of all. Here a range leaves out
`_CLIPPED` of the values at either end. What is joined or only moved keeps one range, so
that nothing is rounded twice, and the two ends are levels, 0 to 255 for 0 to 1: the
last addition saturates at black and white by itself, without an op for it.

The roundings are those of quantisation-aware training (Jacob et al. 2018,
https://arxiv.org/abs/1712.05877, section 3), which converters read as the ranges of
the tensors; nothing is trained.
"""

import keras
import numpy as np
from keras import layers

_CLIPPED = 1e-4
# Every 7th value is looked at: a prime, so that all channels come in turn.
_STRIDE = 7

_ROUNDED = (
    layers.Add,
    layers.BatchNormalization,
    layers.Concatenate,
    layers.Conv2D,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ReLU,
    layers.Rescaling,
)
# On export these become one with the convolution before them.
_FOLDED = (layers.BatchNormalization, layers.Rescaling)


def quantise(generator, pictures):
    """Round the activations of a network to 8 bits.

    Args:
        generator: Functional `keras.Model`, (batch, H, W, channels), [0, 1].
        pictures: uint8 LR pictures (H, W, channels), on which ranges are measured.

    Returns:
        A new `keras.Model` of the same shape; its input and output are rounded to
        levels and clipped to [0, 1].
    """
    ranges = _find_ranges(generator, pictures)

    def call(op, *args, **kwargs):
        result = op(*args, **kwargs)
        return _round(result, *ranges[op.name]) if op.name in ranges else result

    copy = keras.models.clone_model(generator, call_function=call)
    copy.set_weights(generator.get_weights())
    lr = keras.Input(generator.input_shape[1:])
    return keras.Model(lr, _round(copy(_round(lr, 0.0, 1.0)), 0.0, 1.0))


def _round(tensor, low, high):
    return keras.quantizers.fake_quant_with_min_max_vars(tensor, low, high)


def _inputs(op):
    return op.input if isinstance(op.input, list | tuple) else [op.input]


def _find_ranges(generator, pictures):
    """Find what to round: dict of operation name to (low, high)."""
    steps = [op for op in generator.operations if not _is_input(op)]
    makers = {id(op.output): op for op in generator.operations}
    folded = {
        id(op.input)
        for op in steps
        if isinstance(op, _FOLDED) and isinstance(makers[id(op.input)], layers.Conv2D)
    }
    low, high = _measure(generator, pictures)
    groups = _share(generator, steps)
    ranges = {}
    for key, group in groups.items():
        least, most = ranges.get(group, (0.0, 0.0))  # zero must be a level
        ranges[group] = min(least, low[key]), max(most, high[key])
    for tensor in (*generator.inputs, *generator.outputs):
        ranges[groups[id(tensor)]] = 0.0, 1.0
    return {
        op.name: ranges[groups[id(op.output)]]
        for op in steps
        if isinstance(op, _ROUNDED) and id(op.output) not in folded
    }


def _is_input(op):
    return isinstance(op, layers.InputLayer)


def _share(generator, steps):
    """Map `id(tensor)` to the tensor, by id, whose range it shares."""
    parents = {id(op.output): id(op.output) for op in generator.operations}

    def root(key):
        while parents[key] != key:
            key = parents[key]
        return key

    for op in steps:
        # The pixel shuffle is an operation without a public class.
        if isinstance(op, layers.Concatenate) or type(op).__name__ == "DepthToSpace":
            for tensor in _inputs(op):
                parents[root(id(tensor))] = root(id(op.output))
    return {key: root(key) for key in parents}


def _measure(generator, pictures):
    """Measure where most values lie: two dicts of `id(tensor)` to float."""
    tensors = [op.output for op in generator.operations]
    probe = keras.Model(generator.input, tensors)
    ends = []  # (pictures, tensors, 2)
    for picture in pictures:
        values = probe(picture[None] / np.float32(255.0), training=False)
        looked_at = [np.ravel(value)[::_STRIDE] for value in values]
        ends.append([np.quantile(v, [_CLIPPED, 1.0 - _CLIPPED]) for v in looked_at])
    ends = np.array(ends)
    keys = [id(tensor) for tensor in tensors]
    low, high = ends[..., 0].min(axis=0), ends[..., 1].max(axis=0)
    return dict(zip(keys, low.tolist())), dict(zip(keys, high.tolist()))
