"""What a stage trains: its networks, optimizers and losses, as its `Config` says."""

import dataclasses

from srlite.errors import ModelError
from srlite.loading import load_generator

PRECISIONS = ("float32", "bfloat16")


def build_losses(options, vgg19_weights, efficientnet_weights, precision="float32"):
    """Make the losses of a stage: name to (loss on HR and SR, weight)."""
    from srlite import features
    from srlite.losses import ContentLoss, PixelLoss, StyleLoss

    losses = {}
    if options.pixel is not None:
        losses["pixel"] = (PixelLoss(), options.pixel)
    if getattr(options, "content", None) is not None:
        vgg19 = features.vgg19_features(options.content_layers, vgg19_weights)
        set_precision(vgg19, precision)
        loss = ContentLoss(
            vgg19, options.content_layer_weights, options.content_layer_scales
        )
        losses["content"] = (loss, options.content)
    if getattr(options, "style", None) is not None:
        efficientnet = features.efficientnet_b4_features(
            options.style_layers, efficientnet_weights
        )
        set_precision(efficientnet, precision)
        losses["style"] = (StyleLoss(efficientnet), options.style)
    return losses


def build_step(keras, config, stage, start, losses):
    """Make the networks and optimizers of a stage, and the step that trains them.

    `start` is the model whose weights the generator begins with, or None.
    """
    from srlite.generators import rrdb_net

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
        return keras.optimizers.Adam(
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
    # Not the EMA generator: it is what is measured and saved.
    for name in ("generator", "discriminator"):
        if name in parts:
            set_precision(parts[name], config.precision)
    step = step_class(keras.config.backend())(
        parts, losses, adversarial, scale=config.scale, ema_decay=options.ema_decay
    )
    return parts, step


def set_precision(network, precision):
    """Let the convolutions of a network compute in bfloat16, or leave it as it is.

    Variables and everything that is no convolution stay float32, so do the
    convolutions that give an output, and the last one: a picture's levels need more
    than the 8 bits of a bfloat16.

    Args:
        network: Functional `keras.Model`, changed in place.
        precision: one of `PRECISIONS`.
    """
    import keras

    if precision == "float32":
        return
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    convolutions = [layer for layer in network.layers if isinstance(layer, kinds)]
    for layer in convolutions[:-1]:
        if layer.name not in network.output_names:
            layer.dtype_policy = "mixed_bfloat16"


def step_class(backend):
    """Return the step of a Keras backend, "tensorflow" or "jax"."""
    if backend == "jax":
        from srlite.jax_step import JaxStep

        return JaxStep
    from srlite.tensorflow_step import TensorFlowStep

    return TensorFlowStep


def _read_weights(path, generator):
    """Read weights that fit a generator."""
    weights = load_generator(path).get_weights()
    if [w.shape for w in weights] != [w.shape for w in generator.get_weights()]:
        raise ModelError(f"{path} is of another shape than the config's generator")
    return weights
