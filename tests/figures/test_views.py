"""What is shown of a picture is where the models differ; strips hold its pixels."""

import numpy as np
import pytest
from PIL import Image

from srlite.figures.crops import CROP, Box, error_scale, make_view
from srlite.figures.strips import CELL, GAP, draw_strip, error_map, overview


@pytest.fixture
def pictures():
    """LR, HR and two models that differ by one level everywhere."""
    random = np.random.default_rng(0)
    hr = random.integers(60, 180, (300, 400, 3), dtype=np.uint8)
    lr = hr[::4, ::4].copy()
    return lr, hr, {"one": hr + np.uint8(1), "two": hr + np.uint8(2)}


def test_crop_is_where_the_models_differ(pictures):
    lr, hr, models = pictures
    # A square as large as the crop, on the grid of LR pixels.
    models["two"][100 : 100 + CROP, 248 : 248 + CROP] += 40
    # What only HR holds does not count while there are two models.
    hr[:60, :60] = 255
    view = make_view(lr, hr, models)
    assert view.crop == Box(100, 248, CROP, CROP)
    around = view.surroundings
    assert around == Box(28, 80, 240, 320)  # 136 is the middle; 80 is the edge
    assert list(view.models) == ["bicubic", "one", "two"]


def test_one_model_is_compared_with_hr(pictures):
    lr, hr, models = pictures
    models["one"][200:204, 12:16] += 50
    crop = make_view(lr, hr, {"one": models["one"]}).crop
    assert crop.top <= 200 <= crop.top + CROP - 4 and crop.left <= 12


def test_equals_take_the_first_square(pictures):
    lr, hr, _ = pictures
    view = make_view(lr, hr, {"one": hr, "two": hr})
    assert (view.crop.top, view.crop.left) == (0, 0)


@pytest.mark.parametrize("scale", [96, 97, 300])
def test_a_large_scale_shows_a_pixel_of_lr(scale):
    hr = np.zeros((2 * scale, 3 * scale, 3), np.uint8)
    hr[scale:, scale : 2 * scale] = 9
    view = make_view(hr[::scale, ::scale], hr, {"one": np.zeros_like(hr)})
    assert view.crop == Box(scale, scale, scale, scale)
    assert view.surroundings.height >= scale


def test_small_picture_is_shown_whole():
    hr = np.zeros((26, 42, 3), np.uint8)  # two rows and columns more than LR stands for
    view = make_view(hr[:24:4, :40:4], hr, {"one": hr})
    assert view.hr.shape == (24, 40, 3)
    assert view.crop == Box(0, 0, 24, 24) and view.surroundings == Box(0, 0, 24, 40)


def test_error_scale_holds_nearly_all():
    hr = np.zeros((96, 96, 3), np.uint8)
    lr = hr[::4, ::4]
    grey = np.full_like(hr, 20)  # luma 16 + 219 * 20 / 255, so 17.2 levels off
    few = grey.copy()
    few[:2, :20] = 255  # 40 of 2 * 9216 pixels: less than 0.5 %
    models = {"bicubic": grey, "one": few}
    assert error_scale([make_view(lr, hr, models)]) == 32


def test_error_map_is_dark_for_none_and_clipped():
    image = error_map(np.array([[0, 16, 32, 64]]), 32)
    assert np.asarray(image).tolist() == [[0, 128, 255, 255]]
    lightness = np.asarray(image.convert("L"))[0].tolist()
    assert lightness == sorted(lightness) and lightness[0] < 5 < 200 < lightness[2]


def test_strip_holds_the_pixels(pictures):
    lr, hr, models = pictures
    models["two"][100 : 100 + CROP, 248 : 248 + CROP] += 40
    view = make_view(lr, hr, models)
    columns = ["LR", "bicubic", "one", "two", "HR"]
    labels = {name: ["x" * 200, "y"] for name in columns}
    strip = np.asarray(draw_strip(view, labels, 64, ["title"]))
    # Above: crop, its name, two lines. Below: map.
    height = GAP + CELL + 3 * 22 + GAP + CELL + GAP
    assert strip.shape == (height, GAP + 5 * (CELL + GAP), 3)
    for i, (name, crop) in enumerate(view.columns(view.crop)):
        left = GAP + i * (CELL + GAP)
        cell = strip[GAP : GAP + CELL, left : left + CELL]
        factor = CELL // crop.shape[0]
        np.testing.assert_array_equal(cell[::factor, ::factor], crop)
        np.testing.assert_array_equal(cell[factor - 1 :: factor, ::factor], crop)
        # Long lines are cut: the gap after each column stays white.
        assert (
            name == columns[i]
            and (strip[:, left + CELL : left + CELL + GAP] == 255).all()
        )
    left, top = GAP + 3 * (CELL + GAP), height - GAP - CELL
    found = Image.fromarray(strip[top : top + CELL : 3, left : left + CELL : 3])
    expected = error_map(view.error("two"), 64).convert("RGB")
    np.testing.assert_array_equal(found, expected)


def test_overview_frames_the_boxes():
    picture = np.zeros((200, 400, 3), np.uint8)
    image = np.asarray(overview(picture, [Box(40, 80, 80, 160)], 200))
    assert image.shape == (100, 200, 3)
    rows, columns = np.nonzero((image == (255, 59, 48)).all(axis=-1))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 59, 40, 119)
