"""How far a network sees, by its graph and by what a single pixel changes."""

import keras
import numpy as np
import pytest
from keras import layers
from small_networks import small_generator

from srlite.export.graphs import reach_of


def changed(model, side, place):
    """LR pixels to each side of a pixel within which the result depends on it."""
    lr = np.random.default_rng(0).random((1, side, side, 3), np.float32)
    other = lr.copy()
    other[0, place, place] += 1000.0
    told = [np.full((1, 10), 0.5, np.float32)] * (len(model.inputs) - 1)
    one, two = (model([x, *told] if told else x, training=False) for x in (lr, other))
    scale = one.shape[1] // side
    places = np.nonzero(np.any(np.asarray(one) != np.asarray(two), axis=(0, 2, 3)))[0]
    return max(place - places.min() / scale, (places.max() + 1) / scale - place - 1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_convolutions": 3, "conditional": True},
        {"upsampling": "depth_to_space_x2", "anchor": False},
        {"upsampling": "nearest", "anchor": False},
    ],
)
def test_reach_of_generators(options):
    model = small_generator(0, **options)
    if "upsampling" not in options:  # then the last layer is zero
        tail = model.get_layer("tail").kernel
        tail.assign(np.random.default_rng(1).standard_normal(tail.shape))
    reach = reach_of(model)
    assert reach - 1 < changed(model, 31, 15) <= reach


def test_reach_with_steps():
    """Half the resolution between a convolution by steps of 2 and a pixel shuffle."""
    lr = keras.Input((None, None, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same")(lr)
    x = layers.Conv2D(192, 3, padding="same")(x)
    model = keras.Model(lr, keras.ops.depth_to_space(x, 8))
    assert reach_of(model) == 3  # 1 and, of pixels twice as large, 1
