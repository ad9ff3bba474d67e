"""Muon: which variables it takes, what it does to them, and what checkpoints hold."""

import keras
import numpy as np
import pytest
from keras import ops

from srlite.training.optimizers import Muon, ScaledAdam, orthogonal


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
