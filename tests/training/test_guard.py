"""Updates that are not finite are dropped; many in a row go back, more slowly."""

import json

import guard_worker
import numpy as np
import pytest
from guard_worker import run
from test_jax_step import ROOT, run_on_jax

from srlite.errors import CheckpointError, DivergenceError
from srlite.models import checkpoints


@pytest.fixture(
    scope="module", params=["tensorflow", pytest.param("jax", marks=pytest.mark.slow)]
)
def happened(request, tmp_path_factory):
    """The folder that `guard_worker` leaves."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "jax":
        run_on_jax(ROOT / "tests" / "guard_worker.py", folder)
    else:
        guard_worker.work(folder)
    return folder


def told(folder, name, key):
    return [row[key] for row in json.loads((folder / f"{name}.json").read_text())]


def state(folder, name):
    """Every variable but the counts of updates, and these."""
    values = dict(np.load(folder / f"{name}.npz"))
    counts = [values.pop(k) for k in list(values) if k.endswith("/iteration")]
    return values, counts


def assert_same(values, others):
    assert values.keys() == others.keys()
    for name in values:
        np.testing.assert_array_equal(values[name], others[name], err_msg=name)


def test_spoiled_update_changes_nothing_but_the_count(happened):
    """By a NaN, by gradients alone, and by the discriminator's loss alone."""
    assert told(happened, "single", "dropped") == [0, 0, 1, 1, 1, 0]
    assert np.isfinite(told(happened, "single", "d_adversarial")[3])
    assert np.isfinite(told(happened, "single", "g_total")[3:5]).all()
    states = [state(happened, f"single-{number}") for number in range(6)]
    assert [counts for _, counts in states] == [[n, n] for n in range(1, 7)]
    (before, *dropped, after) = (values for values, _ in states[1:])
    assert any("moving_mean" in name for name in before)
    for values in dropped:
        assert_same(before, values)
    changed = [name for name in after if not np.array_equal(after[name], before[name])]
    for part in ("generator/", "ema_generator/", "discriminator/"):
        assert any(name.startswith(part) for name in changed)
    assert all(np.isfinite(value).all() for value in after.values())


def test_going_on_among_dropped_updates_has_the_same_bits(happened):
    assert told(happened, "again", "dropped") == [1, 1, 0]
    for number in range(3, 6):
        names = (f"{name}-{number}" for name in ("single", "again"))
        (values, counts), (others, other_counts) = (state(happened, n) for n in names)
        assert counts == other_counts
        assert_same(values, others)


def test_float16(happened):
    """Doubled after 3 good updates; halved by an overflow, not by a spoiled batch."""
    over = 2.0**60
    assert told(happened, "half", "dropped") == [0, 0, 0, 0, 0, 1, 0]
    assert told(happened, "half", "overflow") == [0, 0, 0, 0, 1, 0, 1]
    scales = [2.0**15, 2.0**15, 2.0**16, 2.0**16, over / 2, over / 2, over / 4]
    assert told(happened, "half", "loss_scale") == scales
    states = [state(happened, f"half-{number}")[0] for number in range(7)]
    counts = [values.pop("loss_scale/applied") for values in states]
    assert counts == [1, 2, 0, 1, 0, 0, 0]
    assert [values.pop("loss_scale/scale") for values in states] == scales
    kernel = "generator/head/kernel"
    for before, after in zip(states[:3], states[1:4], strict=True):
        assert not np.array_equal(before[kernel], after[kernel])
        assert all(np.isfinite(value).all() for value in after.values())
    for dropped in states[4:]:
        assert_same(states[3], dropped)


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").open()]


def test_many_in_a_row_go_back_with_half_the_learning_rate(happened):
    (sentence,) = json.loads((happened / "said.json").read_text())
    assert "5 updates in a row" in sentence
    assert "going back to step 4 with 0.5 of the learning rate" in sentence
    found = dict(checkpoints.find(happened / "rescued", "pretrain"))
    assert list(found) == [4, 8, 12]
    assert [row["step"] for row in rows(happened / "rescued")] == [2, 4, 6, 8, 10, 12]
    tensors = {step: checkpoints.read(path)[1] for step, path in found.items()}
    name = "generator_optimizer/adam/learning_rate_factor"
    assert [held[name] for held in tensors.values()] == [0.5, 0.5, 0.5]
    resumed = dict(checkpoints.find(happened / "resumed", "pretrain"))
    for step in found:
        assert_same(tensors[step], checkpoints.read(resumed[step])[1])


