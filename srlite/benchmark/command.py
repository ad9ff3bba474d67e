"""The command `python -m srlite benchmark WHAT`: speed, measured side by side."""

import argparse

from srlite.benchmark import inference, tflite, training
from srlite.errors import arguments_of

KINDS = {"train": training, "inference": inference, "tflite": tflite}


def main(argv=None, prog="python -m srlite benchmark"):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog=prog, description="Measure speed.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in KINDS.items():
        module.add_arguments(commands.add_parser(name, help=module.SUMMARY))
    args = parser.parse_args(arguments_of(argv))
    KINDS[args.command].report(args)
    return 0
