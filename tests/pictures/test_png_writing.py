"""PNG files of several bands, with Pillow and TensorFlow as witnesses."""

import io
import threading
import zlib

import numpy as np
import pytest
from picture_kinds import read_back
from PIL import Image

from srlite.pictures.encoders import write_png

PHOTO = np.random.default_rng(0).integers(0, 2**16, (700, 611, 4), np.uint16)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_value_comes_back(tmp_path, dtype, count):
    """Noise takes every filter's differences through all values; half of it is flat."""
    levels = (PHOTO[..., :count] >> (16 - 8 * np.dtype(dtype).itemsize)).astype(dtype)
    levels[:, 300:] = levels[:, 300:301]  # the row above differs, the left one not
    levels[350:, :300] = levels[350, :300]  # the other way round
    path = tmp_path / "written.png"
    with path.open("wb") as file:
        write_png(file, levels, {})
    np.testing.assert_array_equal(read_back(path), levels)


def test_rows_have_several_filters():
    levels = np.zeros((3, 400, 3), np.uint8)
    levels[0] = np.random.default_rng(0).integers(0, 256, (1, 3))  # like the left
    levels[1] = np.random.default_rng(1).integers(0, 256, (400, 3))
    levels[2] = levels[1]  # like above
    file = io.BytesIO()
    write_png(file, levels, {})
    packed, content = b"", file.getvalue()
    start = 8
    while start < len(content):
        length = int.from_bytes(content[start : start + 4], "big")
        if content[start + 4 : start + 8] == b"IDAT":
            packed += content[start + 8 : start + 8 + length]
        start += 12 + length
    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(3, -1)
    assert lines[0, 0] == 1 and lines[2, 0] == 2  # Sub and Up


def test_a_photo_is_no_larger_than_by_pillow():
    from skimage import data

    photo = np.asarray(Image.fromarray(data.astronaut()).resize((2048, 2048), 3))
    ours, theirs = io.BytesIO(), io.BytesIO()
    write_png(ours, photo, {})
    Image.fromarray(photo).save(theirs, "PNG", compress_level=2)
    assert len(ours.getvalue()) < 1.02 * len(theirs.getvalue())


def test_a_disk_that_fills_up_ends_the_threads():
    class Full(io.BytesIO):
        def write(self, data):
            if self.tell() > 2**20:
                raise OSError(28, "No space left on device")
            return super().write(data)

    threads = threading.active_count()
    with pytest.raises(OSError, match="No space left"):
        write_png(Full(), PHOTO, {})
    assert threading.active_count() == threads
