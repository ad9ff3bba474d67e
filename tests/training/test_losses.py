"""Losses against formulas written out in numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from srlite.errors import ConfigError
from srlite.training.losses import (
    AdversarialLoss,
    ColourLoss,
    ContentLoss,
    DiscriminatorAccuracy,
    LatticeLoss,
    PixelLoss,
    RelativisticAverageLoss,
    SpectrumLoss,
    StyleLoss,
)

BATCH = 3


def _random(seed, *shape):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


@pytest.fixture(scope="module")
def features():
    """Two taps, linear, of which the second sees the picture at half size."""
    keras.utils.set_random_seed(0)
    picture = keras.Input((None, None, 3))
    first = keras.layers.Conv2D(4, 3, padding="same", activation=None)(picture)
    second = keras.layers.Conv2D(6, 3, 2, padding="same", activation=None)(first)
    network = keras.Model(picture, [first, second])
    network.trainable = False
    return network


def _picture_losses(features):
    return {
        "pixel l1": PixelLoss("l1"),
        "pixel l2": PixelLoss("l2"),
        "colour": ColourLoss(),
        "lattice": LatticeLoss(scale=2, window=2),
        "spectrum": SpectrumLoss(block=2, window=2),
        "content l1": ContentLoss(features, (0.3, 0.7), (2.0, 5.0)),
        "content l2": ContentLoss(features, (0.3, 0.7), (2.0, 5.0), criterion="l2"),
        "style": StyleLoss(features),
    }


def _expected(name, features, hr, sr):
    """Return the loss of each picture, (batch,), written out."""

    def l1(x):
        return np.abs(x).mean(axis=(1, 2, 3))

    def l2(x):
        return np.square(x).mean(axis=(1, 2, 3))

    def lattice(x):
        """Level, and strengths over squares, columns, rows of 2 LR pixels of 2 x 2."""
        squares, columns, rows = (
            np.stack(
                [
                    [
                        x[:, y + i : y + high : 2, z + j : z + wide : 2].mean((1, 2))
                        for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))
                    ]
                    for y in range(0, 8, high)
                    for z in range(0, 6, wide)
                ]
            )  # (places, sub-pixels, batch, channels)
            for high, wide in ((4, 4), (4, 2), (2, 4))
        )
        level = squares.mean(1, keepdims=True)
        power = (
            np.square(squares - level).mean(1, keepdims=True),
            np.square(columns[:, :2] - columns[:, 2:]) / 4,
            np.square(rows[:, ::2] - rows[:, 1::2]) / 4,
        )
        return level, *(np.sqrt(x + (0.05 / 255) ** 2) for x in power)

    def lattices():
        (level, *strengths), (hr_level, *hr_strengths) = lattice(sr), lattice(hr)
        excess = [np.maximum(x - y, 0) for x, y in zip(strengths, hr_strengths)]
        parts = zip((1, 1, 0.5, 0.5), (np.abs(level - hr_level), *excess), strict=True)
        return sum(weight * x.mean(axis=(0, 1, 3)) for weight, x in parts)

    def spectrum(x):
        """Logarithms of the means over squares of 2 x 2 blocks of 2 x 2 pixels."""
        y = x @ np.array([0.299, 0.587, 0.114])
        a, b, c, d = (y[:, i::2, j::2] for i in (0, 1) for j in (0, 1))
        sums = (a + b + c + d, a + b - c - d, a - b + c - d, a - b - c + d)
        squares = np.square(np.stack(sums) / 2)  # (frequencies, batch, 4, 3)
        places = [(i, j) for i in (0, 2) for j in (0, 2)]
        means = [squares[:, :, i : i + 2, j : j + 2].mean((2, 3)) for i, j in places]
        return np.log(np.stack(means) + 1 / 255**2)

    first, second = (
        np.asarray(y) - np.asarray(x)
        for x, y in zip(features(hr), features(sr), strict=True)
    )
    return {
        "pixel l1": lambda: l1(sr - hr),
        "pixel l2": lambda: l2(sr - hr),
        "colour": lambda: l1(sr - hr - (sr - hr) @ [[0.299], [0.587], [0.114]]),
        "lattice": lattices,
        "spectrum": lambda: np.abs(spectrum(sr) - spectrum(hr)).mean((0, 1)),
        "content l1": lambda: 0.3 * l1(first) / 2 + 0.7 * l1(second) / 5,
        "content l2": lambda: 0.3 * l2(first) / 4 + 0.7 * l2(second) / 25,
        "style": lambda: (l1(first) + l1(second)) / 2,
    }[name]()


PICTURE_LOSSES = ["pixel l1", "pixel l2", "colour", "lattice", "spectrum"]
PICTURE_LOSSES += ["content l1", "content l2", "style"]


@pytest.mark.parametrize("name", PICTURE_LOSSES)
def test_picture_loss_is_its_formula_per_picture(name, features):
    loss = _picture_losses(features)[name]
    hr, sr = _random(0, BATCH, 8, 6, 3), _random(1, BATCH, 8, 6, 3)
    values = loss.call(hr, sr)
    expected = _expected(name, features, hr, sr)
    assert values.shape == (BATCH,)
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    np.testing.assert_allclose(loss(hr, sr), expected.mean(), rtol=1e-5)
    assert keras.backend.standardize_dtype(loss(hr, sr).dtype) == "float32"


@pytest.mark.parametrize("name", PICTURE_LOSSES)
def test_picture_loss_at_equality_is_0_with_a_finite_gradient(name, features):
    loss = _picture_losses(features)[name]
    hr = tf.constant(_random(0, BATCH, 8, 6, 3))
    with tf.GradientTape() as tape:
        tape.watch(hr)
        value = loss(tf.stop_gradient(hr), hr)
    assert float(value) == 0.0
    assert np.isfinite(tape.gradient(value, hr)).all()


@pytest.mark.parametrize("name", PICTURE_LOSSES)
def test_picture_loss_has_a_gradient_for_every_pixel_of_sr(name, features):
    loss = _picture_losses(features)[name]
    hr = tf.constant(_random(0, BATCH, 8, 6, 3))
    sr = tf.constant(_random(1, BATCH, 8, 6, 3))
    with tf.GradientTape() as tape:
        tape.watch(sr)
        value = loss(hr, sr)
    gradient = tape.gradient(value, sr).numpy()
    assert np.isfinite(gradient).all()
    assert (gradient != 0).any(axis=-1).all()


def test_a_lattice_stands_out_of_texture():
    """One level of either: the pixel loss cannot tell them apart."""
    signs = np.sign(np.random.default_rng(0).standard_normal((1, 4, 4, 3)))
    lattice = np.tile(signs, (1, 32, 32, 1)).astype(np.float32) / 255
    texture = np.random.default_rng(1).permuted(lattice, axis=1)
    texture = np.random.default_rng(2).permuted(texture, axis=2)
    flat, loss = np.full_like(lattice, 0.5), LatticeLoss()
    assert float(loss(flat, flat + lattice)) > 1.5 / 255
    assert float(loss(flat, flat + texture)) < 0.55 / 255
    assert float(PixelLoss()(flat, flat + texture)) == pytest.approx(1 / 255, rel=1e-3)


def test_as_much_lattice_as_hr_has_costs_nothing():
    checks = np.indices((128, 128)).sum(0)[None, ..., None] % 2 * 2 - 1
    checks = np.repeat(checks, 3, -1).astype(np.float32) / 255
    hr, loss = 0.5 + checks, LatticeLoss()
    assert float(loss(hr, 0.5 - checks)) == pytest.approx(0, abs=1e-6)
    assert float(loss(hr, np.full_like(hr, 0.5))) == pytest.approx(0, abs=1e-6)
    # One level too much over squares, and as much along lines.
    assert float(loss(hr, 0.5 + 2 * checks)) == pytest.approx(2 / 255, rel=2e-3)


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 2, 1, 3)])
def test_along_a_line_only_its_dots_count(axes):
    """A column, or row, of one level in a picture of 128 x 128."""
    line, moved = np.full((2, 1, 128, 128, 3), 0.5, np.float32)
    line[:, :, 40] += 1 / 255
    moved[:, :, 41] += 1 / 255
    dotted = line.copy()
    dotted[:, :, 40] += np.resize(np.float32([1, 1, -1, -1]), 128)[:, None] / 255
    line, moved, dotted = (np.transpose(x, axes) for x in (line, moved, dotted))
    loss = LatticeLoss()
    assert float(loss(line, moved)) == pytest.approx(0, abs=1e-6)
    # Half of the means along it are of one level, less what the root is kept above.
    assert float(loss(line, dotted)) > 0.45 / 128 / 255


def test_grain_of_one_frequency_is_far_from_grain_of_all():
    """Four levels of each: the pixel loss cannot tell them apart."""
    grains = np.random.default_rng(0).normal(0, 4 / 255, (2, 1, 128, 128))
    hr, sr = (np.repeat(x[..., None], 3, -1).astype(np.float32) for x in 0.5 + grains)
    phase = 2 * np.pi * 3 / 8 * np.arange(128)
    mesh = np.add.outer(np.cos(phase), np.cos(phase)) * 4 / 255
    mesh = np.repeat(0.5 + mesh[None, ..., None], 3, -1).astype(np.float32)
    loss = SpectrumLoss()
    pixel = float(PixelLoss()(hr, sr))
    assert float(PixelLoss()(hr, mesh)) == pytest.approx(pixel, rel=0.02)
    assert float(loss(hr, sr)) < 0.5
    assert float(loss(hr, mesh)) > 1.5


@pytest.mark.parametrize("name", ["content l1", "style"])
def test_no_gradient_goes_into_the_features_of_hr(name, features):
    loss = _picture_losses(features)[name]
    hr = tf.constant(_random(0, BATCH, 8, 6, 3))
    with tf.GradientTape() as tape:
        tape.watch(hr)
        value = loss(hr, _random(1, BATCH, 8, 6, 3))
    assert tape.gradient(value, hr) is None


def test_a_feature_network_with_one_output(features):
    single = keras.Model(features.input, [features.outputs[1]])
    hr, sr = _random(0, BATCH, 8, 6, 3), _random(1, BATCH, 8, 6, 3)
    difference = np.asarray(features(sr)[1]) - np.asarray(features(hr)[1])
    expected = np.abs(difference).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(StyleLoss(single).call(hr, sr), expected, rtol=1e-5)
    content = ContentLoss(single, (3.0,), (2.0,))
    np.testing.assert_allclose(content.call(hr, sr), 1.5 * expected, rtol=1e-5)


def test_the_sum_over_the_taps_is_divided(features):
    hr, sr = _random(0, BATCH, 8, 6, 3), _random(1, BATCH, 8, 6, 3)
    weights, scales = (0.5, 2.5), (2.0, 5.0)
    plain = ContentLoss(features, weights, scales)(hr, sr)
    for normalization, divisor in (("none", 1), ("taps", 2), ("weights", 3)):
        loss = ContentLoss(features, weights, scales, normalization=normalization)
        np.testing.assert_allclose(loss(hr, sr), plain / divisor, rtol=1e-6)


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def _relativistic(real, fake):
    """Return the losses of ESRGAN's equations 1 and 2 before their means, (batch,)."""
    real_to_fake = _sigmoid(real - fake.mean())
    fake_to_real = _sigmoid(fake - real.mean())
    discriminator = -np.log(real_to_fake) - np.log(1.0 - fake_to_real)
    generator = -np.log(1.0 - real_to_fake) - np.log(fake_to_real)
    return discriminator[:, 0], generator[:, 0]


