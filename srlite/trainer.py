"""The one training loop: steps, logs, validation, checkpoints, a way to stop.

The loop knows no network and no backend. It is given a function that does one update
and one that saves, and calls them at the right steps; stage `gan` differs from stage
`pretrain` in the step that it is given, nothing else.
"""

import math
import signal
import time

import numpy as np

from srlite.data import prefetch
from srlite.errors import SrliteError
from srlite.guard import DropCounter


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
    keep_best=None,
    max_dropped_steps=10,
):
    """Train from `first_step` to `last_step`, or until `stop` has a reason.

    Args:
        step: function of (batch, update_batch_norm) that does one update and returns a
            dict of scalars, with `dropped` 1.0 where the update was not applied.
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
        keep_best: function of (updates done, scalars of `validate`), called after it.
        max_dropped_steps: dropped updates in a row that end the training. Until an
            update is applied again, no checkpoint is written.

    Returns:
        Updates done in this stage; a checkpoint of just that state has been saved.

    Raises:
        DivergenceError: too many updates in a row were dropped; the last checkpoint is
            from before.
        SrliteError: a loss is not finite though the update was not dropped.
    """
    done, pending = first_step, []
    drops = DropCounter(max_dropped_steps)
    since = time.perf_counter()
    logger.start(stage, first_step, last_step)

    def flush():
        """Log the means of the steps since the last time."""
        nonlocal since
        if not pending:
            return None
        kept, dropped = drops.take_out(pending)
        means = (
            {k: float(np.mean([p[k] for p in kept])) for k in kept[0]} if kept else {}
        )
        if not all(math.isfinite(value) for value in means.values()):
            raise SrliteError(
                f"a loss of stage {stage} is not finite at step {done}: {means}; "
                "lower the learning rate and run again from the last checkpoint"
            )
        now = time.perf_counter()
        rate = len(pending) / (now - since)
        counted = {"dropped": dropped} if dropped else {}
        logger.scalars(stage, done, {**means, **counted, "steps_per_second": rate})
        since = now
        pending.clear()
        return means

    for number, batch in prefetch(sampler, first_step, last_step):
        learning = freeze_batch_norm_after is None or number < freeze_batch_norm_after
        pending.append(step(batch, learning))
        done = number + 1
        last = done == last_step or stop.reason is not None
        logger.advance(flush() if last or done % log_every == 0 else None)
        if last or done % checkpoint_every == 0:
            flush()
            if last or not drops.in_a_row:
                save(done)
        if validate and (done == last_step or done % validate_every == 0):
            scalars, pictures = validate()
            logger.scalars(stage, done, scalars)
            logger.images(stage, done, pictures)
            if keep_best:
                keep_best(done, scalars)
            if scalars:
                text = ", ".join(f"{k} {v:.2f}" for k, v in scalars.items())
                logger.say(f"{stage} step {done}: {text}")
            since = time.perf_counter()
        if last:
            break
    return done
