"""What one update computes, in `keras.ops`, whichever backend differentiates it.

Each objective has one learner, a network with an EMA copy and an optimizer, and perhaps
a discriminator.

The generator is updated first, then the discriminator, on the same batch. Real and fake
pass through the discriminator separately, each with its own batch statistics; while the
generator learns, the discriminator's moving statistics stay. The EMA network follows
every variable of the learner, BatchNorm's moving statistics included.
"""

from keras import ops

from srlite.data.degradation_vector import cut_for_estimator
from srlite.data.degradations import degrade
from srlite.models.folding import fold_batch_norm
from srlite.models.generators import is_conditional
from srlite.training.losses import DiscriminatorAccuracy, luma
from srlite.training.replicas import num_replicas

_PERCEPTUAL = ("content", "style")


class _Learning:
    """A learner, its optimizer and its EMA copy, of the parts of a step."""

    adversarial = None  # (loss, weight) where a discriminator learns too

    def __init__(self, parts, learner, scale, ema_decay):
        self.learner = learner
        self._parts = parts
        self._scale = scale
        self._ema_decay = ema_decay
        self._build_optimizer(learner)

    def _build_optimizer(self, network):
        variables = self._parts[network].trainable_variables
        self._parts[f"{network}_optimizer"].build(variables)

    def follow(self):
        """Move the EMA network towards the learner."""
        step = self._parts[f"{self.learner}_optimizer"].iterations
        step = ops.cast(step, "float32")
        # The weights of the first steps are noise: forget them fast.
        decay = ops.minimum(self._ema_decay, (1.0 + step) / (10.0 + step))
        pairs = zip(
            self._parts[f"ema_{self.learner}"].variables,
            self._parts[self.learner].variables,
            strict=True,
        )
        for average, variable in pairs:
            average.assign_sub((1.0 - decay) * (average - variable))


class Objective(_Learning):
    """The losses of generator and, with `adversarial`, discriminator."""

    def __init__(
        self,
        parts,
        losses,
        adversarial=None,
        *,
        scale,
        ema_decay,
        estimator=None,
        patch_size=None,
        hold_colour=False,
        content_size=None,
    ):
        """Build the optimizers.

        Args:
            parts: dict of `generator`, `ema_generator`, `generator_optimizer` and, when
                `adversarial` is given, `discriminator`, `discriminator_optimizer`.
            losses: dict of name to (`keras.losses.Loss` on HR and SR, weight); a weight
                of 0.0 measures the loss without training on it.
            adversarial: None, or (`keras.losses.Loss` on the logits to raise and those
                to lower, weight in the generator's loss).
            scale: HR pixels per LR pixel.
            ema_decay: of the EMA generator, reached gradually from 0.1.
            estimator: frozen `keras.Model`, for a conditional generator.
            patch_size: HR pixels of the middle of a patch that the generator sees; None
                for all of it. The estimator sees all.
            hold_colour: show the perceptual losses and the discriminator SR's luma with
                HR's colour, because they would turn colour into grain.
            content_size: HR pixels of the middle that the content loss, most of a
                step's work, looks at; None for all.
        """
        super().__init__(parts, "generator", scale, ema_decay)
        self._losses = losses
        self.adversarial = adversarial
        self._accuracy = DiscriminatorAccuracy()
        conditional = is_conditional(parts["generator"])
        self._estimator = estimator if conditional else None
        self._patch_size = patch_size
        self._hold_colour = hold_colour
        self._content_size = content_size
        self._frozen_generator = fold_batch_norm(parts["generator"])
        if adversarial:
            self._build_optimizer("discriminator")

    @property
    def names(self):
        """Names of the values that an update returns."""
        names = [*self._losses, "g_total"]
        if self.adversarial:
            names += ["g_adversarial", "d_adversarial", "d_accuracy"]
        return names

    @property
    def networks(self):
        """The frozen networks: the estimator and those that the losses hold."""
        held = [x for loss, _ in self._losses.values() for x in vars(loss).values()]
        return [x for x in [self._estimator, *held] if hasattr(x, "stateless_call")]

    def prepare(self, batch):
        """Turn a batch of `StageSampler` into the generator's input and its target.

        They are LR, float32 (batch, H, W, channels) in [0, 1], or a list of LR and the
        degradation; and HR, float32 (batch, scale * H, scale * W, channels).
        """
        lr, hr = degrade(batch, self._scale)
        inputs, hr = _middle(lr, hr, self._patch_size, self._scale)
        if self._estimator is not None:
            seen = self._estimator(cut_for_estimator(lr), training=False)
            truth = batch["degradation"]
            told = ops.where(batch["told_truth"][:, None], truth, seen)
            inputs = [inputs, ops.stop_gradient(told)]
        return inputs, hr

    def loss(self, inputs, hr, update_batch_norm):
        """Compute what the generator minimises, from the results of `prepare`.

        Returns (scalar, (dict of name to scalar, SR shaped as `hr`)).
        """
        if update_batch_norm:
            sr = self._parts["generator"](inputs, training=True)
        else:
            sr = self._frozen_generator(inputs)
        seen = self._seen(hr, sr)
        values, total = {}, ops.zeros(())
        for name, (loss, weight) in self._losses.items():
            pair = hr, seen if name in _PERCEPTUAL else sr
            if name == "content" and self._content_size is not None:
                first = (hr.shape[1] - self._content_size) // 2
                pair = [_square(x, first, self._content_size) for x in pair]
            values[name] = loss(*pair)
            if weight:
                total = total + weight * values[name]
        if self.adversarial:
            loss, weight = self.adversarial
            values["g_adversarial"] = loss(self._judge(seen), self._judge(hr))
            total = total + weight * values["g_adversarial"]
        values["g_total"] = total
        return total, (values, sr)

    def discriminator_loss(self, hr, sr, fake_label=None):
        """Compute what the discriminator minimises; moves its statistics.

        HR and SR are float32 (batch, P, P, channels), [0, 1]; `fake_label`, (batch, 1),
        is its target for fakes. It returns a scalar and a dict of name to scalar.
        """
        discriminator, (loss, _) = self._parts["discriminator"], self.adversarial
        real = discriminator(hr, training=True)  # (B, 1)
        fake = discriminator(self._seen(hr, sr), training=True)
        value = loss(real, fake if fake_label is None else (fake, fake_label))
        accuracy = self._accuracy(real, fake)
        return value, {"d_adversarial": value, "d_accuracy": accuracy}

    def _seen(self, hr, sr):
        """Return SR as the losses of textures see it."""
        if not self._hold_colour or sr.shape[-1] != 3:
            return sr
        # The same difference in all channels changes luma alone.
        return hr + luma(sr - hr)

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


