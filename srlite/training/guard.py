"""Drop updates that would spoil a run, and compute in 16 bits, on any Keras backend.

One batch with a NaN or an overflow in its loss or gradients would turn every weight,
optimizer slot and average into NaN for good. So each update is computed, judged, and
kept or undone as a whole, both networks together. A dropped update changes only the
optimizers' `iterations`, because batches and schedules are functions of the step.

In float16 small gradients vanish. `LossScale` multiplies the losses, and divides their
gradients again, by a number as large as possible (Micikevicius et al. 2017,
https://arxiv.org/abs/1710.03740, section 3.2). Finite losses with gradients that are
not finite show that it is too large: the update is dropped, and the scale halved.
Keras's own `LossScaleOptimizer` knows one network only, and does not count dropped
steps.
"""

import collections

import keras
from keras import ops

from srlite.models.generators import last_convolutions
from srlite.training.replicas import global_sum

_NETWORKS = ("generator", "discriminator", "estimator")


def set_precision(network, precision, exact_last=False):
    """Make the convolutions of a network compute in 16 bits.

    So do LeakyReLUs and concatenations that only these convolutions read, which halves
    the traffic to memory. Everything else stays float32, variables and sums of losses
    too. The gradients of float16 need a `LossScale`.

    Args:
        network: Functional `keras.Model`, changed in place.
        precision: "float32" (no change), "bfloat16" or "float16".
        exact_last: keep the `last_convolutions` in float32. A generator needs it,
            because a bfloat16 cannot hold all levels of a picture.
    """
    if precision == "float32":
        return
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    exact = last_convolutions(network) if exact_last else []
    short = [x for x in network.layers if isinstance(x, kinds) and x not in exact]
    readers = collections.defaultdict(list)
    for step in network.operations:
        for tensor in keras.tree.flatten(step.input):
            readers[id(tensor)].append(step)
    for tensor in network.outputs:
        readers[id(tensor)].append(None)
    for step in reversed(network.operations):
        if isinstance(step, keras.layers.LeakyReLU | keras.layers.Concatenate) and all(
            reader in short for reader in readers[id(step.output)]
        ):
            short.append(step)
    # These cast to float32 themselves, to measure their kernel's norm.
    normalised = keras.layers.SpectralNormalization
    held = [layer.layer for layer in network.layers if isinstance(layer, normalised)]
    for layer in [*short, *(layer for layer in held if isinstance(layer, kinds))]:
        layer.dtype_policy = f"mixed_{precision}"


class LossScale:
    """The factor on losses, a power of two; a part as checkpoints hold it."""

    FIRST, LARGEST = 2.0**15, 2.0**24

    def __init__(self, growth_steps=2000):
        """Make the variables; it doubles after so many applied updates in a row."""
        self._growth_steps = growth_steps
        options = {"trainable": False, "autocast": False}
        self.scale = keras.Variable(
            self.FIRST, dtype="float32", name="scale", **options
        )
        self._applied = keras.Variable(0, dtype="int32", name="applied", **options)

    @property
    def variables(self):
        """The scale, and the updates applied since it changed."""
        return [self.scale, self._applied]

    def follow(self, applied, overflow):
        """Change the scale after an update; both arguments are scalar bools."""
        scale = ops.convert_to_tensor(self.scale)
        count = ops.where(applied, self._applied + 1, 0)
        grows = count >= self._growth_steps
        larger = ops.where(grows, ops.minimum(2.0 * scale, self.LARGEST), scale)
        self.scale.assign(ops.where(overflow, 0.5 * scale, larger))
        self._applied.assign(ops.where(grows, 0, count))


class Guard:
    """Judges the updates of a step, and undoes those that are not finite."""

    def __init__(self, parts):
        """Take the parts of a step, whose optimizers are built."""
        self._loss_scale = parts.get("loss_scale")
        networks = [parts[n] for n in _NETWORKS if n in parts]
        self._statistics = sum((n.non_trainable_variables for n in networks), [])
        counts = {id(getattr(part, "iterations", None)) for part in parts.values()}
        self._variables = [
            variable
            for name, part in parts.items()
            for variable in part.variables
            if name != "loss_scale" and id(variable) not in counts
        ]

    @property
    def names(self):
        """Names of the values that `settle` returns."""
        return ["dropped", *(["overflow", "loss_scale"] if self._loss_scale else [])]

    def former(self):
        """Return the values that `settle` goes back to, as a list of tensors."""
        # Copies, because TensorFlow returns the variables themselves.
        return [ops.copy(variable) for variable in self._variables]

    def scaled(self, loss):
        """Return the loss to take gradients of."""
        return loss * self._loss_scale.scale if self._loss_scale else loss

    def unscaled(self, gradients):
        """Return the gradients of the loss, given those of the scaled one."""
        if not self._loss_scale:
            return gradients
        return [gradient / self._loss_scale.scale for gradient in gradients]

    def settle(self, former, losses, gradients):
        """Keep what an update has done to the variables, or undo it.

        Its losses, the squares of its gradients, which Adam averages, and the moving
        statistics of its networks must be finite; all else follows from these.

        Args:
            former: as returned by `former`, before the update.
            losses: scalars.
            gradients: of both networks, not scaled.

        Returns:
            dict of scalar float32: `dropped`, 1.0 where the update was at fault; with a
            loss scale also `overflow`, 1.0 where the scale was, and `loss_scale`, that
            of the next update.
        """
        statistics = [ops.sum(ops.convert_to_tensor(v)) for v in self._statistics]
        sound = _all_finite([*losses, *statistics])
        steady = _all_finite([ops.sum(ops.square(g)) for g in gradients])
        applied = ops.logical_and(sound, steady)
        for variable, value in zip(self._variables, former, strict=True):
            new = ops.convert_to_tensor(variable)
            variable.assign(ops.where(applied, new, value))
        if not self._loss_scale:
            return {"dropped": 1.0 - ops.cast(applied, "float32")}
        # Below 1 it is not the scale that is too large.
        lowers = ops.logical_and(sound, self._loss_scale.scale > 1.0)
        overflow = ops.logical_and(lowers, ops.logical_not(steady))
        self._loss_scale.follow(applied, overflow)
        return {
            "dropped": 1.0 - ops.cast(ops.logical_or(applied, overflow), "float32"),
            "overflow": ops.cast(overflow, "float32"),
            "loss_scale": ops.copy(self._loss_scale.scale),
        }


def _all_finite(numbers):
    """Whether scalars are finite, on every replica if there are several."""
    numbers = ops.stack([ops.cast(number, "float32") for number in numbers])
    return ops.all(ops.isfinite(global_sum(numbers)))  # a NaN stays one in a sum
