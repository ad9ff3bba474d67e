"""Speed, measured: `python -m srlite.benchmark.training train --preset light`.

`train` sets train.py's loop (making batches, moving them, logging) against the bare
compiled update on one batch that stays where it is. Both take turns in one process, a
few updates each: a machine that slows down slows both, and what is compared are
neighbours in time. The quartiles over the turns say how far the overhead can be
trusted. Checkpoints and validation are left out.

`inference` is the work of `srlite.benchmark.inference`, `tflite` that of
`srlite.benchmark.tflite`.
"""

import argparse
import dataclasses
import json
import resource
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

from srlite.benchmark import inference as benchmark_inference
from srlite.benchmark import tflite as benchmark_tflite
from srlite.benchmark.alternation import EXECUTIONS, AlternatingStep, PausableSampler, wait
from srlite.backend import import_keras
from srlite.data.patches import PatchSampler
from srlite.data.draws import AugmentationDraws
from srlite.errors import run_command
from srlite.training.logs import RunLogger
from srlite.config.options import parse_assignment
from srlite.data.photographs import load_images
from srlite.training.preparation import check
from srlite.config.presets import preset
from srlite.training.run_directory import STAGES
from srlite.training.stages import build_losses, build_step, stage_sampler
from srlite.training.trainer import StopSignal, stack_batches, train_stage

_LEAST_TURNS = 4


