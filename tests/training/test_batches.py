"""The batches of a stage: labels, grey, what is told, context, sizes in turn."""

import keras
import numpy as np
import pytest
from skimage import data
from small_runs import TOLD

from srlite.config.presets import preset
from srlite.data.draws import true_degradation
from srlite.data.kernels import KERNELS
from srlite.data.patches import StageSampler
from srlite.training.objective import Objective
from srlite.training.optimizers import ScaledAdam
from srlite.training.preparation import build_sampler, samplers_by_size
from srlite.training.stages import build_generator

PHOTO = data.astronaut()


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_fake_labels_are_drawn_by_seed_and_step():
    srgan = preset("srgan").updated({"gan.batch_size": 4})
    sampler = build_sampler(srgan, "gan", (0, 1), [PHOTO])
    labels = [sampler.batch(step)["fake_label"] for step in range(200)]
    assert labels[0].shape == (4, 1) and labels[0].dtype == np.float32
    assert 0.0 <= np.min(labels) < 0.02 and 0.18 < np.max(labels) <= 0.2
    assert np.mean(labels) == pytest.approx(0.1, abs=0.01)
    again = build_sampler(srgan, "gan", (0, 1), [PHOTO])
    assert_same(again.batch(7), sampler.batch(7))
    other_seed = build_sampler(srgan, "gan", (1, 1), [PHOTO])
    assert not np.array_equal(other_seed.batch(7)["fake_label"], labels[7])
    for config, stage in ((srgan, "pretrain"), (preset("esrgan"), "gan")):
        batch = build_sampler(config, stage, (0, 1), [PHOTO]).batch(0)
        assert batch.keys() == {"hr", "kernel"}


def test_grey_batches():
    noisy = {"augmentation.noise": 1.0, "channels": 1}
    config = preset("srgan").updated(noisy)
    grey = build_sampler(config, "pretrain", (0, 0), [PHOTO]).batch(3)
    rgb = build_sampler(
        config.updated({"channels": 3}), "pretrain", (0, 0), [PHOTO]
    ).batch(3)
    weighed = rgb["hr"] @ [0.299, 0.587, 0.114]  # ITU-R BT.601
    assert grey["hr"].shape == (16, 96, 96, 1) and grey["hr"].dtype == np.uint8
    assert np.abs(grey["hr"][..., 0] - weighed).max() <= 0.51
    # As strong as that of colours.
    assert grey["noise"].shape == (16, 24, 24, 1)
    assert grey["noise"].std() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("stage", ["pretrain", "gan"])
def test_a_generator_is_told_the_truth_of_a_share(stage):
    changes = {"told_truth": 0.3, "batch_size": 500, "context_size": None}
    config = TOLD.updated({stage: changes})
    batch = build_sampler(config, stage, (0, 0), [PHOTO]).batch(5)
    told = batch.pop("told_truth")
    assert told.dtype == bool and told.mean() == pytest.approx(0.3, abs=0.07)
    truth = batch.pop("degradation")
    np.testing.assert_array_equal(truth, true_degradation(batch, 4))
    assert 0.3 < np.mean(truth[:, 6:].any(axis=1)) < 0.6  # half are damaged
    # Whether it is told has nothing to do with what there is to tell.
    for strength in truth.T:
        if strength.any():
            assert abs(np.corrcoef(told, strength > 0)[0, 1]) < 0.15
    plain = config.updated({"generator.conditional": False})
    assert_same(build_sampler(plain, stage, (0, 0), [PHOTO]).batch(5), batch)


def test_of_a_real_pair_nobody_knows_the_truth():
    lr = PHOTO[::4, ::4]
    config = TOLD.updated({"pretrain.told_truth": 1.0, "pretrain.batch_size": 60})
    sampler = build_sampler(config, "pretrain", (0, 0), [PHOTO] * 2, [lr, None])
    batch = sampler.batch(0)
    assert 0.2 < batch["paired"].mean() < 0.8
    np.testing.assert_array_equal(batch["told_truth"], ~batch["paired"])
    # The estimator learns from what was done, so from HR alone.
    batch = build_sampler(config, "estimator", (0, 0), [PHOTO] * 2, [lr, None]).batch(0)
    assert "paired" not in batch and batch["told_truth"].all()


