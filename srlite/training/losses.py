"""Losses: each a `keras.losses.Loss` whose `call` returns one value per picture.

`call` returns shape (batch,); the base class averages over the batch and divides by the
number of replicas, which a scalar would defeat.

`PixelLoss`, `ColourLoss`, `LatticeLoss`, `SpectrumLoss`, `ContentLoss` and `StyleLoss`
compare pictures: `loss(hr, sr)`, both (batch, height, width, channels), float32,
[0, 1], `sr` unclipped. They are 0 at equality. Feature networks run once on each,
without a gradient into `hr`'s features, whose activations need not be kept.

`AdversarialLoss` and `RelativisticAverageLoss` compare logits (batch, 1): `loss(a, b)`
is small where the discriminator finds `a` real and `b` fake. So the discriminator
minimises `loss(real_logits, fake_logits)` and the generator
`loss(fake_logits, real_logits)`.
"""

import keras
from keras import ops

from srlite.config.stages import SPECTRUM_BLOCK
from srlite.data.augmentations import cosines
from srlite.errors import ConfigError
from srlite.pictures.levels import BT601
from srlite.training.replicas import global_mean

_CRITERIA = {"l1": ops.abs, "l2": ops.square}


def luma(x):
    """Return the luma of RGB (batch, H, W, 3), float32 (batch, H, W, 1)."""
    return ops.sum(x * ops.convert_to_tensor(BT601, "float32"), axis=-1, keepdims=True)


def _mean_per_example(x):
    return ops.mean(x, axis=tuple(range(1, len(x.shape))))  # (B,)


def _differences(features, hr, sr):
    """Return the outputs of the feature network for `sr` minus those for `hr`."""
    # flatten, because Keras returns a single output without a list.
    wanted = keras.tree.flatten(features(hr, training=False))
    given = keras.tree.flatten(features(sr, training=False))
    # Taps may have 16 bits, too few for a mean over so many values.
    return [
        ops.cast(y, "float32") - ops.stop_gradient(ops.cast(x, "float32"))
        for x, y in zip(wanted, given, strict=True)
    ]


class PixelLoss(keras.losses.Loss):
    """Mean absolute or squared difference of the pixels.

    The L1 term of ESRGAN (Wang et al. 2018, https://arxiv.org/abs/1809.00219, equation
    3) or the MSE of SRGAN (Ledig et al. 2017, https://arxiv.org/abs/1609.04802,
    equation 4).
    """

    def __init__(self, criterion="l1"):
        """Make the loss; `criterion` is "l1" (absolute) or "l2" (squared)."""
        super().__init__()
        self._distance = _CRITERIA[criterion]

    def call(self, y_true, y_pred):
        """Return (batch,) from HR and SR pictures, each (batch, H, W, channels)."""
        return _mean_per_example(self._distance(y_pred - y_true))


class ColourLoss(keras.losses.Loss):
    """Mean absolute difference of the pixels without their luma.

    The pixel loss is nearly all luma, so texture losses can shift colour; this holds
    colour, and leaves luma to the other losses.
    """

    def call(self, y_true, y_pred):
        """Return (batch,) from HR and SR pictures, each (batch, H, W, 3)."""
        difference = y_pred - y_true
        return _mean_per_example(ops.abs(difference - luma(difference)))


