"""A small conditional model with its estimator, as files, for tests."""

import numpy as np
from small_networks import small_generator


def write_told(folder):
    """Write `told.tflite`, which what it is told changes a lot, and `estimator.keras`.

    Both have random weights.
    """
    from srlite.models.estimator import estimator
    from srlite.models.generators import told_layers

    model = small_generator(0, conditional=True)
    random = np.random.default_rng(0)
    # Untrained, both start at zero.
    for name in (*sorted(told_layers(model)), "tail"):
        for weight in model.get_layer(name).weights:
            weight.assign(0.1 * random.standard_normal(weight.shape))
    path = folder / "told.tflite"
    model.export(str(path), format="litert", verbose=False)
    estimator(hidden_units=4).save(folder / "estimator.keras")
    return path
