"""What a stage trains: its networks, optimizers and losses, as its `Config` says."""

import dataclasses

import numpy as np

from srlite.errors import ModelError
from srlite.images import to_grey
from srlite.loading import load_generator


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


def build_losses(options, vgg_weights, efficientnet_weights, channels=3):
    """Make the losses of a stage: name to (loss on HR and SR, weight)."""
    from srlite import features
    from srlite.losses import ContentLoss, PixelLoss, StyleLoss

    losses = {}
    if options.pixel is not None:
        losses["pixel"] = (PixelLoss(options.pixel_criterion), options.pixel)
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
        losses["style"] = (StyleLoss(efficientnet), options.style)
    return losses


def build_generator(config):
    """Make the generator of a `Config`, untrained."""
    from srlite import generators

    options = dataclasses.asdict(config.generator)
    return generators.build_generator(options, config.scale, config.channels)


def build_discriminator(config):
    """Make the discriminator of a `Config`, untrained."""
    from srlite.discriminators import vgg_discriminator

    options = dataclasses.asdict(config.discriminator)
    patch_size = None if options.pop("pooled") else config.gan.patch_size
    return vgg_discriminator(patch_size, **options, channels=config.channels)


def build_optimizer(keras, options, steps):
    """Make Adam with its schedule over the steps of a stage.

    Args:
        keras: the module.
        options: `OptimizerConfig`.
        steps: updates of the stage.
    """
    from srlite.schedules import Schedule

    options = dataclasses.asdict(options)
    adam = {name: options.pop(name) for name in ("beta_1", "beta_2", "epsilon")}
    clip_norm = options.pop("clip_norm")
    schedule = Schedule(**options, steps=steps)
    # Named, because its name is part of its variables' names in a checkpoint.
    return keras.optimizers.Adam(
        schedule, **adam, global_clipnorm=clip_norm, name="adam"
    )


def build_step(keras, config, stage, pretrained, losses):
    """Make the networks and optimizers of a stage, and the step that trains them."""
    from srlite.tensorflow_step import TensorFlowStep

    options = getattr(config, stage)
    # Anew for each stage, so that it starts alike whether or not another ran before.
    keras.utils.set_random_seed(config.seed)
    parts = {
        "generator": build_generator(config),
        "ema_generator": build_generator(config),
        "generator_optimizer": build_optimizer(
            keras, options.generator_optimizer, options.steps
        ),
    }
    weights = parts["generator"].get_weights()
    adversarial = None
    if stage == "gan":
        weights = _pretrained(pretrained, parts["generator"])
        parts["discriminator"] = build_discriminator(config)
        parts["discriminator_optimizer"] = build_optimizer(
            keras, options.discriminator_optimizer, options.steps
        )
        adversarial = (
            build_adversarial_loss(options.adversarial_loss.kind),
            options.adversarial,
        )
    for name in ("generator", "ema_generator"):
        parts[name].set_weights(weights)
    step = TensorFlowStep(
        parts, losses, adversarial, scale=config.scale, ema_decay=options.ema_decay
    )
    return parts, step


def build_adversarial_loss(kind):
    """Make the loss on logits: "relativistic_average" or "standard"."""
    from srlite import losses

    if kind == "standard":
        return losses.AdversarialLoss()
    return losses.RelativisticAverageLoss()


def _pretrained(path, generator):
    """Read the weights of the pixel stage's generator."""
    if not path.exists():
        raise ModelError(
            f"the gan stage starts from {path}, which does not exist; "
            "run the pretrain stage first"
        )
    weights = load_generator(path).get_weights()
    if [w.shape for w in weights] != [w.shape for w in generator.get_weights()]:
        raise ModelError(f"{path} is of another shape than the config's generator")
    return weights
