"""What an update lowers, against NumPy: the estimator's loss, and what is told."""

import keras
import numpy as np
import pytest
from skimage import data
from small_runs import TOLD

from srlite.data.degradations import degrade
from srlite.models.estimator import estimator
from srlite.training.losses import ContentLoss, PixelLoss
from srlite.training.objective import EstimatorObjective, Objective
from srlite.training.optimizers import ScaledAdam
from srlite.training.preparation import build_sampler
from srlite.training.stages import build_generator
from srlite.training.tensorflow_step import TensorFlowStep

STRENGTHS = ("jpeg", "noise", "blur", "sharpening")


@pytest.fixture
def parts():
    keras.utils.set_random_seed(0)
    parts = {
        "estimator": estimator(8),
        "ema_estimator": estimator(8),
        "estimator_optimizer": ScaledAdam(3e-3, name="adam"),
    }
    parts["ema_estimator"].set_weights(parts["estimator"].get_weights())
    return parts


def batch_of(stage, step=0, **changes):
    config = TOLD.updated(changes)
    return build_sampler(config, stage, (0, 0), [data.astronaut()]).batch(step)


def test_loss_of_the_estimator(parts):
    objective = EstimatorObjective(parts, scale=4, ema_decay=0.9)
    batch = batch_of("estimator", 1)
    assert batch["hr"].shape == (4, 80, 80, 3)
    lr, truth = objective.prepare(batch)
    assert lr.shape == (4, 15, 15, 3)  # of 20 pixels, which are 8 n + 7
    whole, _ = map(keras.ops.convert_to_numpy, degrade(batch, 4))
    np.testing.assert_array_equal(lr, whole[:, :15, :15])
    np.testing.assert_array_equal(truth, batch["degradation"])
    total, (values, answer) = objective.loss(lr, truth, False)
    answer, truth = np.asarray(answer, np.float64), np.asarray(truth)
    np.testing.assert_allclose(answer, parts["estimator"](lr), rtol=1e-5)
    entropy = -(truth[:, :6] * np.log(answer[:, :6] + 1e-6)).sum(axis=1).mean()
    yes = truth * np.log(answer + 1e-6) + (1 - truth) * np.log(1 - answer + 1e-6)
    far = -yes[:, 6:].mean(axis=0)
    assert float(values["kernels"]) == pytest.approx(entropy, rel=1e-5)
    for name, value in zip(STRENGTHS, far, strict=True):
        assert float(values[name]) == pytest.approx(value, rel=1e-4)
    expected = entropy + 4.0 * far.sum()
    assert float(total) == float(values["e_total"]) == pytest.approx(expected, rel=1e-5)
    assert tuple(values) == objective.names


def test_the_estimator_learns(parts):
    """It overfits one batch; its EMA copy follows, its fixed filters stay."""
    fixed = parts["estimator"].get_layer("luma_dct").get_weights()[0].copy()
    objective = EstimatorObjective(parts, scale=4, ema_decay=0.9)
    step, batch = TensorFlowStep(parts, objective), batch_of("estimator")
    first = step(batch, True)
    for _ in range(60):
        last = step(batch, True)
    assert float(last["e_total"]) < 0.4 * float(first["e_total"])
    assert float(last["dropped"]) == 0.0
    for name in ("estimator", "ema_estimator"):
        kernel = parts[name].get_layer("luma_dct").get_weights()[0]
        np.testing.assert_array_equal(kernel, fixed)
    head, ema = (parts[n].get_layer("damages").kernel for n in list(parts)[:2])
    assert 0 < np.abs(np.asarray(head) - np.asarray(ema)).max() < 0.1


