"""How much memory this process may still take."""

import contextlib
import os
import re
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


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
