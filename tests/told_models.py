"""Small networks of random weights that are told a degradation, or tell it."""

import numpy as np


def conditional_generator(seed=0, shift=0.3, **options):
    """Build a small conditional generator on which every degradation tells.

    Untrained shifts are zero, so that no test of what is told could fail.
    """
    import keras

    from srlite.models.generators import rrdb_net

    keras.utils.set_random_seed(seed)
    shape = {
        "filters": 8,
        "growth_channels": 4,
        "num_dense_blocks": 2,
        "num_convolutions": 2,
    }
    model = rrdb_net(**shape | options, conditional=True)
    random = np.random.default_rng(seed)
    for layer in model.layers:
        if layer.name.endswith("_shift"):
            kernel = random.normal(0.0, shift, layer.kernel.shape)
            layer.set_weights([kernel, random.normal(0.0, 0.1, layer.bias.shape)])
        elif layer.name == "tail":  # it is zero, too, beside an anchor
            kernel = random.normal(0.0, 0.03, layer.kernel.shape)
            layer.kernel.assign(kernel)
    return model


def random_estimator(seed=0):
    """Build an estimator that says something else of each picture."""
    import keras

    from srlite.models.estimator import estimator

    keras.utils.set_random_seed(seed)
    model = estimator(hidden_units=16)
    mean = model.get_layer("features_bn")
    mean.moving_variance.assign(np.full(mean.moving_variance.shape, 4.0))
    return model


def vectors(count, seed=0):
    """Draw degradations, float32 (count, 10)."""
    random = np.random.default_rng(seed)
    odds = random.dirichlet(np.ones(6), count)
    return np.concatenate([odds, random.random((count, 4))], axis=1).astype(np.float32)
