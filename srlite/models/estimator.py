"""The estimator: from an LR picture to its degradation.

It looks at statistics that hardly depend on content. Luma passes through the 64 filters
of the 8 x 8 DCT at every pixel, and each filter gives its mean square, mean log
magnitude and shares of values near zero over all places. Means over edges alone show
the kernel and sharpening, means over flat places show noise; the energy of the lowest
frequencies separates the two. The shares near zero are taken once more over one phase
of the 8 x 8 grid, found by a softmax over the 64 phases, because JPEG's quantisation
stands out on the phase of its blocks. Chroma, through a 4 x 4 DCT, shows halved chroma
and coloured noise. A small dense net reads all of it.

All statistics are means over places, so any size will do; more pixels make it surer.
LR alone hardly separates the aliased kernels, so the answer is odds.
"""

import keras
import numpy as np
from keras import layers, ops

from srlite.data.augmentations import cosines
from srlite.data.degradation_vector import SIZE
from srlite.data.kernels import KERNELS
from srlite.models.blocks import activation
from srlite.pictures.levels import BT601

_NEAR = (0.5, 2.0, 8.0)  # levels: what "near zero" means
# Of the mean energy: where an edge is half one, and a flat place half one.
_EDGE, _FLAT = 2.0, 0.125
# 255 times BT.601 luma, Cb and Cr of RGB in [0, 1].
_TO_YCBCR = 255.0 * np.array(
    [BT601, [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)


def estimator(hidden_units=56):
    """Build the estimator, untrained, with two layers of `hidden_units`.

    Returns:
        `keras.Model`, LR (batch, H, W, 3) in [0, 1], with sides as `fitting` returns,
        -> degradation (batch, 10), as `degradation_vector` defines it.
    """
    fixed = {"ycbcr": _TO_YCBCR.T[None, None]}
    fixed |= {"luma_dct": _dct_filters(8, 1), "chroma_dct": _dct_filters(4, 2)}

    def convolve(x, name):
        size, _, _, filters = fixed[name].shape
        conv = layers.Conv2D(filters, size, use_bias=False, name=name)
        conv.trainable = False
        return conv(x)

    lr = keras.Input((None, None, 3), name="lr")
    ycbcr = convolve(lr, "ycbcr")
    dct = convolve(ycbcr[..., :1], "luma_dct")  # (B, H-7, W-7, 64)
    square, log, *near = _statistics(dct)
    phases = ops.concatenate([_means_by_phase(x) for x in near], axis=-1)
    everywhere = ops.mean(phases, axis=1, keepdims=True)  # (B, 1, 3 * 64)
    # Zeros pile up where a file's coefficients were quantised: on one of the phases.
    evidence = layers.Dense(1, use_bias=False, name="evidence")(phases - everywhere)
    on_grid = ops.sum(ops.softmax(evidence, axis=1) * phases, axis=1)  # (B, 3 * 64)
    features = [everywhere[:, 0], on_grid, _log_mean(square), _mean(log)]
    for weights in _edges_and_flats(square):
        features += [_log_mean(square, weights), _mean(log, weights)]
        features.append(_alignments(dct, weights))
    square, *others = _statistics(convolve(ycbcr[..., 1:], "chroma_dct"))
    features += [_log_mean(square), *map(_mean, others)]  # 5 of (B, 32)
    x = ops.concatenate(features, axis=-1)
    x = layers.BatchNormalization(name="features_bn")(x)
    for i in (1, 2):
        x = activation(layers.Dense(hidden_units, name=f"hidden{i}")(x), f"hidden{i}")
    odds = layers.Dense(len(KERNELS), activation="softmax", name="kernels")(x)
    damages = layers.Dense(SIZE - len(KERNELS), activation="sigmoid", name="damages")(x)
    degradation = layers.Concatenate(name="degradation")([odds, damages])
    model = keras.Model(lr, degradation, name="estimator")
    for name, kernel in fixed.items():
        model.get_layer(name).set_weights([kernel])
    # The search for the blocks begins with the first two shares of all filters.
    start = np.repeat([1.0, 1.0, 0.0], 64)[:, None]
    model.get_layer("evidence").set_weights([start])
    return model


def _dct_filters(size, channels):
    """Filters of the orthonormal DCT-II, (size, size, channels, channels * size**2)."""
    rows = cosines(size)
    kernels = np.einsum("vy,ux->yxvu", rows, rows).reshape(size, size, size**2)
    filters = np.einsum("yxf,cd->yxcdf", kernels, np.eye(channels))
    return filters.reshape(size, size, channels, -1)


def _statistics(x):
    """Return what is averaged of DCT coefficients, a list of tensors of their shape."""
    square = ops.square(x)
    near = [n**2 / (square + n**2) for n in _NEAR]
    return [square, ops.log(square + 0.25), *near]


def _means_by_phase(x):
    """Mean over the places of each phase of a grid of 8: (B, H, W, C) to (B, 64, C)."""
    channels = x.shape[-1]
    x = ops.mean(ops.space_to_depth(x, 8), axis=(1, 2))  # (B, 64 * C)
    return layers.Reshape((64, channels))(x)


def _edges_and_flats(square):
    """Weigh places with edges, and flat ones: two tensors (B, H, W, 1), [0, 1].

    `square` holds the squared coefficients of luma (B, H, W, 64).
    """
    # Horizontal and vertical frequency 1: the energy of what is 8 pixels wide.
    energy = square[..., 1:2] + square[..., 8:9]
    relative = energy / (ops.mean(energy, axis=(1, 2), keepdims=True) + 1.0)
    relative = ops.square(relative)
    return relative / (relative + _EDGE**2), _FLAT**2 / (relative + _FLAT**2)


def _mean(x, weights=None):
    """Mean over all places, weighted where asked: (B, H, W, C) to (B, C)."""
    if weights is None:
        return ops.mean(x, axis=(1, 2))
    return _mean(x * weights) / (_mean(weights) + 1e-6)


def _log_mean(square, weights=None):
    """The logarithm of the mean of squares."""
    return ops.log(_mean(square, weights) + 0.01)


def _alignments(dct, weights):
    """Correlate the frequencies of each direction, (B, 16).

    At an edge they depend on its profile: a sharpened one overshoots.
    """
    found = []
    for line in (dct[..., 1:8], dct[..., 8::8]):
        for lag in (2, 4):
            low, high = line[..., :-lag], line[..., lag:]
            sizes = _mean(ops.square(low) + ops.square(high), weights)
            found.append(_mean(low * high, weights) / (sizes + 1.0))
    return ops.concatenate(found, axis=-1)
