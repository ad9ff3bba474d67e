"""Frozen feature networks: functions that return a multi-output `keras.Model`.

Input: RGB (batch, height, width, 3), float32, [0, 1], or grey (one channel), which is
repeated; each network rescales it to what it was trained on. Output: a list of tensors,
one per named layer (the bare tensor for one name, as Keras unpacks lists of one): the
convolution before any activation, unless asked otherwise. Nothing is trainable, and
`training=True` changes nothing.

`weights` is "imagenet" (downloaded by Keras and kept in its cache), the path of a
`keras.applications` weights file without the top (`.h5` or `.weights.h5`), or None for
random weights, for tests.
"""

import difflib
import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import keras

from srlite.errors import ConfigError, ModelError, error_reason
from srlite.files import StrPath

Weights = StrPath | None
# The mean of ImageNet's pixels in RGB, levels; VGG was trained with it subtracted.
_CAFFE_MEAN = (123.68, 116.779, 103.939)
# The mean and standard deviations of ImageNet's pixels in RGB, [0, 1].
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STDDEV = (0.229, 0.224, 0.225)


def _pretrained(
    application: Callable, weights: Weights, flag: str, loss: str
) -> keras.Model:
    """Build a `keras.applications` network without its top and give it its weights."""
    name = application.__name__
    if weights == "imagenet":
        try:
            return application(include_top=False, weights="imagenet")
        except Exception as error:  # Keras raises a bare Exception for its downloads
            raise ModelError(
                f"the ImageNet weights of {name} could not be downloaded ({error}); "
                f"give a local file with {flag}, or leave the loss out: "
                f"--set gan.{loss}=none"
            ) from error
    if weights is not None and not os.path.isfile(weights):
        raise ModelError(
            f"there is no file {weights}; {flag} expects the weights of "
            f"keras.applications.{name} without the top"
        )
    network = application(include_top=False, weights=None)
    if weights is not None:
        try:
            network.load_weights(str(weights))
        except Exception as error:  # h5py and Keras raise many kinds for a wrong file
            raise ModelError(
                f"{weights} does not hold the weights of keras.applications.{name} "
                f"without the top, as {flag} expects ({error_reason(error)})"
            ) from error
    return network


def _check_names(names: Sequence[str], known: Sequence[str], network_name: str) -> None:
    if not names:
        raise ConfigError(f"name at least one layer of {network_name}; received none")
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known)
            hint = f"its taps go from {known[0]} to {known[-1]}"
            if close:
                hint = f"the closest names are {', '.join(close)}"
            raise ConfigError(f"{network_name} has no linear tap at {name!r}; {hint}")


def _for_channels(features: keras.Model, channels: int) -> keras.Model:
    """Make a network of RGB pictures take grey ones if `channels` is 1."""
    if channels == 3:
        return features
    grey = keras.Input((None, None, 1), name="grey")
    rgb = keras.layers.Concatenate(name="rgb")([grey] * 3)
    features = keras.Model(grey, features(rgb), name=features.name)
    features.trainable = False
    return features


def _preprocessed(picture: Any, preprocessing: str) -> Any:
    """Rescale RGB in [0, 1] to what a VGG was trained on."""
    if preprocessing == "caffe":
        offset = [-mean for mean in _CAFFE_MEAN]
        x = keras.layers.Rescaling(255.0, offset=offset)(picture)
        return keras.ops.flip(x, axis=-1)  # RGB to BGR
    if preprocessing == "torch":
        scale = [1.0 / stddev for stddev in _IMAGENET_STDDEV]
        pairs = zip(_IMAGENET_MEAN, _IMAGENET_STDDEV, strict=True)
        offset = [-mean / stddev for mean, stddev in pairs]
        return keras.layers.Rescaling(scale, offset=offset)(picture)
    raise ConfigError(
        f"preprocessing must be 'caffe' or 'torch'; received {preprocessing!r}"
    )