class LatticeLoss(keras.losses.Loss):
    """How much stronger SR's lattice is than HR's, and the difference of local means.

    A pixel shuffle makes each sub-pixel of an LR pixel by a filter of its own. Where LR
    is flat, the network can only repeat them, and other losses ask for texture: a
    lattice appears, too faint for the pixel loss. Over many LR pixels it adds up, while
    texture that does not repeat averages out. So each sub-pixel's mean is taken

    - over squares, 8 x 8 LR pixels, which finds lattices on flat parts;
    - along lines, 8 LR pixels of a column or a row (half of each). This finds dotted
      lines beside edges, wherever the edge itself is.

    The lattice is what differs between these means: between those of a square, or along
    the line. Its strength is the root mean square. HR has some too, in texture, and as
    much costs nothing in SR: grain without it would lack periods of 2 and 4 pixels.
    """

    _FLOOR = 0.05 / 255  # keeps the gradient of a root finite

    def __init__(self, scale=4, window=8):
        """Make the loss of a scale, with squares and lines of `window` LR pixels."""
        super().__init__()
        self._scale = scale
        self._windows = ((window, window), (window, 1), (1, window))

    def call(self, y_true, y_pred):
        """Return (batch,) from HR and SR pictures, each (batch, H, W, channels)."""
        hr, sr = (ops.space_to_depth(y, self._scale) for y in (y_true, y_pred))
        square, column, row = self._windows
        hr_level, hr_lattice = self._parts(hr, square, axis=(3, 4))
        sr_level, sr_lattice = self._parts(sr, square, axis=(3, 4))
        loss = _mean_per_example(ops.abs(sr_level - hr_level))
        loss += _mean_per_example(ops.relu(sr_lattice - hr_lattice))
        for window, axis in ((column, 3), (row, 4)):
            _, hr_lattice = self._parts(hr, window, axis)
            _, sr_lattice = self._parts(sr, window, axis)
            loss += _mean_per_example(ops.relu(sr_lattice - hr_lattice)) / 2
        return loss

    def _parts(self, cells, window, axis):
        """Return the means over a window, and how strong the lattice is in each.

        `cells` are (batch, height, width, scale**2 * channels), and the sub-pixels of
        one lattice lie along an axis (3: y, 4: x) or both.
        """
        # Strides are the window unless given, but then Keras 3.15 fails on JAX.
        means = ops.average_pool(cells, window, window, padding="same")
        batch, height, width, _ = ops.shape(means)
        sides = (self._scale, self._scale)
        means = ops.reshape(means, (batch, height, width, *sides, -1))
        level = ops.mean(means, axis=axis, keepdims=True)
        power = ops.mean(ops.square(means - level), axis=axis)
        return level, ops.sqrt(power + self._FLOOR**2)


class SpectrumLoss(keras.losses.Loss):
    """Mean absolute difference of the logarithms of the local spectra of luma.

    Other losses ask for texture, and a network without noise answers with grain of a
    few frequencies, a mesh, and leaves out the rest. Where grain lies cannot be known,
    but how strong each frequency is can be learned. Durall et al. 2020
    (https://arxiv.org/abs/2003.01826) compare the spectra of whole pictures; here the
    strength of a frequency is the mean square of its DCT coefficient over the blocks of
    a square.
    """

    _FLOOR = 1 / 255**2  # what rounding to 8 bits hides, added to each strength

    def __init__(self, block=SPECTRUM_BLOCK, window=4):
        """Make the loss of blocks of `block` pixels, squares of `window` blocks."""
        super().__init__()
        self._basis = cosines(block).astype("float32")
        self._window = window

    def call(self, y_true, y_pred):
        """Return (batch,) from HR and SR pictures, each (batch, H, W, channels)."""
        difference = self._strengths(y_pred) - self._strengths(y_true)
        return _mean_per_example(ops.abs(difference))

    def _strengths(self, picture):
        """Return their logarithms, (batch, rows, columns of squares, block**2)."""
        y = luma(picture) if picture.shape[-1] == 3 else picture
        size = len(self._basis)
        rows, columns = y.shape[1] // size, y.shape[2] // size
        y = y[:, : rows * size, : columns * size]  # what is left over does not count
        y = ops.reshape(y, (-1, rows, size, columns, size))
        y = ops.einsum("uy,brycx,vx->brcuv", self._basis, y, self._basis)
        squares = ops.reshape(ops.square(y), (-1, rows, columns, size**2))
        window = (self._window, self._window)
        means = ops.average_pool(squares, window, window, padding="same")
        return ops.log(means + self._FLOOR)


class ContentLoss(keras.losses.Loss):
    """Weighted sum of the differences at several taps of a feature network.

    Johnson et al. 2016 (https://arxiv.org/abs/1603.08155, section 3.2), with taps
    before the activation as in ESRGAN (Wang et al. 2018,
    https://arxiv.org/abs/1809.00219, section 3.3). Per tap: the mean over its places
    and channels of |sr - hr| / scale, or of the square of that.
    """

    def __init__(
        self, features, tap_weights, tap_scales, criterion="l1", normalization="none"
    ):
        """Make the loss.

        Args:
            features: model with one or several outputs, as returned by `vgg_features`.
            tap_weights: weight of each output of `features`.
            tap_scales: divisor above 0 of each output, in units of its activations,
                which differ by orders of magnitude between taps and trainings of VGG19;
                the scales make weights comparable, also with published ones.
            criterion: "l1" or "l2".
            normalization: what the sum over the taps is divided by: "none" (1), "taps"
                (their number) or "weights" (the sum of `tap_weights`, above 0).

        Raises:
            ConfigError: another number of weights or scales than of outputs.
        """
        super().__init__()
        self._distance = _CRITERIA[criterion]
        taps = len(features.outputs)
        if not taps == len(tap_weights) == len(tap_scales):
            raise ConfigError(
                f"the feature network has {taps} taps; received {len(tap_weights)} "
                f"weights and {len(tap_scales)} scales, expected as many of each"
            )
        divisors = {"none": 1.0, "taps": taps, "weights": sum(tap_weights)}
        self._features = features
        self._tap_weights = tuple(w / divisors[normalization] for w in tap_weights)
        self._tap_scales = tuple(tap_scales)

    def call(self, y_true, y_pred):
        """Return (batch,) from HR and SR pictures, each (batch, H, W, 3)."""
        differences = _differences(self._features, y_true, y_pred)
        return sum(
            weight * _mean_per_example(self._distance(difference / scale))
            for difference, weight, scale in zip(
                differences, self._tap_weights, self._tap_scales, strict=True
            )
        )


