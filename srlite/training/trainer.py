"""The one training loop: steps, logs, validation, checkpoints, a way to stop.

The loop knows no network and no backend. It dispatches an update while others are being
computed, and reads losses when they are there. A stage that diverges goes back to its
last checkpoint, and on from there more slowly.
"""

import collections
import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from srlite.errors import ConfigError, DivergenceError
from srlite.memory import in_order
from srlite.models import checkpoints
from srlite.training.meter import Meter

BATCH_THREADS = 2  # that make batches ahead
MOST_RESCUES = 5  # from one checkpoint; then the learning rate is 1/32 of its own
# Scores that are printed, and how; all scores are logged.
_TOLD = {
    "psnr": "{:.2f} dB",
    "psnr_damaged": "{:.2f} dB",
    "ssim": "{:.4f}",
    "content": "{:.4g}",
    "style": "{:.4g}",
}
_IN_THE_BAR = ("psnr", "ssim")


@dataclass
class Stage:
    """A stage to train, as the loop sees it; steps are updates."""

    name: str  # for the logs
    step: Callable  # `TensorFlowStep` or `JaxStep`
    sampler: Any  # `StageSampler`, or anything with `batch(step)`
    last_step: int  # updates after which the stage is complete
    save: Callable  # of the number of updates done; writes a checkpoint
    validate: Callable | None = None  # returns (dict of scalars, dict of pictures)
    keep_best: Callable | None = None  # of (updates done, scalars of `validate`)
    # Updates after which BatchNorm's statistics are frozen, and used in training too.
    freeze_batch_norm_after: int | None = None  # None: never
    log_every: int = 50
    validate_every: int = 1000
    checkpoint_every: int = 500
    # Updates per call of the backend, where that many fit before something else is due.
    steps_per_execution: int = 1
    # Dropped updates in a row that end the training. Until one is applied again nothing
    # is saved and a stop waits, so that training can go on from every checkpoint.
    max_dropped_steps: int = 10


def train_stage(stage, logger, stop, first_step=0, agree=None):
    """Train from `first_step` to the last one, or until `stop` has a reason.

    Args:
        stage: `Stage`.
        logger: `logs.RunLogger`.
        stop: `StopSignal`.
        first_step: updates already done in this stage.
        agree: function of bool that returns whether it is true for any worker, called
            where losses are logged or a checkpoint is due, because workers must end
            after the same step. None for one worker, who stops after any step.

    Returns:
        Updates done in this stage; a checkpoint of that state has been saved.

    Raises:
        DivergenceError: too many updates in a row were dropped, or all of them.
    """
    done, last_step, validate = first_step, stage.last_step, stage.validate
    freeze = stage.freeze_batch_norm_after
    freeze = last_step if freeze is None else freeze
    intervals = [stage.log_every, stage.checkpoint_every]
    if validate:
        intervals.append(stage.validate_every)
    size = stage.steps_per_execution
    groups = group_steps(first_step, last_step, size, intervals, freeze)
    meter = Meter(stage.max_dropped_steps)
    means, scores = {}, {}  # the last ones
    logger.start(stage.name, first_step, last_step)

    def due(every):
        return done % every == 0

    def stopping():
        wanted = stop.reason is not None
        if agree is None:
            return wanted
        return (due(stage.log_every) or due(stage.checkpoint_every)) and agree(wanted)

    def flush(**more):
        """Log the steps since the last time, and more values."""
        values, speed = meter.read()
        if values:
            logger.scalars(stage.name, done, {**values, **speed, **more})
        return values

    def make(group):
        return group, stack_batches(stage.sampler, group)

    ready = in_order(make, groups, BATCH_THREADS, ahead=4)
    with contextlib.closing(ready):
        for group, batch in meter.waiting(ready):
            update = stage.step if len(group) == 1 else stage.step.many
            meter.add(update(batch, group[0] < freeze), len(group))
            done = group[-1] + 1
            last = done == last_step or (stopping() and not meter.dropped_in_a_row)
            if last and meter.dropped_in_a_row == last_step:
                raise DivergenceError(
                    f"none of the {last_step} updates gave finite losses and gradients"
                )
            speed = meter.stage_figures() if last else {}
            log = last or due(stage.log_every)
            if log:
                means = flush(**speed)
            logger.advance({**scores, **means} if log else None, len(group))
            saving = last or due(stage.checkpoint_every)
            if saving:
                flush()
            if validate and (done == last_step or due(stage.validate_every)):
                with meter.left_out("validating"):
                    stage.step.sync()
                    scalars = _validate(stage, logger, done)
                    scores = {k: v for k, v in scalars.items() if k in _IN_THE_BAR}
                    logger.advance({**scores, **means}, 0)
                    if stage.keep_best:
                        stage.keep_best(done, scalars)
            # Last, because a run that resumes here does none of the above again.
            if saving and (last or not meter.dropped_in_a_row):
                with meter.left_out("saving"):
                    stage.step.sync()
                    stage.save(done)
            if last:
                spent = meter.left_out_seconds
                _tell_speed(logger, stage.name, done - first_step, speed, spent)
                break
    return done


