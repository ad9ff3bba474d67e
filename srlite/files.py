"""Files and folders, whole or not there: written under another name, then renamed.

Unfinished files lie in a hidden folder with a mark in its name, so that what a killed
process leaves can be found and removed.
"""

import contextlib
import errno
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from srlite.errors import CheckpointError, ConfigError, SrliteError, error_reason

StrPath = str | os.PathLike
PACKAGE = Path(__file__).parent
SAMPLE = PACKAGE / "samples" / "astronaut_lr.png"  # NASA, public domain
_MARK = ".unfinished"
_NO_ROOM = ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO", "ESTALE", "ENOTCONN")


@contextlib.contextmanager
def writing(
    path: StrPath,
    kind: type[SrliteError] | None,
    caught: type[Exception] | tuple[type[Exception], ...] = OSError,
) -> Iterator[None]:
    """Turn `caught` errors of writing a file into a `kind` that names the file.

    They stay as they are if `kind` is None, and so does any `SrliteError`.
    """
    try:
        yield
    except SrliteError:
        raise
    except caught as error:
        if kind is None:
            raise
        raise kind(f"cannot write {path}: {error_reason(error)}") from error


@contextlib.contextmanager
def replacing(path: StrPath, kind: type[SrliteError] | None = None) -> Iterator[Path]:
    """Yield a temporary name for a file that becomes `path` when the block succeeds.

    It has the same last part; a link is followed. On success the file is synced to the
    disk and renamed; on failure it is removed, and `path` stays as it was. An `OSError`
    becomes a `kind`, if one is given.
    """
    with writing(path, kind):
        target = Path(os.path.realpath(path))
        folder = _hidden_folder(target)
        temporary = folder / target.name
        try:
            yield temporary
            sync(temporary)
            with contextlib.suppress(OSError):  # Some file systems know no modes.
                os.chmod(temporary, _usual_mode(target, folder))
            os.replace(temporary, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def replacing_folder(path: StrPath) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` when the block succeeds.

    The block syncs the files. On failure the folder is removed, and `path` stays as it
    was; a kill at the moment of renaming may leave neither.
    """
    path = Path(path)
    temporary = _hidden_folder(path)
    try:
        yield temporary
        with contextlib.suppress(OSError):
            os.chmod(temporary, _mode_of_new(temporary))
        if path.exists():
            remove_folder(path)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_folder(path: StrPath) -> None:
    """Remove a folder; if killed meanwhile, nothing is left under its name."""
    shutil.rmtree(put_away(path))


def put_away(path: StrPath) -> Path:
    """Move a folder into a hidden one, for removal, and return that."""
    path = Path(path)
    hidden = _hidden_folder(path)
    try:
        path.rename(hidden / path.name)
    except OSError:
        hidden.rmdir()
        raise
    return hidden


def remove_leftovers(folder: StrPath) -> None:
    """Remove what a killed process was writing or removing in a folder, if that exists.

    No other process may write there.
    """
    for path in Path(folder).glob(f".*{_MARK}"):
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def locked(folder: Path, says: str) -> Iterator[None]:
    """Keep other processes out of a folder; the lock ends with its process.

    Raises ConfigError with `says` and the folder's name if another process has it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with contextlib.ExitStack() as stack:
        with writing(folder, ConfigError):
            file = stack.enter_context(open(folder / ".lock", "a+"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ConfigError(
                f"{says} {folder} ({file.read().strip()}); stop that process first, or "
                "choose another output"
            ) from None
        except OSError:  # a disk in the cloud may know no locks
            pass
        note = f"process {os.getpid()} on {socket.gethostname()}\n"
        # On a full disk the lock holds without it. A buffer would raise again later.
        with contextlib.suppress(OSError):
            file.truncate(0)
            os.write(file.fileno(), note.encode())
        yield


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Raise a CheckpointError if a disk fails, or anything that is in `folder`."""
    numbers = [getattr(errno, name, None) for name in _NO_ROOM]
    try:
        yield
    except OSError as error:
        inside = folder in Path(str(error.filename)).parents
        if error.errno not in numbers and not inside:
            raise
        raise CheckpointError(
            f"cannot write to {folder} any more: {error.strerror}; the same command "
            "goes on from what is saved there"
        ) from error


def _hidden_folder(path):
    """Make a folder next to `path`; its name is cut to stay below 255 bytes."""
    return Path(tempfile.mkdtemp(_MARK, f".{path.name[:50]}.", path.parent))


def is_same_file(one: StrPath, other: StrPath) -> bool:
    """Whether two paths lead to one file, by links or where case does not count."""
    if os.path.exists(one) and os.path.exists(other):
        return os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)


def sync(path: Path) -> None:
    """Bring a file to the disk, if its file system can."""
    with open(path, "rb+") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
                raise


def _usual_mode(path, folder):
    """Return the mode of the file that is replaced, else that of any new file."""
    if path.exists():
        return path.stat().st_mode & 0o777
    return 0o666 & _mode_of_new(folder)


def _mode_of_new(folder):
    """Return the mode that a new folder gets inside `folder`.

    To read it, `os.umask` would change the mask of all threads.
    """
    probe = Path(folder, f"{_MARK}.mode")
    probe.mkdir()
    try:
        return probe.stat().st_mode & 0o777
    finally:
        probe.rmdir()
