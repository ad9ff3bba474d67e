"""Every option reaches what it is an option of."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from srlite.config.presets import preset
from srlite.training import stages
from srlite.training.losses import AdversarialLoss, RelativisticAverageLoss

TINY = preset("tiny").updated(
    {
        "generator.filters": 8,
        "generator.num_dense_blocks": 1,
        "generator.num_convolutions": 2,
        "gan.patch_size": 32,
        "gan.style": None,
        "gan.content_loss.layers": ["block1_conv1", "block1_conv2"],
        "gan.content_loss.layer_weights": [1.0, 2.0],
        "gan.content_loss.layer_scales": [3.0, 4.0],
    }
)
SRRESNET = TINY.updated(
    {"generator.name": "srresnet", "generator.filters": 8, "generator.num_blocks": 1}
)


def other(value):
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"another {value}"
    if isinstance(value, tuple):
        return tuple(other(item) for item in value) or (3,)
    return value + 1 if isinstance(value, int) else value / 2


def drawn(network):
    """A network's layers with all their settings, as text."""
    return json.dumps([layer.get_config() for layer in network.layers], default=str)


def built(build, config):
    keras.backend.clear_session()  # numbers the unnamed layers anew
    return drawn(build(config))


@pytest.mark.parametrize("config", [TINY, SRRESNET], ids=["rrdb_net", "srresnet"])
def test_generator_options(config):
    before = built(stages.build_generator, config)
    assert before == built(stages.build_generator, config)
    for name, value in dataclasses.asdict(config.generator).items():
        if name == "name":
            continue
        changes = {f"generator.{name}": other(value)}
        if name == "upsampling":
            changes = {"generator.upsampling": "nearest", "generator.anchor": False}
        changed = built(stages.build_generator, config.updated(changes))
        assert changed != before, name
    assert built(stages.build_generator, config.updated({"scale": 2})) != before


def test_estimator_options():
    before = built(stages.build_estimator, TINY)
    changed = TINY.updated({"estimator.hidden_units": 5})
    assert built(stages.build_estimator, changed) != before
    assert stages.build_estimator(changed).get_layer("hidden2").kernel.shape == (5, 5)


def test_generator_name():
    assert stages.build_generator(TINY).name == "rrdb_net"
    generator = stages.build_generator(SRRESNET)
    assert generator.name == "srresnet"
    assert any(isinstance(x, keras.layers.PReLU) for x in generator.layers)


def test_discriminator_options():
    before = built(stages.build_discriminator, TINY)
    for name, value in dataclasses.asdict(TINY.discriminator).items():
        config = TINY.updated({f"discriminator.{name}": other(value)})
        assert built(stages.build_discriminator, config) != before, name
    flat = stages.build_discriminator(TINY.updated({"discriminator.pooled": False}))
    assert flat.input_shape == (None, 32, 32, 3)


@pytest.mark.parametrize("stage", ["pretrain", "gan"])
def test_optimizer_options(stage):
    base = getattr(TINY, stage).generator_optimizer
    changes = {
        "name": "muon" if base.name == "adam" else "adam",
        "learning_rate": 1e-2,
        "schedule": "constant",
        "warmup_steps": 3,
        "final_learning_rate": 1e-5,
        "beta_1": 0.5,
        "beta_2": 0.9,
        "epsilon": 1e-3,
        "clip_norm": 2.0,
    }

    def made(changes):
        prefix = f"{stage}.generator_optimizer."
        config = TINY.updated({prefix + k: v for k, v in changes.items()})
        options = getattr(config, stage).generator_optimizer
        optimizer = stages.build_optimizer(options, 400)
        schedule = optimizer._learning_rate
        settings = optimizer.get_config() | {"learning_rate": None}
        return settings, [float(schedule(step)) for step in range(0, 400, 40)]

    before = made({})
    for name, value in changes.items():
        assert made({name: value}) != before, name
    settings, _ = made({"clip_norm": 2.0, "epsilon": 1e-3})
    assert settings["global_clipnorm"] == 2.0 and settings["epsilon"] == 1e-3
    settings, _ = made({"name": "muon", "momentum": 0.5})
    assert settings["momentum"] == 0.5
    step = {"schedule": "step", "warmup_steps": 0}
    _, rates = made(step | {"decay_every": 200, "decay_factor": 0.1})
    highest = base.learning_rate
    np.testing.assert_allclose(rates, [highest] * 5 + [0.1 * highest] * 5, rtol=1e-5)
    multi = {"schedule": "multi_step", "warmup_steps": 0, "boundaries": [80, 240]}
    _, rates = made(multi)
    expected = highest * np.array([1, 1, 0.5, 0.5, 0.5, 0.5] + 4 * [0.25])
    np.testing.assert_allclose(rates, expected, rtol=1e-5)
    named = {field.name for field in dataclasses.fields(base)}
    assert named == {*changes, "momentum", "decay_every", "decay_factor", "boundaries"}


def test_the_norm_of_all_gradients_is_clipped():
    options = TINY.updated({"gan.discriminator_optimizer.clip_norm": 0.5})
    optimizer = stages.build_optimizer(options.gan.discriminator_optimizer, 9)
    gradients = [np.float32([3.0, 0.0]), np.float32([[4.0]])]
    clipped = optimizer._clip_gradients(
        list(map(keras.ops.convert_to_tensor, gradients))
    )
    for got, gradient in zip(clipped, gradients, strict=True):
        np.testing.assert_allclose(got, 0.5 / 5.0 * gradient, rtol=1e-6)


