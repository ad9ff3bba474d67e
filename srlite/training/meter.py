"""Where a training loop's time goes, when it ends, and the losses it has yet to log.

The values of an update are read as late as possible, so that the loop does not wait for
the device.
"""

import collections
import contextlib
import signal
import threading
import time

import numpy as np

from srlite.errors import DivergenceError

# Dispatches that the loop may be ahead of the device: enough that the device never
# waits for the loop, few enough that the time spent waiting for data shows.
_IN_FLIGHT = 2


class _Clock:
    """Steps, and the share of the time in which the loop waited for data."""

    def __init__(self):
        self.since = time.perf_counter()
        self.steps = 0
        self.waited = 0.0

    def figures(self, prefix=""):
        """Return a dict of floats, empty before the first step."""
        if not self.steps:
            return {}
        elapsed = time.perf_counter() - self.since
        return {
            f"{prefix}steps_per_second": self.steps / elapsed,
            f"{prefix}data_wait": self.waited / elapsed,
        }


class Meter:
    """Collects the values of updates, and measures speed.

    `steps_per_second` and `data_wait`, a share of the time, count from the last `read`
    on; with the prefix `stage_`, from the end of the stage's first update on, which
    includes compiling. `left_out_seconds` maps names to seconds that do not count.
    """

    def __init__(self, max_dropped_steps):
        """Start the clock; so many dropped updates in a row are an error."""
        self._max_dropped_steps = max_dropped_steps
        self._dropped_in_a_row = 0
        self._in_flight = collections.deque()
        self._values = []
        self._clocks = [_Clock()]  # since the last reading, since the first update
        self.left_out_seconds = collections.Counter()

    def waiting(self, ready):
        """Yield from an iterator, and time how long each item took."""
        while True:
            before = time.perf_counter()
            item = next(ready, None)
            if item is None:
                return
            waited = time.perf_counter() - before
            for clock in self._clocks:
                clock.waited += waited
            yield item

    def add(self, values, steps):
        """Take the values of `steps` updates, dict of name to scalar or array (steps,).

        `dropped` and `overflow` are 1.0 for updates that were not applied; only
        `dropped` counts towards the limit. Any method that reads values may then raise
        DivergenceError.
        """
        first = len(self._clocks) == 1
        self._in_flight.append(values)
        self._settle(0 if first else _IN_FLIGHT)
        for clock in self._clocks:
            clock.steps += steps
        if first:
            self._clocks.append(_Clock())

    def read(self):
        """Return what has to be logged since the last call: (values, speed).

        Both are dicts of floats, {} without an update. `values` are means over applied
        updates, and the counts `dropped` and `overflow` if not 0.
        """
        self._settle()
        names = self._values[0] if self._values else ()
        columns = {n: np.concatenate([v[n] for v in self._values]) for n in names}
        flags = {n: columns.pop(n, np.zeros(1)) > 0 for n in ("dropped", "overflow")}
        applied = ~(flags["dropped"] | flags["overflow"])
        values = {}
        if applied.any():
            values = {
                name: float(np.mean(column, where=applied, dtype=np.float64))
                for name, column in columns.items()
            }
        values |= {name: int(flag.sum()) for name, flag in flags.items() if flag.any()}
        speed = self._clocks[0].figures()
        self._values.clear()
        self._clocks[0] = _Clock()
        return values, speed

    @property
    def dropped_in_a_row(self):
        """Updates dropped since one was applied; waits for those in flight."""
        self._settle()
        return self._dropped_in_a_row

    def stage_figures(self):
        """Return the speed since the stage's first update; {} if there was no other."""
        self._settle()
        return self._clocks[-1].figures("stage_") if len(self._clocks) > 1 else {}

    @contextlib.contextmanager
    def left_out(self, name):
        """Wait for the device; inside, time counts for `name` instead."""
        self._settle()
        before = time.perf_counter()
        yield
        seconds = time.perf_counter() - before
        self.left_out_seconds[name] += seconds
        for clock in self._clocks:
            clock.since += seconds

    def _settle(self, allowed=0):
        """Wait until at most so many calls are still being computed."""
        while len(self._in_flight) > allowed:
            values = self._in_flight.popleft()
            values = {k: np.atleast_1d(v) for k, v in values.items()}
            self._values.append(values)
            self._count(values)

    def _count(self, values):
        zeros = np.zeros_like(next(iter(values.values())))
        flags = (values.get(name, zeros) for name in ("dropped", "overflow"))
        for dropped, overflow in zip(*flags, strict=True):
            if dropped:
                self._dropped_in_a_row += 1
            elif not overflow:
                self._dropped_in_a_row = 0
            if self._dropped_in_a_row == self._max_dropped_steps:
                raise DivergenceError(
                    f"{self._dropped_in_a_row} updates in a row gave a loss or a "
                    "gradient that is not finite"
                )


class StopSignal:
    """Asks a loop to end after the current step: Ctrl-C, SIGTERM, or time is up.

    A context manager: inside it SIGINT, SIGTERM and SIGHUP (the terminal was closed)
    set `reason` instead of ending the process; the same signal once more ends it at
    once. A thread gets no signals, and `nohup` ignores SIGHUP.
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
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                number = getattr(signal, name, None)  # Windows has no SIGHUP.
                if number is None or (
                    name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN
                ):
                    continue
                self._former[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_):
        """Restore the signal handlers."""
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
        """The reason to stop, or None."""
        if self.interrupted:
            return self._signal.name
        if self._deadline is not None and time.monotonic() > self._deadline:
            return "time is up"
        return None
