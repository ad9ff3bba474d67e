"""Generators: functions that return a Functional `keras.Model`, LR to SR.

Input (batch, height, width, channels), float32, [0, 1], any height and width;
output (batch, scale * height, scale * width, channels), float32, unclipped. Only
built-in layers and `keras.ops`, so that one `.keras` file carries graph and weights,
loads in safe mode, runs on every Keras backend, and exports.

The RRDB (residual in residual dense block) is that of ESRGAN (Wang et al. 2018,
https://arxiv.org/abs/1809.00219, section 3.1). BatchNorm, which ESRGAN removes, is an
option here: it stands between a convolution and its activation, where it folds into
the convolution on export and costs nothing on the phone. The residual stream itself
(head, last convolution of each dense block, fusion, tail) is never normalised.
"""

import keras
from keras import layers

LEAKY_SLOPE = 0.2  # ESRGAN's


class _Convolutions:
    """Makes the 3x3 convolutions of one network: same padding, same initialiser."""

    def __init__(self, initializer_scale):
        self._scale = initializer_scale

    def __call__(self, filters, name, use_bias=True):
        # He et al. 2015 (https://arxiv.org/abs/1502.01852), made smaller by a factor
        # as in ESRGAN section 3.4; VarianceScaling's scale is that of the variance.
        initializer = keras.initializers.VarianceScaling(
            scale=2.0 * self._scale**2, mode="fan_in", distribution="truncated_normal"
        )
        return layers.Conv2D(
            filters,
            3,
            padding="same",
            use_bias=use_bias,
            kernel_initializer=initializer,
            name=name,
        )


def _activation(x, name):
    return layers.LeakyReLU(negative_slope=LEAKY_SLOPE, name=f"{name}_lrelu")(x)


def _dense_block(
    x, conv, growth_channels, num_convolutions, residual_scaling, batch_norm, name
):
    """Densely connected convolutions with a scaled residual around them."""
    filters = x.shape[-1]
    seen = [x]
    for i in range(1, num_convolutions):
        y = layers.Concatenate(name=f"{name}_concat{i}")(seen) if i > 1 else x
        y = conv(growth_channels, f"{name}_conv{i}", use_bias=not batch_norm)(y)
        if batch_norm:
            y = layers.BatchNormalization(name=f"{name}_bn{i}")(y)
        seen.append(_activation(y, f"{name}_{i}"))
    y = layers.Concatenate(name=f"{name}_concat")(seen) if len(seen) > 1 else x
    y = conv(filters, f"{name}_conv{num_convolutions}")(y)
    y = layers.Rescaling(residual_scaling, name=f"{name}_scale")(y)
    return layers.Add(name=f"{name}_add")([x, y])


def _upsample_at_once(x, lr, conv, scale, anchor):
    """From features to the picture by one convolution and one pixel shuffle."""
    x = conv(lr.shape[-1] * scale**2, "tail")(x)  # (B, H, W, scale**2 * channels)
    if anchor:
        # Four at a time: XNNPACK leaves a concatenation of more than 5 to slower code.
        for i in range(1, scale.bit_length()):
            lr = layers.Concatenate(name=f"anchor{i}")([lr] * 4)
        x = layers.Add(name="anchor_add")([x, lr])
    return keras.ops.depth_to_space(x, scale)  # (B, scale*H, scale*W, channels)


def _upsample_by_steps(x, conv, scale, filters, channels, upsampling):
    """From features to the picture by x2 steps, (B, scale*H, scale*W, channels)."""
    for i in range(1, scale.bit_length()):
        if upsampling == "depth_to_space_x2":
            x = conv(4 * filters, f"up{i}")(x)
            x = keras.ops.depth_to_space(x, 2)
        else:
            x = layers.UpSampling2D(2, interpolation="nearest", name=f"up{i}_size")(x)
            x = conv(filters, f"up{i}")(x)
        x = _activation(x, f"up{i}")
    x = _activation(conv(filters, "tail1")(x), "tail1")
    return conv(channels, "tail2")(x)


def rrdb_net(
    scale=4,
    filters=64,
    growth_channels=32,
    num_blocks=2,
    num_dense_blocks=3,
    num_convolutions=4,
    residual_scaling=0.2,
    batch_norm=True,
    upsampling="depth_to_space",
    anchor=True,
    initializer_scale=1.0,
    channels=3,
):
    """Build the RRDB generator.

    Args:
        scale: SR pixels per LR pixel along each axis, a power of two.
        filters: channels of the residual stream.
        growth_channels: channels that each convolution of a dense block adds.
        num_blocks: RRDBs.
        num_dense_blocks: dense blocks in an RRDB (3 in the paper).
        num_convolutions: convolutions in a dense block (5 in the paper); the last one
            returns to `filters` channels.
        residual_scaling: factor on each residual branch (0.2 in the paper).
        batch_norm: BatchNorm between convolution and LeakyReLU in the dense blocks.
        upsampling: "depth_to_space" (one convolution and one pixel shuffle, Shi et al.
            2016, https://arxiv.org/abs/1609.05158), "depth_to_space_x2" (x2 steps) or
            "nearest" (ESRGAN's nearest + convolution, x2 steps).
        anchor: add the nearest-neighbour enlargement of the input to the output, so
            that the network learns the difference only. Made of repeated channels
            before the pixel shuffle, because a resize op keeps phones off their GPU;
            so it asks for `upsampling="depth_to_space"`.
        initializer_scale: factor on He-normal initial kernels (0.1 in ESRGAN).
        channels: picture channels, 1 or 3.

    Returns:
        `keras.Model`, (batch, H, W, channels) -> (batch, scale*H, scale*W, channels).

    Raises:
        ValueError: `scale` is not a power of two, or `upsampling` is unknown or does
            not go with `anchor`.
    """
    if scale < 2 or scale & (scale - 1):
        raise ValueError(f"scale must be a power of two, at least 2; received {scale}")
    choices = ("depth_to_space", "depth_to_space_x2", "nearest")
    if upsampling not in choices:
        raise ValueError(
            f"upsampling must be one of {choices}; received {upsampling!r}"
        )
    if anchor and upsampling != "depth_to_space":
        raise ValueError(
            "anchor=True needs upsampling='depth_to_space'; "
            f"received upsampling={upsampling!r}"
        )
    conv = _Convolutions(initializer_scale)
    lr = keras.Input((None, None, channels), name="lr")
    head = x = conv(filters, "head")(lr)  # (B, H, W, filters)
    for b in range(1, num_blocks + 1):
        block_input = x
        for d in range(1, num_dense_blocks + 1):
            x = _dense_block(
                x,
                conv,
                growth_channels,
                num_convolutions,
                residual_scaling,
                batch_norm,
                name=f"rrdb{b}_dense{d}",
            )
        if num_dense_blocks > 1:
            x = layers.Rescaling(residual_scaling, name=f"rrdb{b}_scale")(x)
            x = layers.Add(name=f"rrdb{b}_add")([block_input, x])
    x = layers.Add(name="fusion_add")([head, conv(filters, "fusion")(x)])
    if upsampling == "depth_to_space":
        sr = _upsample_at_once(x, lr, conv, scale, anchor)
    else:
        sr = _upsample_by_steps(x, conv, scale, filters, channels, upsampling)
    return keras.Model(lr, sr, name="rrdb_net")
