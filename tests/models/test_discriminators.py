"""The VGG-like discriminator: shapes, sizes, reloading."""

import keras
import numpy as np
import pytest

from srlite.errors import ConfigError
from srlite.models.discriminators import vgg_discriminator

FILTERS = (4, 8)


def _pictures(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.mark.parametrize("size", [(16, 16), (17, 23)])
def test_the_pooled_form_takes_any_size(size):
    discriminator = vgg_discriminator(filters=FILTERS, dense_units=5)
    logits = discriminator(_pictures(3, *size, 3))
    assert logits.shape == (3, 1)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"


def test_the_flattened_form_takes_its_own_size():
    discriminator = vgg_discriminator(16, filters=FILTERS, dense_units=5, channels=1)
    assert discriminator.input_shape == (None, 16, 16, 1)
    assert discriminator(_pictures(2, 16, 16, 1)).shape == (2, 1)


def test_gives_logits_of_either_sign():
    keras.utils.set_random_seed(0)
    discriminator = vgg_discriminator(filters=FILTERS, dense_units=5)
    logits = discriminator(_pictures(32, 16, 16, 3), training=True)
    assert np.min(logits) < 0 < np.max(logits)


def test_the_light_one_is_light():
    assert vgg_discriminator().count_params() < 2_000_000


def _expected_parameters(filters, dense_units, kernel_size, places):
    total, before = 0, 3
    for stage, width in enumerate(filters):
        # No BatchNorm after the very first convolution, but a bias.
        total += 9 * before * width + (width if stage == 0 else 4 * width)
        total += kernel_size**2 * width * width + 4 * width
        before = width
    total += (places * before + 1) * dense_units
    return total + dense_units + 1


def test_parameter_counts():
    light = _expected_parameters((32, 64, 128, 256), 100, 4, places=1)
    assert vgg_discriminator().count_params() == light

    esrgan = (64, 128, 256, 512, 512)
    expected = _expected_parameters(esrgan, 100, 4, places=4 * 4)
    assert vgg_discriminator(128, esrgan).count_params() == expected

    srgan = (64, 128, 256, 512)
    expected = _expected_parameters(srgan, 1024, 3, places=6 * 6)
    assert vgg_discriminator(96, srgan, 1024, 3).count_params() == expected


def test_reloads_with_the_same_output(tmp_path):
    discriminator = vgg_discriminator(filters=FILTERS, dense_units=5)
    pictures = _pictures(4, 16, 16, 3)
    discriminator(pictures, training=True)  # moves BatchNorm's statistics
    discriminator.save(tmp_path / "discriminator.keras")
    again = keras.saving.load_model(tmp_path / "discriminator.keras", safe_mode=True)
    np.testing.assert_array_equal(again(pictures), discriminator(pictures))


def _spectral():
    keras.utils.set_random_seed(0)
    return vgg_discriminator(
        filters=FILTERS, dense_units=5, batch_norm=False, spectral_norm=True
    )


def _norms(discriminator):
    kernels = [v for v in discriminator.trainable_variables if v.name == "kernel"]
    matrices = (np.reshape(kernel, (-1, kernel.shape[-1])) for kernel in kernels)
    return [np.linalg.norm(matrix, ord=2) for matrix in matrices]


def test_spectral_normalisation_brings_every_kernel_to_norm_1():
    discriminator = _spectral()
    pictures = _pictures(2, 16, 16, 3)
    assert len(_norms(discriminator)) == 2 * len(FILTERS) + 2
    assert max(_norms(discriminator)) > 1.5
    for _ in range(50):
        discriminator(pictures, training=True)
    np.testing.assert_allclose(_norms(discriminator), 1.0, atol=0.02)


def test_spectral_normalisation_is_the_same_each_time():
    pictures = _pictures(2, 16, 16, 3)
    first, second = _spectral(), _spectral()
    for _ in range(3):
        logits = first(pictures, training=True), second(pictures, training=True)
    np.testing.assert_array_equal(*logits)


def test_spectral_normalisation_works_without_state():
    discriminator = _spectral()
    pictures = _pictures(2, 16, 16, 3)
    trainable = [v.value for v in discriminator.trainable_variables]
    others = [v.value for v in discriminator.non_trainable_variables]
    before = [np.array(v) for v in discriminator.variables]
    logits, updated = discriminator.stateless_call(
        trainable, others, pictures, training=True
    )
    for variable, value in zip(discriminator.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert any(not np.array_equal(a, b) for a, b in zip(others, updated, strict=True))
    np.testing.assert_allclose(logits, discriminator(pictures, training=True))


def test_without_batch_norm():
    layers = vgg_discriminator(filters=FILTERS, batch_norm=False).layers
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in layers)


def test_no_stage_is_an_error():
    with pytest.raises(ConfigError, match=r"at least one stage; received \(\)"):
        vgg_discriminator(filters=())


def test_several_dense_layers():
    plain = vgg_discriminator(filters=FILTERS, dense_units=5)
    more = vgg_discriminator(filters=FILTERS, dense_units=5, more_dense_units=(7, 3))
    names = [layer.name for layer in more.layers][-8:]
    dense = [name for name in names if not name.endswith("_lrelu")]
    assert dense[-4:] == ["dense", "dense2", "dense3", "logit"]
    added = (5 + 1) * 7 + (7 + 1) * 3 + (3 + 1) - (5 + 1)
    assert more.count_params() == plain.count_params() + added
