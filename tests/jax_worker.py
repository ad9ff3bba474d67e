"""Updates on the backend of KERAS_BACKEND, for the tests that compare backends.

    python tests/jax_worker.py FOLDER

In FOLDER are `start-STAGE` (a folder with a checkpoint of each stage to start from),
`pretrain.keras`, `vgg19.weights.h5` and `batches.npz`. Does one update, then two more
in one call; writes `BACKEND-STAGE-1` and `BACKEND-STAGE-3` (checkpoints) and
`BACKEND-STAGE.json` (the values). Then the three again, one by one: `BACKEND-STAGE-3s`.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from srlite import checkpoints  # noqa: E402
from srlite.config.presets import preset  # noqa: E402
from srlite.training.stages import build_losses, build_step  # noqa: E402

CONFIG = preset("tiny").updated(
    {
        "generator.filters": 8,
        "generator.growth_channels": 4,
        "generator.num_dense_blocks": 1,
        "discriminator.filters": [4, 8],
        "pretrain.generator_optimizer.warmup_steps": 1,
        "gan.generator_optimizer.warmup_steps": 1,
        "gan.discriminator_optimizer.warmup_steps": 1,
        "gan.pixel": 0.1,
        "gan.content_loss.layers": ["block1_conv2"],
        "gan.content_loss.layer_weights": [1.0],
        "gan.content_loss.layer_scales": [100.0],
    }
)


def build(folder, stage):
    options = getattr(CONFIG, stage)
    losses = build_losses(options, folder / "vgg19.weights.h5", None)
    start = folder / "pretrain.keras" if stage == "gan" else None
    return build_step(keras, CONFIG, stage, start, losses)


def save(path, stage, step, parts, number):
    step.sync()
    checkpoints.save(path, stage, number, parts, {})


def numbers(values):
    return {name: np.asarray(value).tolist() for name, value in values.items()}


def work(folder, stage, learning):
    backend = keras.config.backend()
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
    work(Path(sys.argv[1]), "pretrain", True)
    work(Path(sys.argv[1]), "gan", False)