class EstimatorObjective(_Learning):
    """The loss of the estimator: how far its answer is from the truth.

    It is the cross-entropy of the kernels' odds, and of the four strengths, each read
    as a probability. An absolute difference would teach it to always answer 0, because
    most pictures lack a given damage.

    Confusing a kernel with a similar one hardly changes what a generator makes. So a
    trained generator may judge the answer too.
    """

    _STRENGTHS = ("jpeg", "noise", "blur", "sharpening")
    _STRENGTH_WEIGHT = 4.0  # of each; brings the five to about one size

    def __init__(
        self,
        parts,
        *,
        scale,
        ema_decay,
        generator=None,
        generator_error=0.0,
        generator_patch_size=None,
    ):
        """Build the optimizer of an estimator that has an EMA copy in `parts`.

        Args:
            parts: dict of `estimator`, `ema_estimator` and `estimator_optimizer`.
            scale: HR pixels per LR pixel.
            ema_decay: of the EMA estimator, reached gradually from 0.1.
            generator: frozen conditional `keras.Model` that is told the answers; None
                for the cross-entropies alone.
            generator_error: weight of its error in dB.
            generator_patch_size: HR pixels of the middle of a patch that it enlarges.
        """
        super().__init__(parts, "estimator", scale, ema_decay)
        self._judge = generator
        self._generator = None if generator is None else fold_batch_norm(generator)
        self._generator_error = generator_error
        self._patch_size = generator_patch_size

    @property
    def names(self):
        """Names of the values that an update returns."""
        judged = () if self._generator is None else ("generator_error",)
        return ("kernels", *self._STRENGTHS, *judged, "e_total")

    @property
    def networks(self):
        """The frozen networks: the generator, where there is one."""
        return [] if self._judge is None else [self._judge]

    def prepare(self, batch):
        """Turn a batch of `StageSampler` into the estimator's input and its target.

        They are LR, float32 (batch, H, W, 3), cut to sides that the estimator takes,
        and its true degradation, (batch, 10). With a generator both are lists, which
        end with the middles of LR that it enlarges, and with their HR.
        """
        lr, hr = degrade(batch, self._scale)
        seen = cut_for_estimator(lr)
        degradation = ops.convert_to_tensor(batch["degradation"])
        if self._generator is None:
            return seen, degradation
        middle, hr = _middle(lr, hr, self._patch_size, self._scale)
        return [seen, middle], [degradation, hr]

    def loss(self, lr, degradation, update_batch_norm):
        """Compute what the estimator minimises, from the results of `prepare`.

        Returns (scalar, (dict of name to scalar, answer (batch, 10))): the values are
        cross-entropies and the generator's mean error in dB, the negative of PSNR.
        """
        if self._generator is not None:
            (lr, middle), (degradation, hr) = lr, degradation
        answer = self._parts["estimator"](lr, training=bool(update_batch_norm))
        kernels = ops.shape(degradation)[1] - len(self._STRENGTHS)
        yes = degradation * ops.log(answer + 1e-6)  # (B, 10)
        no = (1.0 - degradation) * ops.log(1.0 - answer + 1e-6)
        values = {"kernels": -_mean(ops.sum(yes[:, :kernels], axis=1))}
        far = -(yes + no)[:, kernels:]  # (B, 4)
        values |= {name: _mean(far[:, i]) for i, name in enumerate(self._STRENGTHS)}
        total = values["kernels"]
        for name in self._STRENGTHS:
            total = total + self._STRENGTH_WEIGHT * values[name]
        if self._generator is not None:
            square = ops.square(self._generator([middle, answer]) - hr)
            # Of flat patches, which any answer enlarges well, the logarithm is bounded.
            decibels = ops.log10(ops.mean(square, axis=(1, 2, 3)) + 1e-5)
            values["generator_error"] = 10.0 * _mean(decibels)
            total = total + self._generator_error * values["generator_error"]
        values["e_total"] = total
        return total, (values, answer)


def _middle(lr, hr, patch_size, scale):
    """Cut off what only the estimator sees; a `patch_size` of None keeps all."""
    if patch_size is None:
        return lr, hr
    size = patch_size // scale
    first = (lr.shape[1] - size) // 2
    return _square(lr, first, size), _square(hr, scale * first, patch_size)


def _square(pictures, first, size):
    """Cut the square of `size` pixels that begins at `first` in both directions."""
    return pictures[:, first : first + size, first : first + size]


def _mean(x):
    """Mean over a replica's part of the batch, divided as `keras.losses.Loss` does."""
    return ops.mean(x) / num_replicas()
