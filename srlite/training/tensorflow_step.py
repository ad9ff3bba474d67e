"""One optimizer update of a stage's networks, as a `tf.function`.

A step made in the scope of a `tf.distribute` strategy, as its networks and optimizers
must be, trains on all of its replicas: each takes its part of the batch, and together
they do what one device does with the whole.
"""

import tensorflow as tf

from srlite.training.guard import Guard
from srlite.training.replicas import clip_together, global_sum, own_part, synchronize


class TensorFlowStep:
    """Callable that trains the networks in `parts` on one batch."""

    def __init__(self, parts, objective):
        """Create the step; it is traced when first called.

        Args:
            parts: dict of the networks and optimizers of `objective`, and perhaps of
                `loss_scale`, a `guard.LossScale`.
            objective: `objective.Objective` or `EstimatorObjective`.
        """
        self._parts = parts
        self._objective = objective
        self._guard = Guard(parts)
        self._strategy = None
        if tf.distribute.has_strategy():
            self._strategy = tf.distribute.get_strategy()
            for name in {objective.learner, "discriminator"} & parts.keys():
                synchronize(parts[name])
        # Nothing in a step branches on a tensor, and autograph takes seconds.
        self._compiled = tf.function(self._update_together, autograph=False)
        self._compiled_many = tf.function(self._update_many, autograph=False)

    def __call__(self, batch, update_batch_norm):
        """Do one update.

        Args:
            batch: dict of NumPy arrays, as returned by `StageSampler.batch`.
            update_batch_norm: True normalises the generator's features by the batch and
                moves its statistics; False normalises by frozen statistics.

        Returns:
            dict of name to scalar tensor: losses, and what `Guard.settle` returns.
        """
        return self._compiled(_tensors(batch), update_batch_norm)

    def many(self, batches, update_batch_norm):
        """Do several updates in one call: arrays (steps, batch, ...) to (steps,)."""
        return self._compiled_many(_tensors(batches), update_batch_norm)

    def sync(self):
        """Do nothing: the variables are always up to date."""

    def portions(self):
        """Return functions that do an update up to a point.

        They are in a dict of name to function of (batch, update_batch_norm), compiled
        when first called; each includes those before it.
        """
        objective = self._objective

        def damage(batch, _):
            return objective.prepare(batch)

        def forward(batch, update_batch_norm):
            return objective.loss(*objective.prepare(batch), update_batch_norm)[0]

        def backward(batch, update_batch_norm):
            inputs, target = objective.prepare(batch)
            with tf.GradientTape() as tape:
                loss, _ = objective.loss(inputs, target, update_batch_norm)
            variables = self._parts[objective.learner].trainable_variables
            return tape.gradient(loss, variables)

        return {f.__name__: tf.function(f) for f in (damage, forward, backward)}

    @property
    def device_peak_bytes(self):
        """Peak memory of the first GPU, None without a GPU."""
        if not tf.config.list_logical_devices("GPU"):
            return None
        return tf.config.experimental.get_memory_info("GPU:0")["peak"]

    def _update_many(self, batches, update_batch_norm):
        names = [*self._objective.names, *self._guard.names]
        return tf.map_fn(
            lambda batch: self._update_together(batch, update_batch_norm),
            batches,
            parallel_iterations=1,  # each update starts where the one before ended
            fn_output_signature={name: tf.float32 for name in names},
        )

    def _update_together(self, batch, update_batch_norm):
        """Do one update by all replicas."""
        if self._strategy is None:
            return self._update(batch, update_batch_norm)

        def update():
            return self._update(own_part(batch), update_batch_norm)

        values = self._strategy.run(update)  # the same on all replicas
        local = self._strategy.experimental_local_results
        return {name: local(value)[0] for name, value in values.items()}

    def _update(self, batch, update_batch_norm):
        former = self._guard.former()
        objective = self._objective
        inputs, target = objective.prepare(batch)
        with tf.GradientTape() as tape:
            loss, (values, output) = objective.loss(inputs, target, update_batch_norm)
            loss = self._guard.scaled(loss)
        gradients = self._apply(objective.learner, tape, loss)
        objective.follow()
        if objective.adversarial:
            with tf.GradientTape() as tape:
                label = batch.get("fake_label")
                loss, judged = objective.discriminator_loss(target, output, label)
                loss = self._guard.scaled(loss)
            gradients += self._apply("discriminator", tape, loss)
            values |= judged
        values = global_sum(values)
        return values | self._guard.settle(former, values.values(), gradients)

    def _apply(self, network, tape, loss):
        """Do one update of a network's optimizer; return the gradients."""
        variables = self._parts[network].trainable_variables
        optimizer = self._parts[f"{network}_optimizer"]
        gradients = self._guard.unscaled(tape.gradient(loss, variables))
        own = gradients
        if self._strategy is not None and optimizer.global_clipnorm:
            own = clip_together(gradients, optimizer.global_clipnorm)
        optimizer.apply(own, variables)
        return gradients


def _tensors(batch):
    return {name: tf.convert_to_tensor(array) for name, array in batch.items()}