def test_a_generator_teaches_the_estimator(parts):
    """Its error is minus its PSNR on the middles, and falls; it stays as it is."""
    config = TOLD.updated({"estimator.generator_patch_size": 32})
    generator = build_generator(config)
    random = np.random.default_rng(0)
    generator.set_weights(
        [w + random.uniform(0.01, 0.1, w.shape) for w in generator.get_weights()]
    )
    generator.trainable = False
    before = generator.get_weights()
    objective = EstimatorObjective(
        parts,
        scale=4,
        ema_decay=0.9,
        generator=generator,
        generator_error=100.0,
        generator_patch_size=32,
    )
    batch = batch_of("estimator", 1)
    (lr, middle), (truth, hr) = objective.prepare(batch)
    whole, wide = map(np.asarray, degrade(batch, 4))
    np.testing.assert_array_equal(lr, whole[:, :15, :15])
    np.testing.assert_array_equal(middle, whole[:, 6:14, 6:14])
    np.testing.assert_array_equal(hr, wide[:, 24:56, 24:56])
    total, (values, answer) = objective.loss([lr, middle], [truth, hr], False)
    sr = generator([middle, answer], training=False)
    error = 10 * np.log10(np.square(sr - hr).mean(axis=(1, 2, 3)) + 1e-5).mean()
    assert float(values["generator_error"]) == pytest.approx(error, rel=1e-4)
    alone = EstimatorObjective(parts, scale=4, ema_decay=0.9)
    blind, _ = alone.loss(lr, truth, False)
    assert float(total) == pytest.approx(float(blind) + 100 * error, rel=1e-4)
    assert tuple(values) == objective.names

    step = TensorFlowStep(parts, objective)
    for _ in range(40):
        last = step(batch, False)
    assert float(last["generator_error"]) < error - 0.02
    for one, other in zip(before, generator.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_generator_lives_with_what_the_estimator_sees(parts):
    """The truth for some, an estimate for the others, which no gradient passes."""
    config = TOLD.updated({"pretrain.context_size": None, "pretrain.patch_size": 64})
    generator = build_generator(config)
    random = np.random.default_rng(0)
    generator.set_weights(
        [w + random.uniform(0.01, 0.1, w.shape) for w in generator.get_weights()]
    )
    told = {
        "generator": generator,
        "ema_generator": build_generator(config),
        "generator_optimizer": ScaledAdam(1e-3, name="adam"),
    }
    frozen = parts["estimator"]
    frozen.trainable = False
    before = frozen.get_weights()
    losses = {"pixel": (PixelLoss(), 1.0)}
    objective = Objective(told, losses, scale=4, ema_decay=0.9, estimator=frozen)
    assert objective.networks == [frozen]
    batch = batch_of("pretrain", **{"pretrain.context_size": None})
    batch["told_truth"] = np.array([True, False])
    (lr, vector), hr = objective.prepare(batch)
    seen = np.asarray(frozen(lr[:, :15, :15]))
    np.testing.assert_array_equal(vector[0], batch["degradation"][0])
    np.testing.assert_allclose(vector[1], seen[1], rtol=1e-5, atol=1e-7)
    assert np.abs(seen[1] - batch["degradation"][1]).max() > 0.05
    expected = np.abs(generator([lr, vector], training=False) - hr).mean()
    values = TensorFlowStep(told, objective)(batch, False)
    assert float(values["pixel"]) == pytest.approx(float(expected), rel=1e-4)
    for one, other in zip(before, frozen.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_content_loss_looks_at_the_middle():
    keras.utils.set_random_seed(0)
    generator = build_generator(TOLD.updated({"generator.conditional": False}))
    parts = {
        "generator": generator,
        "ema_generator": generator,
        "generator_optimizer": ScaledAdam(1e-3, name="adam"),
    }
    features = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Conv2D(2, 3)]
    )
    content = ContentLoss(features, (1.0,), (1.0,))
    losses = {"pixel": (PixelLoss(), 1.0), "content": (content, 1.0)}
    objective = Objective(parts, losses, scale=4, ema_decay=0.9, content_size=8)
    random = np.random.default_rng(0)
    lr, hr = random.random((2, 4, 4, 3)), random.random((2, 16, 16, 3))
    _, (values, sr) = objective.loss(lr.astype("f"), hr.astype("f"), False)
    expected = content(hr[:, 4:12, 4:12].astype("f"), sr[:, 4:12, 4:12])
    assert float(values["content"]) == pytest.approx(float(expected), rel=1e-5)
    assert float(values["pixel"]) == pytest.approx(np.abs(sr - hr).mean(), rel=1e-5)
