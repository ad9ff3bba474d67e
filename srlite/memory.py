"""How much memory this process may still take, how much of it a tile, and its cores.

Threads work a few items ahead, so that what waits for a slow consumer stays small.
"""

import collections
import contextlib
import itertools
import os
import re
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from srlite.errors import ModelError

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")

# What a tile may take, however much is free: with it, enlarging a picture stays below
# 500 MB and 7 bytes per SR pixel, at the end 3 in the result and 4 in Pillow's copy.
MAX_TILE_BYTES = 360_000_000
# Until then, a tile may take what that copy will. One byte is for the LR picture.
_SPARE_BYTES = 6

_CGROUP = Path("/sys/fs/cgroup")
# Where control groups say it, by their versions 2 and 1.
_LIMITS = (
    ("", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def tile_memory(sr_pixels: int = 0, sample_bytes: int = 1) -> int:
    """Return the bytes that a tile may take: at most a quarter of the free memory.

    The result has `sr_pixels`, with three channels of `sample_bytes` each.
    """
    spare = max(0, _SPARE_BYTES - 3 * sample_bytes) * sr_pixels
    return min(MAX_TILE_BYTES + spare, available_memory() // 4)


def available_memory() -> int:
    """Bytes that this process may still take, by what is free and its container.

    Linux says what is free, and what its container leaves (control groups).
    Elsewhere it is all the memory of the machine where that is known, else 4 GiB.
    """
    try:
        found = re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text())
        free = 1024 * int(found[1]) if found else 4 * 2**30
    except OSError:  # not Linux
        free = 4 * 2**30
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for folder, limit, used, cached in _LIMITS:
        # There may be no container, or one without limit.
        with contextlib.suppress(OSError, ValueError):
            left = int((_CGROUP / folder / limit).read_text())
            left -= int((_CGROUP / folder / used).read_text())
            # Cached files count as used, but give way.
            stat = (_CGROUP / folder / "memory.stat").read_text()
            found = re.search(rf"^{cached} (\d+)", stat, re.MULTILINE)
            free = min(free, left + int(found[1] if found else 0))
    return free


def check_memory(
    name: str, lr_size: Sequence[int], bytes_per_pixel: int, advice: str
) -> None:
    """Raise `ModelError` if `name` would take more memory than there is.

    `lr_size` is (height, width) in LR pixels, each of which takes `bytes_per_pixel`.
    The message ends in `advice`.
    """
    height, width = lr_size
    need = height * width * bytes_per_pixel
    if need > available_memory():
        raise ModelError(
            f"{name} would take {need / 1e9:.1f} GB for {width} x {height} LR pixels "
            f"at once; {advice}"
        )


def cores() -> int:
    """Count the cores that this process may use, by its affinity and container.

    More threads than that wait for each other: a container may see 64 cores and be
    granted the time of two.
    """
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    with contextlib.suppress(OSError, ValueError):
        quota, period = (_CGROUP / "cpu.max").read_text().split()
        count = min(count, -(-int(quota) // int(period)))  # "max" where it has all
    return count


def peak_memory() -> int | None:
    """Bytes that this process took at most; None where the system does not say."""
    try:
        # Not getrusage: what it says of a new process counts the one that started it.
        found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
        return 1024 * int(found[1]) if found else None
    except OSError:  # not Linux
        try:
            import resource
        except ImportError:  # Windows
            return None
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def in_order(
    make: Callable[[_Item], _Made], items: Iterable[_Item], threads: int, ahead: int
) -> Generator[_Made]:
    """Yield what `make` returns for items, perhaps endless, in order.

    Several `threads` call `make` at once, so that up to `ahead` results are ready or in
    the making. An exception of it is raised in its turn.
    """
    items = iter(items)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    try:
        coming: collections.deque = collections.deque()
        while True:
            for item in itertools.islice(items, ahead - len(coming)):
                coming.append(pool.submit(make, item))
            if not coming:
                return
            yield coming.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def ahead(items: Iterable[_Item], count: int) -> Generator[_Item]:
    """Yield from an iterable; a thread of its own works up to `count` items ahead.

    Several after each other work at the same time, as stations of a line do.
    """
    left, end = iter(items), object()
    steps = in_order(lambda _: next(left, end), itertools.repeat(None), 1, count)
    with contextlib.closing(steps):
        for item in steps:
            if item is end:
                return
            yield item  # type: ignore[misc]
