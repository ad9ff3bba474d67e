"""The installed command: `srlite enhance in.png out.png`, `srlite train ...`.

Each command is the `main` of a module, which a root script or `python -m` runs too. The
module is imported when it is called, so that `srlite --help` is quick.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

import srlite
from srlite.errors import run_command

# Name: (module with a `main`, one line of help).
COMMANDS = {
    "enhance": ("enhance.command", "enlarge pictures, animations and videos"),
    "bulk": ("enhance.bulk", "enlarge any number of pictures, with Apache Beam"),
    "train": ("training.command", "train a generator from photographs"),
    "export": (
        "export.command",
        "convert a trained generator to .tflite, and check it",
    ),
    "evaluate": (
        "evaluation.command",
        "measure models on HR pictures, for each downscaling kernel",
    ),
    "interpolate": ("models.interpolation", "mix the weights of two generators"),
    "benchmark": (
        "benchmark.command",
        "measure the speed of training, enlarging or a .tflite",
    ),
    "plots": ("training.plots", "draw the curves of a training run"),
    "pack": ("data.photographs", "decode photographs once into a file to train on"),
    "doctor": (
        "runtime.doctor",
        "check the installation and print what a bug report needs",
    ),
    "render": ("data.renderings", "draw pictures of text and line art to train on"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of `COMMANDS`; return its exit status, or raise as it does."""
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        prog="srlite",
        description="Light image super-resolution.",
        epilog="Run `srlite COMMAND --help` for the options of a command.",
    )
    parser.add_argument(
        "--version", action="version", version=f"srlite {srlite.__version__}"
    )
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for name, (_, summary) in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    # The rest is read by the command's own parser.
    name = parser.parse_args(argv[:1]).command
    command = importlib.import_module(f"srlite.{COMMANDS[name][0]}")
    return command.main(argv[1:], prog=f"srlite {name}")


def run() -> None:
    """Run the command and leave the process."""
    run_command(main)
