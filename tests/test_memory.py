"""What the system says about memory."""

import subprocess
import sys

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


def test_default_tile_follows_the_free_memory(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 400_000_000)
    # A quarter of it, in LR pixels of 5000 bytes: 141 x 141.
    assert memory.default_tile(16, 5000) == 141 - 32
    assert memory.default_tile(16, 5000, 10**9) == 141 - 32
    assert memory.default_tile(16, 10**9) == 32


def test_default_tile_follows_the_promise(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 10**12)
    for sr_pixels, sample_bytes, spare in ((0, 1, 0), (10**7, 1, 3), (10**7, 2, 0)):
        side = memory.default_tile(16, 5000, sr_pixels, sample_bytes) + 32
        room = memory.MAX_TILE_BYTES + spare * sr_pixels
        assert room - 5000 * 2 * side < 5000 * side**2 <= room


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
