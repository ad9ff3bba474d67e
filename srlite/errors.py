"""Errors that a user can mend, and how commands end.

A fault in what a user gave (a file, an option, a model) raises a `SrliteError` of one
sentence: what was received, what was expected, how to mend it. Commands print it and
exit with status 2; a programming error keeps its traceback.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn


class SrliteError(Exception):
    """Base class of every error that srlite raises on purpose."""


class ImageError(SrliteError):
    """An image that cannot be read, written or used."""


class ConfigError(SrliteError):
    """An unknown option, or an option with an impossible value."""


class DataError(SrliteError):
    """Training or validation data that cannot be used."""


class CheckpointError(SrliteError):
    """A checkpoint or run directory that is missing, damaged or foreign."""


class DamagedCheckpointError(CheckpointError):
    """A checkpoint that cannot be read, while others of its run may be whole."""


class ModelError(SrliteError):
    """A model file that is missing, damaged or not what was asked for."""


class ExportError(SrliteError):
    """A ``.tflite`` that could not be made, or disagrees with its model."""


class DivergenceError(SrliteError):
    """Training whose losses or gradients are no longer finite."""


class Cancelled(SrliteError):
    """Raised by callbacks to stop the work; nothing is written."""


class BackendError(SrliteError):
    """Keras, or the backend that a task needs, is missing."""


def run_command(main: Callable[[], int | None]) -> NoReturn:
    """Run a command, a function that returns an exit status or None for 0, and exit.

    The status is what `main` returns; 2 after a `SrliteError` or where memory ends,
    printed as one line; 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP. The work
    goes on if output is lost, because nobody reads it or a disk is full.
    """
    with contextlib.suppress(OSError):
        # Else the next file to be opened would take the place of a closed stream.
        while os.open(os.devnull, os.O_RDWR) < 3:
            pass
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_open_stream(name) for name in ("stdout", "stderr"))
    with contextlib.suppress(ValueError):  # not the main thread
        exit_when_asked()
    try:
        status = main()
    except SrliteError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        status = 2
    except MemoryError as error:
        print(f"error: {error_reason(error)}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    finally:
        sys.stdout.flush()
        sys.stdout, sys.stderr = before
    sys.exit(status)


def exit_when_asked() -> None:
    """End this process by an exception on SIGTERM, to remove unfinished files.

    The same on SIGHUP (the terminal was closed) unless that is ignored. Raises
    ValueError outside the main thread.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    hangup = getattr(signal, "SIGHUP", None)  # not on Windows
    if hangup is not None and signal.getsignal(hangup) == signal.SIG_DFL:
        signal.signal(hangup, lambda *_: sys.exit(129))


def _open_stream(name):
    """Return stdout or stderr as a stream that can always be printed to."""
    stream = getattr(sys, name)
    if stream is None:  # closed
        stream = open(os.devnull, "w")
    if hasattr(stream, "reconfigure"):  # File names may be no text at all.
        stream.reconfigure(errors="backslashreplace")
    return ForgivingStream(lambda: stream)


class ForgivingStream:
    """A text stream that ignores failures of what it writes to."""

    def __init__(self, find):
        """Take a function that returns the stream to write to."""
        self._find = find

    def __getattr__(self, name):
        """Return an attribute of the stream."""
        return getattr(self._find(), name)

    def write(self, text):
        """Write a text."""
        return self._attempt(self._find().write, text)

    def flush(self):
        """Flush what was written."""
        return self._attempt(self._find().flush)

    def _attempt(self, function, *arguments):
        try:
            return function(*arguments)
        except UnicodeError:
            pass  # The stream goes on with the next line.
        except (OSError, ValueError):
            # What is left in the buffer would raise at the end of the process.
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._find().fileno())
                os.close(nowhere)
        return 0


def arguments_of(argv: Sequence[str] | None) -> list[str]:
    """Return the arguments of a command, those of this process where `argv` is None.

    Raises ConfigError for an empty one, most likely from a shell variable that is not
    set: an empty path would stand for the current folder.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    for before, argument in zip(["", *argv], argv):
        if not argument or (argument.startswith("--") and argument.endswith("=")):
            option = argument.removesuffix("=") or before
            place = option if option.startswith("-") else "an argument"
            raise ConfigError(f"{place} is empty; give a value, or leave it out")
    return argv


def one_line(text: object) -> str:
    """Escape newlines and terminal codes, which a file name may hold."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in str(text)
    )


def error_reason(error: BaseException) -> str:
    """Return another library's reason for an error, on one line."""
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    reason = getattr(error, "strerror", None) or f"{error}".strip().split("\n")[0]
    return reason.rstrip(":") or type(error).__name__
