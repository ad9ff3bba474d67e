"""Precision: 16 bits where it may be, float32 where it must be."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from srlite.data.patches import PatchSampler
from srlite.models.discriminators import vgg_discriminator
from srlite.models.features import vgg_features
from srlite.models.generators import build_generator, rrdb_net
from srlite.training.guard import LossScale, set_precision
from srlite.training.losses import ContentLoss, PixelLoss, RelativisticAverageLoss
from srlite.training.objective import Objective
from srlite.training.tensorflow_step import TensorFlowStep


def networks():
    keras.utils.set_random_seed(0)
    shape = {"filters": 8, "growth_channels": 4, "num_blocks": 1, "num_dense_blocks": 1}
    return (
        rrdb_net(**shape),
        vgg_discriminator(filters=(4, 8), dense_units=4),
        vgg_features("vgg19", ["block1_conv2", "block2_conv1"], None),
    )


def test_bfloat16_is_near_and_pictures_are_float32():
    rng = np.random.default_rng(0)
    picture = rng.random((2, 16, 16, 3), np.float32)
    for exact, rounded in zip(networks(), networks(), strict=True):
        if exact.name == "rrdb_net":  # untrained, its tail is zero and hides the rest
            for network in (exact, rounded):
                kernel = network.get_layer("tail").kernel
                kernel.assign(0.1 * np.random.default_rng(1).normal(size=kernel.shape))
        generator = exact.name == "rrdb_net"
        set_precision(rounded, "bfloat16", exact_last=generator)
        outputs = [
            keras.tree.flatten(network(picture, training=False))
            for network in (exact, rounded)
        ]
        for a, b in zip(*outputs, strict=True):
            if exact.name != "vgg19":  # whose taps the losses take to float32
                assert keras.backend.standardize_dtype(b.dtype) == "float32"
            a, b = map(keras.ops.convert_to_numpy, (a, b))
            # 8 bits per rounding; logits are small differences of larger sums.
            assert 0 < np.abs(a - b).max() < 0.02 * np.abs(a).max() + 1e-3
        dtypes = {v.dtype for v in rounded.variables}
        assert dtypes == {"float32"}


@pytest.mark.parametrize(
    ("options", "exact"),
    [
        ({"name": "rrdb_net", "num_dense_blocks": 1}, {"tail"}),
        (
            {
                "name": "rrdb_net",
                "num_dense_blocks": 1,
                "upsampling": "nearest",
                "anchor": False,
            },
            {"tail2"},
        ),
        ({"name": "srresnet", "num_blocks": 1}, {"tail"}),
        ({"name": "half_net", "num_convolutions": 1}, {"tail", "anchor"}),
    ],
)
def test_all_that_makes_the_picture_is_exact(options, exact):
    generator = build_generator({"filters": 8, **options}, scale=4)
    set_precision(generator, "bfloat16", exact_last=True)
    dtypes = {
        layer.name: layer.compute_dtype
        for layer in generator.layers
        if isinstance(layer, keras.layers.Conv2D)
    }
    assert {name for name, dtype in dtypes.items() if dtype == "float32"} == exact
    assert set(dtypes.values()) == {"bfloat16", "float32"}


def test_what_only_convolutions_read_is_in_16_bits():
    generator, discriminator, _ = networks()
    set_precision(generator, "bfloat16", exact_last=True)
    set_precision(discriminator, "bfloat16")
    dtypes = {
        layer.name: layer.compute_dtype
        for layer in (*generator.layers, *discriminator.layers)
    }
    for name in ("rrdb1_dense1_concat2", "rrdb1_dense1_1_lrelu", "stage1_2_lrelu"):
        assert dtypes[name] == "bfloat16"
    # The picture, what adds to the stream, and what a mean reads.
    for name in (
        "anchor1",
        "rrdb1_dense1_add",
        "tail",
        "stage2_2_lrelu",
        "dense_lrelu",
    ):
        assert dtypes[name] == "float32"


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_losses_sum_16_bit_taps_in_float32(precision):
    rng = np.random.default_rng(0)
    hr, sr = rng.random((2, 3, 64, 64, 3), np.float32)
    values, slopes = [], []
    for wanted in ("float32", precision):
        features = networks()[2]
        set_precision(features, wanted)
        loss = ContentLoss(features, [0.5, 0.5], [10.0, 10.0])
        picture = tf.constant(sr)
        with tf.GradientTape() as tape:
            tape.watch(picture)
            value = loss(hr, picture)
            # As training does: the slopes of float16 would be subnormal, which some
            # processors' convolutions take for zero.
            scaled = 2.0**12 * value
        assert value.dtype == "float32"
        values.append(float(value))
        slopes.append(tape.gradient(scaled, picture).numpy().ravel())
    # A sum of 786,432 values of 8 or 11 bits would be off by far more.
    assert values[1] == pytest.approx(values[0], rel=2e-3)
    exact, rounded = slopes
    cosine = exact @ rounded / np.linalg.norm(exact) / np.linalg.norm(rounded)
    assert cosine > 0.95


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_update_in_16_bits(precision):
    generator, discriminator, _ = networks()
    parts = {
        "generator": generator,
        "ema_generator": networks()[0],
        "generator_optimizer": keras.optimizers.Adam(1e-3),
        "discriminator": discriminator,
        "discriminator_optimizer": keras.optimizers.Adam(1e-3),
    }
    set_precision(generator, precision, exact_last=True)
    set_precision(discriminator, precision)
    if precision == "float16":
        parts["loss_scale"] = LossScale()
    losses = {"pixel": (PixelLoss(), 1.0)}
    adversarial = (RelativisticAverageLoss(), 0.01)
    objective = Objective(parts, losses, adversarial, scale=4, ema_decay=0.9)
    step = TensorFlowStep(parts, objective)
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    sampler = PatchSampler([image], 32, 2, (1,) * 6, seed=0)
    for number in range(3):
        values = step(sampler.batch(number), True)
        assert values["dropped"] == 0.0
        assert all(np.isfinite(value) for value in values.values())
    variables = [v for part in parts.values() for v in part.variables]
    assert all(np.isfinite(keras.ops.convert_to_numpy(v)).all() for v in variables)
