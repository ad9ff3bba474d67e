"""What one update computes, whichever backend differentiates it.

`TensorFlowStep` and `JaxStep` differ in how they take gradients and hold variables;
the formulas are here, in `keras.ops` and Keras variables alone. The generator is
updated first, then the discriminator, on the same batch. Real and fake pass through the
discriminator separately, so that each has its own batch statistics; while the generator
learns, the discriminator's moving statistics stay as they are. The EMA generator
follows every variable of the generator, BatchNorm's moving statistics included.
"""

from keras import ops

from srlite.models.folding import fold_batch_norm
from srlite.training.losses import DiscriminatorAccuracy
from srlite.training.replicas import global_mean


class Objective:
    """The losses of both networks, and the EMA generator's rule.

    Without `adversarial` it is the pixel stage's, and there is no discriminator.
    """

    def __init__(self, parts, losses, adversarial=None, *, ema_decay):
        """Build the optimizers; the arguments are those of the steps.

        Args:
            parts: dict of `generator`, `ema_generator`, `generator_optimizer` and, when
                `adversarial` is given, `discriminator`, `discriminator_optimizer`.
            losses: dict of name to (`keras.losses.Loss` on HR and SR, weight); a weight
                of 0.0 measures the loss without training on it.
            adversarial: None, or (`keras.losses.Loss` on the logits to be raised and
                those to be lowered, weight in the generator's loss).
            ema_decay: of the EMA generator, reached gradually from 0.1.
        """
        self._parts = parts
        self._losses = losses
        self._adversarial = adversarial
        self._accuracy = DiscriminatorAccuracy(mean=global_mean)
        self._ema_decay = ema_decay
        self._frozen_generator = fold_batch_norm(parts["generator"])
        for network in ("generator", "discriminator"):
            if network in parts:
                variables = parts[network].trainable_variables
                parts[f"{network}_optimizer"].build(variables)

    @property
    def adversarial(self):
        """Whether there is a discriminator to train."""
        return self._adversarial is not None

    @property
    def names(self):
        """Names of the values that an update returns."""
        names = [*self._losses, "g_total"]
        if self.adversarial:
            names += ["g_adversarial", "d_adversarial", "d_accuracy"]
        return names

    @property
    def networks(self):
        """The frozen networks that the losses hold."""
        held = [x for loss, _ in self._losses.values() for x in vars(loss).values()]
        return [x for x in held if hasattr(x, "stateless_call")]

    def generator_loss(self, lr, hr, update_batch_norm):
        """Compute what the generator minimises.

        Args:
            lr: float32 (batch, H, W, channels), [0, 1].
            hr: float32 (batch, scale * H, scale * W, channels), [0, 1].
            update_batch_norm: as in the steps.

        Returns:
            (total, (values, sr)): scalar; dict of name to scalar; the generator's
            output, of the shape of `hr`.
        """
        if update_batch_norm:
            sr = self._parts["generator"](lr, training=True)
        else:
            sr = self._frozen_generator(lr)
        values = {name: loss(hr, sr) for name, (loss, _) in self._losses.items()}
        total = ops.zeros(())
        for name, (_, weight) in self._losses.items():
            if weight:
                total = total + weight * values[name]
        if self.adversarial:
            loss, weight = self._adversarial
            values["g_adversarial"] = loss(self._judge(sr), self._judge(hr))
            total = total + weight * values["g_adversarial"]
        values["g_total"] = total
        return total, (values, sr)

    def discriminator_loss(self, hr, sr, fake_label=None):
        """Compute what the discriminator minimises; moves its statistics.

        Args:
            hr: float32 (batch, P, P, channels), [0, 1].
            sr: likewise, without gradient.
            fake_label: (batch, 1) if the discriminator is to answer that on fakes.

        Returns:
            (loss, values): scalar; dict of name to scalar, of which `d_accuracy` is
            `DiscriminatorAccuracy`'s.
        """
        discriminator, (loss, _) = self._parts["discriminator"], self._adversarial
        real = discriminator(hr, training=True)  # (B, 1)
        fake = discriminator(sr, training=True)
        value = loss(real, fake if fake_label is None else (fake, fake_label))
        accuracy = self._accuracy(real, fake)
        return value, {"d_adversarial": value, "d_accuracy": accuracy}

    def follow(self):
        """Move the EMA generator towards the generator."""
        step = ops.cast(self._parts["generator_optimizer"].iterations, "float32")
        # The weights of the first steps are noise: forget them fast.
        decay = ops.minimum(self._ema_decay, (1.0 + step) / (10.0 + step))
        pairs = zip(
            self._parts["ema_generator"].variables,
            self._parts["generator"].variables,
            strict=True,
        )
        for average, variable in pairs:
            average.assign_sub((1.0 - decay) * (average - variable))

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
