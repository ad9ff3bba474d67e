"""What several tests share: small networks as files, small photos."""

import shlex
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from litert_files import export_litert
from node_scripts import need
from PIL import Image
from skimage import data
from small_networks import small_generator
from told_models import conditional_generator, random_estimator

# Shells start background jobs deaf to Ctrl-C, and what these start is deaf too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PHOTO = Path(__file__).parents[1] / "srlite" / "samples" / "astronaut_lr.png"
REPEATING = """
import sys, time
from PIL import Image
image = Image.open(sys.argv[1])
size = [int(sys.argv[3]) * side for side in image.size]
image.resize(size, Image.Resampling.NEAREST).save(sys.argv[2])
time.sleep(float(sys.argv[4]))
"""


@pytest.fixture(scope="session")
def tiny_model():
    """A network with random weights whose output stays close to its input."""
    model = small_generator(0)
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
def told_model():
    """A conditional network with random weights, whose shifts are not 0 as at first."""
    model = small_generator(1, num_dense_blocks=2, conditional=True)
    random = np.random.default_rng(1)
    for layer in model.layers:
        if layer.name == "tail" or layer.name.endswith("_shift"):
            kernel = layer.kernel
            kernel.assign(0.1 * random.standard_normal(kernel.shape))
    return model


@pytest.fixture(scope="session")
def told_tflite(told_model, tmp_path_factory):
    """`told_model` as a `.tflite`, with an untrained estimator beside it."""
    import keras

    from srlite.models.estimator import estimator

    path = tmp_path_factory.mktemp("told") / "told.tflite"
    told_model.export(str(path), format="litert", verbose=False)
    keras.utils.set_random_seed(2)
    beside = str(path.with_name("told_estimator.tflite"))
    estimator(hidden_units=8).export(beside, format="litert", verbose=False)
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


@pytest.fixture(scope="module")
def photo_dir(tmp_path_factory):
    """Six photographs of 200 x 240 pixels."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "coffee", "chelsea"):
        photo = getattr(data, name)()
        Image.fromarray(photo[:200, :240]).save(folder / f"{name}_1.png")
        Image.fromarray(photo[90:290, 160:400]).save(folder / f"{name}_2.png")
    return folder


@pytest.fixture
def hr_folder(tmp_path):
    """A folder `photos/HR` of two pictures whose sides are not multiples of 4."""
    hr = tmp_path / "photos" / "HR"
    hr.mkdir(parents=True)
    Image.fromarray(data.astronaut()[:65, 100:187]).save(hr / "a.png")
    Image.fromarray(data.coffee()[:44, :51]).save(hr / "b.png")
    return hr


@pytest.fixture
def program(tmp_path):
    """A command that repeats each pixel, `factor` times along each axis."""
    path = tmp_path / "repeat.py"
    path.write_text(REPEATING)
    words = shlex.join([sys.executable, str(path)])
    return lambda factor=4, seconds=0: f"{words} {{lr}} {{sr}} {factor} {seconds}"


@pytest.fixture(scope="module")
def node():
    path = shutil.which("node")
    need((path, "Node is not installed"))
    return path


@pytest.fixture(scope="module")
def nearest_tflite(tmp_path_factory):
    """Nearest-neighbour enlargement by 4."""
    import keras

    lr = keras.Input((None, None, 3))
    sr = keras.ops.depth_to_space(keras.layers.Concatenate()([lr] * 16), 4)
    path = tmp_path_factory.mktemp("nearest") / "nearest.tflite"
    return export_litert(lr, sr, path)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with two networks of random weights for tiles, `plain` and `told`."""
    from srlite.export.export import export_tflite

    folder = tmp_path_factory.mktemp("models")
    told = conditional_generator(num_blocks=1, shift=0.1)
    size = (96, 96)
    export_tflite(told, folder / "told.tflite", size)
    export_tflite(told, folder / "plain.tflite", size, degradation="jpeg=50")
    export_tflite(random_estimator(), folder / "told_estimator.tflite")
    return folder
