"""What a stage trains: its networks, optimizers and losses, as its `Config` says."""

import contextlib
import dataclasses
import os
from pathlib import Path

import numpy as np

from srlite.data.degradation_vector import SIZE
from srlite.errors import ConfigError, ModelError
from srlite.models import checkpoint_parts
from srlite.models.model_files import (
    RESULTS,
    find_estimator,
    load_estimator,
    load_generator,
    shipped_models,
)


def build_losses(config, stage, vgg_weights, efficientnet_weights):
    """Make the losses of a generator's stage: dict of name to (loss, weight)."""
    from srlite.models import features
    from srlite.training import losses
    from srlite.training.guard import set_precision

    options, channels = getattr(config, stage), config.channels

    def wanted(name):
        return getattr(options, name, None) is not None  # stages have different losses

    found = {}
    if wanted("pixel"):
        found["pixel"] = losses.PixelLoss(options.pixel_criterion)
    if wanted("lattice"):
        found["lattice"] = losses.LatticeLoss(config.scale)
    if wanted("spectrum"):
        found["spectrum"] = losses.SpectrumLoss()
    if wanted("colour") and channels == 3:
        found["colour"] = losses.ColourLoss()
    if wanted("content"):
        content = options.content_loss
        vgg = features.vgg_features(
            content.network,
            content.layers,
            vgg_weights,
            before_activation=content.before_activation,
            preprocessing=content.preprocessing,
            channels=channels,
        )
        set_precision(vgg, config.precision)
        found["content"] = losses.ContentLoss(
            vgg,
            content.layer_weights,
            content.layer_scales,
            criterion=content.criterion,
            normalization=content.normalization,
        )
    if wanted("style"):
        efficientnet = features.efficientnet_b4_features(
            options.style_layers, efficientnet_weights, channels
        )
        set_precision(efficientnet, config.precision)
        found["style"] = losses.StyleLoss(efficientnet)
    return {name: (loss, getattr(options, name)) for name, loss in found.items()}


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
    """Make Adam or Muon from an `OptimizerConfig`, for a stage of `steps` updates."""
    from srlite.training.optimizers import Muon, ScaledAdam, build_schedule

    options = dataclasses.asdict(options)
    name, momentum = options.pop("name"), options.pop("momentum")
    adam = {key: options.pop(key) for key in ("beta_1", "beta_2", "epsilon")}
    clip_norm = options.pop("clip_norm")
    schedule = build_schedule(**options, steps=steps)
    # Named, because checkpoints know its variables by this name.
    arguments = {**adam, "global_clipnorm": clip_norm, "name": name}
    if name == "muon":
        return Muon(schedule, momentum=momentum, **arguments)
    return ScaledAdam(schedule, **arguments)


def build_estimator(config):
    """Make the estimator of a `Config`, untrained."""
    from srlite.models.estimator import estimator

    return estimator(config.estimator.hidden_units)


def build_step(
    config, stage, start, losses, scope=contextlib.nullcontext, partner=None
):
    """Make the networks and optimizers of a stage, and the step that trains them.

    Args:
        config: `Config`.
        stage: one of `run_directory.STAGES`.
        start: model whose weights the learner begins with, or None.
        losses: as returned by `build_losses`.
        scope: function that returns the context in which variables are made.
        partner: frozen `keras.Model`: the estimator of a conditional generator, or the
            generator that judges an estimator.

    Returns:
        (parts, step): dict of name to network or optimizer, as checkpoints hold them;
        `TensorFlowStep` or `JaxStep`.
    """
    import keras

    from srlite.training.guard import LossScale, set_precision

    # For each stage, so that it starts alike whether or not another ran before.
    keras.utils.set_random_seed(config.seed)
    with scope():
        parts = _parts(config, stage)
    name = next(iter(parts))  # the learner
    if start is not None:
        # Outside the scope, because not all workers read it.
        if stage == "estimator":
            start_estimator_from(parts[name], start)
        else:
            start_from(parts[name], start)
    parts[f"ema_{name}"].set_weights(parts[name].get_weights())
    # Not the EMA generator, which is measured and saved.
    if stage != "estimator":
        set_precision(parts["generator"], config.precision, exact_last=True)
    if "discriminator" in parts:
        set_precision(parts["discriminator"], config.precision)
    with scope():
        if config.precision == "float16":
            parts["loss_scale"] = LossScale()
        objective = _objective(config, stage, parts, losses, partner)
        step = step_class(keras.config.backend())(parts, objective)
    return parts, step


def _parts(config, stage):
    options = getattr(config, stage)
    if stage == "estimator":
        name, build, optimizer = "estimator", build_estimator, options.optimizer
    else:
        name, build = "generator", build_generator
        optimizer = options.generator_optimizer
    parts = {
        name: build(config),
        f"ema_{name}": build(config),
        f"{name}_optimizer": build_optimizer(optimizer, options.steps),
    }
    if stage == "gan":
        optimizer = build_optimizer(options.discriminator_optimizer, options.steps)
        parts["discriminator"] = build_discriminator(config)
        parts["discriminator_optimizer"] = optimizer
    return parts