def train_with_rescue(stage, logger, stop, first_step, parts, directory):
    """Train, and go back with half the learning rate whenever it diverges.

    It goes back to the newest regular checkpoint, one that a run without a stop has
    too, or to the start. The checkpoint is written again with the halved rate, so that
    a resumed run does not diverge again. Arguments are as for `train_stage`;
    checkpoints are in `directory` and hold `parts`. Raises DivergenceError after going
    back to the same checkpoint too often.
    """
    optimizers = [part for name, part in parts.items() if name.endswith("_optimizer")]
    start = checkpoints.values(parts) if first_step == 0 else None
    rescues = collections.Counter()
    while True:
        try:
            return train_stage(stage, logger, stop, first_step)
        except DivergenceError as error:
            stage.step.sync()
            found = checkpoints.find(directory, stage.name)
            regular = [n for n, _ in found if n % stage.checkpoint_every == 0]
            if regular or start is None:
                first_step = regular[-1] if regular else found[-1][0]
                checkpoints.load(dict(found)[first_step], parts)
            else:
                first_step = 0
                checkpoints.assign(start, parts, "the start")
            former = float(optimizers[0].factor)
            if rescues[first_step] == MOST_RESCUES:
                raise DivergenceError(
                    f"stage {stage.name} diverges after step {first_step} even with "
                    f"{former:g} of its learning rate ({error}); begin anew with "
                    "other data, loss weights or a lower learning rate"
                ) from None
            rescues[first_step] += 1
            for optimizer in optimizers:
                optimizer.factor.assign(former / 2)
            checkpoints.remove_after(directory, stage.name, first_step)
            stage.save(first_step)
            logger.say(
                f"stage {stage.name} diverged ({error}); going back to step "
                f"{first_step} with {former / 2:g} of the learning rate"
            )


@contextlib.contextmanager
def room_for_steps(stage):
    """Turn a lack of memory for a stage's steps into a ConfigError of one sentence."""
    try:
        yield
    except Exception as error:
        # TensorFlow has a class for it, JAX a word.
        words = f"{type(error).__name__} {error}"
        if not re.search("MemoryError|ResourceExhausted|RESOURCE_EXHAUSTED", words):
            raise
        raise ConfigError(
            f"there is not enough memory for a step of stage {stage}: lower "
            f"{stage}.batch_size, or the size of its patches"
        ) from error


def _validate(stage, logger, done):
    scalars, pictures = stage.validate()
    logger.images(stage.name, done, pictures)
    if scalars:
        logger.scalars(stage.name, done, {f"val/{k}": v for k, v in scalars.items()})
        told = [(k, form) for k, form in _TOLD.items() if k in scalars]
        text = ", ".join(f"{k} {form.format(scalars[k])}" for k, form in told)
        logger.say(f"{stage.name} step {done}: {text}")
    return scalars


def _tell_speed(logger, stage, steps, figures, spent):
    if figures:
        rate, waited = figures["stage_steps_per_second"], figures["stage_data_wait"]
        others = "".join(f", {seconds:.3g} s {name}" for name, seconds in spent.items())
        logger.say(
            f"stage {stage}: {steps} steps, {rate:.3g} steps/s; of a step "
            f"{1e3 * (1 - waited) / rate:.3g} ms computing and "
            f"{1e3 * waited / rate:.3g} ms waiting for data{others}"
        )


def group_steps(first_step, last_step, size, intervals, freeze):
    """Yield ranges of steps, up to `last_step`, to do in one call.

    No range crosses a multiple of one of `intervals`, nor `freeze`. Where fewer than
    `size` steps are left before such a boundary, they come one by one, so that a
    backend compiles for two sizes only. A run that resumes after any range sees the
    same ranges as one that was never interrupted; the same bits need that, because
    backends fuse loops.
    """
    step = first_step
    while step < last_step:
        starts = [step // every * every for every in intervals]
        ends = [last_step, *(a + n for a, n in zip(starts, intervals, strict=True))]
        if step < freeze:
            ends.append(freeze)
        else:
            starts.append(freeze)
        whole = (step - max(starts)) % size == 0 and step + size <= min(ends)
        yield range(step, step + size if whole else step + 1)
        step += size if whole else 1


def stack_batches(sampler, group):
    """Return the batch of one step, or those of several with a new first axis."""
    batches = [sampler.batch(step) for step in group]
    if len(batches) == 1:
        return batches[0]
    return {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}