@pytest.fixture
def logits():
    generator = np.random.default_rng(0)
    real = generator.normal(1.0, 2.0, (BATCH, 1)).astype(np.float32)
    fake = generator.normal(-1.0, 2.0, (BATCH, 1)).astype(np.float32)
    return real, fake


def test_relativistic_loss_is_its_formula_for_both_players(logits):
    real, fake = logits
    loss = RelativisticAverageLoss()
    discriminator, generator = _relativistic(*np.float64(logits))
    for (a, b), expected in (
        ((real, fake), discriminator),
        ((fake, real), generator),
    ):
        assert loss.call(a, b).shape == (BATCH,)
        np.testing.assert_allclose(loss.call(a, b), expected, rtol=1e-5)
        np.testing.assert_allclose(loss(a, b), expected.mean(), rtol=1e-5)


def test_adversarial_loss_is_its_formula(logits):
    real, fake = np.float64(logits)
    values = AdversarialLoss().call(*logits)
    expected = -np.log(_sigmoid(real)) - np.log(1.0 - _sigmoid(fake))
    assert values.shape == (BATCH,)
    np.testing.assert_allclose(values, expected[:, 0], rtol=1e-5)


def test_adversarial_loss_with_labels_is_the_cross_entropy(logits):
    real, fake = np.float64(logits)
    labels = np.float32([[0.0], [0.1], [0.2]])
    loss = AdversarialLoss()
    values = loss.call(logits[0], (logits[1], labels))
    judged = _sigmoid(fake)
    expected = -labels * np.log(judged) - (1 - labels) * np.log(1 - judged)
    expected -= np.log(_sigmoid(real))
    assert values.shape == (BATCH,)
    np.testing.assert_allclose(values, expected[:, 0], rtol=1e-5)
    whole = loss(logits[0], (logits[1], labels))
    np.testing.assert_allclose(whole, expected.mean(), rtol=1e-5)


