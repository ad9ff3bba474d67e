"""Results of a size that was asked for, by any number of runs."""

import numpy as np
import pytest
from PIL import Image

from srlite.runtime.upscaler import Upscaler


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    "size", [(100, 120), (41, 48), (160, 100), (170, 200), (700, 90), (13, 16)]
)
def test_any_size(tiny_tflite, photo, size, dtype):
    image = {
        np.uint8: photo,
        np.uint16: photo.astype(np.uint16) * 257,
        np.float32: photo / np.float32(255),
    }[dtype]
    whole = Upscaler.from_file(tiny_tflite).upscale(image, size=size)
    assert whole.shape == (*size, 3)
    assert whole.dtype == (np.uint16 if dtype == np.uint16 else np.uint8)
    tiled = Upscaler.from_file(tiny_tflite, 19, 8).upscale(image, size=size)
    step = 257 if dtype == np.uint16 else 1
    assert np.abs(tiled.astype(int) - whole).max() <= step


def test_several_runs_keep_colours_in_place(nearest_tflite):
    """A ramp of 6 enlarged by 10: two runs; beyond its ends is nothing."""
    ramp = np.tile(np.linspace(0.2, 0.8, 6)[:, None, None], (1, 6, 3))
    seen = []
    sr = Upscaler.from_file(nearest_tflite, tile=4, overlap=1).upscale(
        ramp, size=(60, 60), progress=lambda *done: seen.append(done)
    )
    # One window for 6 x 6 pixels, and 9 of 8 x 8 for the 15 x 15 of the first run.
    assert seen == [(done, 10) for done in range(1, 11)]
    assert (sr == sr[:, :1]).all()
    expected = 255 * np.interp(np.arange(60), 10 * np.arange(6) + 4.5, ramp[:, 0, 0])
    # Nearest neighbours: off by at most half an LR pixel, 0.06, and some ringing.
    assert np.abs(sr[:, 0, 0] - expected).max() < 0.075 * 255
    assert abs(sr.mean() - 127.5) < 0.5


def test_no_run_is_a_plain_reduction(tiny_tflite, photo):
    sr = Upscaler.from_file(tiny_tflite).upscale(photo, size=(20, 31))
    expected = Image.fromarray(photo).resize((31, 20), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(sr, expected)
    same = Upscaler.from_file(tiny_tflite).upscale(photo, size=photo.shape[:2])
    np.testing.assert_array_equal(same, photo)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_reduced_texture_goes_on_at_its_opposite_edge(tiny_tflite, dtype):
    highest = np.iinfo(dtype).max
    image = np.random.default_rng(0).integers(0, highest, (24, 36, 3), dtype)
    upscaler = Upscaler.from_file(tiny_tflite)
    sr, moved = (
        upscaler.upscale(picture, size=(12, 9), wrap=True)
        for picture in (image, np.roll(image, (10, 12), (0, 1)))
    )
    np.testing.assert_array_equal(np.roll(sr, (5, 3), (0, 1)), moved)
