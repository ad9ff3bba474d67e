"""Updates that would spoil a run are dropped, on any Keras backend.

One batch with a NaN or an overflow in its loss or gradients would turn every weight,
optimizer slot and average into NaN. So an update asks first (`is_finite`), inside the
compiled graph, where it costs one sum over the gradients. A dropped update leaves all
variables as they were, except that the optimizers count it: batches and schedules are
functions of the step, and go on. Steps report `dropped`, 0.0 or 1.0, and `DropCounter`
keeps account of it. Many dropped updates in a row mean that the weights are at fault,
not the batch: `rescue` then goes back and halves the learning rate of `ScaledAdam`.
"""

import keras
from keras import ops

from srlite.errors import DivergenceError


class ScaledAdam(keras.optimizers.Adam):
    """Adam whose learning rate, a schedule too, has a factor that checkpoints hold."""

    def build(self, variables):
        """Make the slots, and `factor`, a variable of the optimizer."""
        super().build(variables)
        self.factor = self.add_variable((), "ones", name="learning_rate_factor")

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable with the scaled learning rate."""
        factor = ops.cast(self.factor, variable.dtype)
        super().update_step(gradient, variable, learning_rate * factor)


def is_finite(values, gradients):
    """Tell whether an update may be applied.

    Args:
        values: scalar tensors, the losses.
        gradients: tensors of any shape, of all networks; None where there is none.

    Returns:
        Scalar bool tensor: all losses and the global norm of the gradients are finite.
    """
    squares = (
        ops.sum(ops.square(ops.cast(gradient, "float32")))
        for gradient in gradients
        if gradient is not None
    )
    numbers = [*(ops.cast(value, "float32") for value in values), *squares]
    return ops.all(ops.isfinite(ops.stack(numbers)))


def apply_or_drop(finite, apply, statistics, former, optimizers):
    """Apply an update to variables, or take back what it has already changed.

    For backends whose variables change in place. Where state is passed along instead,
    choose between new and former state by `finite` with `ops.cond`, and let the
    optimizers' iterations always be those of the new one.

    Args:
        finite: scalar bool tensor.
        apply: function that applies the gradients and moves averages.
        statistics: variables that the forward pass has changed.
        former: their values from before it.
        optimizers: optimizers whose iterations count a dropped update too.

    Returns:
        Scalar float32 tensor, `dropped`: 1.0 or 0.0.
    """

    def applied():
        apply()
        return ops.zeros((), "float32")

    def dropped():
        for variable, value in zip(statistics, former, strict=True):
            variable.assign(value)
        for optimizer in optimizers:
            optimizer.iterations.assign_add(1)
        return ops.ones((), "float32")

    return ops.cond(finite, applied, dropped)


class DropCounter:
    """Keeps account of dropped updates, across the lines of a log."""

    def __init__(self, limit):
        """Allow fewer than `limit` dropped updates in a row."""
        self._limit = limit
        self.in_a_row = 0

    def take_out(self, updates):
        """Set dropped updates aside, whose losses mean nothing.

        Args:
            updates: list of dicts of floats, one for each update, in order.

        Returns:
            (kept, dropped): the dicts of the others, without `dropped`; a count.

        Raises:
            DivergenceError: the limit has been reached.
        """
        kept = []
        for update in updates:
            update = dict(update)
            if update.pop("dropped", 0.0):
                self.in_a_row += 1
            else:
                self.in_a_row = 0
                kept.append(update)
            if self.in_a_row >= self._limit:
                raise DivergenceError(
                    f"{self.in_a_row} updates in a row gave a loss or a gradient that "
                    "is not finite; lower the learning rate"
                )
        return kept, len(updates) - len(kept)
