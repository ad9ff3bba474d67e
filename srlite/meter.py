"""Where a training loop's time goes, and the losses it has yet to log."""

import collections
import contextlib
import time

import numpy as np

# Dispatches that the loop may be ahead of the device: enough that it never waits for
# the loop, few enough that the time spent waiting for data means what it says.
_IN_FLIGHT = 2


class _Clock:
    """Steps, and the share of the time in which the loop waited for data."""

    def __init__(self):
        self._since = time.perf_counter()
        self._steps = 0
        self._waited = 0.0

    def add(self, steps=0, waited=0.0):
        self._steps += steps
        self._waited += waited

    def leave_out(self, seconds):
        self._since += seconds

    def figures(self, prefix=""):
        """Return a dict of floats, empty before the first step."""
        elapsed = time.perf_counter() - self._since
        if not self._steps:
            return {}
        return {
            f"{prefix}steps_per_second": self._steps / elapsed,
            f"{prefix}data_wait": self._waited / elapsed,
        }


class Meter:
    """Collects the values of updates, and where the time went.

    `steps_per_second` and `data_wait`, a share of the time, are those since the last
    `read`; with `stage_` before the name, those since the stage's first update, which
    includes compiling and counts for neither.
    """

    def __init__(self):
        """Start the clock."""
        self._in_flight = collections.deque()
        self._values = []
        self._clock = _Clock()
        self._stage_clock = None

    def waiting(self, ready):
        """Pass on the items of an iterator, with an eye on how long each took."""
        while True:
            before = time.perf_counter()
            item = next(ready, None)
            if item is None:
                return
            waited = time.perf_counter() - before
            self._clock.add(waited=waited)
            if self._stage_clock:
                self._stage_clock.add(waited=waited)
            yield item

    def add(self, values, steps):
        """Take what an update, or a group of several, returned."""
        self._in_flight.append(values)
        self._settle(_IN_FLIGHT if self._stage_clock else 0)
        self._clock.add(steps)
        if self._stage_clock:
            self._stage_clock.add(steps)
        else:
            self._stage_clock = _Clock()

    def read(self):
        """Return (means of the values, speed) since the last time; both may be {}."""
        self._settle()
        names = self._values[0] if self._values else ()
        means = {
            name: float(np.mean(np.concatenate([v[name] for v in self._values])))
            for name in names
        }
        speed = self._clock.figures()
        self._values.clear()
        self._clock = _Clock()
        return means, speed

    def stage_figures(self):
        """Return the speed since the stage's first update; {} if there was no more."""
        self._settle()
        return self._stage_clock.figures("stage_") if self._stage_clock else {}

    @contextlib.contextmanager
    def left_out(self):
        """Inside, time counts for nothing; what is being computed is done before."""
        self._settle()
        before = time.perf_counter()
        yield
        for clock in filter(None, (self._clock, self._stage_clock)):
            clock.leave_out(time.perf_counter() - before)

    def _settle(self, allowed=0):
        """Wait until at most so many calls are still being computed."""
        while len(self._in_flight) > allowed:
            values = self._in_flight.popleft()
            self._values.append({k: np.atleast_1d(v) for k, v in values.items()})