def content(**changes):
    """The content loss of two random pictures, with weights from the same seed."""
    keras.utils.set_random_seed(0)
    channels = changes.pop("channels", 3)
    config = TINY.updated({f"gan.content_loss.{k}": v for k, v in changes.items()})
    losses = stages.build_losses(
        config.updated({"channels": channels}), "gan", None, None
    )
    random = np.random.default_rng(0)
    hr, sr = random.random((2, 1, 16, 16, channels), dtype=np.float32)
    return float(losses["content"][0](hr, sr))


def test_content_options():
    before = content()
    assert content() == before
    changes = {
        "network": "vgg16",
        "layers": ["block1_conv2", "block1_conv1"],
        "layer_weights": [2.0, 2.0],
        "layer_scales": [3.0, 9.0],
        "normalization": "taps",
        "criterion": "l2",
        "before_activation": False,
        "preprocessing": "torch",
    }
    options = dataclasses.asdict(TINY.gan.content_loss)
    assert {*changes, "patch_size"} == options.keys()  # that is the objective's
    for name, value in changes.items():
        if name != "network":
            assert content(**{name: value}) != before, name
    assert content(normalization="taps") == pytest.approx(before / 2)
    assert content(normalization="weights") == pytest.approx(before / 3)
    assert content(layer_scales=[6.0, 8.0]) == pytest.approx(before / 2)
    config = TINY.updated({"gan.content_loss.network": "vgg16"})
    loss, weight = stages.build_losses(config, "gan", None, None)["content"]
    assert loss._features.name == "vgg16" and weight == config.gan.content


def test_grey_content_is_that_of_equal_channels():
    keras.utils.set_random_seed(0)
    grey = TINY.updated({"channels": 1})
    loss = stages.build_losses(grey, "gan", None, None)["content"][0]
    keras.utils.set_random_seed(0)
    rgb_loss = stages.build_losses(TINY, "gan", None, None)["content"][0]
    hr, sr = np.random.default_rng(0).random((2, 2, 16, 16, 1), dtype=np.float32)
    expected = rgb_loss(*(np.repeat(x, 3, axis=-1) for x in (hr, sr)))
    np.testing.assert_allclose(loss(hr, sr), expected, rtol=1e-6)


def test_pixel_criterion_and_weights():
    config = TINY.updated(
        {"pretrain.pixel_criterion": "l2", "pretrain.pixel": 3.0, "gan.content": None}
    )
    hr, sr = np.random.default_rng(0).random((2, 2, 8, 8, 3), dtype=np.float32)
    loss, weight = stages.build_losses(config, "pretrain", None, None)["pixel"]
    np.testing.assert_allclose(loss(hr, sr), np.mean((hr - sr) ** 2), rtol=1e-5)
    assert weight == 3.0
    found = stages.build_losses(config, "gan", None, None)
    assert found.keys() == {"pixel", "lattice", "spectrum"}
    held = config.updated({"gan.colour": 2.0})
    assert stages.build_losses(held, "gan", None, None)["colour"][1] == 2.0
    grey = held.updated({"channels": 1})
    assert "colour" not in stages.build_losses(grey, "gan", None, None)


def test_lattice_has_the_scale():
    options = {"gan.lattice": 20.0, "gan.content": None, "scale": 2}
    config = TINY.updated(options)
    losses = stages.build_losses(config, "gan", None, None)
    loss, weight = losses["lattice"]
    lattice = np.tile(np.float32([[0.1, -0.1], [-0.1, 0.1]]), (8, 8))[None, ..., None]
    assert weight == 20.0
    # Once over squares, once along lines.
    assert float(loss(0 * lattice, lattice)) == pytest.approx(0.2, rel=5e-3)


def test_adversarial_kind():
    for kind, expected in (
        ("relativistic_average", RelativisticAverageLoss),
        ("standard", AdversarialLoss),
    ):
        changes = {"gan.adversarial_loss.kind": kind, "generator.conditional": False}
        config = TINY.updated(changes)
        parts = stages._parts(config, "gan")
        objective = stages._objective(config, "gan", parts, {}, None)
        assert type(objective.adversarial[0]) is expected
    assert preset("esrgan").gan.adversarial_loss.kind == "relativistic_average"
    assert preset("srgan").gan.adversarial_loss.kind == "standard"


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_precision_reaches_both_networks(precision):
    config = TINY.updated({"precision": precision})
    estimator = stages.build_estimator(config)
    parts, _ = stages.build_step(config, "gan", None, {}, partner=estimator)
    wanted = "float32" if precision == "float32" else f"mixed_{precision}"
    for name in ("generator", "discriminator"):
        layers = [getattr(layer, "layer", layer) for layer in parts[name].layers]
        convolutions = [x for x in layers if isinstance(x, keras.layers.Conv2D)]
        names = [layer.dtype_policy.name for layer in convolutions]
        last = "float32" if name == "generator" else wanted  # a picture's levels
        assert names == [wanted] * (len(names) - 1) + [last]
    ema_layers = parts["ema_generator"].layers
    assert {layer.dtype_policy.name for layer in ema_layers} == {"float32"}
    assert ("loss_scale" in parts) == (precision == "float16")
