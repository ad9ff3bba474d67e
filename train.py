"""Train a generator from photographs.

    python train.py --preset light --data-dir photos/ --run-dir runs/light

Ctrl-C saves a checkpoint; the same command again goes on from there.
"""

from srlite.errors import run_command
from srlite.training.command import main

if __name__ == "__main__":
    run_command(main)
