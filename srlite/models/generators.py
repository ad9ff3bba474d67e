"""Generators: functions that return a Functional `keras.Model`, LR to SR.

Input (batch, height, width, channels), float32, [0, 1], any height and width;
output (batch, scale * height, scale * width, channels), float32, unclipped. Only
built-in layers and `keras.ops`, so that one `.keras` file carries graph and weights,
loads in safe mode, runs on every Keras backend, and exports.

The RRDB (residual in residual dense block) is that of ESRGAN (Wang et al. 2018,
https://arxiv.org/abs/1809.00219, section 3.1). BatchNorm, which ESRGAN removes, is an
option here: between a convolution and its activation it folds into the convolution on
export and costs nothing on the phone. The residual stream itself (head, last
convolution of each dense block, fusion, tail) is never normalised.

A conditional generator takes a list of LR and `degradation`, (batch, 10), as
`degradation_vector` defines it. A small dense layer reads it, and its result is added
to the features, the same at every place (Zhang et al. 2018,
https://arxiv.org/abs/1712.06116, first gave such a vector to a network).

SRResNet is SRGAN's generator (Ledig et al. 2017, https://arxiv.org/abs/1609.04802,
section 2.1 and figure 4). The third generator is in `half_net`.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from srlite.data.degradation_vector import SIZE
from srlite.errors import ConfigError
from srlite.models.blocks import activation, check_scale, conv, shifted, told_of
from srlite.models.half_net import half_net


def _dense_block(
    x: Any,
    growth_channels: int,
    num_convolutions: int,
    residual_scaling: float,
    batch_norm: bool,
    initializer_scale: float,
    name: str,
) -> Any:
    """Add densely connected convolutions with a scaled residual around them."""
    scaled = functools.partial(conv, initializer_scale=initializer_scale)
    filters = x.shape[-1]
    seen = [x]
    for i in range(1, num_convolutions):
        y = layers.Concatenate(name=f"{name}_concat{i}")(seen) if i > 1 else x
        y = scaled(growth_channels, f"{name}_conv{i}", use_bias=not batch_norm)(y)
        if batch_norm:
            y = layers.BatchNormalization(name=f"{name}_bn{i}")(y)
        seen.append(activation(y, f"{name}_{i}"))
    y = layers.Concatenate(name=f"{name}_concat")(seen) if len(seen) > 1 else x
    y = scaled(filters, f"{name}_conv{num_convolutions}")(y)
    y = layers.Rescaling(residual_scaling, name=f"{name}_scale")(y)
    return layers.Add(name=f"{name}_add")([x, y])


def _upsample_at_once(x: Any, lr: Any, scale: int, anchor: bool) -> Any:
    """Turn features into a picture by one convolution and one pixel shuffle."""
    # With an anchor, training starts at the nearest-neighbour enlargement itself.
    x = conv(lr.shape[-1] * scale**2, "tail", zeros=anchor)(x)  # (B, H, W, s**2 * C)
    if anchor:
        # Four at a time: XNNPACK leaves a concatenation of more than 5 to slower code.
        for i in range(1, scale.bit_length()):
            lr = layers.Concatenate(name=f"anchor{i}")([lr] * 4)
        x = layers.Add(name="anchor_add")([x, lr])
    return keras.ops.depth_to_space(x, scale)  # (B, scale*H, scale*W, channels)


def _upsample_by_steps(
    x: Any, scale: int, filters: int, channels: int, upsampling: str
) -> Any:
    """Turn features into a picture by x2 steps, (B, scale*H, scale*W, channels)."""
    for i in range(1, scale.bit_length()):
        if upsampling == "depth_to_space_x2":
            x = conv(4 * filters, f"up{i}")(x)
            x = keras.ops.depth_to_space(x, 2)
        else:
            x = layers.UpSampling2D(2, interpolation="nearest", name=f"up{i}_size")(x)
            x = conv(filters, f"up{i}")(x)
        x = activation(x, f"up{i}")
    x = activation(conv(filters, "tail1")(x), "tail1")
    return conv(channels, "tail2")(x)


def rrdb_net(
    scale: int = 4,
    *,
    filters: int = 64,
    growth_channels: int = 32,
    num_blocks: int = 1,
    num_dense_blocks: int = 6,
    num_convolutions: int = 4,
    residual_scaling: float = 0.2,
    batch_norm: bool = True,
    upsampling: str = "depth_to_space",
    anchor: bool = True,
    initializer_scale: float = 1.0,
    conditional: bool = False,
    channels: int = 3,
) -> keras.Model:
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
            that the network learns only the difference. It is made of repeated channels
            before the pixel shuffle, because a resize op keeps phones off their GPU, so
            it needs `upsampling="depth_to_space"`.
        initializer_scale: factor on the He-normal initial kernels of the dense blocks
            (0.1 in the authors' code, which does not scale other kernels either).
        conditional: take a second input, the degradation, and add a function of it, 0
            at first, to the features after the head and before each dense block.
        channels: picture channels, 1 or 3.

    Raises:
        ConfigError: `scale` is not a power of two, or `upsampling` is unknown or does
            not go with `anchor`.
    """
    check_scale(scale)
    known = ("depth_to_space", "depth_to_space_x2", "nearest")
    if upsampling not in known:
        raise ConfigError(f"upsampling must be one of {known}; received {upsampling!r}")
    if anchor and upsampling != "depth_to_space":
        raise ConfigError(
            "anchor=True needs upsampling='depth_to_space'; "
            f"received upsampling={upsampling!r}"
        )
    lr = keras.Input((None, None, channels), name="lr")
    head = x = conv(filters, "head")(lr)  # (B, H, W, filters)
    inputs, told = lr, None
    if conditional:
        degradation = keras.Input((SIZE,), name="degradation")
        inputs = [lr, degradation]
        told = told_of(degradation)
        head = x = shifted(x, told, "head")
    for b in range(1, num_blocks + 1):
        block_input = x
        for d in range(1, num_dense_blocks + 1):
            if conditional and (b, d) != (1, 1):  # where the head was shifted just now
                x = shifted(x, told, f"rrdb{b}_dense{d}")
            x = _dense_block(
                x,
                growth_channels,
                num_convolutions,
                residual_scaling,
                batch_norm,
                initializer_scale,
                name=f"rrdb{b}_dense{d}",
            )
        if num_dense_blocks > 1:
            x = layers.Rescaling(residual_scaling, name=f"rrdb{b}_scale")(x)
            x = layers.Add(name=f"rrdb{b}_add")([block_input, x])
    x = layers.Add(name="fusion_add")([head, conv(filters, "fusion")(x)])
    if upsampling == "depth_to_space":
        sr = _upsample_at_once(x, lr, scale, anchor)
    else:
        sr = _upsample_by_steps(x, scale, filters, channels, upsampling)
    return keras.Model(inputs, sr, name="rrdb_net")