def _objective(config, stage, parts, losses, partner):
    from srlite.training.guard import set_precision
    from srlite.training.losses import AdversarialLoss, RelativisticAverageLoss
    from srlite.training.objective import EstimatorObjective, Objective

    options = getattr(config, stage)
    arguments = {"scale": config.scale, "ema_decay": options.ema_decay}
    if stage == "estimator":
        if partner is not None:
            set_precision(partner, config.precision, exact_last=True)
            arguments |= {
                "generator": partner,
                "generator_error": options.generator_error,
                "generator_patch_size": options.generator_patch_size,
            }
        return EstimatorObjective(parts, **arguments)
    adversarial = None
    if stage == "gan":
        relativistic = options.adversarial_loss.kind == "relativistic_average"
        kind = RelativisticAverageLoss if relativistic else AdversarialLoss
        adversarial = (kind(), options.adversarial)
        arguments["hold_colour"] = options.hold_colour
        arguments["content_size"] = options.content_loss.patch_size
    if config.generator.conditional:
        if partner is None:
            raise ConfigError("a conditional generator is trained with an estimator")
        arguments |= {"estimator": partner, "patch_size": options.patch_size}
    return Objective(parts, losses, adversarial, **arguments)


def find_estimator_file(model):
    """Find the estimator that an estimator's stage begins with, or raise ModelError.

    `model` is its ``.keras`` file, a run directory, or a model that it goes with.
    """
    path = Path(model)
    if path.suffix != ".keras" or os.path.isdir(path):
        return find_trained_estimator(model)
    if not os.path.isfile(path):
        raise ModelError(f"there is no estimator {path}")
    return path


def find_trained_estimator(model):
    """Find the ``.keras`` file of the estimator of a model, or raise ModelError.

    `model` is a run directory or a model that the estimator goes with.
    """
    path = Path(model)
    checkpoint = os.path.isfile(path / checkpoint_parts.INDEX)
    if os.path.isdir(path) and not checkpoint and str(model) not in shipped_models():
        path = path / RESULTS["estimator"]
    else:
        path = find_estimator(model).with_suffix(".keras")
    if not os.path.isfile(path):
        raise ModelError(f"there is no estimator {path}")
    return path


def start_estimator_from(estimator, path):
    """Copy the weights of the estimator that `find_estimator_file` finds.

    Raises ModelError if there is none, or it has other shapes.
    """
    path = find_estimator_file(path)
    other = load_estimator(path)
    shapes = [[v.shape for v in model.variables] for model in (other, estimator)]
    if shapes[0] != shapes[1]:
        raise ModelError(
            f"the estimator of {path} has other layers than this configuration's; "
            "estimator.hidden_units must be those that it was trained with"
        )
    estimator.set_weights(other.get_weights())


def step_class(backend):
    """Return the step of a Keras backend, "tensorflow" or "jax"."""
    if backend == "jax":
        from srlite.training.jax_step import JaxStep

        return JaxStep
    from srlite.training.tensorflow_step import TensorFlowStep

    return TensorFlowStep


def start_from(generator, path):
    """Copy the weights of the model `path` to a generator, by name.

    A conditional generator can start from one that is not: the degradation then changes
    nothing at first. Raises ModelError if the two differ in shape or options.
    """
    import keras

    from srlite.models.generators import told_layers

    other = load_generator(path)
    held = {v.path: v for v in other.variables}
    own = {v.path: v for v in generator.variables}
    names = [{layer.name for layer in x.layers} for x in (generator, other)]
    if (
        (names[0] ^ names[1]) - told_layers(generator)
        or not held.keys() <= own.keys()
        or any(own[name].shape != variable.shape for name, variable in held.items())
    ):
        raise ModelError(f"{path} is of another shape than the config's generator")
    # A copy, because a network made for several devices must not be called here.
    copy = keras.models.clone_model(generator)
    for variable in copy.variables:
        if variable.path in held:
            variable.assign(held[variable.path])
    shape = (1, 8, 8, other.inputs[0].shape[-1])
    lr = np.random.default_rng(0).random(shape, np.float32)
    if not np.allclose(*(_enlarged(x, lr) for x in (copy, other)), 1e-4, 1e-5):
        raise ModelError(
            f"{path} has weights of the same shapes as the config's generator, which "
            "makes other pictures of them: give it the options that the model was "
            "trained with, such as generator.residual_scaling"
        )
    for name, variable in held.items():
        own[name].assign(variable)


def _enlarged(generator, lr):
    from srlite.models.generators import inputs_of

    told = np.full((1, SIZE), 0.5, np.float32)
    return np.asarray(generator(inputs_of(generator, lr, told), training=False))
