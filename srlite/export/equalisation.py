"""Equalise the channels of a network, so that one step of 8 bits fits all of them.

An int8 tensor has one step for all its channels. Where one channel is a hundred times
as large as another, the smaller is rounded away: in an RRDB, a dense block joins the
residual stream, which is small, with activations that are large, and plain
quantisation of a trained network leaves the stream a handful of levels.

Channels can be made equally large without a change of the function: a positive factor
on a channel passes through additions, concatenations, LeakyReLU, PReLU and ReLU, and
is taken up by the convolution or BatchNorm before and by the convolution behind it.
That is cross-layer equalisation (Nagel et al. 2019, https://arxiv.org/abs/1906.04721,
section 4.1), with two differences: a channel is all the places that share its factor,
a whole residual stream say, rather than a pair of layers; and ranges are measured on
pictures rather than read off weights.
"""

import keras
import numpy as np
from keras import layers

# Pass a positive factor on their input on to their output.
_HOMOGENEOUS = (layers.LeakyReLU, layers.PReLU, layers.ReLU, layers.Rescaling)
_ROUNDS = 200


def equalise(generator, pictures):
    """Rescale the channels of a network to equal ranges.

    Args:
        generator: Functional `keras.Model`, (batch, H, W, channels), [0, 1].
        pictures: uint8 LR pictures (H, W, channels), on which ranges are measured.

    Returns:
        A new `keras.Model` that computes the same, up to float32 rounding.
    """
    generator = _copy(generator)
    places, free = _find_channels(generator)
    logs = _measure(generator, pictures)
    factors = np.exp(_solve(places, logs, free))
    for op in generator.operations:
        if isinstance(op, layers.InputLayer):
            continue
        given = factors[places[id(op.output)]]
        if _is_convolution(op):
            taken = factors[places[id(op.input)]]
            op.kernel.assign(np.asarray(op.kernel) * given / taken[:, None])
            if op.use_bias:
                op.bias.assign(np.asarray(op.bias) * given)
        elif _is_normalisation(op):
            op.gamma.assign(np.asarray(op.gamma) * given)
            op.beta.assign(np.asarray(op.beta) * given)
    return generator


def _copy(generator):
    copy = keras.models.clone_model(generator)
    copy.set_weights(generator.get_weights())
    return copy


def _is_convolution(op):
    return (
        type(op) is layers.Conv2D
        and op.groups == 1
        and op.activation is keras.activations.linear
    )


def _is_normalisation(op):
    return isinstance(op, layers.BatchNormalization) and op.center and op.scale


def _inputs(op):
    return op.input if isinstance(op.input, list | tuple) else [op.input]


def _find_channels(generator):
    """Find the channels that must share a factor.

    Returns:
        (places, free): dict of `id(tensor)` to the numbers of the tensor's channels;
        bool array over these numbers, whether a factor is free to choose.
    """
    parents, places, bound = [], {}, []

    def new(tensor):
        numbers = list(range(len(parents), len(parents) + tensor.shape[-1]))
        parents.extend(numbers)
        return numbers

    def root(number):
        while parents[number] != number:
            number = parents[number]
        return number

    for op in generator.operations:
        if isinstance(op, layers.InputLayer):
            places[id(op.output)] = new(op.output)
            bound += places[id(op.output)]
            continue
        taken = [places[id(tensor)] for tensor in _inputs(op)]
        if _is_convolution(op):
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
                    parents[root(two)] = root(one)
        elif isinstance(op, _HOMOGENEOUS) and not np.any(getattr(op, "offset", 0)):
            given = taken[0]
        else:  # nothing is known of it
            given = new(op.output)
            bound += sum(taken, given)
        places[id(op.output)] = given
    for tensor in generator.outputs:
        bound += places[id(tensor)]
    places = {key: np.array([root(n) for n in given]) for key, given in places.items()}
    free = np.ones(len(parents), bool)
    free[[root(number) for number in bound]] = False
    return places, free


def _measure(generator, pictures):
    """Measure log of the largest magnitude per channel: dict of `id(tensor)`."""
    tensors = [op.output for op in generator.operations]
    probe = keras.Model(generator.input, tensors)
    largest = [np.zeros(tensor.shape[-1]) for tensor in tensors]
    for picture in pictures:
        values = probe(picture[None] / np.float32(255.0), training=False)
        for known, value in zip(largest, values, strict=True):
            value = np.abs(keras.ops.convert_to_numpy(value))
            np.maximum(known, value.max(axis=(0, 1, 2)), out=known)
    # A channel that is always zero may have any factor; it takes a middling one.
    return {
        id(tensor): np.log(np.where(value > 0, value, np.median(value) or 1.0))
        for tensor, value in zip(tensors, largest, strict=True)
    }


def _solve(places, logs, free):
    """Find log factors by which the channels of each tensor come out equally large.

    A channel has places in several tensors, so this is a fit: the sum over all places
    of (log range + log factor - the tensor's mean of these)**2, made small by turns.
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
