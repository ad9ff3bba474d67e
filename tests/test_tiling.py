"""Tiles against the whole picture, on a function with a known receptive field."""

import math
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from srlite.runtime.tiling import count_tiles, upscale_tiled

RADIUS = 2  # LR pixels that `blur_and_enlarge` looks around each pixel


def blur_and_enlarge(batch):
    """A 5 x 5 box filter with zero padding, enlarged to 2 x 2 by repetition."""
    padded = np.pad(batch, ((0, 0), (RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(1, 2))
    return windows.mean(axis=(-2, -1)).repeat(2, axis=1).repeat(2, axis=2)


@pytest.mark.parametrize("shape", [(1, 1), (7, 30), (33, 16), (16, 17), (50, 50)])
@pytest.mark.parametrize("tile", [1, 7, 16])
def test_tiles_equal_the_whole_picture(shape, tile):
    image = np.random.default_rng(0).random((*shape, 3))
    whole = upscale_tiled(image, blur_and_enlarge, 2, tile=100, overlap=RADIUS)
    tiled = upscale_tiled(image, blur_and_enlarge, 2, tile=tile, overlap=RADIUS)
    assert whole.shape == (2 * shape[0], 2 * shape[1], 3)
    np.testing.assert_allclose(tiled, whole, atol=1e-12)


def test_picture_is_mirrored_at_its_edges():
    image = np.random.default_rng(0).random((9, 11, 3))
    sr = upscale_tiled(image, blur_and_enlarge, 2, tile=100, overlap=RADIUS)
    around = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="symmetric")
    expected = np.zeros_like(image)
    for y in range(5):
        for x in range(5):
            expected += around[y : y + 9, x : x + 11] / 25
    np.testing.assert_allclose(sr[::2, ::2], expected, atol=1e-12)


def test_too_small_an_overlap_shows():
    image = np.random.default_rng(0).random((40, 40, 3))
    whole = upscale_tiled(image, blur_and_enlarge, 2, tile=100, overlap=0)
    tiled = upscale_tiled(image, blur_and_enlarge, 2, tile=16, overlap=0)
    assert np.abs(whole - tiled).max() > 0.1


def test_overlap_larger_than_the_picture():
    image = np.full((1, 2, 3), 0.25)
    sr = upscale_tiled(image, blur_and_enlarge, 2, tile=16, overlap=9)
    np.testing.assert_allclose(sr, 0.25)


def test_calls_have_one_shape_and_report_progress():
    shapes, progress = set(), []

    def predict(batch):
        shapes.add(batch.shape)
        return batch.repeat(4, axis=1).repeat(4, axis=2)

    image = np.random.default_rng(0).integers(0, 256, (50, 20, 3), dtype=np.uint8)
    sr = upscale_tiled(
        image, predict, 4, tile=16, overlap=3, progress=lambda *p: progress.append(p)
    )
    assert shapes == {(1, 13 + 6, 10 + 6, 3)}  # 50 = 4 parts of 13, 20 = 2 of 10
    assert progress == [(done, 8) for done in range(1, 9)]
    assert sr.dtype == np.uint8
    np.testing.assert_array_equal(sr, image.repeat(4, axis=0).repeat(4, axis=1))


@pytest.mark.parametrize("zoom", [Fraction(3, 2), Fraction(7, 5), Fraction(1, 2)])
@pytest.mark.parametrize("tile", [7, 16])
def test_reduced_tiles_equal_the_reduced_whole(zoom, tile):
    image = np.random.default_rng(0).random((33, 50, 3))
    run = tuple(math.ceil(side * zoom) for side in (33, 50)), (zoom, zoom)
    whole, tiled = (
        upscale_tiled(image, blur_and_enlarge, 2, side, overlap=10, run=run)
        for side in (100, tile)
    )
    assert tiled.shape == (*run[0], 3)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_reduced_pictures_are_pillow_s():
    """Away from the edges, where Pillow has nothing and tiles have mirrored pixels."""
    image = np.random.default_rng(0).random((40, 60, 3)).astype(np.float32)
    run = (60, 90), (Fraction(3, 2),) * 2
    reduced = upscale_tiled(image, blur_and_enlarge, 2, 13, overlap=8, run=run)
    whole = upscale_tiled(image, blur_and_enlarge, 2, 99, overlap=8)
    for channel in range(3):
        plane = Image.fromarray(whole[..., channel])
        expected = np.asarray(plane.resize((90, 60), Image.Resampling.LANCZOS))
        actual = reduced[..., channel]
        np.testing.assert_allclose(actual[6:-6, 6:-6], expected[6:-6, 6:-6], atol=1e-5)


def test_what_reaches_over_the_edge_is_mirrored():
    """10 pixels made 8 of 1.3 pixels each: the last one reaches 0.4 outside."""
    image = np.random.default_rng(0).random((10, 10)).astype(np.float32)
    run = (8, 8), (Fraction(10, 13),) * 2
    reduced = upscale_tiled(
        image[..., None], lambda batch: batch, 1, 4, overlap=8, run=run
    )
    around = Image.fromarray(np.pad(image, 8, mode="symmetric"))
    box = (8, 8, 18.4, 18.4)
    expected = around.resize((8, 8), Image.Resampling.LANCZOS, box)
    np.testing.assert_allclose(reduced[..., 0], expected, atol=1e-5)


def test_a_run_may_end_earlier():
    image = np.random.default_rng(0).random((5, 6, 1))
    run = (19, 22), (4, 4)
    sr = upscale_tiled(
        image, lambda b: b.repeat(4, axis=1).repeat(4, axis=2), 4, 2, 1, run=run
    )
    expected = image.repeat(4, axis=0).repeat(4, axis=1)[:19, :22]
    np.testing.assert_array_equal(sr, expected)


@pytest.mark.parametrize("run", [None, ((60, 90), (Fraction(3, 2),) * 2)])
def test_tiles_are_counted_before(run):
    seen = []
    upscale_tiled(
        np.zeros((40, 60, 1), np.float32),
        lambda batch: batch.repeat(2, axis=1).repeat(2, axis=2),
        *(2, 13, 4),
        progress=lambda *done: seen.append(done),
        run=run,
    )
    assert count_tiles((40, 60), 2, 13, run) == len(seen) == 20
    assert seen[-1] == (20, 20)
