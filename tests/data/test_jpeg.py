"""JPEG in the graph against Pillow's files: halved chroma, phases, sizes, grey."""

import io

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data

from srlite.data.augmentations import compress_jpeg, quantisation_tables


@pytest.fixture(scope="module")
def photo():
    return data.astronaut()[40:137, 150:269]  # (97, 119, 3)


def saved(picture, quality, subsampled=False):
    """The file that Pillow makes of a picture."""
    buffer = io.BytesIO()
    subsampling = 2 if subsampled else 0
    Image.fromarray(picture).save(
        buffer, "JPEG", quality=quality, subsampling=subsampling
    )
    return Image.open(buffer)


def through_pillow(picture, quality, subsampled=False):
    return np.asarray(saved(picture, quality, subsampled), np.float32)


def computed(pictures, *arguments):
    pictures = np.asarray(pictures, np.float32)
    return keras.ops.convert_to_numpy(compress_jpeg(pictures, *arguments))


def assert_equal_but_for_roundings(result, expected):
    """The integer arithmetic of libjpeg turns a coefficient here and there."""
    difference = np.abs(result - expected)
    assert (difference <= 1).mean() >= 0.99
    assert difference.max() <= 4
    np.testing.assert_array_equal(result, np.rint(result))
    assert result.min() >= 0 and result.max() <= 255


@pytest.mark.parametrize("subsampled", [False, True], ids=["444", "420"])
@pytest.mark.parametrize("quality", [10, 30, 50, 75, 90, 97])
def test_equals_pillow(photo, quality, subsampled):
    expected = through_pillow(photo, quality, subsampled)
    (result,) = computed(photo[None], np.array([quality]), None, np.array([subsampled]))
    assert_equal_but_for_roundings(result, expected)
    # Small against what the codec itself changes.
    assert np.abs(result - expected).mean() < 0.07 * np.abs(expected - photo).mean()


def test_chroma_is_whole_unless_halved(photo):
    qualities = np.array([60, 60])
    whole = computed(np.stack([photo] * 2), qualities)
    mixed = computed(np.stack([photo] * 2), qualities, None, np.array([True, False]))
    np.testing.assert_array_equal(whole[0], mixed[1])
    assert np.abs(mixed[0] - mixed[1]).mean() > 0.2


@pytest.mark.parametrize("subsampled", [False, True], ids=["444", "420"])
@pytest.mark.parametrize("phase", [(0, 0), (3, 0), (0, 9), (15, 15), (8, 13)])
def test_phase_is_a_cut_from_a_larger_file(photo, phase, subsampled):
    """The larger picture repeats its edges; its file begins `phase` pixels before."""
    picture = photo[:66, :50]
    height, width = picture.shape[:2]
    widths = [(p, 16 - p) for p in phase] + [(0, 0)]
    larger = np.pad(picture, widths, mode="edge")
    y, x = phase
    expected = through_pillow(larger, 60, subsampled)[y : y + height, x : x + width]
    places = np.array([phase, (0, 0)], np.int32)
    both = np.stack([picture] * 2)
    result = computed(both, np.array([60, 0]), places, np.array([subsampled] * 2))
    assert_equal_but_for_roundings(result[0], expected)
    np.testing.assert_array_equal(result[1], picture)


@pytest.mark.parametrize("subsampled", [False, True], ids=["444", "420"])
@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (8, 16), (17, 3), (33, 49)])
def test_odd_sizes(photo, shape, subsampled):
    small = photo[: shape[0], : shape[1]]
    (result,) = computed(small[None], np.array([75]), None, np.array([subsampled]))
    expected = through_pillow(small, 75, subsampled)
    assert result.shape == expected.shape
    assert np.abs(result - expected).mean() < 0.3
    assert np.abs(result - expected).max() <= 4


@pytest.mark.parametrize("width", range(1, 7))
def test_few_columns_of_halved_chroma(photo, width):
    picture = photo[40:97, 60 : 60 + width]
    expected = through_pillow(picture, 60, subsampled=True)
    (result,) = computed(picture[None], np.array([60]), None, np.array([True]))
    assert_equal_but_for_roundings(result, expected)


@pytest.mark.parametrize("quality", [30, 75, 97])
def test_grey_is_a_file_of_luma_alone(photo, quality):
    """Whatever the phase, and with no chroma to halve."""
    grey = photo[:66, :50, 1]
    halved = np.array([True])
    for phase in (None, (5, 11)):
        y, x = phase or (0, 0)
        larger = np.pad(grey, [(y, 16 - y), (x, 16 - x)], mode="edge")
        expected = through_pillow(larger, quality)[y : y + 66, x : x + 50]
        places = phase and np.array([phase], np.int32)
        result = computed(grey[None, ..., None], np.array([quality]), places, halved)
        assert result.shape == (1, 66, 50, 1)
        assert_equal_but_for_roundings(result[0, ..., 0], expected)


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 77, 100])
def test_quantisation_tables_are_those_in_a_file(photo, quality):
    # Pillow gives a file's tables row by row.
    tables = saved(photo, quality).quantization
    ours = quantisation_tables(quality)
    np.testing.assert_array_equal(ours[..., 0].ravel(), tables[0])
    np.testing.assert_array_equal(ours[..., 1].ravel(), tables[1])
    np.testing.assert_array_equal(ours[..., 2], ours[..., 1])


def test_each_picture_has_its_quality(photo):
    batch = np.stack([photo] * 3)
    mixed = computed(batch, np.array([20, 0, 90], np.int32))
    np.testing.assert_array_equal(mixed[1], photo)
    for picture, quality in ((mixed[0], 20), (mixed[2], 90)):
        (alone,) = computed(batch[:1], np.array([quality]))
        np.testing.assert_array_equal(picture, alone)
