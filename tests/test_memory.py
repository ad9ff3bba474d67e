"""What the system says about memory."""

import itertools
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from srlite import memory


def test_available_memory_is_plausible():
    assert 10**7 < memory.available_memory() < 10**14


def test_a_container_leaves_what_it_has_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    alone = memory.available_memory()
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_memory() == pytest.approx(alone, rel=0.2)
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("3000000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 500000\nshmem 0\n")
    assert memory.available_memory() == 2_500_000


def test_a_container_of_the_first_version(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/memory.limit_in_bytes").write_text("5000000\n")
    (tmp_path / "memory/memory.usage_in_bytes").write_text("3000000\n")
    (tmp_path / "memory/memory.stat").write_text("total_inactive_file 500000\n")
    assert memory.available_memory() == 2_500_000


def test_cores_are_those_of_the_container(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    all_of_them = len(os.sched_getaffinity(0))
    assert memory.cores() == all_of_them
    for quota, granted in (("max", 512), ("100000", 1), ("150000", 2), ("100", 1)):
        (tmp_path / "cpu.max").write_text(f"{quota} 100000\n")
        assert memory.cores() == min(granted, all_of_them)


def test_a_tile_takes_a_quarter_of_the_free_memory(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 400_000_000)
    assert memory.tile_memory() == memory.tile_memory(10**9) == 100_000_000


def test_a_tile_keeps_the_promise(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 10**12)
    for sr_pixels, sample_bytes, spare in ((0, 1, 0), (10**7, 1, 3), (10**7, 2, 0)):
        room = memory.MAX_TILE_BYTES + spare * sr_pixels
        assert memory.tile_memory(sr_pixels, sample_bytes) == room


def test_peak_memory_counts_what_was_freed_and_not_the_parent():
    kept = np.ones(300_000_000, np.uint8)
    code = (
        "import numpy as np\n"
        "from srlite.memory import peak_memory\n"
        "before = peak_memory()\n"
        "array = np.ones(40_000_000, np.uint8)\n"
        "del array\n"
        "print(before, peak_memory())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    before, after = map(int, done.stdout.split())
    assert before < kept.nbytes
    assert 30e6 < after - before < 60e6


def test_threads_work_in_order_and_end():
    before = threading.active_count()
    assert list(memory.in_order(lambda n: n * n, range(40), 3, 4)) == [
        n * n for n in range(40)
    ]
    begun = []
    for n in memory.in_order(begun.append, itertools.count(), 3, 4):
        if len(begun) > 8:
            break
    assert len(begun) <= 8 + 4
    assert threading.active_count() == before


def test_threads_hand_errors_on():
    made = memory.in_order(lambda n: 1 / (3 - n), range(9), 2, 4)
    assert [next(made) for _ in range(3)] == [1 / 3, 1 / 2, 1]
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_stations_of_a_line_work_at_the_same_time():
    before, meeting = threading.active_count(), threading.Barrier(3, timeout=20)

    def station(items, meets):
        for n in items:
            if n == meets:
                meeting.wait()  # each of the three works on an item of its own
            yield n

    line = memory.ahead(station(range(40), 2), 2)
    line = station(memory.ahead(station(line, 1), 2), 0)
    assert list(line) == list(range(40))
    assert threading.active_count() == before


def test_a_station_hands_on_an_error_in_its_turn_and_rests_when_nobody_takes():
    before, made = threading.active_count(), []

    def station():
        for n in itertools.count():
            made.append(n)
            yield 6 // (3 - n)

    line = memory.ahead(station(), 2)
    assert next(line) == 2
    line.close()
    assert len(made) <= 3 and threading.active_count() == before
    line = memory.ahead(station(), 2)
    assert [next(line) for _ in range(3)] == [2, 3, 6]
    with pytest.raises(ZeroDivisionError):
        next(line)
