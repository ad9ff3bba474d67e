"""The smallest generator that tests run, and a stand-in that notes what it is told."""


def small_generator(seed, **options):
    """Build a generator of one block with random weights; its tail is zero.

    `options` of `rrdb_net` go before those of here.
    """
    import keras

    from srlite.models.generators import rrdb_net

    shape = {
        "filters": 8,
        "growth_channels": 4,
        "num_blocks": 1,
        "num_dense_blocks": 1,
        "num_convolutions": 2,
        "batch_norm": False,
        "initializer_scale": 0.3,
    }
    keras.utils.set_random_seed(seed)
    return rrdb_net(**shape | options)


class ToldNetwork:
    """What an `Upscaler` runs; `told` holds all that it was told, `enlarge` answers."""

    scale = 4
    size = None
    bytes_per_pixel = 1000
    eight_bit = False
    conditional = True

    def __init__(self):
        """Begin without anything told."""
        self.told = []

    def __call__(self, lr, degradation):
        """Note what is told, and return the picture of `enlarge`."""
        self.told.append(degradation)
        return self.enlarge(lr, degradation)

    def release(self):
        """Hold nothing that has to be freed."""
