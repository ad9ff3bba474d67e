"""Learning rates against formulas written out."""

import math

import keras
import numpy as np
import pytest

from srlite.training.schedules import Schedule


def rates(steps, *arguments, **options):
    schedule = Schedule(*arguments, **options)
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


def test_makes_itself_again():
    schedule = Schedule("multi_step", 1e-4, 10, boundaries=(3, 5), decay_factor=0.1)
    again = Schedule.from_config(schedule.get_config())
    assert [float(again(s)) for s in range(8)] == [float(schedule(s)) for s in range(8)]


def test_unknown_schedule():
    with pytest.raises(ValueError, match="'cosine'.*received 'linear'"):
        Schedule("linear", 1e-4, 10)
