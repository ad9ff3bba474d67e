"""What several tests share: small networks as files, small photos."""

import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

# Shells start background jobs deaf to Ctrl-C, and what these start is deaf too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PHOTO = Path(__file__).parents[1] / "srlite" / "samples" / "astronaut_lr.png"


@pytest.fixture(scope="session")
def tiny_model():
    """A network with random weights whose output stays close to its input."""
    import keras

    from srlite.models.generators import rrdb_net

    keras.utils.set_random_seed(0)
    model = rrdb_net(
        filters=8,
        growth_channels=4,
        num_blocks=1,
        num_dense_blocks=1,
        num_convolutions=2,
        batch_norm=False,
        initializer_scale=0.3,
    )
    # An untrained tail is zero, and would leave the nearest-neighbour enlargement.
    tail = model.get_layer("tail").kernel
    tail.assign(0.1 * np.random.default_rng(0).standard_normal(tail.shape))
    return model


@pytest.fixture(scope="session")
def tiny_tflite(tiny_model, tmp_path_factory):
    """`tiny_model` as a `.tflite` of any height and width."""
    path = tmp_path_factory.mktemp("model") / "tiny.tflite"
    tiny_model.export(str(path), format="litert", verbose=False)
    return path


@pytest.fixture(scope="session")
def vgg19_file(tmp_path_factory):
    """VGG19 with random weights, in the form of Keras's own download."""
    import keras

    path = tmp_path_factory.mktemp("weights") / "vgg19.weights.h5"
    keras.utils.set_random_seed(0)
    keras.applications.VGG19(include_top=False, weights=None).save_weights(path)
    return path


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder with two pictures of 100 x 120 pixels, a PNG and a JPEG."""
    folder = tmp_path_factory.mktemp("photos")
    for name, picture in (("a.png", data.astronaut()), ("b.jpg", data.coffee())):
        Image.fromarray(picture[100:200, 200:320]).save(folder / name, quality=95)
    return folder


@pytest.fixture
def photo():
    """A 40 x 48 piece of a real photo, uint8 RGB."""
    return np.asarray(Image.open(PHOTO))[20:60, 40:88].copy()


@pytest.fixture(scope="session")
def repeating_upscaler():
    """An `Upscaler` that makes 4 x 4 equal pixels of each, so that flat stays flat."""
    from srlite.runtime.upscaler import Upscaler

    class Repeating:
        scale = 4
        size = None
        bytes_per_pixel = 1000
        eight_bit = False

        def __call__(self, lr):
            return lr.repeat(4, axis=1).repeat(4, axis=2)

        def release(self):
            pass

    return Upscaler(Repeating())
