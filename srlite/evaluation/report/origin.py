"""Where a report comes from: command, date, versions, machine, and how it was measured.

Who has the pictures can make the report again from these.
"""

import datetime
import importlib.metadata
import os
import platform
import shlex

import srlite

_PACKAGES = ("numpy", "pillow", "ai-edge-litert", "keras", "tensorflow", "jax")


def report_origin(arguments, notes):
    """List what a report says about itself.

    Args:
        arguments: of `python -m srlite.evaluation.command`, list of str.
        notes: sentences on how it was measured.

    Returns:
        List of (term, text) pairs.
    """
    command = f"python -m srlite.evaluation.command {shlex.join(arguments)}"
    now = datetime.datetime.now(datetime.UTC)
    system = f"Python {platform.python_version()}, {platform.system()}"
    return [
        ("Protocol", " ".join(notes)),
        ("Command", command),
        ("Date", now.strftime("%Y-%m-%d %H:%M UTC")),
        ("Versions", f"srlite {srlite.__version__}, {_versions()}"),
        ("Machine", f"{system}, {platform.machine()}, {os.cpu_count()} cores"),
    ]


def _versions():
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)
