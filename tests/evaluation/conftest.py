"""What several tests of evaluation share: a program that enlarges."""

import shlex
import sys

import pytest

REPEATING = """
import sys, time
from PIL import Image
image = Image.open(sys.argv[1])
size = [int(sys.argv[3]) * side for side in image.size]
image.resize(size, Image.Resampling.NEAREST).save(sys.argv[2])
time.sleep(float(sys.argv[4]))
"""


@pytest.fixture
def program(tmp_path):
    """A command that repeats each pixel, `factor` times along each axis."""
    path = tmp_path / "repeat.py"
    path.write_text(REPEATING)
    words = shlex.join([sys.executable, str(path)])
    return lambda factor=4, seconds=0: f"{words} {{lr}} {{sr}} {factor} {seconds}"
