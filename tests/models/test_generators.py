"""The RRDB generator: shapes, parameters, reloading, its anchor and its scaling."""

import keras
import numpy as np
import pytest

from srlite.errors import ConfigError
from srlite.models.generators import (
    build_generator,
    inputs_of,
    is_conditional,
    rrdb_net,
    srresnet,
    told_layers,
)

TINY = {"filters": 8, "growth_channels": 4, "num_dense_blocks": 3}
UPSAMPLINGS = ("depth_to_space", "depth_to_space_x2", "nearest")


def _pictures(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def _tiny(upsampling="depth_to_space", **options):
    anchor = upsampling == "depth_to_space"
    return rrdb_net(**{"upsampling": upsampling, "anchor": anchor, **TINY, **options})


def _set_zero(layer):
    layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
@pytest.mark.parametrize("scale", [2, 4])
def test_takes_odd_sizes(upsampling, scale):
    sr = _tiny(upsampling, scale=scale)(_pictures(2, 5, 7, 3))
    assert sr.shape == (2, 5 * scale, 7 * scale, 3)
    assert keras.backend.standardize_dtype(sr.dtype) == "float32"


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_reloads_with_the_same_output(upsampling, tmp_path):
    keras.utils.set_random_seed(0)
    generator = _tiny(upsampling)
    lr = _pictures(2, 6, 9, 3)
    generator(lr, training=True)  # moves BatchNorm's statistics off their start
    generator.save(tmp_path / "generator.keras")
    again = keras.saving.load_model(tmp_path / "generator.keras", safe_mode=True)
    np.testing.assert_array_equal(again(lr), generator(lr))


def test_grey_pictures():
    assert _tiny(channels=1)(_pictures(1, 4, 4, 1)).shape == (1, 16, 16, 1)


def test_anchor_is_the_nearest_enlargement():
    generator = _tiny()
    _set_zero(generator.get_layer("tail"))
    lr = _pictures(2, 5, 7, 3)
    np.testing.assert_array_equal(generator(lr), lr.repeat(4, axis=1).repeat(4, axis=2))


def test_no_residual_scaling_leaves_no_blocks():
    scaled, bare = _tiny(residual_scaling=0.0), _tiny(num_blocks=0)
    for layer in bare.layers:
        layer.set_weights(scaled.get_layer(layer.name).get_weights())
    lr = _pictures(1, 6, 6, 3)
    np.testing.assert_allclose(scaled(lr), bare(lr), atol=1e-6)


def test_residual_scaling_is_linear_in_one_dense_block():
    # Around one dense block everything else is linear, so its share is proportional.
    lr = _pictures(1, 6, 6, 3)
    outputs = {}
    for residual_scaling in (0.0, 0.2, 0.4):
        keras.utils.set_random_seed(0)
        generator = _tiny(
            num_dense_blocks=1, residual_scaling=residual_scaling, anchor=False
        )
        outputs[residual_scaling] = np.asarray(generator(lr))
    share = outputs[0.2] - outputs[0.0]
    assert np.abs(share).max() > 1e-3
    np.testing.assert_allclose(outputs[0.4] - outputs[0.0], 2 * share, atol=1e-5)


def test_an_rrdb_scales_the_sum_of_its_dense_blocks():
    generator = _tiny(residual_scaling=0.2)
    names = ("fusion_add", "rrdb1_add", "rrdb1_scale", "rrdb1_dense3_add", "head")
    inner = keras.Model(
        generator.input, {name: generator.get_layer(name).output for name in names}
    )
    got = inner(_pictures(1, 6, 6, 3))
    expected = got["head"] + 0.2 * got["rrdb1_dense3_add"]
    np.testing.assert_allclose(got["rrdb1_add"], expected, atol=1e-6)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_parameter_count(batch_norm):
    n, g, blocks, dense, convolutions, scale = 12, 5, 2, 3, 4, 4

    def conv(inputs, outputs, bias=True):
        return 9 * inputs * outputs + bias * outputs

    block = conv(n + (convolutions - 1) * g, n)
    for i in range(convolutions - 1):
        block += conv(n + i * g, g, bias=not batch_norm) + batch_norm * 4 * g
    expected = conv(3, n) + blocks * dense * block + conv(n, n) + conv(n, 3 * scale**2)
    generator = rrdb_net(
        scale,
        filters=n,
        growth_channels=g,
        num_blocks=blocks,
        num_dense_blocks=dense,
        num_convolutions=convolutions,
        batch_norm=batch_norm,
    )
    assert generator.count_params() == expected


def _told():
    """A conditional generator whose every weight is its own."""
    keras.utils.set_random_seed(0)
    generator = _tiny(conditional=True)
    random = np.random.default_rng(0)
    generator.set_weights(
        [w + random.uniform(0.01, 0.1, w.shape) for w in generator.get_weights()]
    )
    return generator


def test_what_is_told_changes_nothing_at_first():
    keras.utils.set_random_seed(0)
    told, plain = _tiny(conditional=True, anchor=False), _tiny(anchor=False)
    for layer in plain.layers:
        layer.set_weights(told.get_layer(layer.name).get_weights())
    lr = _pictures(2, 6, 5, 3)
    expected = np.asarray(plain(lr))
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(told([lr, _pictures(2, 10)]), expected, atol=1e-6)
    assert {x.name for x in told.layers} - {x.name for x in plain.layers} == (
        told_layers(told)
    )
    assert told_layers(plain) == set()


def test_each_picture_is_told_of_by_its_own_vector():
    generator, lr = _told(), _pictures(1, 9, 7, 3)
    vectors = _pictures(3, 10)
    together = np.asarray(generator([np.repeat(lr, 3, axis=0), vectors]))
    for vector, sr in zip(vectors, together, strict=True):
        alone = np.asarray(generator([lr, vector[None]]))[0]
        np.testing.assert_allclose(sr, alone, rtol=1e-4, atol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-3


def test_what_is_told_is_added_after_the_head_and_before_each_dense_block():
    generator, (vector,) = _told(), _pictures(1, 10)
    hidden = vector @ generator.get_layer("told").get_weights()[0]
    hidden = hidden + generator.get_layer("told").get_weights()[1]
    hidden = np.where(hidden > 0, hidden, 0.2 * hidden)
    befores = {"head": "head", "rrdb1_dense2": "rrdb1_dense1_add"}
    befores["rrdb1_dense3"] = "rrdb1_dense2_add"
    names = [*befores.values(), *(f"{name}_shift_add" for name in befores)]
    inner = keras.Model(
        generator.inputs, {name: generator.get_layer(name).output for name in names}
    )
    got = inner([_pictures(1, 5, 6, 3), vector[None]])
    for name, before in befores.items():
        kernel, bias = generator.get_layer(f"{name}_shift").get_weights()
        added = np.asarray(got[f"{name}_shift_add"]) - np.asarray(got[before])
        expected = np.broadcast_to(hidden @ kernel + bias, added.shape)
        np.testing.assert_allclose(added, expected, rtol=1e-3, atol=1e-3)
    assert len([x for x in generator.layers if x.name.endswith("_shift")]) == 3


def test_a_conditional_one_reloads_with_the_same_output(tmp_path):
    generator, lr, vector = _told(), _pictures(2, 6, 9, 3), _pictures(2, 10)
    generator.save(tmp_path / "generator.keras")
    again = keras.saving.load_model(tmp_path / "generator.keras", safe_mode=True)
    assert is_conditional(again) and not is_conditional(_tiny())
    np.testing.assert_array_equal(again([lr, vector]), generator([lr, vector]))
    assert inputs_of(again, lr, vector) == [lr, vector]
    assert inputs_of(_tiny(), lr, None) is lr


def test_initializer_scale():
    keras.utils.set_random_seed(0)
    whole = _tiny()
    keras.utils.set_random_seed(0)
    tenth = _tiny(initializer_scale=0.1)
    for name, factor in (("rrdb1_dense1_conv1", 0.1), ("head", 1.0), ("fusion", 1.0)):
        kernels = (g.get_layer(name).get_weights()[0] for g in (tenth, whole))
        np.testing.assert_allclose(next(kernels), factor * next(kernels), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 3}, "power of two.*3"),
        ({"scale": 1}, "power of two.*1"),
        ({"upsampling": "linear"}, "'nearest'.*received 'linear'"),
        ({"upsampling": "nearest", "anchor": True}, "anchor.*'nearest'"),
    ],
)
def test_errors_name_what_was_received(options, message):
    with pytest.raises(ConfigError, match=message):
        rrdb_net(**options)


