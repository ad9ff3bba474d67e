"""Parts of the networks."""

from typing import Any

import keras
from keras import layers

from srlite.errors import ConfigError

LEAKY_SLOPE = 0.2  # SRGAN's and ESRGAN's
_TOLD = 64  # units of the layer that reads a degradation


def conv(
    filters: int,
    name: str,
    size: int = 3,
    use_bias: bool = True,
    zeros: bool = False,
    initializer_scale: float = 1.0,
    strides: int = 1,
) -> layers.Layer:
    """Make a convolution with padding, whose kernel begins as zeros or He-normal.

    He et al. 2015 (https://arxiv.org/abs/1502.01852). `initializer_scale` multiplies
    the kernel, as in ESRGAN, section 3.1.
    """
    # VarianceScaling's scale is that of the variance.
    initializer = keras.initializers.VarianceScaling(
        scale=2.0 * initializer_scale**2, mode="fan_in", distribution="truncated_normal"
    )
    return layers.Conv2D(
        filters,
        size,
        strides,
        padding="same",
        use_bias=use_bias,
        kernel_initializer="zeros" if zeros else initializer,
        name=name,
    )


def check_scale(scale: int) -> None:
    """Raise a `ConfigError` unless a scale is a power of two, at least 2."""
    if scale < 2 or scale & (scale - 1):
        raise ConfigError(f"scale must be a power of two, at least 2; received {scale}")


def activation(x: Any, name: str) -> Any:
    """Apply a LeakyReLU, named after the layer `name`."""
    return layers.LeakyReLU(negative_slope=LEAKY_SLOPE, name=f"{name}_lrelu")(x)


def told_of(degradation: Any) -> Any:
    """Prepare a degradation, (batch, 10), for `shifted`."""
    return activation(layers.Dense(_TOLD, name="told")(degradation), "told")


def shifted(x: Any, told: Any, name: str) -> Any:
    """Add a function of the degradation, 0 at first, at every place of x."""
    channels = x.shape[-1]
    shift = layers.Dense(channels, kernel_initializer="zeros", name=f"{name}_shift")
    y = layers.Reshape((1, 1, channels), name=f"{name}_shift_shape")(shift(told))
    return layers.Add(name=f"{name}_shift_add")([x, y])
