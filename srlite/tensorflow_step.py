"""One optimizer update of both networks, as a `tf.function`.

The same function serves both stages: without a discriminator it is the pixel stage's
update. The generator is updated first, then the discriminator, on the same batch.
Real and fake pass through the discriminator separately, so that each has its own batch
statistics; while the generator learns, the discriminator's moving statistics stay as
they are. The EMA generator follows every variable of the generator, BatchNorm's moving
statistics included.
"""

import tensorflow as tf

from srlite.degradations import degrade


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
            batch: dict of NumPy arrays, as `data.PatchSampler.batch` gives it; with
                `fake_label` (batch, 1) if the discriminator is to answer that on fakes.
            update_batch_norm: True normalises the generator's features by the batch and
                moves its statistics; False normalises by the statistics as they are.

        Returns:
            dict of loss name to scalar tensor.
        """
        tensors = {name: tf.convert_to_tensor(array) for name, array in batch.items()}
        return self._compiled(tensors, update_batch_norm)

    def _update(self, batch, update_batch_norm):
        generator = self._parts["generator"]
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
        self._apply("generator", tape, total)
        self._follow()
        if self._adversarial:
            values |= self._update_discriminator(
                hr, tf.stop_gradient(sr), batch.get("fake_label")
            )
        return values

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

    def _update_discriminator(self, hr, sr, fake_label):
        discriminator, (loss, _) = self._parts["discriminator"], self._adversarial
        with tf.GradientTape() as tape:
            real = discriminator(hr, training=True)
            fake = discriminator(sr, training=True)
            value = loss(real, fake if fake_label is None else (fake, fake_label))
        self._apply("discriminator", tape, value)
        above = tf.cast(real > tf.reduce_mean(fake), tf.float32)
        below = tf.cast(fake < tf.reduce_mean(real), tf.float32)
        accuracy = (tf.reduce_mean(above) + tf.reduce_mean(below)) / 2
        return {"d_adversarial": value, "d_accuracy": accuracy}

    def _apply(self, network, tape, loss):
        variables = self._parts[network].trainable_variables
        gradients = tape.gradient(loss, variables)
        self._parts[f"{network}_optimizer"].apply_gradients(
            zip(gradients, variables, strict=True)
        )

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
