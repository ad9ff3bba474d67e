"""Discriminators: functions that return a Functional `keras.Model`, picture to logit.

Input (batch, P, P, channels), float32, [0, 1], HR-sized pictures; output logits
(batch, 1), float32, for the adversarial losses. Only built-in layers, so that one
`.keras` file carries graph and weights.

The shape is SRGAN's (Ledig et al. 2017, https://arxiv.org/abs/1609.04802, section 2.1
and figure 4), which ESRGAN keeps: stages of two convolutions, the second of which
halves the picture, BatchNorm after every convolution but the first, LeakyReLU(0.2).

Spectral normalisation (Miyato et al. 2018, https://arxiv.org/abs/1802.05957) divides
each kernel by its largest singular value whenever the network runs with
`training=True`; `keras.layers.SpectralNormalization` also writes the result back. So
TensorFlow takes the gradient at the projected kernel, while JAX, which knows no
assignment, differentiates through the division as in the paper. Both hold the norm near
1, but train differently.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from srlite.errors import ConfigError
from srlite.models.blocks import activation, conv


def vgg_discriminator(
    patch_size: int | None = None,
    filters: Sequence[int] = (32, 64, 128, 256),
    dense_units: int = 100,
    strided_kernel_size: int = 4,
    batch_norm: bool = True,
    spectral_norm: bool = False,
    channels: int = 3,
    more_dense_units: Sequence[int] = (),
) -> keras.Model:
    """Build the VGG-like discriminator of SRGAN and ESRGAN.

    The default has 1.8 M parameters and takes pictures of any size. The presets
    `esrgan` and `srgan` build the published ones.

    Args:
        patch_size: height and width of the pictures in HR pixels; the last feature map
            is flattened. None takes any size, and averages the last feature map.
        filters: channels of each stage: a 3x3 convolution of stride 1 and one of stride
            2, so the picture ends 2**len(filters) times smaller.
        dense_units: units of the dense layer before the logit (ESRGAN 100, SRGAN 1024).
        strided_kernel_size: of the convolutions of stride 2 (ESRGAN's code 4, SRGAN 3).
        batch_norm: BatchNorm after every convolution but the first.
        spectral_norm: divide every kernel by its largest singular value.
        channels: picture channels, 1 or 3.
        more_dense_units: units of further dense layers, each with its LeakyReLU.

    Raises:
        ConfigError: `filters` is empty.
    """
    if not filters:
        raise ConfigError(
            f"filters must name the channels of at least one stage; received {filters}"
        )

    def constrained(layer: layers.Layer) -> layers.Layer:
        if not spectral_norm:
            return layer
        return layers.SpectralNormalization(layer, name=f"{layer.name}_sn")

    def convolution(
        x: Any, width: int, size: int, strides: int, name: str, normalised: bool
    ) -> Any:
        layer = conv(width, f"{name}_conv", size, not normalised, strides=strides)
        x = constrained(layer)(x)
        if normalised:
            x = layers.BatchNormalization(name=f"{name}_bn")(x)
        return activation(x, name)

    x = picture = keras.Input((patch_size, patch_size, channels), name="picture")
    for i, width in enumerate(filters, start=1):
        x = convolution(x, width, 3, 1, f"stage{i}_1", batch_norm and i > 1)
        x = convolution(x, width, strided_kernel_size, 2, f"stage{i}_2", batch_norm)
    if patch_size is None:
        x = layers.GlobalAveragePooling2D(name="pool")(x)  # (B, filters[-1])
    else:
        x = layers.Flatten(name="flatten")(x)
    for i, units in enumerate((dense_units, *more_dense_units), start=1):
        name = f"dense{i}" if i > 1 else "dense"
        x = activation(constrained(layers.Dense(units, name=name))(x), name)
    logit = constrained(layers.Dense(1, name="logit"))(x)  # (B, 1)
    return keras.Model(picture, logit, name="vgg_discriminator")
