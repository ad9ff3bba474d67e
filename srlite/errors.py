"""Errors a user can mend, and the one place that turns them into exit statuses.

Everything that can go wrong because of what a user gave (a file, an option, a
model) raises a :class:`SrliteError` whose message is one sentence: what was
received, what was expected, how to mend it. Commands print that sentence and exit
with status 2; a programming error keeps its traceback.
"""

import sys
from collections.abc import Callable
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
    """For callbacks to raise: the work stops, and nothing is written."""


class BackendError(SrliteError):
    """Keras, or the backend that a task needs, is not there."""


def run_command(main: Callable[[], int | None]) -> NoReturn:
    """Run the function behind a command and leave the process.

    Args:
        main: function without arguments that returns an exit status, or None for 0.

    Exit status: what `main` returns; 2 after a `SrliteError`, printed as one line;
    130 after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # File names may be no text at all.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = main()
    except SrliteError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    sys.exit(status)


def one_line(text: object) -> str:
    """Escape what a file name may hold beside letters: newlines, terminal codes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in str(text)
    )
