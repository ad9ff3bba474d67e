"""Speed of training, measured: `python -m srlite benchmark train --preset light`.

It compares train.py's loop (making batches, moving them, logging) with the bare
compiled update on one batch that stays where it is. Both take turns in one process, a
few updates each, so that a machine that slows down slows both. The quartiles over the
turns say how far the overhead can be trusted. Checkpoints and validation are left out.
On TensorFlow it then times the portions of an update.
"""

import functools
import json
import math
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from srlite.backend import import_keras
from srlite.config.options import parse_assignment
from srlite.config.presets import DEFAULT_PRESET, configure
from srlite.data.photographs import load_images
from srlite.memory import peak_memory
from srlite.training.logs import RunLogger
from srlite.training.meter import StopSignal
from srlite.training.preparation import build_sampler, check, load_judge, patch_sizes
from srlite.training.run_directory import STAGES
from srlite.training.stages import build_estimator, build_losses, build_step
from srlite.training.trainer import BATCH_THREADS, Stage, stack_batches, train_stage

SUMMARY = "the training loop, either backend"
_LEAST_TURNS = 4
EXECUTIONS = 5  # in a turn: with more, the turns would be far apart in time


class PausableSampler:
    """A sampler that can pause, so that threads do not slow the bare update."""

    def __init__(self, sampler):
        """Wrap a sampler."""
        self._sampler = sampler
        self._permits = threading.Semaphore(BATCH_THREADS)

    def batch(self, step):
        """Return the batch of a step; wait while paused."""
        with self._permits:
            return self._sampler.batch(step)

    def pause(self):
        """Hold back further batches, and wait for those that have begun."""
        for _ in range(BATCH_THREADS):
            self._permits.acquire()

    def resume(self):
        """Allow batches again."""
        self._permits.release(BATCH_THREADS)


class AlternatingStep:
    """A step for `train_stage` that lets the bare update take turns with the loop.

    The first execution is not timed, because the loop waits for its first batch. A turn
    of the loop ends when the next turn's batch is there, so it holds as much of the
    loop's own work as of updates.
    """

    def __init__(self, step, sampler, bare):
        """Take a step, its `PausableSampler`, and a function for the bare update."""
        self._step, self._sampler, self._bare = step, sampler, bare
        self._executions = 0
        self._values = self._since = None
        self.bare_seconds = []  # of each turn; begins and ends with the bare update
        self.loop_seconds = []

    def __call__(self, batch, update_batch_norm):
        """Do one update of the loop."""
        return self._execute(self._step, batch, update_batch_norm)

    def many(self, batches, update_batch_norm):
        """Do several updates of the loop."""
        return self._execute(self._step.many, batches, update_batch_norm)

    def sync(self):
        """Synchronise the step."""
        self._step.sync()

    def _execute(self, update, batch, update_batch_norm):
        if self._executions % EXECUTIONS == 1:
            self._take_turns()
        self._executions += 1
        self._values = update(batch, update_batch_norm)
        return self._values

    def _take_turns(self):
        self._sampler.pause()
        wait(self._values)
        before = time.perf_counter()
        if self._since is not None:
            self.loop_seconds.append(before - self._since)
        try:
            for _ in range(EXECUTIONS):
                values = self._bare()
            wait(values)
        finally:
            self._sampler.resume()  # or the loop could not end its threads
        self._since = time.perf_counter()
        self.bare_seconds.append(self._since - before)


def wait(values):
    """Wait for an update, given its values."""
    from keras import tree

    for value in tree.flatten(values):
        np.asarray(value)


def time_portions(step, sampler, update_batch_norm, turns):
    """Time the portions of an update of a `TensorFlowStep`, in milliseconds.

    Returns dict of the least of all turns, because other work only adds to it: `data`
    to make a batch, `damage` to make LR and its degradation, `forward`, `backward`, and
    `rest` for optimizers, EMA and, in a GAN, the discriminator.
    """
    batch = sampler.batch(0)
    works = {"data": lambda: sampler.batch(0)}
    for name, portion in {**step.portions(), "rest": step}.items():
        works[name] = functools.partial(portion, batch, update_batch_norm)
        wait(works[name]())  # compiles
    seconds = {name: [] for name in works}
    for _ in range(turns):
        for name, work in works.items():
            start = time.perf_counter()
            wait(work())
            seconds[name].append(time.perf_counter() - start)
    data, *upto = (1e3 * min(taken) for taken in seconds.values())
    alone = (after - before for before, after in zip([0, *upto], upto))
    return dict(zip(works, [data, *alone], strict=True))


