"""Files and folders, whole or not there: written under another name, then renamed.

What is unfinished stands in a hidden folder with a mark in its name, whatever else a
library puts beside it, so that what a kill leaves can be told apart and removed.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

_MARK = ".unfinished"


@contextlib.contextmanager
def replacing(path):
    """Give a temporary name for a file that becomes `path` when the block succeeds.

    It has the same last part and is not there yet; a link is followed. On success it is
    synced to the disk and renamed to `path`; on any failure it is removed, and what
    stood under `path` stays as it was.

    Args:
        path: the final name.

    Yields:
        `Path` to write to.

    Raises:
        OSError: the folder does not exist or cannot be written.
    """
    path = Path(os.path.realpath(path))
    folder = _hidden_folder(path)
    temporary = folder / path.name
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, _usual_mode(path))
        os.replace(temporary, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
    temporary = _hidden_folder(path)
    try:
        yield temporary
        os.chmod(temporary, 0o777 & ~_mask())
        if path.exists():
            remove_folder(path)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_folder(path):
    """Remove a folder; a kill on the way leaves nothing under its name."""
    path = Path(path)
    path = path.rename(path.with_name(f".{path.name}{_MARK}"))
    shutil.rmtree(path)


def remove_leftovers(folder):
    """Remove what was being written or removed in a folder when a process was killed.

    For folders in which no other process writes.

    Args:
        folder: path; nothing happens where there is none.
    """
    for path in Path(folder).glob(f".*{_MARK}"):
        shutil.rmtree(path, ignore_errors=True)


def _hidden_folder(path):
    """Make a folder beside `path`; cut, because a name has at most 255 bytes."""
    return Path(tempfile.mkdtemp(_MARK, f".{path.name[:50]}.", path.parent))


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
