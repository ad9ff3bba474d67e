"""Optimizers whose learning rate a diverging run can lower, and schedules of it.

They are made of `keras.ops` alone. A step is one update, counted from 0.
"""

import keras
from keras import ops
from keras.optimizers import schedules


class ScaledAdam(keras.optimizers.Adam):
    """Adam with a factor on its learning rate, 1.0 at first, that checkpoints hold."""

    def build(self, variables):
        """Make the slots, and `factor`, a variable of the optimizer."""
        if not self.built:
            super().build(variables)
            self.factor = self.add_variable((), "ones", name="learning_rate_factor")

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable with the scaled learning rate."""
        factor = ops.cast(self.factor, variable.dtype)
        super().update_step(gradient, variable, learning_rate * factor)


class Muon(ScaledAdam):
    """Momentum made orthogonal for the inner kernels, `ScaledAdam` for all else.

    Each kernel except the first and the last of a network's variables is a matrix of
    (inputs of an output channel, output channels). Its momentum, with all singular
    values near 1, is the direction of the update (Jordan et al. 2024,
    https://kellerjordan.github.io/posts/muon/), scaled so that its values are on
    average as large as Adam's (Liu et al. 2025, https://arxiv.org/abs/2502.16982,
    section 2.2). So one learning rate serves both.
    """

    def __init__(self, *args, momentum=0.95, **kwargs):
        """Create it as Adam; `momentum` (Nesterov's) decays the sum of gradients."""
        super().__init__(*args, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        """Make Adam's slots; the first of a kernel's is its momentum."""
        if not self.built:
            super().build(variables)
            kernels = [i for i, v in enumerate(variables) if len(v.shape) in (2, 4)]
            self._inner_kernels = frozenset(kernels[1:-1])

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable."""
        index = self._get_variable_index(variable)
        if index not in self._inner_kernels:
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        gradient = ops.cast(gradient, dtype)
        summed = self._momentums[index]
        self.assign(summed, self.momentum * summed + gradient)
        direction = gradient + self.momentum * summed
        direction = orthogonal(ops.reshape(direction, (-1, variable.shape[-1])))
        rate = ops.cast(learning_rate, dtype) * ops.cast(self.factor, dtype)
        rate *= 0.2 * max(direction.shape) ** 0.5  # 0.2: the usual size of Adam's
        self.assign_sub(variable, rate * ops.reshape(direction, variable.shape))

    def get_config(self):
        """Return the arguments that make this optimizer again."""
        return super().get_config() | {"momentum": self.momentum}


def orthogonal(matrix):
    """Bring all singular values of a matrix to 0.7 to 1.2, by Newton and Schulz."""
    rows, columns = matrix.shape
    x = matrix / (ops.sqrt(ops.sum(ops.square(matrix))) + 1e-7)
    a, b, c = 3.4445, -4.7750, 2.0315  # of a polynomial (Jordan et al. 2024)
    for _ in range(5):
        # The smaller of the two products; transposing an operand costs nothing.
        if rows > columns:
            square = ops.transpose(x) @ x
            x = a * x + x @ (b * square + c * square @ square)
        else:
            square = x @ ops.transpose(x)
            x = a * x + (b * square + c * square @ square) @ x
    return x


def build_schedule(
    schedule,
    learning_rate,
    steps,
    warmup_steps=0,
    final_learning_rate=0.0,
    decay_every=None,
    boundaries=(),
    decay_factor=0.5,
):
    """Make a linear warm-up to the highest rate, then one of four decays.

    During the warm-up of n steps the rate of step i is i / n of the highest one.

    Args:
        schedule: "constant"; "step": times `decay_factor` after every `decay_every`
            steps (ESRGAN's pixel stage); "multi_step": times `decay_factor` at each of
            `boundaries` (ESRGAN's and SRGAN's GAN stage); or "cosine": half a cosine
            from the end of the warm-up to `final_learning_rate` at `steps` (Loshchilov
            and Hutter 2016, https://arxiv.org/abs/1608.03983).
        learning_rate: the highest one.
        steps: updates of the whole stage.
        warmup_steps: updates until the highest rate is reached.
        final_learning_rate: of "cosine".
        decay_every: steps, of "step".
        boundaries: steps, of "multi_step".
        decay_factor: of "step" and "multi_step".
    """
    if schedule == "step":
        decay = schedules.ExponentialDecay(
            learning_rate, decay_every, decay_factor, staircase=True
        )
    elif schedule == "multi_step":
        rates = [learning_rate * decay_factor**i for i in range(len(boundaries) + 1)]
        # Keras lowers the rate after a boundary.
        decay = schedules.PiecewiseConstantDecay([b - 1 for b in boundaries], rates)
    else:
        last = final_learning_rate if schedule == "cosine" else learning_rate
        length = max(steps - warmup_steps, 1)
        decay = schedules.CosineDecay(learning_rate, length, last / learning_rate)
    return _WarmUp(decay, learning_rate, warmup_steps, schedule == "cosine")


class _WarmUp(schedules.LearningRateSchedule):
    """A linear warm-up, then a decay, which may count its steps from there."""

    def __init__(self, decay, highest, steps, anew):
        self._decay, self._highest = decay, highest
        self._steps, self._anew = steps, anew

    def __call__(self, step):
        step = ops.cast(step, "float32")
        begun = step - self._steps if self._anew else step
        rate = ops.cast(self._decay(ops.maximum(begun, 0.0)), "float32")
        warming = self._highest * step / max(self._steps, 1)
        return ops.where(step < self._steps, warming, rate)

    def get_config(self):
        return {}
