"""Feature networks against the `keras.applications` networks they are built from.

Nothing is downloaded: random weights are written to a file once, and the file is read.
With SRLITE_VGG19_WEIGHTS set to ImageNet's VGG19 file, the real taps are checked too.
"""

import os

import keras
import numpy as np
import pytest

from srlite.errors import ConfigError, ModelError
from srlite.models.features import (
    efficientnet_b4_features,
    vgg_features,
)

TAPS = ("block3_conv4", "block1_conv2", "block5_conv4")
STYLE = ("block2b_project_conv", "block5f_project_conv")


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).random((2, 48, 64, 3), dtype=np.float32)


@pytest.fixture(scope="module")
def vgg19(tmp_path_factory):
    """Keras's own network with random weights, and the file that holds them."""
    keras.utils.set_random_seed(0)
    network = keras.applications.VGG19(include_top=False, weights=None)
    path = tmp_path_factory.mktemp("vgg19") / "vgg19.weights.h5"
    network.save_weights(path)
    return network, path


def _assert_relu_of_taps_is_the_original(original, path, pictures):
    caffe = keras.applications.vgg19.preprocess_input(255.0 * pictures)
    layers = [original.get_layer(name).output for name in TAPS]
    expected = keras.Model(original.input, layers)(caffe)
    taps = vgg_features("vgg19", TAPS, path)(pictures)
    for name, tap, activation in zip(TAPS, taps, expected, strict=True):
        tap, activation = np.asarray(tap), np.asarray(activation)
        assert tap.min() < 0 < activation.max(), name
        tolerance = 1e-5 * activation.max()
        np.testing.assert_allclose(np.maximum(tap, 0), activation, atol=tolerance)


def test_relu_of_vgg19_taps_is_the_original_layer(vgg19, pictures):
    _assert_relu_of_taps_is_the_original(*vgg19, pictures)


def test_vgg19_taps_with_imagenet_weights(pictures):
    path = os.environ.get("SRLITE_VGG19_WEIGHTS")
    if not path:
        pytest.skip("SRLITE_VGG19_WEIGHTS names no file")
    original = keras.applications.VGG19(include_top=False, weights=path)
    _assert_relu_of_taps_is_the_original(original, path, pictures)


def test_vgg19_is_as_deep_as_its_deepest_tap_and_frozen(vgg19):
    features = vgg_features("vgg19", ("block1_conv2", "block2_conv1"), str(vgg19[1]))
    assert [tap.shape[-1] for tap in features.outputs] == [64, 128]
    assert features.layers[-1].name == "block2_conv1"
    assert features.trainable_variables == []
    assert features.count_params() == sum(
        vgg19[0].get_layer(name).count_params()
        for name in ("block1_conv1", "block1_conv2", "block2_conv1")
    )


def test_taps_after_the_activation(vgg19, pictures):
    before = vgg_features("vgg19", TAPS, vgg19[1])(pictures)
    after = vgg_features("vgg19", TAPS, vgg19[1], before_activation=False)(pictures)
    for linear, rectified in zip(before, after, strict=True):
        np.testing.assert_array_equal(np.maximum(linear, 0), rectified)


def test_vgg16_is_that_of_keras(tmp_path, pictures):
    keras.utils.set_random_seed(0)
    original = keras.applications.VGG16(include_top=False, weights=None)
    original.save_weights(tmp_path / "vgg16.weights.h5")
    name = "block3_conv3"
    caffe = keras.applications.vgg16.preprocess_input(255.0 * pictures)
    expected = keras.Model(original.input, original.get_layer(name).output)(caffe)
    features = vgg_features("vgg16", [name], tmp_path / "vgg16.weights.h5")
    tolerance = 1e-5 * np.max(expected)
    np.testing.assert_allclose(
        np.maximum(features(pictures), 0), expected, atol=tolerance
    )


def test_torch_preprocessing(vgg19, pictures):
    mean, stddev = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], np.float32)
    kernel, bias = vgg19[0].get_layer("block1_conv1").get_weights()
    expected = keras.ops.conv((pictures - mean) / stddev, kernel, padding="same") + bias
    features = vgg_features("vgg19", ["block1_conv1"], vgg19[1], preprocessing="torch")
    np.testing.assert_allclose(features(pictures), expected, atol=1e-5)


@pytest.fixture(scope="module")
def efficientnet():
    """Keras's own network with random weights, which takes long to build."""
    return keras.applications.EfficientNetB4(include_top=False, weights=None)


@pytest.fixture
def built_once(efficientnet, monkeypatch):
    """Make Keras return the network that it has built before."""
    monkeypatch.setattr("keras.applications.EfficientNetB4", lambda **_: efficientnet)