# From here on the backend makes no difference.


def test_a_spoiled_batch_is_left_out_of_the_log(tmp_path):
    parts, said = run(tmp_path, [0, 1, 2, 4, 5], 8)
    logged = rows(tmp_path)
    assert [row.get("dropped") for row in logged] == [2, 1, 2, None]
    assert ["pixel" in row for row in logged] == [False, True, False, True]
    assert said == [] and all(np.isfinite(row.get("pixel", 0.0)) for row in logged)
    values = checkpoints.values(parts).values()
    assert all(np.isfinite(value).all() for value in values)
    assert int(parts["generator_optimizer"].iterations) == 8


def test_no_checkpoint_among_dropped_updates(tmp_path):
    """At 4, but at 6, where the time has long been up."""
    run(tmp_path, [0, 1, 2, 3, 4], 9, minutes=0.0, limit=6)
    assert [step for step, _ in checkpoints.find(tmp_path, "pretrain")] == [6]


def test_before_the_first_checkpoint_it_starts_again(tmp_path):
    parts, said = run(tmp_path, range(1, 10), 6)
    assert "going back to step 0 with 0.5 of" in said[0] and len(said) == 1
    assert int(parts["generator_optimizer"].iterations) == 6
    assert [step for step, _ in checkpoints.find(tmp_path, "pretrain")] == [0, 4, 6]
    for step, path in checkpoints.find(tmp_path, "pretrain"):
        if step:  # as after a kill
            path.unlink()
    resumed, _ = run(tmp_path, [], 6)
    assert_same(checkpoints.values(parts), checkpoints.values(resumed))


@pytest.mark.slow
def test_goes_back_as_a_run_without_a_stop_would(tmp_path):
    """Not to where a stop left a checkpoint."""
    run(tmp_path / "stopped", [], 5)
    found = checkpoints.find(tmp_path / "stopped", "pretrain")
    assert [step for step, _ in found] == [4, 5]
    parts, said = run(tmp_path / "stopped", range(6, 30), 9, limit=3)
    straight, other_said = run(tmp_path / "straight", range(6, 30), 9, limit=3)
    assert said == other_said and "going back to step 4 with 0.5" in said[0]
    assert_same(checkpoints.values(parts), checkpoints.values(straight))


def test_gives_up_at_last(tmp_path):
    with pytest.raises(DivergenceError, match="after step 4 even with 0.03125 of its"):
        run(tmp_path, range(5, 99), 99, heals=False)
    ((step, path),) = checkpoints.find(tmp_path, "pretrain")
    tensors = checkpoints.read(path)[1]
    other = run(tmp_path / "other", [], 4)[0]
    expected = checkpoints.values(other)
    name = "generator_optimizer/adam/learning_rate_factor"
    assert (step, tensors.pop(name), expected.pop(name)) == (4, 1 / 32, 1.0)
    assert_same(tensors, expected)


def test_a_run_of_dropped_updates_alone_is_an_error(tmp_path):
    with pytest.raises(DivergenceError, match="none of the 3 updates"):
        run(tmp_path, range(3), 3, heals=False)


def test_checkpoints_hold_no_nan_and_may_lack_a_loss_scale(tmp_path):
    parts, _ = guard_worker.make_step()
    path = checkpoints.save(tmp_path, "gan", 4, parts, {})
    half, _ = guard_worker.make_step(precision="float16")
    checkpoints.load(path, half)
    checkpoints.load(checkpoints.save(tmp_path, "gan", 5, half, {}), parts)
    kernel = parts["ema_generator"].get_layer("tail").kernel
    kernel.assign(np.full(kernel.shape, np.inf))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CheckpointError, match="ema_generator/tail/kernel holds a val"):
        checkpoints.save(tmp_path, "gan", 6, parts, {})
    with pytest.raises(CheckpointError, match="not finite"):
        checkpoints.save_best(tmp_path, "gan", 6, parts, {}, 30.0)
    assert sorted(tmp_path.iterdir()) == before
