"""What a stage trains: its networks, optimizers and losses, as its `Config` says."""

import collections
import contextlib
import dataclasses

import numpy as np

from srlite.errors import ModelError
from srlite.pictures.picture import to_grey
from srlite.models.loading import load_generator


class StageSampler:
    """Batches of a sampler as a stage wants them: grey, with labels for the fakes."""

    def __init__(self, sampler, channels, fake_labels, seed):
        """Wrap a sampler.

        Args:
            sampler: has `batch(step)`, which gives RGB pictures.
            channels: 3 leaves pictures as they are, 1 makes them grey.
            fake_labels: None, or lowest and highest label; then each batch holds a
                `fake_label` for each of its pictures, drawn evenly between them.
            seed: sequence of ints.
        """
        self._sampler = sampler
        self._channels = channels
        self._fake_labels = fake_labels
        self._seed = seed

    def batch(self, step):
        """Return the batch of a step: a pure function of (seed, step)."""
        batch = dict(self._sampler.batch(step))
        if self._channels == 1:
            for name, array in batch.items():
                if array.ndim == 4:
                    batch[name] = to_grey(array)[..., None]  # (B, P, P, 1)
        if self._fake_labels is not None:
            random = np.random.default_rng([*self._seed, step, 1])
            shape = (len(batch["hr"]), 1)
            labels = random.uniform(*self._fake_labels, shape)
            batch["fake_label"] = labels.astype(np.float32)
        return batch


def stage_sampler(sampler, config, stage, seed):
    """Wrap a sampler as a stage of a `Config` asks for."""
    labels = config.gan.adversarial_loss.fake_labels
    wanted = stage == "gan" and any(labels)
    return StageSampler(sampler, config.channels, labels if wanted else None, seed)


def build_losses(
    options, vgg_weights, efficientnet_weights, channels=3, precision="float32", scale=4
):
    """Make the losses of a stage: name to (loss on HR and SR, weight)."""
    from srlite.models import features
    from srlite.training.losses import ContentLoss, LatticeLoss, PixelLoss, StyleLoss

    losses = {}
    if options.pixel is not None:
        losses["pixel"] = (PixelLoss(options.pixel_criterion), options.pixel)
    if getattr(options, "lattice", None) is not None:
        losses["lattice"] = (LatticeLoss(scale), options.lattice)
    if getattr(options, "content", None) is not None:
        content = options.content_loss
        vgg = features.vgg_features(
            content.network,
            content.layers,
            vgg_weights,
            before_activation=content.before_activation,
            preprocessing=content.preprocessing,
            channels=channels,
        )
        set_precision(vgg, precision)
        loss = ContentLoss(
            vgg,
            content.layer_weights,
            content.layer_scales,
            criterion=content.criterion,
            normalization=content.normalization,
        )
        losses["content"] = (loss, options.content)
    if getattr(options, "style", None) is not None:
        efficientnet = features.efficientnet_b4_features(
            options.style_layers, efficientnet_weights, channels
        )
        set_precision(efficientnet, precision)
        losses["style"] = (StyleLoss(efficientnet), options.style)
    return losses


def build_generator(config):
    """Make the generator of a `Config`, untrained."""
    from srlite.models import generators

    options = dataclasses.asdict(config.generator)
    return generators.build_generator(options, config.scale, config.channels)


def build_discriminator(config):
    """Make the discriminator of a `Config`, untrained."""
    from srlite.models.discriminators import vgg_discriminator

    options = dataclasses.asdict(config.discriminator)
    patch_size = None if options.pop("pooled") else config.gan.patch_size
    return vgg_discriminator(patch_size, **options, channels=config.channels)


def build_optimizer(options, steps):
    """Make Adam or Muon with its schedule over the steps of a stage.

    Args:
        options: `OptimizerConfig`.
        steps: updates of the stage.
    """
    from srlite.training.optimizers import Muon, ScaledAdam
    from srlite.training.schedules import Schedule

    options = dataclasses.asdict(options)
    name, momentum = options.pop("name"), options.pop("momentum")
    adam = {key: options.pop(key) for key in ("beta_1", "beta_2", "epsilon")}
    clip_norm = options.pop("clip_norm")
    schedule = Schedule(**options, steps=steps)
    # Named, because its name is part of its variables' names in a checkpoint.
    arguments = {**adam, "global_clipnorm": clip_norm, "name": name}
    if name == "muon":
        return Muon(schedule, momentum=momentum, **arguments)
    return ScaledAdam(schedule, **arguments)


