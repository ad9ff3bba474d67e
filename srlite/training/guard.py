"""Updates that would spoil a run are dropped, on any Keras backend.

One batch with a NaN or an overflow in its loss or gradients would turn every weight,
optimizer slot and average into NaN for good. So each update is computed, judged, and
kept or taken back as a whole, both networks together. A dropped update leaves every
variable as it was but the optimizers' `iterations`: batches and schedules are functions
of the step, and go on. Nothing branches on the device; the choice is a `where`, which
needs no more than one pass over the variables.

In float16 small gradients vanish. `LossScale` multiplies the losses before the
gradients are taken and divides these by it; it is as large as they allow (Micikevicius
et al. 2017, https://arxiv.org/abs/1710.03740, section 3.2). An update whose losses are
finite and whose gradients are not shows that it is too large: the update is dropped,
and the scale halved. Keras's own `LossScaleOptimizer` knows one network only, and does
not count a dropped step.
"""

import keras
from keras import ops

from srlite.training.replicas import global_sum

_NETWORKS = ("generator", "discriminator", "estimator")


class LossScale:
    """What losses are multiplied by, a power of two; a part as checkpoints hold it."""

    LARGEST = 2.0**24

    def __init__(self, initial=2.0**15, growth_steps=2000):
        """Make the variables.

        Args:
            initial: the first scale; one that is too large is lowered within steps.
            growth_steps: applied updates in a row after which it is doubled.
        """
        self._growth_steps = growth_steps
        options = {"trainable": False, "autocast": False}
        self.scale = keras.Variable(initial, dtype="float32", name="scale", **options)
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
    """Judges the updates of a step, and takes back those that are not finite."""

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
        # A copy, because TensorFlow gives variables themselves for tensors.
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
        """Keep what an update has done to the variables, or take it back.

        What must be finite: an update's losses, the squares of its gradients, which
        Adam averages, and the moving statistics of its networks; all else follows from
        these.

        Args:
            former: what `former` returned before the update.
            losses: scalars.
            gradients: of both networks, not scaled.

        Returns:
            dict of scalar float32: `dropped`, 1.0 where the update was taken back for
            what it is; with a loss scale also `overflow`, 1.0 where it was for the
            scale, and `loss_scale`, which the next update will use.
        """
        told = [ops.sum(ops.convert_to_tensor(v)) for v in self._statistics]
        sound = _all_finite([*losses, *told])
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
