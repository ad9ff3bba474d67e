"""Two ways to train take turns in one process, so that their times can be compared.

A machine that other work slows down slows both; what is compared are turns that follow
each other. `benchmark` measures the training loop with it.
"""

import threading
import time

import numpy as np

EXECUTIONS = 5  # in a turn: with more, the turns would be far apart in time


class PausableSampler:
    """Makes a sampler's batches, except for a while.

    Batches are made ahead by threads, which would take the bare update's time.
    """

    def __init__(self, sampler):
        """Wrap a sampler."""
        self._sampler = sampler
        self._condition = threading.Condition()
        self._paused = False
        self._making = 0

    def batch(self, step):
        """Return the batch of a step, once that is allowed."""
        with self._condition:
            self._condition.wait_for(lambda: not self._paused)
            self._making += 1
        try:
            return self._sampler.batch(step)
        finally:
            with self._condition:
                self._making -= 1
                self._condition.notify_all()

    def pause(self):
        """Let no more batch begin, and wait for those that have begun."""
        with self._condition:
            self._paused = True
            self._condition.wait_for(lambda: not self._making)

    def resume(self):
        """Allow batches again."""
        with self._condition:
            self._paused = False
            self._condition.notify_all()


class AlternatingStep:
    """A step for `train_stage` that lets the bare update take turns with the loop.

    The first execution is not timed: the loop waits for its first batch. A turn of the
    loop ends when the batch of the next one is there, so it holds as much of the loop's
    own work as of updates; one execution more than the turns have is needed for that.
    """

    def __init__(self, step, sampler, bare):
        """Make it.

        Args:
            step: `TensorFlowStep` or `JaxStep`.
            sampler: `PausableSampler` of the loop's batches.
            bare: function without arguments that does the bare update, compiled before,
                with `step`, and returns its values.
        """
        self._step = step
        self._sampler = sampler
        self._bare = bare
        self._executions = 0
        self._values = None
        self._since = None
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
    """Wait until an update is done, whose dict of values this is."""
    for value in values.values():
        np.asarray(value)
