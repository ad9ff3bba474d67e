"""Damaged files of every format: a sentence or a picture, and nothing in between."""

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from malformed_files import damaged_files, valid_files
from PIL import Image

from srlite.enhance.inference import enhance_image
from srlite.errors import ImageError
from srlite.pictures.picture import read_picture

ROOT = Path(__file__).parents[2]
# What a number in a damaged header may claim; more would only take longer.
MAX_PIXELS = 10_000
SECONDS = 20  # for a file of some hundred bytes
ENDINGS = (".png", ".jpg", ".webp", ".tif", ".bmp", ".avif")

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="needs a timer that interrupts"
)


class TooLong(BaseException):
    """Not an `Exception`, so that nothing takes it for a decoder's."""


def stop(*_):
    raise TooLong


@pytest.fixture
def run(tmp_path, tiny_tflite):
    """A function that enhances one file, checks all traces and says how it ended."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()

    def run(name, content, target):
        source = tmp_path / "in" / name
        source.write_bytes(content)
        previous = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            picture = read_picture(source, MAX_PIXELS)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # notes on what is lost
                sr = enhance_image(
                    lr_path=source, sr_path=target, model=tiny_tflite, num_threads=1
                )
        except ImageError as error:
            sentence = str(error)
            assert name in sentence and len(sentence) < 400
            assert os.listdir(target.parent) == [], sentence
            return "refused"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
            assert source.read_bytes() == content
            source.unlink()
        assert os.listdir(target.parent) == [target.name]
        height, width = picture.pixels.shape[:2]
        assert sr.shape[:2] == (4 * height, 4 * width)
        written = read_picture(target)  # Pillow knows no TIFF of deep grey with alpha.
        assert written.pixels.shape == (4 * height, 4 * width, 3)
        target.unlink()
        return "enhanced"

    return run


def run_all(run, tmp_path, count):
    outcomes = {"refused": 0, "enhanced": 0}
    files = valid_files(tmp_path)
    for number, (name, content) in enumerate(damaged_files(files, count)):
        target = tmp_path / "out" / f"sr{ENDINGS[number % len(ENDINGS)]}"
        outcomes[run(name, content, target)] += 1
    return outcomes


def test_the_undamaged_files_are_enhanced(run, tmp_path):
    for name, content in valid_files(tmp_path).items():
        assert run(name, content, tmp_path / "out" / "sr.png") == "enhanced", name


@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_damaged_files(run, tmp_path, count):
    outcomes = run_all(run, tmp_path, count)
    assert sum(outcomes.values()) == count, outcomes
    assert min(outcomes.values()) > count / 10, outcomes


@pytest.mark.parametrize("count", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_damaged_files_through_the_command(tmp_path, tiny_tflite, count):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    files = list(damaged_files(valid_files(tmp_path), 1000, seed=7))
    refused = 0
    for name, content in files[:: len(files) // count][:count]:
        source, target = tmp_path / "in" / name, tmp_path / "out" / "sr.png"
        source.write_bytes(content)
        start = time.monotonic()
        done = subprocess.run(
            [
                *(sys.executable, str(ROOT / "inference.py"), "--quiet"),
                *("--lr-path", str(source), "--sr-path", str(target)),
                *("--model", str(tiny_tflite)),
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert time.monotonic() - start < 60
        assert "Traceback" not in done.stderr, done.stderr
        if done.returncode == 0:
            with Image.open(target) as image:
                image.load()
            target.unlink()
        else:
            # Before that line, decoders in C may have said something of their own.
            last = done.stderr.rstrip().rpartition("\n")[2]
            assert done.returncode == 2 and last.startswith("error: "), done.stderr
            refused += 1
        assert os.listdir(tmp_path / "out") == []
    assert refused


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return sorted(valid_files(tmp_path_factory.mktemp("kinds")).items())


# Where, how many bytes go, and what comes in their place.
EDITS = st.tuples(st.integers(0, 2**11), st.integers(0, 64), st.binary(max_size=12))


@pytest.mark.slow
@settings(
    max_examples=3000,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # it cleans up itself
)
@given(kind=st.integers(0, 999), edits=st.lists(EDITS, min_size=1, max_size=4))
@example(kind=0, edits=[(0, 2**11, b"")])
def test_edited_files(run, files, tmp_path, kind, edits):
    """3,000 files from a search that makes those it fails on as plain as it can."""
    name, content = files[kind % len(files)]
    for place, gone, come in edits:
        place %= len(content) + 1
        content = content[:place] + come + content[place + gone :]
    run(name, content, tmp_path / "out" / f"sr{ENDINGS[kind % len(ENDINGS)]}")


@pytest.mark.parametrize("cut", [0.0, 0.1, 0.5, 0.9])
def test_truncated_files(run, tmp_path, cut):
    for name, content in valid_files(tmp_path).items():
        short = content[: int(cut * len(content))]
        outcome = run(name, short, tmp_path / "out" / "sr.png")
        # What is left of these may still be a whole picture with a torn description.
        assert outcome == "refused" or cut == 0.9, name


def test_damaged_pixels_of_a_tiff_are_said_to_be_damaged(tmp_path):
    """Pillow gives a number alone."""
    path = tmp_path / "lr.tif"
    levels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    Image.fromarray(levels).save(path, compression="tiff_adobe_deflate")
    content = path.read_bytes()
    path.write_bytes(content[:1000] + b"\xff" * 500 + content[1500:])
    with pytest.raises(ImageError, match="its pixels are damaged, or of a compression"):
        read_picture(path)


def test_damage_is_the_same_every_time(tmp_path):
    files = valid_files(tmp_path)
    first, again = (list(damaged_files(files, 40)) for _ in range(2))
    assert first == again
    assert len({content for _, content in first}) == 40
    assert all(content != files[name.split("_", 1)[1]] for name, content in first)
    assert np.mean([len(content) for _, content in first]) > 100
