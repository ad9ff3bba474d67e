"""Files that are whole or not there: written beside their final name, then renamed."""

import contextlib
import os
import tempfile
from pathlib import Path


@contextlib.contextmanager
def replacing(path):
    """Give a temporary name for a file that becomes `path` when the block succeeds.

    The temporary file stands in the same folder and ends alike; a link is followed.
    On success it is synced to the disk and renamed to `path`; on any failure it is
    removed, and what stood under `path` stays as it was.

    Args:
        path: the final name.

    Yields:
        `Path` to write to.

    Raises:
        OSError: the folder does not exist or cannot be written.
    """
    path = Path(os.path.realpath(path))
    handle, name = tempfile.mkstemp(path.suffix, f".{path.stem}.", path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, _usual_mode(path))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _usual_mode(path):
    """The mode of the file that is replaced, else that of any new file."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