def test_accuracy_counts_the_pictures_on_the_right_side(logits):
    real, fake = logits[0], logits[1] + np.float32(2.5)
    above, below = real > fake.mean(), fake < real.mean()
    assert 0 < (above.sum() + below.sum()) < 2 * BATCH  # some are, some are not
    measure = DiscriminatorAccuracy()
    expected = (above[:, 0] + np.float32(below[:, 0])) / 2
    np.testing.assert_array_equal(measure.call(real, fake), expected)
    np.testing.assert_allclose(measure(real, fake), expected.mean(), rtol=1e-6)


ADVERSARIAL_LOSSES = [AdversarialLoss, RelativisticAverageLoss]


@pytest.mark.parametrize("loss", ADVERSARIAL_LOSSES)
def test_adversarial_loss_of_a_discriminator_that_knows_nothing(loss):
    logits = np.zeros((BATCH, 1), np.float32)
    np.testing.assert_allclose(loss()(logits, logits), 2 * np.log(2), rtol=1e-6)


@pytest.mark.parametrize("size", [0.0, 1.0, 200.0, 1e6])
@pytest.mark.parametrize("loss", ADVERSARIAL_LOSSES)
def test_adversarial_loss_and_gradient_stay_finite(loss, size):
    winner, loser = tf.fill((BATCH, 1), -size), tf.fill((BATCH, 1), size)
    with tf.GradientTape() as tape:
        tape.watch([winner, loser])
        value = loss()(winner, loser)
    gradients = tape.gradient(value, [winner, loser])
    assert np.isfinite(value) and np.isfinite(gradients).all()
    # The more wrong the discriminator, the stronger the pull, never a vanishing one.
    assert (gradients[0] < 0).numpy().all() and (gradients[1] > 0).numpy().all()


def test_number_of_weights_and_scales(features):
    with pytest.raises(ConfigError, match="2 taps; received 1 weights and 2 scales"):
        ContentLoss(features, (1.0,), (1.0, 1.0))