def benchmark_training(config, stage, steps=50, data_dirs=None):
    """Time the training loop and the bare update.

    The networks have random weights, the feature networks too: times are the same.

    Args:
        config: `Config`.
        stage: "pretrain" or "gan".
        steps: timed steps of each, rounded up to whole turns of 5 executions, at least
            4 turns.
        data_dirs: folders and tar files of HR photographs; None for synthetic ones.

    Returns:
        dict of `backend`; `turns`; `step_ms` and `loop_ms`, medians over the turns in
        milliseconds per step; `overhead`, how much longer the loop takes than the bare
        updates before and after it: its quartiles over the turns, and `data_wait`, how
        long it waits for batches, as shares; `process_mib`, most memory of the process,
        and `device_mib`, of the GPU, None without one.

    Raises:
        SrliteError: something given cannot be used.
    """
    check(config, [stage])
    keras = _prepare_backend()
    options, size = getattr(config, stage), config.steps_per_execution
    sampler = PausableSampler(_sampler(config, stage, data_dirs))
    turns = max(_LEAST_TURNS, -(-steps // (EXECUTIONS * size)))
    last_step = (turns * EXECUTIONS + 2) * size
    # As most of the training is: with the statistics frozen, if they ever are.
    freeze = None if options.freeze_batch_norm_after is None else 0
    with tempfile.TemporaryDirectory() as folder:
        step = _build(keras, config, stage)
        batch = stack_batches(sampler, range(size))
        batch = {k: keras.ops.convert_to_tensor(v) for k, v in batch.items()}
        update = step if size == 1 else step.many
        wait(update(batch, freeze is None))  # compiles
        alternating = AlternatingStep(
            step, sampler, lambda: update(batch, freeze is None)
        )
        with _Logger(folder) as logger, StopSignal() as stop:
            train_stage(
                alternating,
                sampler,
                stage=stage,
                first_step=0,
                last_step=last_step,
                save=lambda step: None,
                logger=logger,
                stop=stop,
                freeze_batch_norm_after=freeze,
                # Whole executions: others would have to be compiled.
                log_every=-(-config.log.log_every // size) * size,
                checkpoint_every=last_step,
                steps_per_execution=size,
            )
        if stop.interrupted:
            raise KeyboardInterrupt
        rows = (Path(folder) / "metrics.jsonl").read_text().splitlines()
    row = json.loads(rows[-1])
    waited = row["stage_data_wait"] / row["stage_steps_per_second"]  # s per step
    bare, loop = (
        [1e3 * seconds / (EXECUTIONS * size) for seconds in turns_taken]
        for turns_taken in (alternating.bare_seconds, alternating.loop_seconds)
    )
    around = [(before + after) / 2 for before, after in zip(bare, bare[1:])]
    ratios = [a / b for a, b in zip(loop, around, strict=True)]
    device = step.device_peak_bytes
    return {
        "backend": keras.config.backend(),
        "turns": turns,
        "step_ms": statistics.median(bare),
        "loop_ms": statistics.median(loop),
        "overhead": [q - 1 for q in statistics.quantiles(ratios, method="inclusive")],
        "data_wait": 1e3 * waited / statistics.mean(loop),
        "process_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / (2**20 if sys.platform == "darwin" else 2**10),
        "device_mib": None if device is None else device / 2**20,
    }


def _prepare_backend():
    """Import Keras, and let it compute as in training."""
    keras = import_keras("training", backends=("tensorflow", "jax"))
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    return keras


def _sampler(config, stage, data_dirs):
    """Make the batches of a stage, of photographs or noise."""
    options = getattr(config, stage)
    if data_dirs:
        images = load_images(data_dirs, min_size=options.patch_size)
    else:
        images = _synthetic_photos(options.patch_size)
    sampler = PatchSampler(
        images,
        options.patch_size,
        options.batch_size,
        dataclasses.astuple(config.kernels),
        seed=config.seed,
        scale=config.scale,
        augmentations=AugmentationDraws(**dataclasses.asdict(config.augmentation)),
    )
    return stage_sampler(sampler, config, stage, (config.seed,))


def _build(keras, config, stage):
    """Make the step of a stage, with random weights."""
    losses = build_losses(
        getattr(config, stage),
        None,
        None,
        config.channels,
        config.precision,
        config.scale,
    )
    return build_step(keras, config, stage, None, losses)[1]


class _Logger(RunLogger):
    """Logs as ever, but tells no speed: it would be that of both taking turns."""

    def say(self, text):
        """Do nothing."""


def _synthetic_photos(patch_size):
    """Noise, which takes as long as photographs: uint8 (height, width, 3)."""
    random = np.random.default_rng(0)
    shape = (2 * patch_size, 3 * patch_size, 3)
    return [random.integers(0, 256, shape, np.uint8) for _ in range(8)]


def main(argv=None, prog="python -m srlite.benchmark.training"):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="the training loop, either backend")
    train.add_argument("--preset", default="light")
    train.add_argument("--stage", default="pretrain", choices=STAGES)
    train.add_argument("--data-dir", nargs="+", metavar="DIR")
    train.add_argument("--steps", type=int, default=50, metavar="N")
    train.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="SECTION.OPTION=VALUE",
    )
    others = {"inference": benchmark_inference, "tflite": benchmark_tflite}
    for name, module in others.items():
        module.add_arguments(commands.add_parser(name, help=module.SUMMARY))
    args = parser.parse_args(argv)
    if args.command in others:
        others[args.command].report(args)
        return 0
    config = preset(args.preset).updated(dict(map(parse_assignment, args.set)))
    found = benchmark_training(config, args.stage, args.steps, args.data_dir)
    low, median, high = found["overhead"]
    print(
        f"{args.preset}, stage {args.stage}, on {found['backend']}\n"
        f"bare update        {found['step_ms']:.2f} ms per step\n"
        f"training loop      {found['loop_ms']:.2f} ms per step\n"
        f"overhead           {median:.1%}, quartiles {low:.1%} and {high:.1%} "
        f"of {found['turns']} turns\n"
        f"waiting for data   {found['data_wait']:.1%}\n"
        f"memory, process    {found['process_mib']:.0f} MiB at most"
    )
    if found["device_mib"] is not None:
        print(f"memory, GPU        {found['device_mib']:.0f} MiB at most")
    return 0


if __name__ == "__main__":
    run_command(main)