def benchmark_training(config, stage, steps=50, data_dirs=None):
    """Time the training loop and the bare update, of networks with random weights.

    Args:
        config: `Config`.
        stage: "estimator", whose largest patches are timed, "pretrain" or "gan".
        steps: timed steps of each, rounded up to at least 4 turns of 5 executions.
        data_dirs: sources of HR photographs; None for synthetic ones.

    Returns:
        dict of `backend`; `turns`; `step_ms` and `loop_ms`, medians over the turns in
        milliseconds per step; `overhead`, quartiles of how much longer the loop takes
        than the bare updates around it, and `data_wait`, how long it waits for batches,
        as shares; `process_mib` and `device_mib`, peak memory of the process and the
        GPU, None without one; `portions`, as returned by `time_portions`, or None on
        JAX.
    """
    check(config, [stage])
    if stage == "estimator":
        # The bare update has patches of one size, so the loop must have them too.
        largest = {"estimator.patch_sizes": [config.estimator.photo_size]}
        config = config.updated(largest)
    keras = import_keras("training", backends=("tensorflow", "jax"))
    if keras.config.backend() == "tensorflow":  # as in training
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    options, size = getattr(config, stage), config.steps_per_execution
    sampler = PausableSampler(_sampler(config, stage, data_dirs))
    turns = max(_LEAST_TURNS, -(-steps // (EXECUTIONS * size)))
    last_step = (turns * EXECUTIONS + 2) * size
    # As in most of the training: with frozen statistics, if they ever freeze.
    freeze = None if options.freeze_batch_norm_after is None else 0
    with tempfile.TemporaryDirectory() as folder:
        step = _build(config, stage)
        batch = stack_batches(sampler, range(size))
        batch = {k: keras.ops.convert_to_tensor(v) for k, v in batch.items()}
        update = step if size == 1 else step.many
        wait(update(batch, freeze is None))  # compiles
        bare = functools.partial(update, batch, freeze is None)
        alternating = AlternatingStep(step, sampler, bare)
        with _Logger(folder) as logger, StopSignal() as stop:
            train_stage(
                Stage(
                    stage,
                    alternating,
                    sampler,
                    last_step,
                    save=lambda step: None,
                    freeze_batch_norm_after=freeze,
                    # Whole executions: others would have to be compiled.
                    log_every=-(-config.log.log_every // size) * size,
                    checkpoint_every=last_step,
                    steps_per_execution=size,
                ),
                logger,
                stop,
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
        "process_mib": (peak_memory() or math.nan) / 2**20,
        "device_mib": None if device is None else device / 2**20,
        "portions": time_portions(step, sampler, freeze is None, turns)
        if hasattr(step, "portions")
        else None,
    }


def _sampler(config, stage, data_dirs):
    """Make the batches of a stage, of photographs or of noise, which takes as long."""
    size = max(patch_sizes(config, stage))
    if data_dirs:
        images = load_images(data_dirs, min_size=size)
    else:
        random = np.random.default_rng(0)
        shape = (2 * size, 3 * size, 3)
        images = [random.integers(0, 256, shape, np.uint8) for _ in range(8)]
    return build_sampler(config, stage, (config.seed,), images)


def _build(config, stage):
    """Make the step of a stage, with random weights."""
    losses, partner = {}, None
    if stage == "estimator":
        partner = load_judge(config)
    else:
        losses = build_losses(config, stage, None, None)
        if config.generator.conditional:
            partner = build_estimator(config)
    return build_step(config, stage, None, losses, partner=partner)[1]


class _Logger(RunLogger):
    """Logs, but does not print the speed of loop and bare update together."""

    def say(self, text):
        """Do nothing."""


def add_arguments(parser):
    """Add the options of the command to an `ArgumentParser`."""
    parser.add_argument("--preset", help=f"(default: {DEFAULT_PRESET})")
    parser.add_argument("--stage", default="pretrain", choices=STAGES)
    parser.add_argument("--data-dir", nargs="+", metavar="DIR")
    parser.add_argument("--steps", type=int, default=50, metavar="N")
    settings = {"nargs": "+", "action": "extend", "default": []}
    parser.add_argument("--set", metavar="SECTION.OPTION=VALUE", **settings)


def report(args):
    """Run the measurement and print it."""
    config = configure(args.preset, dict(map(parse_assignment, args.set)))
    found = benchmark_training(config, args.stage, args.steps, args.data_dir)
    low, median, high = found["overhead"]
    print(
        f"{config.preset}, stage {args.stage}, on {found['backend']}\n"
        f"bare update        {found['step_ms']:.2f} ms per step\n"
        f"training loop      {found['loop_ms']:.2f} ms per step\n"
        f"overhead           {median:.1%}, quartiles {low:.1%} and {high:.1%} "
        f"of {found['turns']} turns\n"
        f"waiting for data   {found['data_wait']:.1%}\n"
        f"memory, process    {found['process_mib']:.0f} MiB at most"
    )
    if found["device_mib"] is not None:
        print(f"memory, GPU        {found['device_mib']:.0f} MiB at most")
    for name, taken in (found["portions"] or {}).items():
        where = "threads make it ahead" if name == "data" else "of the update"
        print(f"{name:18} {taken:.2f} ms, {where}")
