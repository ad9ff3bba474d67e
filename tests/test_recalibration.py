"""Statistics measured anew are those of one training pass over all patches."""

import keras
import numpy as np
import pytest
from skimage import data

from srlite.data.patches import PatchSampler
from srlite.data.degradations import degrade
from srlite.errors import ModelError
from srlite.models.generators import rrdb_net
from srlite.training.recalibration import PATCH_SIZE, recalibrate

SHAPE = {
    "filters": 8,
    "growth_channels": 4,
    "num_blocks": 1,
    "num_dense_blocks": 2,
    "num_convolutions": 3,
}


def network(tail=0.0):
    keras.utils.set_random_seed(0)
    model = rrdb_net(**SHAPE)
    kernel = model.get_layer("tail").kernel
    kernel.assign(tail * np.random.default_rng(0).standard_normal(kernel.shape))
    return model


def normalizations(model):
    kind = keras.layers.BatchNormalization
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_equals_one_training_pass_over_all_patches():
    # The zero tail leaves the enlarged input, so that PSNR cannot fall.
    model, twin = network(), network()
    images = [data.chelsea(), data.coffee()]
    before, after = recalibrate(model, images, num_patches=12, seed=5)
    assert before == after and 15 < before < 40

    sampler = PatchSampler(images, PATCH_SIZE, 1, [1] * 6, 5)
    lr = [degrade(sampler.batch(step), 4)[0] for step in range(12)]
    for layer in normalizations(twin):
        layer.momentum = 0.0
    twin(np.concatenate(lr), training=True)
    assert len(normalizations(model)) == 4
    for one, other in zip(normalizations(model), normalizations(twin), strict=True):
        for name in ("moving_mean", "moving_variance"):
            values = (
                keras.ops.convert_to_numpy(getattr(x, name)) for x in (one, other)
            )
            np.testing.assert_allclose(*values, rtol=1e-4, atol=1e-6)


def test_a_worse_network_is_refused_and_left_alone():
    # Statistics of very large variance switch the blocks off; measured ones let the
    # noise of a random tail through.
    model = network(tail=0.05)
    for layer in normalizations(model):
        layer.moving_variance.assign(np.full(4, 1e6))
    for name in ("head", "fusion"):
        model.get_layer(name).kernel.assign(
            (0.01 if name == "head" else 3.0) * model.get_layer(name).kernel
        )
    former = model.get_weights()
    with pytest.raises(ModelError, match=r"lowers PSNR on these photographs from \d"):
        recalibrate(model, [data.chelsea()], num_patches=6)
    for a, b in zip(former, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_batch_norm_there_is_nothing_to_measure(tiny_model):
    with pytest.raises(ModelError, match="no BatchNorm"):
        recalibrate(tiny_model, [data.chelsea()], num_patches=1)
