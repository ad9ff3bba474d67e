"""A batch that gives NaN neither stops nor spoils a run; many in a row go back."""

import functools
import json

import keras
import numpy as np
import pytest
from keras import ops

from srlite import checkpoints
from srlite.data import PatchSampler
from srlite.discriminators import vgg_discriminator
from srlite.errors import DivergenceError
from srlite.generators import rrdb_net
from srlite.guard import DropCounter, ScaledAdam, is_finite
from srlite.logs import RunLogger
from srlite.losses import PixelLoss, RelativisticAverageLoss
from srlite.rescue import train_with_rescue
from srlite.tensorflow_step import TensorFlowStep
from srlite.trainer import StopSignal, train_stage

SHAPE = {
    "filters": 8,
    "growth_channels": 4,
    "num_blocks": 1,
    "num_dense_blocks": 1,
    "num_convolutions": 2,
}


class SpoiledLoss(PixelLoss):
    """Mean absolute difference, spoiled in the calls of a range (counted from 0)."""

    def __init__(self, first, end, loss_too=True):
        """Spoil the loss and its gradient, or the gradient alone."""
        super().__init__()
        self.range, self.loss_too = (first, end), loss_too
        self.calls = keras.Variable(0, dtype="int32", trainable=False)

    def call(self, y_true, y_pred):
        """Return (batch,)."""
        bad = (self.calls >= self.range[0]) & (self.calls < self.range[1])
        self.calls.assign_add(1)
        value = super().call(y_true, y_pred)
        if self.loss_too:
            return value * ops.where(bad, float("nan"), 1.0)
        # The square root of zero has an infinite slope.
        return value + ops.sqrt(ops.where(bad, 0.0, 1.0) * value) * ops.where(
            bad, 1.0, 0.0
        )


def make_step(loss, adversarial=True):
    keras.utils.set_random_seed(0)
    parts = {
        "generator": rrdb_net(**SHAPE),
        "ema_generator": rrdb_net(**SHAPE),
        "generator_optimizer": ScaledAdam(1e-3, name="adam"),
    }
    if adversarial:
        parts["discriminator"] = vgg_discriminator(filters=(4, 8), dense_units=4)
        parts["discriminator_optimizer"] = ScaledAdam(1e-3, name="adam")
        adversarial = (RelativisticAverageLoss(), 0.1)
    losses = {"pixel": (loss, 1.0)}
    return parts, TensorFlowStep(parts, losses, adversarial, scale=4, ema_decay=0.9)


@pytest.fixture(scope="module")
def sampler():
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (48, 48, 3), dtype=np.uint8)
    return PatchSampler([picture], 32, 2, [1] * 6, seed=0)


def state(parts):
    """Every variable by name, the counts of updates apart."""
    values, counts = {}, []
    for part, owner in parts.items():
        for variable in owner.variables:
            value = keras.ops.convert_to_numpy(variable).copy()
            if variable.name == "iteration":
                counts.append(int(value))
            else:
                values[f"{part}/{variable.path}"] = value
    return values, counts


@pytest.mark.parametrize("loss_too", [True, False])
def test_spoiled_update_changes_nothing_but_the_count(sampler, loss_too):
    parts, step = make_step(SpoiledLoss(2, 3, loss_too))
    dropped, states = [], []
    for number in range(4):
        values = step(sampler.batch(number), True)
        dropped.append(float(values["dropped"]))
        states.append(state(parts))
    assert dropped == [0, 0, 1, 0]
    assert [counts for _, counts in states] == [[n, n] for n in (1, 2, 3, 4)]
    (_, (before, _), (during, _), (after, _)) = states
    assert any("moving_mean" in name for name in before)
    for name, value in before.items():
        np.testing.assert_array_equal(value, during[name], err_msg=name)
        assert np.isfinite(after[name]).all()
    changed = [name for name in after if not np.array_equal(after[name], during[name])]
    networks = ("generator/", "ema_generator/", "discriminator/")
    assert all(any(name.startswith(n) for name in changed) for n in networks)


def test_dropping_costs_no_bits(sampler):
    """An update that is applied is the plain one of Keras, to the bit."""
    parts, step = make_step(PixelLoss(), adversarial=False)
    twins, _ = make_step(PixelLoss(), adversarial=False)
    twins["generator_optimizer"] = keras.optimizers.Adam(1e-3, name="adam")
    plain = TensorFlowStep(twins, {"pixel": (PixelLoss(), 1.0)}, scale=4, ema_decay=0.9)
    for number in range(3):
        step(sampler.batch(number), True)
        plain(sampler.batch(number), True)
    values, others = state(parts)[0], state(twins)[0]
    factor = "generator_optimizer/adam/learning_rate_factor"
    assert values.pop(factor) == 1.0
    for name, value in others.items():
        np.testing.assert_array_equal(value, values[name], err_msg=name)


