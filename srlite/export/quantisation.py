"""Put the rounding of int8 into a network, with ranges measured on pictures.

A converter that calibrates by itself gives each tensor the range from its least to its
largest value, so one stray pixel coarsens the step of all. Here a range leaves out
`_CLIPPED` of the values at either end. Tensors that are joined or only moved share a
range, so that nothing is rounded twice. Inputs and output have levels, 0 to 255 for
0 to 1, so the last addition saturates at black and white without an op for it. The
roundings are those of quantisation-aware training (Jacob et al. 2018,
https://arxiv.org/abs/1712.05877, section 3), which converters read as ranges.
"""

from typing import Any

import keras
import numpy as np
from keras import layers

from srlite.export.graphs import Groups, copied, steps_of, taken_by

_CLIPPED = 1e-4
_STRIDE = 7  # every 7th value counts: a prime, so that all channels come in turn
_FEW = 1000  # up to this number of values, all count

_ROUNDED = (
    layers.Add,
    layers.BatchNormalization,
    layers.Concatenate,
    layers.Conv2D,
    layers.Dense,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ReLU,
    layers.Rescaling,
)
# On export these become one with the convolution before them.
_FOLDED = (layers.BatchNormalization, layers.Rescaling)


def quantise(generator: Any, samples: list) -> Any:
    """Round the activations of a network to 8 bits, by ranges measured on samples.

    The arguments are as for `equalisation.equalise`. Returns a new `keras.Model` of the
    same shape; its inputs and output are rounded to levels and clipped to [0, 1].
    """
    ranges = _find_ranges(generator, samples)

    def call(op: Any, *args: Any, **kwargs: Any) -> Any:
        result = op(*args, **kwargs)
        return _round(result, *ranges[op.name]) if op.name in ranges else result

    copy = keras.models.clone_model(generator, call_function=call)
    copy.set_weights(correct_biases(generator, samples).get_weights())
    inputs = [keras.Input(taken.shape[1:], name=taken.name) for taken in copy.inputs]
    levels = [_round(taken, 0.0, 1.0) for taken in inputs]
    if len(inputs) == 1:
        inputs, levels = inputs[0], levels[0]
    return keras.Model(inputs, _round(copy(levels), 0.0, 1.0))


def correct_biases(generator: Any, samples: list) -> Any:
    """Return a copy whose biases undo what rounding kernels to int8 changes on average.

    Nagel et al. 2019, section 4.2. The arguments are as for `equalisation.equalise`.
    """
    copy = copied(generator)
    convs = [x for x in steps_of(copy) if isinstance(x, layers.Conv2D) and x.use_bias]
    probe = keras.Model(copy.input, [op.input for op in convs])
    seen = [
        [np.mean(value, axis=(0, 1, 2)) for value in keras.tree.flatten(probe(sample))]
        for sample in samples
    ]
    for op, *means in zip(convs, *seen, strict=True):
        kernel = np.asarray(op.kernel, np.float64)  # (height, width, taken, given)
        step = np.abs(kernel).max(axis=(0, 1, 2)) / 127 + 1e-12
        lost = kernel - np.rint(kernel / step) * step
        op.bias.assign(op.bias + np.mean(means, axis=0) @ lost.sum(axis=(0, 1)))
    return copy


def _round(tensor: Any, low: float, high: float) -> Any:
    return keras.quantizers.fake_quant_with_min_max_vars(tensor, low, high)


def _find_ranges(generator: Any, samples: list) -> dict[str, tuple[float, float]]:
    """Find what to round: dict of operation name to (low, high)."""
    steps = steps_of(generator)
    makers = {id(op.output): op for op in generator.operations}
    folded = {
        id(op.input)
        for op in steps
        if isinstance(op, _FOLDED) and isinstance(makers[id(op.input)], layers.Conv2D)
    }
    low, high = _measure(generator, samples)
    groups = _share(generator, steps)
    ranges: dict[int, tuple[float, float]] = {}
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


def _share(generator: Any, steps: list) -> dict[int, int]:
    """Map `id(tensor)` to the tensor, by id, whose range it shares."""
    groups = Groups()
    for op in steps:
        joins = isinstance(op, layers.Concatenate | layers.Reshape)
        # The pixel shuffle is an operation without a public class.
        if joins or type(op).__name__ == "DepthToSpace" or _copies(op):
            for tensor in taken_by(op):
                groups.join(id(op.output), id(tensor))
    return {id(op.output): groups.find(id(op.output)) for op in generator.operations}


def _copies(op: Any) -> bool:
    """Whether it is a convolution that only copies values."""
    if not isinstance(op, layers.Conv2D) or op.use_bias:
        return False
    kernel = np.reshape(op.kernel, (-1, op.filters))
    return bool(np.isin(kernel, (0, 1)).all() and (kernel.sum(axis=0) == 1).all())


def _measure(
    generator: Any, samples: list
) -> tuple[dict[int, float], dict[int, float]]:
    """Measure the range of most values: two dicts of `id(tensor)` to float."""
    tensors = [op.output for op in generator.operations]
    probe = keras.Model(generator.input, tensors)
    found = []  # (samples, tensors, 2)
    for sample in samples:
        values = [np.ravel(value) for value in probe(sample, training=False)]
        looked_at = [v[:: _STRIDE if len(v) > _FEW else 1] for v in values]
        found.append([np.quantile(v, [_CLIPPED, 1.0 - _CLIPPED]) for v in looked_at])
    ends = np.array(found)
    keys = [id(tensor) for tensor in tensors]
    low, high = ends[..., 0].min(axis=0), ends[..., 1].max(axis=0)
    return dict(zip(keys, low.tolist())), dict(zip(keys, high.tolist()))
