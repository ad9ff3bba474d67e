"""The distances are the losses of training, on pictures of any size."""

import keras
import numpy as np
import pytest
from skimage import data

from srlite.config.presets import PRESETS
from srlite.metrics import feature_distances
from srlite.metrics.feature_distances import FeatureDistance
from srlite.training.losses import StyleLoss


def test_constants_are_those_of_training():
    of = PRESETS["light"].gan
    assert of.content_loss.layers == feature_distances.VGG19_TAPS
    assert of.content_loss.layer_scales == feature_distances.VGG19_SCALES
    assert of.style_layers == feature_distances.EFFICIENTNET_TAPS


@pytest.fixture(scope="module")
def network():
    """Brightness of each 4 x 4 block, and the picture 7 times."""
    picture = keras.Input((None, None, 3))
    blocks = keras.layers.AveragePooling2D(4)(picture)
    brightness = keras.ops.mean(blocks, axis=-1, keepdims=True)
    return keras.Model(picture, [100.0 * brightness, 7.0 * picture])


def test_distance_by_hand(network):
    hr = data.astronaut()[:64, :40]
    distance = FeatureDistance(network, (100.0, 7.0))
    for sr in (hr // 2, 255 - hr):  # the features of hr are kept
        difference = (sr.astype(float) - hr) / 255
        blocks = difference.reshape(16, 4, 10, 4, 3).mean(axis=(1, 3, 4))
        expected = (np.abs(blocks).mean() + np.abs(difference).mean()) / 2
        assert distance(sr, hr) == pytest.approx(expected, rel=1e-4)
    assert distance(hr, hr) == 0.0
    # The same array for another picture's place must not serve for it.
    other = hr[::-1].copy()
    assert distance(other, other) == 0.0


def test_large_pictures_in_parts(network):
    hr = np.resize(data.astronaut(), (1100, 40, 3))
    sr = hr // 2
    single = keras.Model(network.input, network.outputs[1])
    difference = np.abs(sr.astype(float) - hr).mean() / 255
    distance = FeatureDistance(single)(sr, hr)
    assert distance == pytest.approx(7 * difference, rel=1e-3)
    pair = [x[None] / np.float32(255) for x in (hr, sr)]
    loss = keras.ops.convert_to_numpy(StyleLoss(single)(*pair))
    assert distance == pytest.approx(float(loss), rel=1e-3)


def test_pictures_that_are_too_small(network):
    small = np.zeros((31, 64, 3), np.uint8)
    assert np.isnan(FeatureDistance(network)(small, small))


@pytest.mark.slow
def test_style_of_a_weights_file(tmp_path):
    keras.utils.set_random_seed(0)
    network = keras.applications.EfficientNetB4(include_top=False, weights=None)
    network.save_weights(tmp_path / "b4.weights.h5")
    distance = feature_distances.style_distance(tmp_path / "b4.weights.h5")
    hr = data.astronaut()[:64, :96]
    assert distance(hr, hr) == 0.0
    assert 0 < distance(hr // 8 * 8, hr) < distance(hr // 64 * 64, hr)