def test_the_estimators_patches_take_turns_in_size():
    config = TOLD.updated({"estimator.patch_sizes": [64, 96, 80]})
    sampler = build_sampler(config, "estimator", (0, 2), [PHOTO])
    sizes = [sampler.batch(step)["hr"].shape[1] for step in range(7)]
    assert sizes == [64, 96, 80, 64, 96, 80, 64]
    again = build_sampler(config, "estimator", (0, 2), [PHOTO])
    assert_same(again.batch(4), sampler.batch(4))
    assert not np.array_equal(sampler.batch(0)["hr"], sampler.batch(3)["hr"])


def test_measured_sizes_are_those_that_fit():
    config = TOLD.updated({"estimator.patch_sizes": [64, 96, 128]})
    photos = [PHOTO[:100, :200], PHOTO[:70, :300]]
    samplers = samplers_by_size(config, (0, 3), photos)
    assert list(samplers) == [16, 24]
    assert {sampler.batch(1)["hr"].shape for sampler in samplers.values()} == {
        (4, 64, 64, 3),
        (4, 96, 96, 3),
    }
    assert samplers_by_size(config, (0, 3), []) == {}


def test_context_is_cut_off_around_the_patch():
    """LR and HR alike; the estimator sees all of it."""
    seen = []

    class Looking:
        """Stands for an estimator that says what it saw."""

        def __call__(self, lr, training):
            seen.append(keras.ops.convert_to_numpy(lr))
            return keras.ops.zeros((lr.shape[0], 10))

    options = {"pretrain.patch_size": 64, "pretrain.context_size": 120}
    config = TOLD.updated(options | {"augmentation.damaged": 0.0})
    sampler = build_sampler(config, "pretrain", (0, 0), [PHOTO])
    batch = sampler.batch(2)
    assert batch["hr"].shape == (2, 120, 120, 3)
    parts = {
        "generator": build_generator(config),
        "generator_optimizer": ScaledAdam(1e-3, name="adam"),
    }
    objective = Objective(
        parts, {}, scale=4, ema_decay=0.9, estimator=Looking(), patch_size=64
    )
    (lr, told), hr = objective.prepare(batch)
    assert lr.shape == (2, 16, 16, 3) and hr.shape == (2, 64, 64, 3)
    assert seen[0].shape == (2, 23, 23, 3)  # 30 LR pixels, of which 8 n + 7
    middle = batch["hr"][:, 28:92, 28:92]
    np.testing.assert_allclose(hr, middle / np.float32(255), atol=1e-6)
    # The middle 16 of 30 LR pixels, which are the places 7 to 22 of what was seen.
    np.testing.assert_array_equal(lr[:, :16, :16], seen[0][:, 7:23, 7:23])
    area = batch["kernel"] == KERNELS.index("area")
    means = middle.reshape(2, 16, 4, 16, 4, 3).mean(axis=(2, 4))
    assert np.abs(255 * np.asarray(lr) - means)[area].max(initial=0.0) <= 0.51
    expected = np.where(batch["told_truth"][:, None], batch["degradation"], 0.0)
    np.testing.assert_array_equal(told, expected)


def test_samplers_take_turns():
    class Named:
        def __init__(self, value):
            self.value = value

        def batch(self, step):
            return {"hr": np.full((1, 4, 4, 3), self.value + step, np.uint8)}

    sampler = StageSampler([Named(0), Named(100)], (0, 0))
    values = [sampler.batch(step)["hr"].flat[0] for step in range(4)]
    assert values == [0, 101, 2, 103]
