"""Optimizers whose learning rate a diverging run can lower: Adam and Muon.

Both are Keras's `Optimizer`s made of `keras.ops` alone, the same on every backend.
"""

import keras
from keras import ops

# Of the polynomial that takes all singular values near 1 (Jordan et al. 2024).
_POLYNOMIAL = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


class ScaledAdam(keras.optimizers.Adam):
    """Adam whose learning rate has a factor, 1.0 at first, that checkpoints hold."""

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

    Each kernel but a network's first and last is seen as a matrix of (what an output
    channel looks at, output channels). Its momentum, with all singular values brought
    near 1, is the direction of the update (Jordan et al. 2024,
    https://kellerjordan.github.io/posts/muon/), of which each value is on average as
    large as one of Adam's (Liu et al. 2025, https://arxiv.org/abs/2502.16982, section
    2.2). So one learning rate serves both.
    """

    def __init__(self, *args, momentum=0.95, **kwargs):
        """Create the optimizer.

        Args:
            *args: those of `keras.optimizers.Adam`.
            momentum: decay of the sum of a kernel's gradients (Nesterov's kind).
            **kwargs: those of `keras.optimizers.Adam`.
        """
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
        direction = ops.reshape(
            gradient + self.momentum * summed, (-1, variable.shape[-1])
        )
        direction = orthogonal(direction)
        rate = ops.cast(learning_rate, dtype) * ops.cast(self.factor, dtype)
        rate *= 0.2 * max(direction.shape) ** 0.5  # 0.2: the usual size of Adam's
        self.assign_sub(variable, rate * ops.reshape(direction, variable.shape))

    def get_config(self):
        """Return the arguments that make this optimizer again."""
        return super().get_config() | {"momentum": self.momentum}


def orthogonal(matrix):
    """Bring all singular values of a matrix near 1, 0.7 to 1.2, by Newton and Schulz.

    Args:
        matrix: (rows, columns).

    Returns:
        Tensor of the same shape.
    """
    rows, columns = matrix.shape
    x = matrix / (ops.sqrt(ops.sum(ops.square(matrix))) + 1e-7)
    a, b, c = _POLYNOMIAL
    for _ in range(_ITERATIONS):
        # Of the two products, the smaller. The matrix itself is never transposed, only
        # an operand, which costs nothing.
        if rows > columns:
            square = ops.transpose(x) @ x
            x = a * x + x @ (b * square + c * square @ square)
        else:
            square = x @ ops.transpose(x)
            x = a * x + (b * square + c * square @ square) @ x
    return x
