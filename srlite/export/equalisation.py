"""Equalise the channels of a network, so that one step of 8 bits fits all of them.

An int8 tensor has one step for all its channels, which rounds a channel away that is
much smaller than another: a dense block of an RRDB joins the residual stream, which is
small, with large activations.

Channels can be made equally large without changing the function: a positive factor on a
channel passes through additions, concatenations, LeakyReLU, PReLU and ReLU; the layers
with weights before and behind take it up. That is cross-layer equalisation (Nagel et
al. 2019, https://arxiv.org/abs/1906.04721, section 4.1), with two differences: a factor
covers all the places that share it, such as a whole residual stream, rather than a pair
of layers; and ranges are measured on pictures rather than read off weights.
"""

import itertools
from typing import Any

import keras
import numpy as np
from keras import layers

from srlite.export.graphs import Groups, copied, steps_of, taken_by

_HOMOGENEOUS = (layers.LeakyReLU, layers.PReLU, layers.ReLU, layers.Rescaling)
_ROUNDS = 200


def equalise(generator: Any, samples: list) -> Any:
    """Rescale the channels of a Functional `keras.Model` to equal ranges.

    They are measured on samples, which are its inputs: float32 (1, H, W, channels),
    [0, 1], for a conditional network in lists with (1, 10). Returns a new model that
    computes the same, up to float32 rounding.
    """
    generator = copied(generator)
    places, free = _find_channels(generator)
    logs = _measure(generator, samples)
    factors = np.exp(_solve(places, logs, free))
    for op in steps_of(generator):
        given = factors[places[id(op.output)]]
        if _is_linear(op):
            taken = factors[places[id(op.input)]]
            op.kernel.assign(np.asarray(op.kernel) * given / taken[:, None])
            if op.use_bias:
                op.bias.assign(np.asarray(op.bias) * given)
        elif _is_normalisation(op):
            op.gamma.assign(np.asarray(op.gamma) * given)
            op.beta.assign(np.asarray(op.beta) * given)
    return generator


def _is_linear(op: Any) -> bool:
    """Whether it is a layer whose kernel is (..., input channels, output channels)."""
    plain = type(op) is layers.Dense or (type(op) is layers.Conv2D and op.groups == 1)
    return plain and op.activation is keras.activations.linear


def _passes_on(op: Any) -> bool:
    """Whether a positive factor on a channel comes out on the same channel."""
    if isinstance(op, layers.Reshape):
        return op.input.shape[-1] == op.output.shape[-1]
    return isinstance(op, _HOMOGENEOUS) and not np.any(getattr(op, "offset", 0))


def _is_normalisation(op: Any) -> bool:
    return isinstance(op, layers.BatchNormalization) and op.center and op.scale


def _find_channels(generator: Any) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Find the channels that must share a factor.

    Returns (places, free): dict of `id(tensor)` to the numbers of the tensor's
    channels; bool array over these numbers, whether the factor may be chosen.
    """
    groups, count = Groups(), itertools.count()
    places: dict[int, list[int]] = {}
    bound: list[int] = []

    def new(tensor: Any) -> list[int]:
        return [next(count) for _ in range(tensor.shape[-1])]

    for tensor in generator.inputs:
        places[id(tensor)] = new(tensor)
        bound += places[id(tensor)]
    for op in steps_of(generator):
        taken = [places[id(tensor)] for tensor in taken_by(op)]
        if _is_linear(op):
            given = new(op.output)
        elif _is_normalisation(op):
            given = new(op.output)
            bound += taken[0]
        elif isinstance(op, layers.Concatenate):
            given = sum(taken, [])
        elif isinstance(op, layers.Add) and len(set(map(len, taken))) == 1:
            given = taken[0]
            for other in taken[1:]:
                for one, two in zip(given, other, strict=True):
                    groups.join(one, two)
        elif _passes_on(op):
            given = taken[0]
        else:  # nothing is known of it
            given = new(op.output)
            bound += sum(taken, given)
        places[id(op.output)] = given
    for tensor in generator.outputs:
        bound += places[id(tensor)]
    found = {key: np.array(list(map(groups.find, x))) for key, x in places.items()}
    free = np.ones(next(count), bool)
    free[list(map(groups.find, bound))] = False
    return found, free


def _measure(generator: Any, samples: list) -> dict[int, np.ndarray]:
    """Measure log of the largest magnitude per channel: dict of `id(tensor)`."""
    tensors = [op.output for op in generator.operations]
    probe = keras.Model(generator.input, tensors)
    largest = [np.zeros(tensor.shape[-1]) for tensor in tensors]
    for sample in samples:
        for known, value in zip(largest, probe(sample, training=False), strict=True):
            value = np.abs(keras.ops.convert_to_numpy(value))
            value = value.reshape(-1, value.shape[-1])
            np.maximum(known, value.max(axis=0), out=known)
    # A channel that is always zero may have any factor: it gets the median.
    return {
        id(tensor): np.log(np.where(value > 0, value, np.median(value) or 1.0))
        for tensor, value in zip(tensors, largest, strict=True)
    }


def _solve(
    places: dict[int, np.ndarray], logs: dict[int, np.ndarray], free: np.ndarray
) -> np.ndarray:
    """Find log factors that make the channels of each tensor equally large.

    A channel has places in several tensors, so this is a fit: it minimises the sum over
    all places of (log range + log factor - the tensor's mean of these)**2, by turns.
    """
    solved = np.zeros(len(free))
    tensors = [(where, logs[key]) for key, where in places.items() if free[where].any()]
    for _ in range(_ROUNDS):
        total, count = np.zeros(len(free)), np.zeros(len(free))
        for where, log in tensors:
            np.add.at(total, where, (log + solved[where]).mean() - log)
            np.add.at(count, where, 1)
        moved = free & (count > 0)
        solved[moved] = total[moved] / count[moved]
    return solved