class StyleLoss(keras.losses.Loss):
    """Mean absolute difference of the outputs of a feature network.

    Plain L1 between deep features, no Gram matrices: meant for the linear outputs of
    `efficientnet_b4_features`, which say what kind of surface is where.
    """

    def __init__(self, features):
        """Make the loss; several outputs of the model `features` are averaged."""
        super().__init__()
        self._features = features

    def call(self, y_true, y_pred):
        """Return (batch,) from HR and SR pictures, each (batch, H, W, 3)."""
        differences = _differences(self._features, y_true, y_pred)
        total = sum(_mean_per_example(ops.abs(x)) for x in differences)
        return total / len(differences)


class AdversarialLoss(keras.losses.Loss):
    """The first GAN's loss, -log D(a) - log(1 - D(b)), with D = sigmoid(logit).

    Goodfellow et al. 2014 (https://arxiv.org/abs/1406.2661, section 3). With the roles
    exchanged for the generator it is the non-saturating form given there and in SRGAN
    (Ledig et al. 2017, https://arxiv.org/abs/1609.04802, equation 6), plus a term
    without gradient. 2 ln 2 where all logits are 0.

    The discriminator's label of fakes may be t > 0 instead of 0 (label smoothing,
    Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 3.4): then `b` is a
    pair of logits and labels, with the cross-entropy
    -t log D(b) - (1 - t) log(1 - D(b)).
    """

    def call(self, y_true, y_pred):
        """Return (batch,) from the logits to raise and to lower, each (batch, 1).

        `y_pred` may be a tuple of logits and their labels in [0, 1], (batch, 1).
        """
        logits, labels = y_pred if isinstance(y_pred, tuple) else (y_pred, 0.0)
        # softplus(-x) is -log(sigmoid(x)) without overflow and without log(0).
        fake = ops.softplus(logits) - labels * logits
        return _mean_per_example(ops.softplus(-y_true) + fake)


class RelativisticAverageLoss(keras.losses.Loss):
    """The relativistic average GAN's loss: a is more real than b is on average.

    With D(a, b) = sigmoid(a - mean(b)), the mean over the batch, the loss is
    -log D(a, b) - log(1 - D(b, a)): ESRGAN (Wang et al. 2018,
    https://arxiv.org/abs/1809.00219, equations 1 and 2) after Jolicoeur-Martineau 2018
    (https://arxiv.org/abs/1807.00734, section 4.2). 2 ln 2 where all logits are equal.
    The code of ESRGAN halves it: a weight of 5e-3 there is one of 2.5e-3 here.
    """

    def call(self, y_true, y_pred):
        """Return (batch,) from the logits to raise and to lower, each (batch, 1)."""
        above = y_true - global_mean(y_pred)
        below = y_pred - global_mean(y_true)
        # As above, softplus(-x) is -log(sigmoid(x)).
        return _mean_per_example(ops.softplus(-above) + ops.softplus(below))


class DiscriminatorAccuracy(keras.losses.Loss):
    """Share of the pictures on the right side of the other kind's mean logit.

    It has no gradient, and is 0 where all logits are equal.
    """

    def call(self, y_true, y_pred):
        """Return (batch,) from logits of real and fake pictures, each (batch, 1)."""
        above = ops.cast(y_true > global_mean(y_pred), y_true.dtype)
        below = ops.cast(y_pred < global_mean(y_true), y_pred.dtype)
        return _mean_per_example((above + below) / 2)