def test_half_the_factor_is_half_the_learning_rate():
    variables = []
    for rate, factor in ((0.5, 1.0), (1.0, 0.5)):
        variable = keras.Variable([1.0, -2.0])
        schedule = keras.optimizers.schedules.ExponentialDecay(rate, 10, 0.5)
        optimizer = ScaledAdam(schedule)
        optimizer.build([variable])
        optimizer.factor.assign(factor)
        for _ in range(3):
            optimizer.apply([ops.array([0.3, 2.0])], [variable])
        variables.append(keras.ops.convert_to_numpy(variable))
    np.testing.assert_array_equal(*variables)
    assert variables[0][0] < 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_is_finite(bad):
    fine = [ops.ones((2, 3)), None, ops.zeros(4)]
    assert is_finite([ops.array(1.0)], fine)
    assert not is_finite([ops.array(1.0), ops.array(bad)], fine)
    assert not is_finite([ops.array(1.0)], [*fine, ops.array([0.0, bad])])


def test_counter():
    counter = DropCounter(3)
    updates = [{"pixel": v, "dropped": d} for v, d in ((1, 0), (2, 1), (3, 1))]
    assert counter.take_out(updates) == ([{"pixel": 1}], 2)
    assert counter.in_a_row == 2
    assert counter.take_out([{"pixel": 4, "dropped": 0.0}]) == ([{"pixel": 4}], 0)
    assert counter.in_a_row == 0
    assert counter.take_out([{"pixel": 5}]) == ([{"pixel": 5}], 0)
    counter.take_out(updates[1:])
    with pytest.raises(DivergenceError, match="3 updates in a row"):
        counter.take_out(updates[1:])


def run(folder, sampler, loss, last_step, said=None):
    """Train with rescue, from scratch or from the newest checkpoint."""
    parts, step = make_step(loss, adversarial=False)
    first_step, found = 0, checkpoints.find(folder / "checkpoints", "pretrain")
    if found:
        first_step = checkpoints.load(found[-1][1], parts)["step"]

    def save(number):
        checkpoints.save(folder / "checkpoints", "pretrain", number, parts, {})

    with RunLogger(folder) as logger, StopSignal() as stop:
        training = functools.partial(
            train_stage,
            step,
            sampler,
            stage="pretrain",
            last_step=last_step,
            save=save,
            logger=logger,
            stop=stop,
            log_every=2,
            checkpoint_every=4,
            max_dropped_steps=5,
        )
        say = (said if said is not None else []).append
        directory = folder / "checkpoints"
        train_with_rescue(training, first_step, parts, directory, "pretrain", save, say)
    return parts


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").open()]


def test_a_spoiled_batch_is_left_out_of_the_log(sampler, tmp_path):
    said = []
    parts = run(tmp_path, sampler, SpoiledLoss(4, 7), 8, said=said)
    assert [row.get("dropped") for row in rows(tmp_path)] == [None, None, 2, 1]
    assert ["pixel" in row for row in rows(tmp_path)] == [True, True, False, True]
    assert said == [] and all(np.isfinite(v).all() for v in state(parts)[0].values())
    assert float(parts["generator_optimizer"].factor) == 1.0


def test_many_in_a_row_go_back_with_half_the_learning_rate(sampler, tmp_path):
    said = []
    # Spoiled: the steps 6 to 10 of the first try; after 4 come 5, 6, ... once more.
    parts = run(tmp_path, sampler, SpoiledLoss(5, 10), 12, said=said)
    (sentence,) = said
    assert "5 updates in a row" in sentence
    assert "going back to step 4 with 0.5 of the learning rate" in sentence
    assert float(parts["generator_optimizer"].factor) == 0.5
    assert [row["step"] for row in rows(tmp_path)] == [2, 4, 6, 8, 10, 12]
    assert not any("dropped" in row for row in rows(tmp_path))
    found = checkpoints.find(tmp_path / "checkpoints", "pretrain")
    assert [step for step, _ in found] == [4, 8, 12]
    # A resume from the checkpoint that was gone back to keeps the factor.
    for step, path in found[1:]:
        path.unlink()
    again = run(tmp_path, sampler, PixelLoss(), 12)
    values, others = state(parts)[0], state(again)[0]
    for name, value in values.items():
        np.testing.assert_array_equal(value, others[name], err_msg=name)


def test_gives_up_at_last(sampler, tmp_path):
    said = []
    with pytest.raises(DivergenceError, match="even with 0.03125 of its learning rate"):
        run(tmp_path, sampler, SpoiledLoss(4, 10**6), 99, said=said)
    assert len(said) == 5
    with pytest.raises(DivergenceError, match="before its first checkpoint: 5 updates"):
        run(tmp_path / "other", sampler, SpoiledLoss(2, 10**6), 99)