SMALL = {"filters": 8, "num_blocks": 2}


@pytest.mark.parametrize("scale", [2, 4])
def test_srresnet_takes_odd_sizes(scale):
    sr = srresnet(scale, **SMALL)(_pictures(2, 5, 7, 3))
    assert sr.shape == (2, 5 * scale, 7 * scale, 3)
    grey = srresnet(scale, **SMALL, channels=1)(_pictures(1, 4, 4, 1))
    assert grey.shape == (1, 4 * scale, 4 * scale, 1)


def test_srresnet_reloads_with_the_same_output(tmp_path):
    keras.utils.set_random_seed(0)
    generator = srresnet(**SMALL)
    lr = _pictures(2, 6, 9, 3)
    generator(lr, training=True)  # moves BatchNorm's statistics off their start
    generator.save(tmp_path / "generator.keras")
    again = keras.saving.load_model(tmp_path / "generator.keras", safe_mode=True)
    np.testing.assert_array_equal(again(lr), generator(lr))


def test_srresnet_shares_slopes_over_space():
    generator = srresnet(**SMALL)
    slopes = [x.alpha for x in generator.layers if isinstance(x, keras.layers.PReLU)]
    assert len(slopes) == 1 + 2 + 2  # head, a block each, an x2 step each
    assert {tuple(slope.shape) for slope in slopes} == {(1, 1, 8)}
    inner = keras.Model(
        generator.input,
        [generator.get_layer(name).output for name in ("head", "head_prelu")],
    )
    before, after = map(np.asarray, inner(_pictures(1, 6, 6, 3)))
    expected = np.where(before > 0, before, 0.25 * before)
    np.testing.assert_allclose(after, expected, atol=1e-6)


def test_srresnet_without_batch_norm():
    layers = srresnet(**SMALL, batch_norm=False).layers
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in layers)
    assert all(x.use_bias for x in layers if isinstance(x, keras.layers.Conv2D))


def test_built_by_name():
    generator = build_generator({"name": "srresnet", **SMALL}, 2, channels=1)
    assert generator.name == "srresnet"
    assert generator(_pictures(1, 4, 4, 1)).shape == (1, 8, 8, 1)
    with pytest.raises(ConfigError, match="unknown generator unet; there are half_net"):
        build_generator({"name": "unet"}, 4)
    with pytest.raises(ConfigError, match="power of two.*3"):
        srresnet(3)
