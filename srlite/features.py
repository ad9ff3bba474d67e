"""Frozen feature networks: functions that return a multi-output `keras.Model`.

Input RGB (batch, height, width, 3), float32, [0, 1], as everywhere in srlite; each
network rescales inside to what it was trained on. Output: a list of tensors, one per
named layer, in the order of the names (the bare tensor for one name, as Keras unpacks
lists of one): what the convolution gives before any activation. Nothing is trainable,
and `training=True` changes nothing.

`weights` is "imagenet" (downloaded by Keras and kept in its cache), the path of a
`keras.applications` weights file without the top (`.h5` or `.weights.h5`), or None for
random weights, which is for tests.
"""

import difflib
import math
from pathlib import Path

import keras

from srlite.errors import ConfigError, ModelError

# The mean of ImageNet's pixels in RGB, levels; VGG was trained with it subtracted.
_CAFFE_MEAN = (123.68, 116.779, 103.939)
# The standard deviations of ImageNet's pixels in RGB, [0, 1].
_IMAGENET_STDDEV = (0.229, 0.224, 0.225)


def _pretrained(application, weights, flag, loss):
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
    if weights is not None and not Path(weights).is_file():
        raise ModelError(
            f"there is no file {weights}; {flag} expects the weights of "
            f"keras.applications.{name} without the top"
        )
    network = application(include_top=False, weights=None)
    if weights is not None:
        try:
            network.load_weights(str(weights))
        except Exception as error:  # h5py and Keras raise many kinds for a wrong file
            reason = next(iter(str(error).splitlines()), repr(error)).rstrip(":")
            raise ModelError(
                f"{weights} does not hold the weights of keras.applications.{name} "
                f"without the top, as {flag} expects ({reason})"
            ) from error
    return network


def _check_names(names, known, network_name):
    if not names:
        raise ConfigError(f"name at least one layer of {network_name}; received none")
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known)
            raise ConfigError(
                f"{network_name} has no linear tap at {name!r}; "
                + (
                    f"the closest names are {', '.join(close)}"
                    if close
                    else f"its taps go from {known[0]} to {known[-1]}"
                )
            )


def vgg19_features(layers, weights="imagenet"):
    """Build the frozen VGG19 with taps before the activations.

    Simonyan and Zisserman 2014 (https://arxiv.org/abs/1409.1556); taps before the
    activation as in ESRGAN (Wang et al. 2018, https://arxiv.org/abs/1809.00219,
    section 3.3). The input becomes BGR, 0..255, mean-subtracted, so taps are large:
    their mean magnitude on photographs is in the tens to hundreds.

    Args:
        layers: names of the tapped convolutions, such as "block3_conv4"; the network
            is built as deep as the deepest of them.
        weights: "imagenet", the path of a weights file, or None.

    Returns:
        `keras.Model`, (batch, H, W, 3) -> list of (batch, H / 2**(b - 1),
        W / 2**(b - 1), filters), rounded down, b being the number of the layer's block.

    Raises:
        ConfigError: a name is not that of a convolution of VGG19.
        ModelError: the weights cannot be downloaded or read.
    """
    network = _pretrained(
        keras.applications.VGG19, weights, "--vgg19-weights", "content"
    )
    known = [x.name for x in network.layers if isinstance(x, keras.layers.Conv2D)]
    _check_names(layers, known, "VGG19")

    picture = keras.Input((None, None, 3), name="picture")
    x = keras.layers.Rescaling(255.0, offset=[-mean for mean in _CAFFE_MEAN])(picture)
    x = keras.ops.flip(x, axis=-1)  # RGB to BGR
    taps = {}
    # Keras fuses the ReLU into each convolution: rebuild the chain with linear ones.
    for layer in network.layers[1:]:
        if layer.name not in known:
            x = layer(x)
            continue
        config = layer.get_config() | {"activation": "linear"}
        linear = keras.layers.Conv2D.from_config(config)
        taps[layer.name] = linear(x)
        linear.set_weights(layer.get_weights())
        if taps.keys() >= set(layers):
            break
        x = keras.layers.ReLU(name=f"{layer.name}_relu")(taps[layer.name])
    features = keras.Model(picture, [taps[name] for name in layers], name="vgg19")
    features.trainable = False
    return features


def efficientnet_b4_features(layers=("block5f_project_conv",), weights="imagenet"):
    """Build the frozen EfficientNetB4 with taps at its linear convolutions.

    Tan and Le 2019 (https://arxiv.org/abs/1905.11946). A `project_conv` ends a block's
    squeeze and expand with no activation of its own; BatchNorm follows it.

    Keras builds one graph for `weights="imagenet"` and another, with a rescaling less,
    for a file or None. Here there is one for all: the one of the ImageNet weights.

    Args:
        layers: names of the tapped convolutions.
        weights: "imagenet", the path of a weights file, or None.

    Returns:
        `keras.Model`, (batch, H, W, 3) -> list of (batch, h, w, filters); H / 16,
        W / 16 and 160 channels for "block5f_project_conv".

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

    def call(layer, *args, **kwargs):
        # Dropout would act under training=True although nothing is trainable. Keras's
        # own rescalings go too: 1/255, as the input is in [0, 1] already, and, in the
        # ImageNet graph alone, the one that the next line adds for every graph.
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
    return features
