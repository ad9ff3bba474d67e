"""One optimizer update of both networks, as a `tf.function`.

The same function serves both stages: without a discriminator it is the pixel stage's
update. The generator is updated first, then the discriminator, on the same batch.
Real and fake pass through the discriminator separately, so that each has its own batch
statistics; while the generator learns, the discriminator's moving statistics stay as
they are. The EMA generator follows every variable of the generator, BatchNorm's moving
statistics included. An update whose losses or gradients are not finite is dropped whole
(`guard`).
"""

import tensorflow as tf

from srlite.degradations import degrade
from srlite.guard import apply_or_drop, is_finite


class TensorFlowStep:
    """Callable that trains the networks in `parts` on one batch."""

    def __init__(self, parts, losses, adversarial=None, *, scale, ema_decay):
        """Create the step; it is traced when first called.

        Args:
            parts: dict of `generator`, `ema_generator`, `generator_optimizer` and, when
                `adversarial` is given, `discriminator`, `discriminator_optimizer`.
            losses: dict of name to (`keras.losses.Loss` on HR and SR, weight); a weight
                of 0.0 measures the loss without training on it.
            adversarial: None, or (`keras.losses.Loss` on the logits to be raised and
                those to be lowered, weight in the generator's loss).
            scale: HR pixels per LR pixel.
            ema_decay: of the EMA generator, reached gradually from 0.1.
        """
        self._parts = parts
        self._losses = losses
        self._adversarial = adversarial
        self._scale = scale
        self._ema_decay = ema_decay
        for network in ("generator", "discriminator"):
            if network in parts:
                variables = parts[network].trainable_variables
                parts[f"{network}_optimizer"].build(variables)
        self._compiled = tf.function(self._update)

    def __call__(self, batch, update_batch_norm):
        """Do one update.

        Args:
            batch: dict of NumPy arrays, as `data.PatchSampler.batch` gives it.
            update_batch_norm: True normalises the generator's features by the batch and
                moves its statistics; False normalises by the statistics as they are.

        Returns:
            dict of loss name to scalar tensor, and `dropped`, 1.0 where the update was
            not applied, else 0.0.
        """
        tensors = {name: tf.convert_to_tensor(array) for name, array in batch.items()}
        return self._compiled(tensors, update_batch_norm)

    def _update(self, batch, update_batch_norm):
        generator = self._parts["generator"]
        statistics = self._statistics()
        former = [tf.identity(variable.value) for variable in statistics]
        lr, hr = degrade(batch, self._scale)
        with tf.GradientTape() as tape:
            sr = generator(lr, training=update_batch_norm)
            values = {name: loss(hr, sr) for name, (loss, _) in self._losses.items()}
            total = tf.add_n(
                [
                    weight * values[k]
                    for k, (_, weight) in self._losses.items()
                    if weight
                ]
                or [tf.zeros(())]
            )
            if self._adversarial:
                loss, weight = self._adversarial
                values["g_adversarial"] = loss(self._judge(sr), self._judge(hr))
                total += weight * values["g_adversarial"]
        values["g_total"] = total
        gradients = {"generator": self._gradients("generator", tape, total)}
        if self._adversarial:
            judged, tape = self._discriminate(hr, tf.stop_gradient(sr))
            gradients["discriminator"] = self._gradients(
                "discriminator", tape, judged["d_adversarial"]
            )
            values |= judged

        def apply():
            for network, given in gradients.items():
                variables = self._parts[network].trainable_variables
                self._parts[f"{network}_optimizer"].apply(given, variables)
            self._follow()

        finite = is_finite(values.values(), sum(gradients.values(), []))
        optimizers = [self._parts[f"{network}_optimizer"] for network in gradients]
        values["dropped"] = apply_or_drop(finite, apply, statistics, former, optimizers)
        return values

    def _statistics(self):
        """Variables that change in a forward pass."""
        networks = [self._parts.get(name) for name in ("generator", "discriminator")]
        return sum((n.non_trainable_variables for n in networks if n is not None), [])

    def _judge(self, picture):
        """Logits (batch, 1), the discriminator's moving statistics untouched."""
        discriminator = self._parts["discriminator"]
        logits, _ = discriminator.stateless_call(
            [v.value for v in discriminator.trainable_variables],
            [v.value for v in discriminator.non_trainable_variables],
            picture,
            training=True,
        )
        return logits

    def _discriminate(self, hr, sr):
        discriminator, (loss, _) = self._parts["discriminator"], self._adversarial
        with tf.GradientTape() as tape:
            real = discriminator(hr, training=True)
            fake = discriminator(sr, training=True)
            value = loss(real, fake)
        above = tf.cast(real > tf.reduce_mean(fake), tf.float32)
        below = tf.cast(fake < tf.reduce_mean(real), tf.float32)
        accuracy = (tf.reduce_mean(above) + tf.reduce_mean(below)) / 2
        return {"d_adversarial": value, "d_accuracy": accuracy}, tape

    def _gradients(self, network, tape, loss):
        return tape.gradient(loss, self._parts[network].trainable_variables)

    def _follow(self):
        """Move the EMA generator towards the generator."""
        step = tf.cast(self._parts["generator_optimizer"].iterations, tf.float32)
        # The weights of the first steps are noise: forget them fast.
        decay = tf.minimum(self._ema_decay, (1.0 + step) / (10.0 + step))
        pairs = zip(
            self._parts["ema_generator"].variables,
            self._parts["generator"].variables,
            strict=True,
        )
        for average, variable in pairs:
            average.assign_sub((1.0 - decay) * (average - variable))