def vgg_features(
    network: str,
    layers: Sequence[str],
    weights: Weights = "imagenet",
    *,
    before_activation: bool = True,
    preprocessing: str = "caffe",
    channels: int = 3,
) -> keras.Model:
    """Build a frozen VGG with taps at its convolutions.

    Simonyan and Zisserman 2014 (https://arxiv.org/abs/1409.1556); taps before the
    activation as in ESRGAN (Wang et al. 2018, https://arxiv.org/abs/1809.00219,
    section 3.3), or after it as in SRGAN. With "caffe" the taps are large: their mean
    magnitude on photographs is in the tens to hundreds.

    Args:
        network: "vgg16" or "vgg19".
        layers: names of the tapped convolutions, such as "block3_conv4"; the network
            ends at the deepest of them.
        weights: "imagenet", the path of a weights file, or None.
        before_activation: tap the linear convolution; else its ReLU.
        preprocessing: "caffe" for Keras's ImageNet weights: BGR, 0..255, minus
            ImageNet's mean; or "torch" for torchvision's: RGB in [0, 1], minus the
            mean, divided by the standard deviation.
        channels: picture channels, 1 or 3.

    Returns:
        `keras.Model`, (batch, H, W, channels) -> list of (batch, H / 2**(b - 1),
        W / 2**(b - 1), filters), rounded down, b being the number of the layer's block.

    Raises:
        ConfigError: there is no such network, preprocessing or convolution.
        ModelError: the weights cannot be downloaded or read.
    """
    if network not in ("vgg16", "vgg19"):
        raise ConfigError(
            "the content network must be 'vgg16' or 'vgg19', as Keras has no other VGG "
            f"(none of 11 or 13 layers); received {network!r}"
        )
    name = network.upper()
    picture = keras.Input((None, None, 3), name="picture")
    x = _preprocessed(picture, preprocessing)
    original = _pretrained(
        getattr(keras.applications, name), weights, f"--{network}-weights", "content"
    )
    known = [x.name for x in original.layers if isinstance(x, keras.layers.Conv2D)]
    _check_names(layers, known, name)

    taps = {}
    # Keras fuses the ReLU into each convolution: rebuild the chain with linear ones.
    for layer in original.layers[1:]:
        if layer.name not in known:
            x = layer(x)
            continue
        config = layer.get_config() | {"activation": "linear"}
        linear = keras.layers.Conv2D.from_config(config)
        tap = linear(x)
        linear.set_weights(layer.get_weights())
        x = keras.layers.ReLU(name=f"{layer.name}_relu")(tap)
        taps[layer.name] = tap if before_activation else x
        if taps.keys() >= set(layers):
            break
    features = keras.Model(picture, [taps[name] for name in layers], name=network)
    features.trainable = False
    return _for_channels(features, channels)


def vgg19_features(
    layers: Sequence[str], weights: Weights = "imagenet", **options: Any
) -> keras.Model:
    """Build the frozen VGG19; arguments as for `vgg_features`."""
    return vgg_features("vgg19", layers, weights, **options)


def efficientnet_b4_features(
    layers: Sequence[str] = ("block5f_project_conv",),
    weights: Weights = "imagenet",
    channels: int = 3,
) -> keras.Model:
    """Build the frozen EfficientNetB4 with taps at its linear convolutions.

    Tan and Le 2019 (https://arxiv.org/abs/1905.11946). A `project_conv` ends a block
    without an activation; BatchNorm follows it.

    Keras builds a graph without one rescaling for a weights file or None. Here the
    graph is always that of `weights="imagenet"`.

    Args:
        layers: names of the tapped convolutions.
        weights: "imagenet", the path of a weights file, or None.
        channels: picture channels, 1 or 3.

    Returns:
        `keras.Model`, (batch, H, W, channels) -> list of (batch, h, w, filters);
        H / 16, W / 16 and 160 channels for "block5f_project_conv".

    Raises:
        ConfigError: a name is not that of a linear convolution of EfficientNetB4.
        ModelError: the weights cannot be downloaded or read.
    """
    network = _pretrained(
        keras.applications.EfficientNetB4, weights, "--efficientnet-weights", "style"
    )
    known = [
        x.name
        for x in network.layers
        if isinstance(x, keras.layers.Conv2D)
        and x.activation is keras.activations.linear
    ]
    _check_names(layers, known, "EfficientNetB4")

    def call(layer: Callable, *args: Any, **kwargs: Any) -> Any:
        # Dropout would act under training=True. Keras's own rescalings go too: 1/255,
        # as the input is in [0, 1] already, and that of the ImageNet graph, which is
        # added below for every graph.
        if isinstance(layer, (keras.layers.Dropout, keras.layers.Rescaling)):
            return args[0]
        x = layer(*args, **kwargs)
        if isinstance(layer, keras.layers.Normalization):
            # The file holds standard deviations where the layer wants variances.
            scale = [1.0 / math.sqrt(stddev) for stddev in _IMAGENET_STDDEV]
            x = keras.layers.Rescaling(scale)(x)
        return x

    tapped = keras.Model(network.input, [network.get_layer(x).output for x in layers])
    features = keras.models.clone_model(
        tapped, clone_function=lambda layer: layer, call_function=call
    )
    features.trainable = False
    return _for_channels(features, channels)
