"""What a stage trains: its networks, optimizers and losses, as its `Config` says."""

import dataclasses

from srlite.errors import ModelError
from srlite.loading import load_generator


def build_losses(options, vgg19_weights, efficientnet_weights):
    """Make the losses of a stage: name to (loss on HR and SR, weight)."""
    from srlite import features
    from srlite.losses import ContentLoss, PixelLoss, StyleLoss

    losses = {}
    if options.pixel is not None:
        losses["pixel"] = (PixelLoss(), options.pixel)
    if getattr(options, "content", None) is not None:
        vgg19 = features.vgg19_features(options.content_layers, vgg19_weights)
        loss = ContentLoss(
            vgg19, options.content_layer_weights, options.content_layer_scales
        )
        losses["content"] = (loss, options.content)
    if getattr(options, "style", None) is not None:
        efficientnet = features.efficientnet_b4_features(
            options.style_layers, efficientnet_weights
        )
        losses["style"] = (StyleLoss(efficientnet), options.style)
    return losses


def build_step(keras, config, stage, start, losses):
    """Make the networks and optimizers of a stage, and the step that trains them.

    `start` is the model whose weights the generator begins with, or None.
    """
    from srlite.generators import rrdb_net
    from srlite.guard import ScaledAdam
    from srlite.tensorflow_step import TensorFlowStep

    options = getattr(config, stage)
    # Anew for each stage, so that it starts alike whether or not another ran before.
    keras.utils.set_random_seed(config.seed)

    def adam():
        schedule = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0,
            decay_steps=max(options.steps - options.warmup_steps, 1),
            alpha=options.final_learning_rate / options.learning_rate,
            warmup_target=options.learning_rate,
            warmup_steps=options.warmup_steps,
        )
        # Named, because its name is part of its variables' names in a checkpoint.
        return ScaledAdam(
            schedule, beta_1=options.beta_1, beta_2=options.beta_2, name="adam"
        )

    generator = dataclasses.asdict(config.generator)
    parts = {
        "generator": rrdb_net(config.scale, **generator),
        "ema_generator": rrdb_net(config.scale, **generator),
        "generator_optimizer": adam(),
    }
    if start is None:
        weights = parts["generator"].get_weights()
    else:
        weights = _read_weights(start, parts["generator"])
    adversarial = None
    if stage == "gan":
        from srlite.discriminators import vgg_discriminator
        from srlite.losses import RelativisticAverageLoss

        parts["discriminator"] = vgg_discriminator(
            **dataclasses.asdict(config.discriminator)
        )
        parts["discriminator_optimizer"] = adam()
        adversarial = (RelativisticAverageLoss(), options.adversarial)
    for name in ("generator", "ema_generator"):
        parts[name].set_weights(weights)
    step = TensorFlowStep(
        parts, losses, adversarial, scale=config.scale, ema_decay=options.ema_decay
    )
    return parts, step


def _read_weights(path, generator):
    """Read weights that fit a generator."""
    weights = load_generator(path).get_weights()
    if [w.shape for w in weights] != [w.shape for w in generator.get_weights()]:
        raise ModelError(f"{path} is of another shape than the config's generator")
    return weights
