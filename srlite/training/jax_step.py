"""One optimizer update of a stage's networks, jitted by JAX.

Between updates `JaxStep` keeps the values of all variables on the device, and each
update overwrites their memory; `sync` puts them back into the Keras variables for
checkpoints, validation and saving. The frozen feature networks are arguments of the
compiled function, because constants would be folded, copied and compiled again.

Several devices share each batch: each has all values and its part of the patches, and
the compiler makes means over the whole batch.

On a CPU the same steps give the same bits in every process. A GPU picks the fastest of
several algorithms at each start; `XLA_FLAGS=--xla_gpu_deterministic_ops=true` makes it
repeatable, and slower.
"""

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from srlite.training.guard import Guard


class JaxStep:
    """Callable that trains the networks in `parts` on one batch."""

    def __init__(self, parts, objective):
        """Create the step, as `TensorFlowStep`; it is compiled when first called."""
        self._parts = parts
        self._objective = objective
        self._guard = Guard(parts)
        self._variables = {name: part.variables for name, part in parts.items()}
        self._frozen = [v for x in objective.networks for v in x.variables]
        self._state = None  # dict of part to arrays; None while the variables hold them
        one = jax.config.jax_default_device
        devices = jax.local_devices() if one is None else [one]
        self._mesh = Mesh(np.array(devices), ("batch",))
        self._frozen_values = None
        options = {"static_argnames": "update_batch_norm", "donate_argnames": "state"}
        self._compiled = jax.jit(self._update, **options)
        self._compiled_many = jax.jit(self._update_many, **options)

    def __call__(self, batch, update_batch_norm):
        """Do one update, as `TensorFlowStep`; the variables see it after `sync`."""
        return self._run(self._compiled, batch, update_batch_norm, "batch")

    def many(self, batches, update_batch_norm):
        """Do several updates in one call, as `TensorFlowStep`."""
        return self._run(self._compiled_many, batches, update_batch_norm, None, "batch")

    def sync(self):
        """Put the values into the Keras variables, where the next update starts."""
        if self._state is not None:
            for name, values in self._state.items():
                for variable, value in zip(self._variables[name], values, strict=True):
                    variable.assign(value.addressable_data(0))
            self._state = None

    @property
    def device_peak_bytes(self):
        """Peak memory of the first GPU, None without a GPU."""
        statistics = jax.local_devices()[0].memory_stats() or {}
        return statistics.get("peak_bytes_in_use")

    def _run(self, compiled, batch, update_batch_norm, *axes):
        if self._frozen_values is None:
            self._frozen_values = self._put([v.value for v in self._frozen])
        if self._state is None:
            # Copies, because the first update overwrites the memory of its input.
            self._state = {
                name: self._put([jnp.array(v.value, copy=True) for v in variables])
                for name, variables in self._variables.items()
            }
        self._state, values = compiled(
            state=self._state,
            frozen=self._frozen_values,
            batch=self._put(batch, *axes),
            update_batch_norm=bool(update_batch_norm),
        )
        return values

    def _put(self, values, *axes):
        """Put arrays on the devices, whole or shared out along the axis "batch"."""
        return jax.device_put(values, NamedSharding(self._mesh, PartitionSpec(*axes)))

    def _update_many(self, state, frozen, batch, update_batch_norm):
        return jax.lax.scan(
            lambda state, one: self._update(state, frozen, one, update_batch_norm),
            state,
            batch,
        )

    def _update(self, state, frozen, batch, update_batch_norm):
        """Return (state, values) after one update; a pure function."""
        objective = self._objective
        with self._scope(state):
            former = self._guard.former()
        with self._scope(state, frozen):
            inputs, target = objective.prepare(batch)
        state, (values, output), gradients = self._learn(
            objective.learner,
            lambda: objective.loss(inputs, target, update_batch_norm),
            state,
            frozen,
        )
        with self._scope(state) as scope:
            objective.follow()
            state = self._read(scope)
        if objective.adversarial:
            label = batch.get("fake_label")
            state, judged, more = self._learn(
                "discriminator",
                lambda: objective.discriminator_loss(target, output, label),
                state,
                frozen,
            )
            values |= judged
            gradients += more
        with self._scope(state) as scope:
            values |= self._guard.settle(former, values.values(), gradients)
            return self._read(scope), values

    def _learn(self, network, objective, state, frozen):
        """Do one update; return (state, what else `objective` returned, gradients)."""
        variables = self._variables[network]

        def loss(learning):
            with self._scope(state, frozen) as scope:
                for variable, value in zip(trained, learning, strict=True):
                    variable.assign(value)
                value, rest = objective()
                return self._guard.scaled(value), (self._read(scope), rest)

        trained = self._parts[network].trainable_variables
        values = {id(v): x for v, x in zip(variables, state[network], strict=True)}
        start = [values[id(v)] for v in trained]
        gradients, (state, rest) = jax.grad(loss, has_aux=True)(start)
        with self._scope(state) as scope:
            gradients = self._guard.unscaled(gradients)
            self._parts[f"{network}_optimizer"].apply(gradients)
            return self._read(scope), rest, gradients

    def _scope(self, state, frozen=()):
        """Inside, the Keras variables have the values of `state` and `frozen`."""
        pairs = [
            pair
            for name, values in state.items()
            for pair in zip(self._variables[name], values, strict=True)
        ]
        # Not strict, because optimizers see no feature network.
        return keras.StatelessScope(pairs + list(zip(self._frozen, frozen)))

    def _read(self, scope):
        """Return the current values of the variables, as a state."""
        return {
            name: [scope.get_current_value(v) for v in variables]
            for name, variables in self._variables.items()
        }
