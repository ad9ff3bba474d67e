"""Files and folders, whole or not there: written under another name, then renamed."""

import contextlib
import os
import shutil
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
    # Of a long name only the beginning: some letters more, and it would be too long.
    handle, name = tempfile.mkstemp(path.suffix, f".{path.stem[:32]}.", path.parent)
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


@contextlib.contextmanager
def replacing_folder(path):
    """Give a temporary folder that becomes `path` when the block succeeds.

    The block syncs the files. On failure the temporary folder is removed, and what
    stood under `path` stays; a kill in the moment of renaming may leave neither.

    Args:
        path: the final name.

    Yields:
        `Path` of an empty folder.

    Raises:
        OSError: the parent folder does not exist or cannot be written.
    """
    path = Path(path)
    temporary = Path(tempfile.mkdtemp("", f".{path.name}.", path.parent))
    try:
        yield temporary
        os.chmod(temporary, 0o777 & ~_mask())
        if path.exists():
            shutil.rmtree(path)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def is_same_file(one, other):
    """Whether two paths lead to one file, by links or where case does not count."""
    if os.path.exists(one) and os.path.exists(other):
        return os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)


def _usual_mode(path):
    """The mode of the file that is replaced, else that of any new file."""
    if path.exists():
        return path.stat().st_mode & 0o777
    return 0o666 & ~_mask()


def _mask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