def srresnet(
    scale: int = 4,
    *,
    filters: int = 64,
    num_blocks: int = 16,
    batch_norm: bool = True,
    initializer_scale: float = 1.0,
    channels: int = 3,
) -> keras.Model:
    """Build SRResNet, the generator of SRGAN.

    Residual blocks of two 3x3 convolutions, one long skip, a pixel shuffle per x2, and
    9x9 convolutions at both ends. Every PReLU has one slope per channel, so that it
    takes pictures of any size. Unlike the paper's, pictures are in [0, 1] on both
    sides.

    Args:
        scale: SR pixels per LR pixel along each axis, a power of two.
        filters: channels of the residual stream (64 in the paper).
        num_blocks: residual blocks (16 in the paper).
        batch_norm: BatchNorm after the convolutions of the blocks and the one after
            the last block, which then have no bias.
        initializer_scale: factor on the He-normal initial kernels of the blocks.
        channels: picture channels, 1 or 3.

    Raises:
        ConfigError: `scale` is not a power of two.
    """
    check_scale(scale)

    def prelu(x: Any, name: str) -> Any:
        # He et al. 2015 (https://arxiv.org/abs/1502.01852), section 2.1: from 0.25.
        start = keras.initializers.Constant(0.25)
        return layers.PReLU(start, shared_axes=[1, 2], name=f"{name}_prelu")(x)

    def normalised(x: Any, name: str, factor: float = 1.0) -> Any:
        x = conv(filters, name, use_bias=not batch_norm, initializer_scale=factor)(x)
        return layers.BatchNormalization(name=f"{name}_bn")(x) if batch_norm else x

    lr = keras.Input((None, None, channels), name="lr")
    head = x = prelu(conv(filters, "head", size=9)(lr), "head")  # (B, H, W, filters)
    for b in range(1, num_blocks + 1):
        y = prelu(normalised(x, f"block{b}_conv1", initializer_scale), f"block{b}")
        y = normalised(y, f"block{b}_conv2", initializer_scale)
        x = layers.Add(name=f"block{b}_add")([x, y])
    x = layers.Add(name="fusion_add")([head, normalised(x, "fusion")])
    for i in range(1, scale.bit_length()):
        x = keras.ops.depth_to_space(conv(4 * filters, f"up{i}")(x), 2)
        x = prelu(x, f"up{i}")
    sr = conv(channels, "tail", size=9)(x)  # (B, scale*H, scale*W, channels)
    return keras.Model(lr, sr, name="srresnet")


GENERATORS: dict[str, Callable[..., keras.Model]] = {
    "half_net": half_net,
    "rrdb_net": rrdb_net,
    "srresnet": srresnet,
}


def build_generator(options: dict, scale: int, channels: int = 3) -> keras.Model:
    """Build a generator from its keyword arguments and `name`, a key of `GENERATORS`.

    Raises ConfigError if there is no such generator, or an option is impossible.
    """
    options = dict(options)
    name = options.pop("name")
    if name not in GENERATORS:
        raise ConfigError(
            f"unknown generator {name}; there are {', '.join(GENERATORS)}"
        )
    return GENERATORS[name](scale, channels=channels, **options)


def is_conditional(generator: keras.Model) -> bool:
    """Whether a generator takes a degradation beside the picture."""
    return len(generator.inputs) == 2


def inputs_of(generator: keras.Model, lr: Any, degradation: Any) -> Any:
    """Return the inputs of a generator: LR, and the degradation if it takes one."""
    return [lr, degradation] if is_conditional(generator) else lr


def last_convolutions(generator: keras.Model) -> list[layers.Layer]:
    """Return the convolutions that no other convolution follows."""
    makers = {id(step.output): step for step in generator.operations}
    found, tensors = [], list(generator.outputs)
    while tensors:
        step = makers[id(tensors.pop())]
        if isinstance(step, layers.Conv2D):
            found.append(step)
        elif not isinstance(step, layers.InputLayer):
            tensors += keras.tree.flatten(step.input)
    return found


def told_layers(generator: keras.Model) -> set[str]:
    """Return the names of the layers that only a conditional generator has."""
    beginnings = ("degradation", "told")
    return {
        layer.name
        for layer in generator.layers
        if layer.name.startswith(beginnings) or "_shift" in layer.name
    }
