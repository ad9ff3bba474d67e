"""The loop and the step: it learns, stops, refuses NaN, and follows its rules."""

import json

import keras
import numpy as np
import pytest

from srlite.data.patches import PatchSampler
from srlite.errors import DivergenceError
from srlite.models.discriminators import vgg_discriminator
from srlite.models.generators import rrdb_net
from srlite.training.logs import RunLogger
from srlite.training.losses import PixelLoss, RelativisticAverageLoss
from srlite.training.meter import StopSignal
from srlite.training.objective import Objective
from srlite.training.tensorflow_step import TensorFlowStep
from srlite.training.trainer import Stage, group_steps, train_stage


def make_parts(adversarial=False, learning_rate=3e-3):
    keras.utils.set_random_seed(0)
    shape = {
        "filters": 16,
        "growth_channels": 8,
        "num_blocks": 1,
        "num_dense_blocks": 1,
        "num_convolutions": 3,
    }
    parts = {
        "generator": rrdb_net(**shape),
        "ema_generator": rrdb_net(**shape),
        "generator_optimizer": keras.optimizers.Adam(learning_rate),
    }
    parts["ema_generator"].set_weights(parts["generator"].get_weights())
    if adversarial:
        parts["discriminator"] = vgg_discriminator(filters=(4, 8), dense_units=4)
        parts["discriminator_optimizer"] = keras.optimizers.Adam(learning_rate)
    return parts


PIXEL = {"pixel": (PixelLoss(), 1.0)}


def make_step(parts, losses=PIXEL, adversarial=None, ema_decay=0.9):
    objective = Objective(parts, losses, adversarial, scale=4, ema_decay=ema_decay)
    return TensorFlowStep(parts, objective)


def smooth_picture(size=48):
    rows, columns = np.mgrid[:size, :size] / size
    waves = [np.sin(9 * rows + 5 * columns), np.cos(7 * columns), np.sin(12 * rows)]
    return np.uint8(np.stack(waves, axis=-1) * 100 + 128)


@pytest.fixture
def sampler():
    return PatchSampler([smooth_picture()], 48, 1, (0, 0, 0, 1, 0, 0), seed=0)


def weights(part):
    return [keras.ops.convert_to_numpy(v) for v in part.variables]


def run(tmp_path, step, sampler, last_step, **options):
    saved = []
    options.setdefault("save", saved.append)
    minutes = options.pop("minutes", None)
    with RunLogger(tmp_path) as logger, StopSignal(minutes) as stop:
        stage = Stage("pretrain", step, sampler, last_step, **options)
        done = train_stage(stage, logger, stop)
    return done, saved


def test_overfits_one_batch(tmp_path, sampler):
    parts = make_parts()
    step = make_step(parts)
    batch = sampler.batch(0)
    first = float(step(batch, False)["pixel"])
    for _ in range(150):
        last = float(step(batch, False)["pixel"])
    assert last < 0.25 * first


def test_saves_and_validates_when_it_should(tmp_path, sampler, capsys):
    validated = []

    def validate():
        validated.append(True)
        scores = {"psnr": 20.125, "psnr_area": 21.0, "ssim": 0.75, "content": 0.5}
        return scores, {}

    parts = make_parts()
    step = make_step(parts)
    options = {"log_every": 2, "checkpoint_every": 3, "validate_every": 4}
    done, saved = run(tmp_path, step, sampler, 10, validate=validate, **options)
    assert (done, saved, len(validated)) == (10, [3, 6, 9, 10], 3)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").open()]
    (row,) = (r for r in rows if r["step"] == 8 and "val/psnr" in r)
    assert row["val/psnr_area"] == 21.0 and row["val/content"] == 0.5
    shown = capsys.readouterr().err
    told = "pretrain step 8: psnr 20.12 dB, ssim 0.7500, content 0.5\n"
    assert told in shown and "psnr=20.1" in shown


def test_stops_when_time_is_up(tmp_path, sampler):
    parts = make_parts()
    step = make_step(parts)
    done, saved = run(tmp_path, step, sampler, 10, minutes=0.0)
    assert (done, saved) == (1, [1])


def test_refuses_to_save_nan(tmp_path, sampler):
    parts = make_parts()
    kernel = parts["generator"].get_layer("tail").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    step = make_step(parts)
    saved = []
    options = {"log_every": 5, "checkpoint_every": 2, "max_dropped_steps": 8}
    with pytest.raises(DivergenceError, match="8 updates in a row"):
        run(tmp_path, step, sampler, 10, save=saved.append, **options)
    assert saved == []


def test_frozen_batch_norm_statistics_stay(sampler):
    parts = make_parts()
    step = make_step(parts)
    batch_norm = parts["generator"].get_layer("rrdb1_dense1_bn1")

    def statistics():
        moving = batch_norm.moving_mean, batch_norm.moving_variance
        return [np.copy(keras.ops.convert_to_numpy(v)) for v in moving]

    start = statistics()
    step(sampler.batch(0), True)
    moved = statistics()
    assert all(not np.array_equal(a, b) for a, b in zip(start, moved, strict=True))
    gamma = keras.ops.convert_to_numpy(batch_norm.gamma).copy()
    step(sampler.batch(1), False)
    np.testing.assert_array_equal(moved, statistics())
    assert not np.array_equal(gamma, keras.ops.convert_to_numpy(batch_norm.gamma))