def test_grey_pictures_count_as_rgb(vgg19, pictures, built_once):
    grey = pictures[..., :1]
    rgb = np.repeat(grey, 3, axis=-1)
    style = efficientnet_b4_features(STYLE, None, channels=1)
    rgb_style = style.layers[-1]
    content = vgg_features("vgg19", TAPS[:2], vgg19[1], channels=1)
    rgb_content = vgg_features("vgg19", TAPS[:2], vgg19[1])
    for one, three in ((style, rgb_style), (content, rgb_content)):
        assert one.trainable_variables == []
        for a, b in zip(one(grey), three(rgb), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_other_networks_and_preprocessings():
    with pytest.raises(ConfigError, match="none of 11 or 13 layers.*'vgg13'"):
        vgg_features("vgg13", TAPS, None)
    with pytest.raises(ConfigError, match="'caffe' or 'torch'; received 'tf'"):
        vgg_features("vgg19", TAPS, None, preprocessing="tf")


@pytest.fixture(scope="module")
def efficientnet_file(tmp_path_factory):
    """A file in the format of Keras's own download, every weight and statistic random.

    It holds what Keras's file does: in the normalisation, ImageNet's mean and standard
    deviation (not variance), which the extra rescaling sets right.
    """
    keras.utils.set_random_seed(0)
    network = keras.applications.EfficientNetB4(include_top=False, weights=None)
    random = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.gamma.shape
            positive, mean = random.uniform(0.5, 1.5, size), random.normal(0, 0.1, size)
            layer.set_weights([positive, mean, mean[::-1], positive[::-1]])
        elif isinstance(layer, keras.layers.Normalization):
            mean = np.array([0.485, 0.456, 0.406])
            stddev = np.array([0.229, 0.224, 0.225])
            layer.set_weights([mean, stddev, np.array(0)])
    path = tmp_path_factory.mktemp("efficientnet") / "efficientnetb4_notop.h5"
    network.save(path)
    return path


@pytest.fixture
def downloaded(efficientnet_file, monkeypatch):
    """Make Keras find the file where it would put its download."""
    monkeypatch.setattr(
        "keras.src.utils.file_utils.get_file", lambda *_, **__: str(efficientnet_file)
    )


@pytest.mark.slow
def test_efficientnet_from_a_file_is_the_imagenet_network(
    efficientnet_file, downloaded, pictures
):
    original = keras.applications.EfficientNetB4(include_top=False, weights="imagenet")
    layers = [original.get_layer(name).output for name in STYLE]
    expected = keras.Model(original.input, layers)(255.0 * pictures, training=False)
    for weights in (efficientnet_file, "imagenet"):
        features = efficientnet_b4_features(STYLE, weights)
        for training in (False, True):
            taps = features(pictures, training=training)
            for tap, activation in zip(taps, expected, strict=True):
                tolerance = 1e-5 * np.abs(activation).max()
                np.testing.assert_allclose(tap, activation, atol=tolerance)
        assert np.min(taps[1]) < 0 < np.max(taps[1])
        assert features.trainable_variables == []
    assert taps[1].shape == (2, 3, 4, 160)

    # The trap: Keras itself, given the same file, computes something else.
    plain = keras.applications.EfficientNetB4(
        include_top=False, weights=str(efficientnet_file)
    )
    plain = keras.Model(plain.input, plain.get_layer(STYLE[1]).output)
    assert np.abs(plain(255.0 * pictures) - taps[1]).max() > 100 * tolerance


def test_one_tap_is_a_bare_tensor(pictures, built_once):
    vgg19 = vgg_features("vgg19", ("block2_conv1",), None)
    assert vgg19(pictures).shape == (2, 24, 32, 128)
    efficientnet = efficientnet_b4_features(weights=None)
    assert efficientnet(pictures).shape == (2, 3, 4, 160)


def test_unknown_layers_name_close_ones(built_once):
    with pytest.raises(ConfigError, match="VGG19.*'block3_conv5'.*block3_conv4"):
        vgg_features("vgg19", ("block3_conv5",), None)
    with pytest.raises(ConfigError, match="from block1_conv1 to block5_conv4"):
        vgg_features("vgg19", ("???",), None)
    with pytest.raises(ConfigError, match="at least one layer of VGG19"):
        vgg_features("vgg19", (), None)
    with pytest.raises(ConfigError, match="'block5f_project'.*block5f_project_conv"):
        efficientnet_b4_features(("block5f_project",), None)
    with pytest.raises(ConfigError, match="no linear tap at 'block5f_se_reduce'"):
        efficientnet_b4_features(("block5f_se_reduce",), None)


def _assert_one_sentence(error, *parts):
    assert "\n" not in str(error.value)
    for part in parts:
        assert part in str(error.value)


def test_a_missing_file(tmp_path):
    path = tmp_path / "missing.h5"
    with pytest.raises(ModelError) as error:
        vgg_features("vgg19", TAPS, path)
    _assert_one_sentence(error, f"no file {path}", "--vgg19-weights", "without the top")


@pytest.mark.parametrize("name", ["wrong.weights.h5", "wrong.h5", "wrong.txt"])
def test_a_file_that_is_no_weights_file(name, tmp_path):
    path = tmp_path / name
    path.write_text("not weights")
    with pytest.raises(ModelError) as error:
        vgg_features("vgg19", TAPS, path)
    _assert_one_sentence(error, str(path), "VGG19", "--vgg19-weights")


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_the_file_of_another_network(vgg19):
    with pytest.raises(ModelError) as error:
        vgg_features("vgg16", TAPS[:1], vgg19[1])
    _assert_one_sentence(error, str(vgg19[1]), "VGG16")


def test_a_download_without_network(tmp_path, monkeypatch):
    # Real requests, to a proxy that refuses them, and a cache that is empty.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr(
        "keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path)
    )
    with pytest.raises(ModelError) as error:
        vgg_features("vgg19", TAPS)
    flag = "--vgg19-weights"
    _assert_one_sentence(error, "could not be downloaded", flag, "=none")
