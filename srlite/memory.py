"""How much memory this process may still take, and how much of it a tile."""

import contextlib
import math
import os
import re
from pathlib import Path

# What a tile may take, however much is free: with it, enlarging a picture stays below
# 500 MB and 7 bytes per SR pixel, at the end 3 in the result and 4 in Pillow's copy.
MAX_TILE_BYTES = 330_000_000
# Until then, a tile may take what that copy will. One byte is for the LR picture.
_SPARE_BYTES = 6
# LR pixels. Smaller tiles compute their overlap more than the picture.
_MIN_TILE = 32

_CGROUP = Path("/sys/fs/cgroup")


def default_tile(overlap, bytes_per_pixel, sr_pixels=0, sample_bytes=1):
    """Choose the side of a tile by the picture and a quarter of the free memory.

    Large tiles are faster: less of what is computed is overlap.

    Args:
        overlap: LR pixels around the tile.
        bytes_per_pixel: what the network takes for each LR pixel that it sees.
        sr_pixels: height x width of the result.
        sample_bytes: bytes of each of the result's three channels.

    Returns:
        LR pixels.
    """
    spare = max(0, _SPARE_BYTES - 3 * sample_bytes) * sr_pixels
    room = min(MAX_TILE_BYTES + spare, available_memory() // 4)
    return max(_MIN_TILE, math.isqrt(room // bytes_per_pixel) - 2 * overlap)


def available_memory():
    """Bytes that this process may still take, by what is free and its container.

    Linux says what is free, and what its container leaves (control groups, version 2).
    Elsewhere it is all the memory of the machine where that is known, else 4 GiB.
    """
    try:
        found = re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text())
        free = 1024 * int(found[1])
    except OSError:  # not Linux
        known = hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names
        pages = os.sysconf("SC_PHYS_PAGES") if known else 0
        free = pages * os.sysconf("SC_PAGE_SIZE") if known else 4 * 2**30
    with contextlib.suppress(OSError, ValueError):  # no container, or one without limit
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        # Cached files count as used, but give way.
        stat = (_CGROUP / "memory.stat").read_text()
        cached = re.search(r"^inactive_file (\d+)", stat, re.MULTILINE)
        free = min(free, limit - used + int(cached[1] if cached else 0))
    return free


def peak_memory():
    """Bytes that this process took at most; None where the system does not say."""
    try:
        # Not getrusage: what it says of a new process counts the one that started it.
        found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
        return 1024 * int(found[1])
    except OSError:  # not Linux
        try:
            import resource
        except ImportError:  # Windows
            return None
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
