"""Spoiled batches on the backend of KERAS_BACKEND, for `test_guard`.

    python tests/guard_worker.py FOLDER

Writes what happened to FOLDER; `test_guard` runs it on JAX and calls it on TensorFlow.
"""

import json
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

sys.path.insert(0, str(Path(__file__).parents[1]))

from srlite.data.patches import PatchSampler  # noqa: E402
from srlite.models import checkpoints  # noqa: E402
from srlite.models.discriminators import vgg_discriminator  # noqa: E402
from srlite.models.generators import rrdb_net  # noqa: E402
from srlite.training.guard import LossScale, set_precision  # noqa: E402
from srlite.training.logs import RunLogger  # noqa: E402
from srlite.training.losses import AdversarialLoss, PixelLoss  # noqa: E402
from srlite.training.meter import StopSignal  # noqa: E402
from srlite.training.objective import Objective  # noqa: E402
from srlite.training.optimizers import ScaledAdam  # noqa: E402
from srlite.training.stages import step_class  # noqa: E402
from srlite.training.trainer import (  # noqa: E402
    Stage,
    train_with_rescue,
)

SHAPE = {
    "filters": 8,
    "growth_channels": 4,
    "num_blocks": 1,
    "num_dense_blocks": 1,
    "num_convolutions": 2,
}
TOO_BRIGHT = 510.0  # levels


class SteepLoss(PixelLoss):
    """Of a picture that is too bright, a finite loss without a finite gradient."""

    def call(self, y_true, y_pred):
        """Return (batch,)."""
        value = super().call(y_true, y_pred)
        fine = ops.where(ops.max(y_true) > 1.5, 0.0, 1.0)
        # The square root of zero has an infinite slope.
        return value + ops.sqrt(fine * value)


class SpoiledSampler:
    """Batches of float32 pictures, with odd values at some steps until healed."""

    def __init__(self, spoiled):
        """Take a dict of step to (name of an array, value that it gets)."""
        random = np.random.default_rng(0)
        picture = random.integers(0, 256, (48, 48, 3), dtype=np.uint8)
        self._sampler = PatchSampler([picture], 32, 2, [1] * 6, seed=0)
        self.spoiled = spoiled

    def batch(self, step):
        """Return the batch of a step."""
        batch = dict(self._sampler.batch(step))
        batch["hr"] = batch["hr"].astype(np.float32)
        batch["fake_label"] = np.full((2, 1), 0.1, np.float32)
        if step in self.spoiled:
            name, value = self.spoiled[step]
            batch[name].flat[0] = value
        return batch


def make_step(adversarial=False, precision="float32"):
    keras.utils.set_random_seed(0)
    parts = {
        "generator": rrdb_net(**SHAPE),
        "ema_generator": rrdb_net(**SHAPE),
        "generator_optimizer": ScaledAdam(1e-3, name="adam"),
    }
    parts["ema_generator"].set_weights(parts["generator"].get_weights())
    if adversarial:
        parts["discriminator"] = vgg_discriminator(filters=(4, 8), dense_units=4)
        parts["discriminator_optimizer"] = ScaledAdam(1e-3, name="adam")
        adversarial = (AdversarialLoss(), 0.1)
    if precision == "float16":
        set_precision(parts["generator"], precision, exact_last=True)
        parts["loss_scale"] = LossScale(growth_steps=3)
    losses = {"pixel": (SteepLoss(), 1.0)}
    objective = Objective(parts, losses, adversarial or None, scale=4, ema_decay=0.9)
    return parts, step_class(keras.config.backend())(parts, objective)


def single_steps(folder, name, step, parts, sampler, numbers, changes=()):
    """Do updates one by one.

    Writes `NAME-NUMBER.npz`, all variables after each, and `NAME.json`, what they
    returned. `changes` are assigned before the update of their number.
    """
    told = []
    for number in numbers:
        for at, variable, value in changes:
            if at == number:
                variable.assign(value)
        values = step(sampler.batch(number), True)
        told.append({k: float(np.asarray(v)) for k, v in values.items()})
        step.sync()
        np.savez(folder / f"{name}-{number}.npz", **checkpoints.values(parts))
    (folder / f"{name}.json").write_text(json.dumps(told))


def run(
    folder, spoiled, last_step, heals=True, minutes=None, limit=5, steps_per_execution=1
):
    """Train with rescue, from the start or the newest checkpoint of a folder.

    Returns:
        (parts, what was said).
    """
    folder.mkdir(exist_ok=True)
    sampler = SpoiledSampler(dict.fromkeys(spoiled, ("hr", np.nan)))
    parts, step = make_step()
    said, first_step, found = [], 0, checkpoints.find(folder, "pretrain")
    if found:
        first_step = checkpoints.load(found[-1][1], parts)["step"]

    def save(number):
        checkpoints.save(folder, "pretrain", number, parts, {}, keep=9)

    def say(text):
        said.append(text)
        if heals:
            sampler.spoiled = {}

    with RunLogger(folder) as logger, StopSignal(minutes) as stop:
        stage = Stage(
            "pretrain",
            step,
            sampler,
            last_step,
            save,
            log_every=2,
            checkpoint_every=4,
            steps_per_execution=steps_per_execution,
            max_dropped_steps=limit,
        )
        logger.say = lambda text: say(text) if "diverged" in text else None
        train_with_rescue(stage, logger, stop, first_step, parts, folder)
    return parts, said


def work(folder):
    odd = {2: ("hr", np.nan), 3: ("hr", TOO_BRIGHT), 4: ("fake_label", np.inf)}
    parts, step = make_step(adversarial=True)
    single_steps(folder, "single", step, parts, SpoiledSampler(odd), range(6))
    # As a run that goes on from a checkpoint in between.
    checkpoints.assign(dict(np.load(folder / "single-2.npz")), parts, "single-2")
    single_steps(folder, "again", step, parts, SpoiledSampler(odd), range(3, 6))

    parts, step = make_step(precision="float16")
    odd = SpoiledSampler({5: ("hr", np.nan)})
    far_over = [(4, parts["loss_scale"].scale, 2.0**60)]
    single_steps(folder, "half", step, parts, odd, range(7), far_over)

    _, said = run(folder / "rescued", range(5, 10), 12, steps_per_execution=2)
    (folder / "said.json").write_text(json.dumps(said))
    (folder / "resumed").mkdir()
    rescued = checkpoints.find(folder / "rescued", "pretrain")[0][1]
    shutil.copy(rescued, folder / "resumed")
    run(folder / "resumed", [], 12, steps_per_execution=2)


if __name__ == "__main__":
    work(Path(sys.argv[1]))