def test_ema_follows_every_variable(sampler):
    parts = make_parts()
    step = make_step(parts, ema_decay=0.15)
    average = [np.copy(w) for w in weights(parts["ema_generator"])]
    for number, decay in ((0, 0.15), (1, 0.15)):
        step(sampler.batch(number), True)
        new = weights(parts["generator"])
        average = [
            decay * a + (1 - decay) * w for a, w in zip(average, new, strict=True)
        ]
        for a, b in zip(average, weights(parts["ema_generator"]), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_weight_zero_is_measured_and_not_trained(sampler):
    results = []
    for measured in ({}, {"extra": (PixelLoss("l2"), 0.0)}):
        parts = make_parts()
        losses = {"pixel": (PixelLoss(), 1.0), **measured}
        step = make_step(parts, losses)
        values = step(sampler.batch(0), False)
        assert all(name in values for name in measured)
        results.append(weights(parts["generator"]))
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_adversarial_update(sampler):
    """Values by hand from the networks before the update; both networks move."""
    parts = make_parts(adversarial=True)
    losses = {"pixel": (PixelLoss(), 0.0)}
    adversarial = (RelativisticAverageLoss(), 0.5)
    batch = PatchSampler([smooth_picture(64)], 32, 4, (1,) * 6, seed=0).batch(0)
    twins = make_parts(adversarial=True)
    before = weights(parts["discriminator"])
    step = make_step(parts, losses, adversarial)
    values = {name: float(v) for name, v in step(batch, False).items()}

    from srlite.data.degradations import degrade

    lr, hr = degrade(batch, 4)
    sr = twins["generator"](lr, training=False)
    real, fake = (twins["discriminator"](x, training=True) for x in (hr, sr))
    loss = RelativisticAverageLoss()
    assert values["g_adversarial"] == pytest.approx(float(loss(fake, real)), rel=1e-4)
    assert values["d_adversarial"] == pytest.approx(float(loss(real, fake)), rel=1e-4)
    assert values["g_total"] == pytest.approx(0.5 * values["g_adversarial"])
    assert 0.0 <= values["d_accuracy"] <= 1.0
    moved = weights(parts["discriminator"])
    assert any(not np.array_equal(a, b) for a, b in zip(before, moved, strict=True))
    # Two passes of one update moved the discriminator's statistics, no third one.
    name = "stage1_2_bn"
    layers = [layer.name for layer in parts["discriminator"].layers]
    name = next(layer for layer in layers if layer.endswith("_bn"))
    moving = [p["discriminator"].get_layer(name).moving_mean for p in (parts, twins)]
    np.testing.assert_allclose(*map(keras.ops.convert_to_numpy, moving), atol=1e-6)


def test_groups_cross_no_boundary_and_are_the_same_after_a_stop():
    arguments = (57, 8, [20, 30], 13)
    groups = list(group_steps(0, *arguments))
    assert [step for group in groups for step in group] == list(range(57))
    assert {len(group) for group in groups} == {1, 8}
    for boundary in (13, 20, 30, 40):
        assert any(group[0] == boundary for group in groups)
    for number, group in enumerate(groups):
        assert list(group_steps(group[0], *arguments)) == groups[number:]
    assert list(group_steps(3, 5, 1, [4], 0)) == [range(3, 4), range(4, 5)]


def test_grouped_run_equals_single_steps(tmp_path):
    """Values, saves and every variable, with the statistics frozen in between."""
    sampler = PatchSampler([smooth_picture(64)], 32, 2, (1,) * 6, seed=0)
    found = []
    for size in (1, 3):
        parts = make_parts(adversarial=True)
        step = make_step(parts, adversarial=(RelativisticAverageLoss(), 0.1))
        folder = tmp_path / str(size)
        folder.mkdir()
        options = {"log_every": 4, "checkpoint_every": 8, "freeze_batch_norm_after": 5}
        done, saved = run(
            folder, step, sampler, 12, steps_per_execution=size, **options
        )
        assert (done, saved) == (12, [8, 12])
        rows = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
        losses = [(row["step"], row["g_total"], row["d_accuracy"]) for row in rows]
        found.append((losses, [weights(part) for part in parts.values()]))
    (losses, variables), (other_losses, other_variables) = found
    assert losses == other_losses and [step for step, *_ in losses] == [4, 8, 12]
    pairs = zip(sum(variables, []), sum(other_variables, []), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_killed_while_saving_it_has_already_measured(tmp_path, sampler):
    """Else a run that goes on from the checkpoint would never do so."""
    step = make_step(make_parts())
    best = []

    def fail(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(
            tmp_path,
            step,
            sampler,
            last_step=4,
            checkpoint_every=2,
            validate_every=2,
            validate=lambda: ({"psnr": 9.0}, {}),
            keep_best=lambda done, scores: best.append((done, scores)),
            save=fail,
        )
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").open()]
    assert best == [(2, {"psnr": 9.0})]
    assert [row.get("val/psnr") for row in rows] == [None, 9.0]
