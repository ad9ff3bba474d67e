"""Speed, measured: `python -m srlite.benchmark train --preset light`.

`train` sets the training loop (making batches, moving them, logging) against the bare
compiled update on one batch that stays as it is. Both take turns in one process, so
that a machine that slows down slows both. Checkpoints and validation are left out.

`tflite` is the work of `srlite.benchmark_tflite`.
"""

import argparse
import dataclasses
import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from srlite import benchmark_tflite
from srlite.backend import import_keras
from srlite.data import PatchSampler, load_images
from srlite.errors import run_command
from srlite.logs import RunLogger
from srlite.options import parse_assignment
from srlite.presets import preset
from srlite.recipe import STAGES, check
from srlite.stages import build_losses, build_step, stage_sampler
from srlite.trainer import StopSignal, stack_batches, train_stage

_TURNS = 5


def benchmark_training(config, stage, steps=50, data_dirs=None):
    """Time the training loop and the bare update.

    The networks have random weights, the feature networks too: times are the same.

    Args:
        config: `Config`.
        stage: "pretrain" or "gan".
        steps: timed steps of each, rounded up to 5 turns of whole executions.
        data_dirs: folders and tar files of HR photographs; None for synthetic ones.

    Returns:
        dict of `backend`; `step_ms` and `loop_ms`, medians over the turns in
        milliseconds per step; `overhead`, how much longer the loop takes, and
        `data_wait`, how long it waits for batches, as shares; `process_mib`, most
        memory of the process, and `device_mib`, of the GPU, None without one.

    Raises:
        SrliteError: something given cannot be used.
    """
    check(config, [stage])
    keras = import_keras("training", backends=("tensorflow", "jax"))
    options, size = getattr(config, stage), config.steps_per_execution
    if data_dirs:
        images = load_images(data_dirs, min_size=options.patch_size)
    else:
        images = _synthetic_photos(options.patch_size)
    kernels = dataclasses.astuple(config.kernels)
    sampler = PatchSampler(
        images, options.patch_size, options.batch_size, kernels, seed=config.seed
    )
    sampler = stage_sampler(sampler, config, stage, (config.seed,))
    # The loop's first execution of a turn is not timed: it waits for the first batch.
    executions = -(-steps // (_TURNS * size))
    length = (executions + 1) * size
    with tempfile.TemporaryDirectory() as folder:
        step = _build(keras, config, stage)
        update = step if size == 1 else step.many
        batch = stack_batches(sampler, range(size))
        _wait(update(batch, False))  # compiles
        bare, loop = [], []
        with RunLogger(folder) as logger, StopSignal() as stop:
            for turn in range(_TURNS):
                before = time.perf_counter()
                for _ in range(executions):
                    values = update(batch, False)
                _wait(values)
                seconds = time.perf_counter() - before
                bare.append(1e3 * seconds / (executions * size))
                train_stage(
                    step,
                    sampler,
                    stage=stage,
                    first_step=turn * length,
                    last_step=(turn + 1) * length,
                    save=lambda step: None,
                    logger=logger,
                    stop=stop,
                    freeze_batch_norm_after=0,
                    log_every=length,
                    checkpoint_every=length,
                    steps_per_execution=size,
                )
                if stop.interrupted:
                    raise KeyboardInterrupt
        for line in (Path(folder) / "metrics.jsonl").read_text().splitlines():
            loop.append(json.loads(line))
    times = [1e3 / row["stage_steps_per_second"] for row in loop]
    device = step.device_peak_bytes
    return {
        "backend": keras.config.backend(),
        "step_ms": statistics.median(bare),
        "loop_ms": statistics.median(times),
        # Neighbours in time are compared, so that a slow spell changes both.
        "overhead": statistics.median(a / b for a, b in zip(times, bare)) - 1,
        "data_wait": statistics.mean(row["stage_data_wait"] for row in loop),
        "process_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / (2**20 if sys.platform == "darwin" else 2**10),
        "device_mib": None if device is None else device / 2**20,
    }


def _build(keras, config, stage):
    """Make the step of a stage, with random weights."""
    losses = build_losses(
        getattr(config, stage), None, None, config.channels, config.precision
    )
    return build_step(keras, config, stage, None, losses)[1]


def _wait(values):
    """Wait until an update is done."""
    for value in values.values():
        np.asarray(value)


def _synthetic_photos(patch_size):
    """Noise, which takes as long as photographs: uint8 (height, width, 3)."""
    random = np.random.default_rng(0)
    shape = (2 * patch_size, 3 * patch_size, 3)
    return [random.integers(0, 256, shape, np.uint8) for _ in range(8)]


def main(argv=None):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="srlite.benchmark", description=__doc__)
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
    tflite = commands.add_parser("tflite", help=benchmark_tflite.SUMMARY)
    benchmark_tflite.add_arguments(tflite)
    args = parser.parse_args(argv)
    if args.command == "tflite":
        benchmark_tflite.report(args)
        return 0
    config = preset(args.preset).updated(dict(map(parse_assignment, args.set)))
    found = benchmark_training(config, args.stage, args.steps, args.data_dir)
    print(
        f"{args.preset}, stage {args.stage}, on {found['backend']}\n"
        f"bare update        {found['step_ms']:.2f} ms\n"
        f"training loop      {found['loop_ms']:.2f} ms per step\n"
        f"overhead           {found['overhead']:.1%}\n"
        f"waiting for data   {found['data_wait']:.1%}\n"
        f"memory, process    {found['process_mib']:.0f} MiB at most"
    )
    if found["device_mib"] is not None:
        print(f"memory, GPU        {found['device_mib']:.0f} MiB at most")
    return 0


if __name__ == "__main__":
    run_command(main)
