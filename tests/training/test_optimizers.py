"""Muon: what it does to which variables; learning rates by formulas written out."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from srlite.training.optimizers import Muon, ScaledAdam, build_schedule, orthogonal


@pytest.mark.parametrize("shape", [(9, 4), (4, 9), (6, 6), (1, 5)])
def test_orthogonal_brings_singular_values_near_one(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype("float32")
    result = ops.convert_to_numpy(orthogonal(ops.convert_to_tensor(100 * matrix)))
    values = np.linalg.svd(result, compute_uv=False)
    assert values.min() > 0.6 and values.max() < 1.3
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    # The same rotation: along each of the matrix's own directions it is positive.
    assert np.diag(left.T @ result @ right.T).min() > 0.6


def kernels_and_others():
    random = np.random.default_rng(1)
    shapes = [(3, 3, 3, 8), (8,), (3, 3, 8, 8), (8,), (1, 1, 8), (3, 3, 8, 4)]
    return [keras.Variable(random.normal(size=s).astype("float32")) for s in shapes]


def after_updates(optimizer, count=3, factor=1.0):
    variables = kernels_and_others()
    optimizer.build(variables)
    optimizer.factor.assign(factor)
    random = np.random.default_rng(2)
    for _ in range(count):
        gradients = [random.normal(size=v.shape).astype("float32") for v in variables]
        optimizer.apply(list(map(ops.convert_to_tensor, gradients)), variables)
    return [ops.convert_to_numpy(v) for v in variables]


def test_only_inner_kernels_differ_from_adam():
    adam, muon = after_updates(ScaledAdam(0.01)), after_updates(Muon(0.01))
    same = [np.array_equal(a, m) for a, m in zip(adam, muon, strict=True)]
    assert same == [True, True, False, True, True, True]


def test_an_update_is_as_large_as_adams_usual_one():
    before = ops.convert_to_numpy(kernels_and_others()[2])
    moved = after_updates(Muon(0.01), count=1)[2] - before
    assert 0.7 < np.sqrt(np.mean(moved**2)) / (0.2 * 0.01) < 1.3


def test_it_goes_down_the_slope_with_momentum():
    """Two updates by hand, in NumPy."""
    variables = kernels_and_others()
    optimizer = Muon(0.01, momentum=0.8)
    optimizer.build(variables)
    gradients = np.random.default_rng(3).normal(size=(2, 3, 3, 8, 8)).astype("float32")
    expected = ops.convert_to_numpy(variables[2])
    summed = 0.0
    for gradient in gradients:
        others = [ops.zeros_like(v) for v in variables]
        others[2] = ops.convert_to_tensor(gradient)
        optimizer.apply(others, variables)
        summed = 0.8 * summed + gradient
        direction = (gradient + 0.8 * summed).reshape(72, 8)
        direction = ops.convert_to_numpy(orthogonal(ops.convert_to_tensor(direction)))
        expected -= 0.01 * 0.2 * np.sqrt(72) * direction.reshape(3, 3, 8, 8)
    np.testing.assert_allclose(
        ops.convert_to_numpy(variables[2]), expected, rtol=1e-4, atol=1e-6
    )


def test_half_the_factor_is_half_the_learning_rate():
    whole, halved = after_updates(Muon(0.005)), after_updates(Muon(0.01), factor=0.5)
    for one, other in zip(whole, halved, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def rates(steps, *arguments, **options):
    schedule = build_schedule(*arguments, **options)
    return np.array([float(schedule(np.int64(step))) for step in steps])


def test_constant():
    np.testing.assert_allclose(rates([0, 7, 10**6], "constant", 1e-4, 10), 1e-4)


def test_step_is_esrgans_pixel_stage():
    steps = [0, 199_999, 200_000, 399_999, 400_000, 999_999]
    expected = [2e-4 * 0.5 ** (step // 200_000) for step in steps]
    got = rates(steps, "step", 2e-4, 10**6, decay_every=200_000, decay_factor=0.5)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_multi_step_is_esrgans_gan_stage():
    boundaries = (50_000, 100_000, 200_000, 300_000)
    steps = [0, 49_999, 50_000, 99_999, 100_000, 200_000, 299_999, 300_000, 399_999]
    expected = [1e-4 / 2 ** sum(step >= b for b in boundaries) for step in steps]
    got = rates(steps, "multi_step", 1e-4, 400_000, boundaries=boundaries)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_cosine_after_a_warm_up():
    got = rates(
        [0, 50, 100, 600, 1100, 2000],
        "cosine",
        5e-4,
        1100,
        warmup_steps=100,
        final_learning_rate=1e-6,
    )
    middle = 1e-6 + (5e-4 - 1e-6) * 0.5 * (1 + math.cos(math.pi * 0.5))
    expected = [0.0, 2.5e-4, 5e-4, middle, 1e-6, 1e-6]
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-12)


def test_cosine_is_that_of_keras():
    twin = keras.optimizers.schedules.CosineDecay(
        0.0, 900, alpha=1e-6 / 5e-4, warmup_target=5e-4, warmup_steps=100
    )
    steps = range(0, 1000, 37)
    got = rates(steps, "cosine", 5e-4, 1000, warmup_steps=100, final_learning_rate=1e-6)
    np.testing.assert_allclose(got, [float(twin(s)) for s in steps], rtol=1e-5)


@pytest.mark.parametrize("schedule", ["constant", "step", "multi_step"])
def test_warm_up_goes_before_every_decay(schedule):
    options = {"decay_every": 15, "boundaries": (15,), "warmup_steps": 10}
    got = rates([0, 3, 9, 10, 14], schedule, 1e-3, 100, **options)
    np.testing.assert_allclose(got, [0, 3e-4, 9e-4, 1e-3, 1e-3], rtol=1e-6)
