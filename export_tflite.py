"""Command: python export_tflite.py --model M.keras|RUN --output F.tflite|--all DIR."""

from srlite.errors import run_command
from srlite.export.command import main

if __name__ == "__main__":
    run_command(main)