def build_step(keras, config, stage, start, losses, scope=contextlib.nullcontext):
    """Make the networks and optimizers of a stage, and the step that trains them.

    `start` is the model whose weights the generator begins with, or None; `scope()` is
    the context in which variables are made.
    """
    options = getattr(config, stage)
    # Anew for each stage, so that it starts alike whether or not another ran before.
    keras.utils.set_random_seed(config.seed)
    with scope():
        parts = {
            "generator": build_generator(config),
            "ema_generator": build_generator(config),
            "generator_optimizer": build_optimizer(
                options.generator_optimizer, options.steps
            ),
        }
    # Out of the scope, as not all workers read it.
    if start is None:
        weights = parts["generator"].get_weights()
    else:
        weights = _read_weights(start, parts["generator"])
    adversarial = None
    if stage == "gan":
        with scope():
            parts["discriminator"] = build_discriminator(config)
            parts["discriminator_optimizer"] = build_optimizer(
                options.discriminator_optimizer, options.steps
            )
        adversarial = (
            build_adversarial_loss(options.adversarial_loss.kind),
            options.adversarial,
        )
    for name in ("generator", "ema_generator"):
        parts[name].set_weights(weights)
    # Not the EMA generator: it is what is measured and saved.
    set_precision(parts["generator"], config.precision, exact_last=True)
    if "discriminator" in parts:
        set_precision(parts["discriminator"], config.precision)
    with scope():
        if config.precision == "float16":
            from srlite.training.guard import LossScale

            parts["loss_scale"] = LossScale()
        step = step_class(keras.config.backend())(
            parts, losses, adversarial, scale=config.scale, ema_decay=options.ema_decay
        )
    return parts, step


def set_precision(network, precision, exact_last=False):
    """Let the convolutions of a network compute in 16 bits, or leave it as it is.

    So do the LeakyReLUs and concatenations that only they read, which halves what goes
    through memory; variables and everything else stay float32, and the losses sum what
    comes out of a convolution in float32. The gradients of float16 want a
    `guard.LossScale`.

    Args:
        network: Functional `keras.Model`, changed in place.
        precision: "float32", "bfloat16" or "float16".
        exact_last: leave the last convolution in float32 too, which a generator needs:
            a picture's levels are more than the 8 bits of a bfloat16.
    """
    import keras

    if precision == "float32":
        return
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    convolutions = [layer for layer in network.layers if isinstance(layer, kinds)]
    short = convolutions[:-1] if exact_last else convolutions
    readers = collections.defaultdict(list)
    for step in network.operations:
        for tensor in keras.tree.flatten(step.input):
            readers[id(tensor)].append(step)
    for tensor in network.outputs:
        readers[id(tensor)].append(None)
    for step in reversed(network.operations):
        if isinstance(step, keras.layers.LeakyReLU | keras.layers.Concatenate) and all(
            reader in short for reader in readers[id(step.output)]
        ):
            short.append(step)
    for layer in short:
        layer.dtype_policy = f"mixed_{precision}"


def step_class(backend):
    """Return the step of a Keras backend, "tensorflow" or "jax"."""
    if backend == "jax":
        from srlite.training.jax_step import JaxStep

        return JaxStep
    from srlite.training.tensorflow_step import TensorFlowStep

    return TensorFlowStep


def build_adversarial_loss(kind):
    """Make the loss on logits: "relativistic_average" or "standard"."""
    from srlite.training import losses
    from srlite.training.replicas import global_mean

    if kind == "standard":
        return losses.AdversarialLoss()
    return losses.RelativisticAverageLoss(mean=global_mean)


def _read_weights(path, generator):
    """Read weights that fit a generator."""
    weights = load_generator(path).get_weights()
    if [w.shape for w in weights] != [w.shape for w in generator.get_weights()]:
        raise ModelError(f"{path} is of another shape than the config's generator")
    return weights
