"""Turns hold what they are to hold, and no batch is made out of turn."""

import threading
import time

import pytest

from srlite.benchmark.training import EXECUTIONS, AlternatingStep, PausableSampler

UPDATE, WORK = 0.004, 0.008  # seconds


class Numbers:
    """A sampler whose batches are the numbers of the steps."""

    def __init__(self):
        """Nothing is being made."""
        self.begun = threading.Event()
        self.made = []
        self.allowed = threading.Event()
        self.allowed.set()

    def batch(self, step):
        """Return the step, when that is allowed."""
        self.begun.set()
        self.allowed.wait()
        self.made.append(step)
        return step


class Sleeper:
    """A step that takes a known time."""

    def __init__(self):
        """No update is done."""
        self.done = []

    def __call__(self, batch, learning):
        """Do an update."""
        time.sleep(UPDATE)
        self.done.append((batch, learning))
        return {"loss": batch}

    many = __call__

    def sync(self):
        """Note it."""
        self.done.append("sync")


@pytest.mark.parametrize("name", ["__call__", "many"])
def test_a_turn_holds_updates_and_the_work_around_them(name):
    step, sampler = Sleeper(), PausableSampler(Numbers())
    alternating = AlternatingStep(step, sampler, lambda: step("bare", False))
    update = getattr(alternating, name)
    numbers = range(3 * EXECUTIONS + 2)
    for number in numbers:
        time.sleep(WORK)
        assert update(sampler.batch(number), True) == {"loss": number}
    bare, loop = alternating.bare_seconds, alternating.loop_seconds
    assert (len(bare), len(loop)) == (4, 3)
    assert min(loop) >= EXECUTIONS * (UPDATE + WORK)
    assert EXECUTIONS * UPDATE <= min(bare) < EXECUTIONS * (UPDATE + WORK)
    trained = [batch for batch, learning in step.done if learning]
    assert trained == list(numbers)
    assert step.done[1 : EXECUTIONS + 1] == [("bare", False)] * EXECUTIONS
    alternating.sync()
    assert step.done[-1] == "sync"


def test_a_failing_update_leaves_the_sampler_running():
    def fail():
        raise KeyboardInterrupt

    sampler = PausableSampler(Numbers())
    alternating = AlternatingStep(Sleeper(), sampler, fail)
    alternating(0, True)
    with pytest.raises(KeyboardInterrupt):
        alternating(1, True)
    assert sampler.batch(2) == 2


def test_pause_waits_for_what_is_being_made_and_lets_nothing_begin():
    numbers = Numbers()
    sampler = PausableSampler(numbers)
    numbers.allowed.clear()
    first = threading.Thread(target=sampler.batch, args=(1,))
    first.start()
    assert numbers.begun.wait(10)
    pausing = threading.Thread(target=sampler.pause)
    pausing.start()
    pausing.join(0.05)
    assert pausing.is_alive() and numbers.made == []
    numbers.allowed.set()
    pausing.join(10)
    assert not pausing.is_alive() and numbers.made == [1]
    second = threading.Thread(target=sampler.batch, args=(2,))
    second.start()
    second.join(0.05)
    assert second.is_alive() and numbers.made == [1]
    sampler.resume()
    second.join(10)
    assert numbers.made == [1, 2]
