"""Enlarge a picture: `python inference.py --lr-path IN --sr-path OUT`.

From Python: `from inference import enhance_image`.
"""

from srlite.enhance.inference import enhance_image
from srlite.errors import run_command

__all__ = ["enhance_image"]

if __name__ == "__main__":
    from srlite.enhance.command import main

    run_command(main)
