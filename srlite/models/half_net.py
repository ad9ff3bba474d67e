"""The half-resolution net, a generator for video.

Each feature stands for 2 x 2 LR pixels, which quarters the cost. An odd side comes out
`scale` pixels too long, at the bottom or right; the caller cuts them off.
"""

from typing import Any

import keras
import numpy as np
from keras import layers

from srlite.data.degradation_vector import SIZE
from srlite.models.blocks import activation, check_scale, conv, shifted, told_of


def half_net(
    scale: int = 4,
    *,
    filters: int = 64,
    num_convolutions: int = 8,
    initializer_scale: float = 0.3,
    conditional: bool = False,
    channels: int = 3,
) -> keras.Model:
    """Build the half-resolution net: plain convolutions on 2 x 2 LR pixels at a time.

    A strided convolution, `num_convolutions` with LeakyReLU, one that makes the
    difference from the nearest-neighbour enlargement, and one pixel shuffle. Those in
    the middle begin near the identity, as residual blocks do, which costs nothing later
    (Zagoruyko & Komodakis 2017, https://arxiv.org/abs/1706.00388).

    Args:
        scale: SR pixels per LR pixel along each axis, a power of two.
        filters: channels between the convolutions.
        num_convolutions: convolutions between the first and the last one.
        initializer_scale: factor on the He-normal part of their initial kernels.
        conditional: take a second input, the degradation, and add a function of it,
            0 at first, to what the first convolution makes.
        channels: picture channels, 1 or 3.

    Raises:
        ConfigError: `scale` is not a power of two.
    """
    check_scale(scale)
    inputs = lr = keras.Input((None, None, channels), name="lr")
    # A kernel of 4 pairs the pixels of even and odd sides alike, which one of 3 does
    # not: it reaches over both edges of an even side by one pixel, over the end of an
    # odd side by two.
    x = conv(filters, "head", size=4, strides=2)(lr)  # (B, H/2, W/2, filters)
    if conditional:
        degradation = keras.Input((SIZE,), name="degradation")
        inputs = [lr, degradation]
        x = shifted(x, told_of(degradation), "head")
    x = activation(x, "head")
    for i in range(1, num_convolutions + 1):
        between = conv(filters, f"conv{i}", initializer_scale=initializer_scale)
        x = activation(between(x), f"conv{i}")
        kernel, bias = between.get_weights()
        kernel[1, 1] += np.eye(filters, dtype=np.float32)
        between.set_weights([kernel, bias])
    x = conv(channels * (2 * scale) ** 2, "tail", zeros=True)(x)
    x = layers.Add(name="anchor_add")([x, _pairwise_anchor(lr, scale)])
    return keras.Model(inputs, keras.ops.depth_to_space(x, 2 * scale), name="half_net")


def _pairwise_anchor(lr: Any, scale: int) -> Any:
    """Copy 2 x 2 pixels so that a pixel shuffle by 2 * scale repeats each of them."""
    channels = lr.shape[-1]
    copies = layers.Conv2D(
        channels * (2 * scale) ** 2,
        2,
        strides=2,
        padding="same",
        use_bias=False,
        kernel_initializer="zeros",
        trainable=False,
        name="anchor",
    )
    x = copies(lr)
    one = np.eye(4 * channels, dtype=np.float32)
    one = one.reshape(2, 2, channels, 2, 1, 2, 1, channels)
    kernel = np.tile(one, (1, 1, 1, 1, scale, 1, scale, 1))
    copies.set_weights([kernel.reshape(copies.kernel.shape)])
    return x
