"""Tiles against the whole picture, on a function with a known receptive field."""

import math
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from srlite.runtime.tiling import best_window, computed_pixels, tiles, window_of
from srlite.runtime.upscaler import Upscaler

RADIUS = 2  # LR pixels that `blur_and_enlarge` looks around each pixel


def blur_and_enlarge(batch):
    """A 5 x 5 box filter with zero padding, enlarged to 2 x 2 by repetition."""
    padded = np.pad(batch, ((0, 0), (RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(1, 2))
    return windows.mean(axis=(-2, -1)).repeat(2, axis=1).repeat(2, axis=2)


def upscale_tiled(image, predict, scale, tile, overlap, run=None, wrap=False):
    """Run a function over a picture, tile by tile."""
    around = 2 * overlap if wrap else 0
    window = window_of([n + around for n in image.shape[:2]], tile, overlap)
    size = run[0] if run else tuple(scale * side for side in image.shape[:2])
    out = np.full((*size, image.shape[2]), 99, image.dtype)
    for part in tiles(image.shape, scale, window, overlap, run, wrap):
        out[part.target] = part.keep(predict(part.cut(image)))
    return out


@pytest.mark.parametrize("shape", [(1, 1), (7, 30), (33, 16), (16, 17), (50, 50)])
@pytest.mark.parametrize("tile", [1, 7, 16])
def test_tiles_equal_the_whole_picture(shape, tile):
    image = np.random.default_rng(0).random((*shape, 3))
    whole = upscale_tiled(image, blur_and_enlarge, 2, tile=100, overlap=RADIUS)
    tiled = upscale_tiled(image, blur_and_enlarge, 2, tile=tile, overlap=RADIUS)
    assert whole.shape == (2 * shape[0], 2 * shape[1], 3)
    np.testing.assert_allclose(tiled, whole, atol=1e-12)


@pytest.mark.parametrize("tile", [3, 100])
def test_nothing_lies_beyond_the_edges(tile):
    """There the function does what it does with the whole picture."""
    image = np.random.default_rng(0).random((9, 11, 3))
    sr = upscale_tiled(image, blur_and_enlarge, 2, tile, overlap=RADIUS)
    np.testing.assert_allclose(sr, blur_and_enlarge(image[None])[0], atol=1e-12)


@pytest.mark.parametrize("size", [(180, 320), (408, 612), (816, 1225), (2000, 3000)])
@pytest.mark.parametrize("most", [20_000, 94_500])
def test_best_window_computes_least(size, most):
    """Against every division into rows and columns, and within the memory."""
    overlap = 20
    least = math.inf
    for rows in range(1, 80):
        for columns in range(1, 80):
            high, wide = (
                -(-(side + 2 * overlap * (n - 1)) // n)
                for side, n in zip(size, (rows, columns))
            )
            if high * wide <= most and min(high, wide) >= 72:
                least = min(least, rows * high * columns * wide)
    window = best_window(size, overlap, most)
    assert math.prod(window) <= most
    assert computed_pixels(size, window, overlap) == least
    seen = sum(part.cut(np.empty(size)).size for part in tiles(size, 4, window, 20))
    assert seen == least


def test_best_window_with_little_memory():
    assert best_window((500, 30), 20, 10) == (71, 30)  # 15 rows of windows
    assert best_window((50, 30), 20, 1500) == (50, 30)
    with_overlap = best_window((1000, 1000), 20, 1)
    assert max(with_overlap) <= 72


def test_too_small_an_overlap_shows():
    image = np.random.default_rng(0).random((40, 40, 3))
    whole = upscale_tiled(image, blur_and_enlarge, 2, tile=100, overlap=0)
    tiled = upscale_tiled(image, blur_and_enlarge, 2, tile=16, overlap=0)
    assert np.abs(whole - tiled).max() > 0.1


def test_overlap_larger_than_the_picture():
    image = np.random.default_rng(0).random((3, 20, 3))
    sr = upscale_tiled(image, blur_and_enlarge, 2, tile=1, overlap=9)
    np.testing.assert_allclose(sr, blur_and_enlarge(image[None])[0], atol=1e-12)


def test_calls_have_one_shape():
    shapes = set()

    def predict(batch):
        shapes.add(batch.shape)
        return batch.repeat(4, axis=1).repeat(4, axis=2)

    image = np.random.default_rng(0).integers(0, 256, (50, 20, 3), dtype=np.uint8)
    sr = upscale_tiled(image, predict, 4, tile=16, overlap=3)
    # Three windows of 21 with two overlaps of 6 cover 50 and some; 20 is one.
    assert shapes == {(1, 21, 20, 3)}
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
    """At the edges too, where both have nothing beyond."""
    image = np.random.default_rng(0).random((40, 60, 3)).astype(np.float32)
    run = (60, 90), (Fraction(3, 2),) * 2
    reduced = upscale_tiled(image, blur_and_enlarge, 2, 13, overlap=8, run=run)
    whole = upscale_tiled(image, blur_and_enlarge, 2, 99, overlap=8)
    for channel in range(3):
        plane = Image.fromarray(whole[..., channel])
        expected = np.asarray(plane.resize((90, 60), Image.Resampling.LANCZOS))
        actual = reduced[..., channel]
        np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_what_reaches_over_the_edge_is_mirrored():
    """10 pixels made 8 of 1.3 pixels each: the last one reaches 0.4 outside."""
    image = np.random.default_rng(0).random((10, 10)).astype(np.float32)
    run = (8, 8), (Fraction(10, 13),) * 2
    reduced = upscale_tiled(
        image[..., None], lambda batch: batch, 1, 4, overlap=8, run=run
    )
    around = Image.fromarray(np.pad(image, (0, 1), mode="symmetric"))
    box = (0, 0, 10.4, 10.4)
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


def test_a_texture_goes_on_at_its_opposite_edge():
    image = np.random.default_rng(0).random((9, 11, 3))
    rolled = np.roll(image, (4, 5), (0, 1))
    for tile in (100, 4):
        sr, moved = (
            upscale_tiled(picture, blur_and_enlarge, 2, tile, RADIUS, wrap=True)
            for picture in (image, rolled)
        )
        np.testing.assert_allclose(np.roll(sr, (8, 10), (0, 1)), moved, atol=1e-12)


class BlockNetwork:
    """A box filter over what pixels share in blocks of 2 x 2, which must be whole."""

    scale, step, size, overlap, bytes_per_pixel = 2, 2, None, 2 * RADIUS, 1000
    eight_bit = False

    def __call__(self, lr):
        """Mix each pixel with its block, then blur and enlarge."""
        _, height, width, channels = lr.shape
        blocks = lr[0].reshape(height // 2, 2, width // 2, 2, channels).mean((1, 3))
        return blur_and_enlarge((lr + blocks.repeat(2, 0).repeat(2, 1)) / 2)

    def release(self):
        """Hold nothing that has to be freed."""


@pytest.mark.parametrize("shape", [(31, 44), (30, 45), (9, 13), (8, 70)])
@pytest.mark.parametrize("ensemble", [1, 2, 4, 8])
@pytest.mark.parametrize("wrap", [False, True])
def test_views_of_a_picture_of_any_size(shape, ensemble, wrap):
    """A network of blocks sees whole ones in each view, flipped or turned."""
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    whole, tiled = (
        Upscaler(BlockNetwork(), tile, ensemble=ensemble).upscale(image, wrap=wrap)
        for tile in (None, 6)
    )
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_blocks_stay_whole_in_a_fixed_input():
    class Network(BlockNetwork):
        def __call__(self, lr):
            blocks = lr[:, ::2, ::2] + lr[:, 1::2, 1::2]
            return blocks.repeat(4, 1).repeat(4, 2) / 2

    class Fixed(Network):
        size = 16, 16

    for shape in ((14, 10), (13, 6), (2, 3)):
        image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
        sr, expected = (Upscaler(kind()).upscale(image) for kind in (Fixed, Network))
        np.testing.assert_array_equal(sr, expected)


@pytest.mark.parametrize("tile", [1, 2, 3])
def test_small_windows_see_nothing_beyond_the_picture(tile):
    class Network(BlockNetwork):
        step, overlap = 1, RADIUS
        __call__ = staticmethod(blur_and_enlarge)

    for shape in ((25, 26), (14, 9), (7, 40)):
        image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
        whole = Upscaler(Network()).upscale(image)
        tiled = Upscaler(Network(), tile).upscale(image)
        assert np.abs(whole.astype(int) - tiled).max() <= 1
