"""The one training loop: steps, logs, validation, checkpoints, a way to stop.

The loop knows no network and no backend. It is given a step that does updates and a
function that saves, and calls them at the right times; stage `gan` differs from stage
`pretrain` in the step that it is given, nothing else. Losses stay on the device until
they are there anyway: the loop dispatches an update while others are being computed.
"""

import contextlib
import signal
import time

import numpy as np

from srlite.data.patches import prefetch
from srlite.errors import DivergenceError
from srlite.training.meter import Meter

# Scores of a validation that are printed, and how; all of them are logged.
_TOLD = {
    "psnr": "{:.2f} dB",
    "ssim": "{:.4f}",
    "content": "{:.4g}",
    "style": "{:.4g}",
}
_IN_THE_BAR = ("psnr", "ssim")


class StopSignal:
    """Asks a loop to end after the current step: Ctrl-C, SIGTERM, or time is up.

    A context manager: inside it SIGINT and SIGTERM set `reason` instead of ending the
    process; the same signal once more ends the process at once.
    """

    def __init__(self, max_minutes=None):
        """Start the clock; `max_minutes` is None for no limit."""
        self._deadline = None
        if max_minutes is not None:
            self._deadline = time.monotonic() + 60 * max_minutes
        self._signal = None
        self._former = {}

    def __enter__(self):
        """Take over the signals."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._former[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_):
        """Give the signals back."""
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _on_signal(self, number, _):
        self._signal = signal.Signals(number)
        signal.signal(number, self._former[number])

    @property
    def interrupted(self):
        """Whether a signal came."""
        return self._signal is not None

    @property
    def reason(self):
        """Why to stop, or None to go on."""
        if self._signal is not None:
            return self._signal.name
        if self._deadline is not None and time.monotonic() > self._deadline:
            return "time is up"
        return None


def train_stage(
    step,
    sampler,
    *,
    stage,
    first_step,
    last_step,
    save,
    logger,
    stop,
    validate=None,
    freeze_batch_norm_after=None,
    log_every=50,
    validate_every=1000,
    checkpoint_every=500,
    steps_per_execution=1,
    keep_best=None,
    max_dropped_steps=10,
    agree=None,
):
    """Train from `first_step` to `last_step`, or until `stop` has a reason.

    Args:
        step: `TensorFlowStep` or `JaxStep`.
        sampler: `data.PatchSampler`.
        stage: "pretrain" or "gan", for the logs.
        first_step: updates already done in this stage.
        last_step: updates after which the stage is complete.
        save: function of the number of updates done; writes a checkpoint.
        logger: `logs.RunLogger`.
        stop: `StopSignal`.
        validate: function that returns (dict of scalars, dict of uint8 pictures).
        freeze_batch_norm_after: updates after which BatchNorm's statistics stay as they
            are and are used in training too; None for never.
        log_every: steps.
        validate_every: steps.
        checkpoint_every: steps.
        steps_per_execution: updates per call of the backend, where that many fit before
            something else is to be done; single ones elsewhere.
        keep_best: function of (updates done, scalars of `validate`), called after it.
        max_dropped_steps: dropped updates in a row that end the training. Between the
            first of them and the next applied one nothing is saved, and `stop` waits:
            a checkpoint is to hold what training can go on from.
        agree: function of bool that returns whether it is true for any of several
            workers, which must end after the same step. They are asked whether `stop`
            has a reason where losses are logged or a checkpoint is due, as they wait
            for each other then. None for one worker, who stops after any step.

    Returns:
        Updates done in this stage; a checkpoint of just that state has been saved.

    Raises:
        DivergenceError: too many updates in a row were dropped, or all there were; the
            last checkpoint is from before.
    """
    done = first_step
    freeze = last_step if freeze_batch_norm_after is None else freeze_batch_norm_after
    intervals = [log_every, checkpoint_every, *([validate_every] if validate else [])]
    groups = group_steps(first_step, last_step, steps_per_execution, intervals, freeze)
    meter = Meter(max_dropped_steps)
    means, scores = {}, {}  # the last ones
    logger.start(stage, first_step, last_step)

    def stopping():
        wanted = stop.reason is not None
        if agree is None:
            return wanted
        together = done % log_every == 0 or done % checkpoint_every == 0
        return together and agree(wanted)

    def flush(**more):
        """Log the steps since the last time, and some more."""
        values, speed = meter.read()
        if values:
            logger.scalars(stage, done, {**values, **speed, **more})
        return values

    ready = prefetch(lambda group: stack_batches(sampler, group), groups)
    with contextlib.closing(ready):
        for group, batch in meter.waiting(ready):
            update = step if len(group) == 1 else step.many
            meter.add(update(batch, group[0] < freeze), len(group))
            done = group[-1] + 1
            last = done == last_step or (stopping() and not meter.dropped_in_a_row)
            if last and meter.dropped_in_a_row == last_step:
                raise DivergenceError(
                    f"none of the {last_step} updates gave finite losses and gradients"
                )
            speed = meter.stage_figures() if last else {}
            log = last or done % log_every == 0
            if log:
                means = flush(**speed)
            logger.advance({**scores, **means} if log else None, len(group))
            saving = last or done % checkpoint_every == 0
            if saving:
                flush()
            if validate and (done == last_step or done % validate_every == 0):
                with meter.left_out():
                    step.sync()
                    scalars = _validate(validate, logger, stage, done)
                    scores = {k: v for k, v in scalars.items() if k in _IN_THE_BAR}
                    logger.advance({**scores, **means}, 0)
                    if keep_best:
                        keep_best(done, scalars)
            # Last, because a run that goes on from here does none of the above again.
            if saving and (last or not meter.dropped_in_a_row):
                step.sync()
                save(done)
            if last:
                _tell_speed(logger, stage, done - first_step, speed)
                break
    return done


def _validate(validate, logger, stage, done):
    scalars, pictures = validate()
    logger.images(stage, done, pictures)
    if scalars:
        logger.scalars(stage, done, {f"val/{k}": v for k, v in scalars.items()})
        told = [(k, form) for k, form in _TOLD.items() if k in scalars]
        text = ", ".join(f"{k} {form.format(scalars[k])}" for k, form in told)
        logger.say(f"{stage} step {done}: {text}")
    return scalars


def _tell_speed(logger, stage, steps, figures):
    if figures:
        logger.say(
            f"stage {stage}: {steps} steps, "
            f"{figures['stage_steps_per_second']:.3g} steps/s, "
            f"{figures['stage_data_wait']:.1%} of the time spent waiting for data"
        )


def group_steps(first_step, last_step, size, intervals, freeze):
    """Yield ranges of steps that may be done in one go.

    A run that goes on after any of these ranges sees the same ranges as one that was
    never interrupted, which on JAX is part of having the same bits.

    Args:
        first_step: the first step.
        last_step: one past the last step.
        size: steps in a group; where fewer are left before a boundary, they come one
            by one, so that a backend compiles for two sizes only.
        intervals: steps; no group crosses a multiple of one of these.
        freeze: step that no group crosses either.
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
    """Make the batch of one step, or those of several with a new first axis."""
    batches = [sampler.batch(step) for step in group]
    if len(batches) == 1:
        return batches[0]
    return {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}
