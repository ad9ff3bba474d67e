"""Updates on the backend of KERAS_BACKEND, for the tests that compare backends.

    python tests/jax_worker.py FOLDER

In FOLDER are `start-STAGE` (a folder with a checkpoint of each stage to start from),
`judge.keras`, `estimator.keras`, `pretrain.keras`, `vgg19.weights.h5` and
`batches.npz`. Does one update, then two more in one call; writes `BACKEND-STAGE-1` and
`BACKEND-STAGE-3` (checkpoints) and `BACKEND-STAGE.json` (the values). Then the three
again, one by one: `BACKEND-STAGE-3s`. And degrades `damaged.npz`, to `BACKEND-lr.npy`
in levels.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from srlite.config.presets import preset  # noqa: E402
from srlite.data.degradations import degrade  # noqa: E402
from srlite.models import checkpoints  # noqa: E402
from srlite.models.model_files import load_estimator, load_generator  # noqa: E402
from srlite.training.stages import build_losses, build_step  # noqa: E402

CONFIG = preset("tiny").updated(
    {
        "generator.filters": 8,
        "generator.growth_channels": 4,
        "generator.num_dense_blocks": 1,
        "estimator.hidden_units": 8,
        "estimator.generator_patch_size": 32,
        "discriminator.filters": [4, 8],
        "pretrain.generator_optimizer.warmup_steps": 1,
        "gan.generator_optimizer.warmup_steps": 1,
        "gan.discriminator_optimizer.warmup_steps": 1,
        "estimator.optimizer.warmup_steps": 1,
        "gan.pixel": 0.1,
        "gan.content_loss.layers": ["block1_conv2"],
        "gan.content_loss.layer_weights": [1.0],
        "gan.content_loss.layer_scales": [100.0],
    }
)


# Whether BatchNorm's statistics learn.
STAGES = {"estimator": True, "pretrain": True, "gan": False}


def build(folder, stage):
    if stage == "estimator":
        judge = load_generator(folder / "judge.keras")
        judge.trainable = False
        return build_step(CONFIG, stage, None, {}, partner=judge)
    losses = build_losses(CONFIG, stage, folder / "vgg19.weights.h5", None)
    start = folder / "pretrain.keras" if stage == "gan" else None
    estimator = load_estimator(folder / "estimator.keras")
    return build_step(CONFIG, stage, start, losses, partner=estimator)


def save(path, stage, step, parts, number):
    step.sync()
    checkpoints.save(path, stage, number, parts, {})


def numbers(values):
    return {name: np.asarray(value).tolist() for name, value in values.items()}


def damage(folder):
    lr, _ = degrade(dict(np.load(folder / "damaged.npz")), CONFIG.scale)
    levels = 255 * keras.ops.convert_to_numpy(lr)
    np.save(folder / f"{keras.config.backend()}-lr.npy", levels)


def work(folder, stage):
    backend, learning = keras.config.backend(), STAGES[stage]
    batches = dict(np.load(folder / "batches.npz"))
    one, two = ({k: v[s] for k, v in batches.items()} for s in (0, slice(1, 3)))
    ((_, start),) = checkpoints.find(folder / f"start-{stage}", stage)
    parts, step = build(folder, stage)
    checkpoints.load(start, parts)
    values = [numbers(step(one, learning))]
    save(folder / f"{backend}-{stage}-1", stage, step, parts, 1)
    values.append(numbers(step.many(two, learning)))
    save(folder / f"{backend}-{stage}-3", stage, step, parts, 3)
    checkpoints.load(start, parts)
    for number in range(3):
        step({name: array[number] for name, array in batches.items()}, learning)
    save(folder / f"{backend}-{stage}-3s", stage, step, parts, 3)
    (folder / f"{backend}-{stage}.json").write_text(json.dumps(values))


if __name__ == "__main__":
    damage(Path(sys.argv[1]))
    for name in STAGES:
        work(Path(sys.argv[1]), name)
