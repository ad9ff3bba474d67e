"""The graph of a Functional model: its steps, what belongs together, its reach."""

import math
from collections.abc import Hashable
from fractions import Fraction
from typing import Any

import keras
from keras import layers


def steps_of(model: Any) -> list:
    """List the operations of a `keras.Model`, in order, without its inputs."""
    return [op for op in model.operations if not isinstance(op, layers.InputLayer)]


def taken_by(op: Any) -> list:
    """List the input tensors of an operation."""
    return keras.tree.flatten(op.input)


def copied(model: Any) -> Any:
    """Return a copy of a `keras.Model` with layers and weights of its own."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


class Groups:
    """Keys that belong together, joined pair by pair (union-find)."""

    def __init__(self) -> None:
        """Begin with every key in a group of its own."""
        self._parents: dict = {}

    def find(self, key: Any) -> Any:
        """Return the key that stands for the group of a key."""
        while (parent := self._parents.get(key, key)) != key:
            key = parent
        return key

    def join(self, one: Hashable, other: Hashable) -> None:
        """Make one group of two; that of `one` stands for both."""
        if (root := self.find(one)) != (joined := self.find(other)):
            self._parents[joined] = root


def reach_of(model: Any) -> int:
    """Return how many LR pixels to each side of a pixel its result depends on.

    The first input of the Functional `keras.Model` is (batch, H, W, channels).
    """
    # For each tensor: LR pixels that it sees to a side, and LR pixels per pixel of it.
    seen = {id(x): (Fraction(0), Fraction(1)) for x in model.inputs}
    for op in steps_of(model):
        sees = max(seen[id(x)][0] for x in taken_by(op))
        pitch = max(seen[id(x)][1] for x in taken_by(op))
        if isinstance(op, layers.Conv2D):
            sees += pitch * Fraction(op.kernel_size[0] - 1, 2) * op.dilation_rate[0]
            pitch *= op.strides[0]
        before, after = taken_by(op)[0].shape, op.output.shape
        if type(op).__name__ == "DepthToSpace":
            pitch /= math.isqrt(before[-1] // after[-1])
        elif isinstance(op, layers.UpSampling2D):
            pitch /= op.size[0]
        seen[id(op.output)] = sees, pitch
    return math.ceil(max(seen[id(x)][0] for x in model.outputs))
