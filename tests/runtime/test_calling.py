"""An `Upscaler` called as a function, and loaded by the name of a model."""

import numpy as np
import pytest
from PIL import Image

from srlite.enhance.inference import enhance_image
from srlite.errors import ConfigError, ImageError, ModelError, SrliteError
from srlite.runtime.upscaler import Upscaler


def test_called_with_one_picture_a_batch_or_a_list(tiny_tflite):
    batch = np.random.default_rng(0).integers(0, 256, (3, 6, 5, 3), np.uint8)
    odd = batch[0, :4]
    with Upscaler.from_file(tiny_tflite) as upscaler:
        one = upscaler.upscale(batch[0])
        np.testing.assert_array_equal(upscaler(batch[0]), one)
        several = upscaler(batch, size=(7, 9))
        assert several.shape == (3, 7, 9, 3) and several.dtype == np.uint8
        np.testing.assert_array_equal(
            several[2], upscaler.upscale(batch[2], size=(7, 9))
        )
        first, second = upscaler([batch[0], odd])
        np.testing.assert_array_equal(first, one)
        assert second.shape == (16, 20, 3)
        assert upscaler([]) == []
    np.testing.assert_array_equal(upscaler(batch[0]), one)  # works after the block too
    for images in (batch[:0], batch[..., 0], [batch[0, ..., 0]]):
        with pytest.raises(ImageError, match=r"must have shape \(height, width, 3\)"):
            upscaler(images)


class _Refusing:
    """An array that does not come to NumPy, as a tensor on a GPU."""

    def __init__(self, error):
        self.error = error

    def __array__(self, dtype=None, copy=None):
        raise self.error


@pytest.mark.parametrize("kind", [TypeError, RuntimeError, NotImplementedError])
@pytest.mark.parametrize("around", [lambda image: image, lambda image: [image]])
def test_what_numpy_refuses(tiny_tflite, kind, around):
    image = around(_Refusing(kind("copy the tensor to host memory first")))
    message = "an image must be an array: copy the tensor to host memory first"
    for call in (Upscaler.from_file(tiny_tflite), enhance_image):
        with pytest.raises(ImageError, match=message):
            call(image)
    with pytest.raises(ConfigError, match="or an array of numbers"):
        enhance_image(np.zeros((3, 4, 3), np.uint8), degradation=image)


@pytest.mark.parametrize("mode", ["YCbCr", "HSV", "LAB", "L", "RGBA"])
def test_images_of_other_colours(tiny_tflite, mode):
    upscaler = Upscaler.from_file(tiny_tflite)
    image = Image.new(mode, (4, 3))
    for call in (upscaler, upscaler.estimate, lambda image: upscaler([image])):
        with pytest.raises(ImageError, match=f"mode RGB here; received {mode}"):
            call(image)


@pytest.mark.parametrize(
    "size, message",
    [
        (5, r"size must be \(height, width\) in pixels; received 5"),
        ((4, 5, 3), r"size must be \(height, width\) in pixels; received \(4, 5, 3\)"),
        ((0, 5), "height must be 1 or more whole pixels; received 0"),
        ((4, -5), "width must be 1 or more whole pixels; received -5"),
        ((4, 2.5), "width must be 1 or more whole pixels; received 2.5"),
        ((None, 5), "height must be 1 or more whole pixels; received None"),
        (("a", 5), "height must be 1 or more whole pixels; received a"),
        ((10**5, 10**5), "100000 x 100000 pixels, more than the limit"),
    ],
)
def test_impossible_sizes(tiny_tflite, size, message):
    upscaler = Upscaler.from_file(tiny_tflite)
    with pytest.raises(SrliteError, match=message):
        upscaler.upscale(np.zeros((3, 4, 3), np.uint8), size=size)


@pytest.mark.parametrize("size", [[7, 9], np.array([7, 9]), (7.0, np.float32(9))])
def test_sizes_of_every_kind_of_number(tiny_tflite, size):
    upscaler = Upscaler.from_file(tiny_tflite)
    picture = np.zeros((3, 4, 3), np.uint8)
    assert upscaler.upscale(picture, size=size).shape == (7, 9, 3)


@pytest.mark.parametrize("kind", [float, np.float32, np.int64])
def test_options_of_every_kind_of_number(tiny_tflite, kind):
    """As a slider or JSON gives them; none may be kept for the calls after it."""
    picture = np.random.default_rng(0).integers(0, 256, (9, 8, 3), np.uint8)
    numbers = {"tile": 6, "overlap": 4, "num_threads": 1, "ensemble": 2}
    others = {name: kind(number) for name, number in numbers.items()}
    sr = enhance_image(picture, model=tiny_tflite, **others)
    expected = enhance_image(picture, model=tiny_tflite, **numbers)
    np.testing.assert_array_equal(sr, expected)


def test_shipped_models_by_name():
    assert Upscaler.from_preset(tile=30).tile == 30
    assert Upscaler.from_preset("light_int8").network.eight_bit
    with pytest.raises(ModelError, match="unknown model 'esrgan'.*light, light_int8"):
        Upscaler.from_preset("esrgan")
