"""Two networks are mixed weight by weight, statistics included, or refused."""

import keras
import numpy as np
import pytest
from told_models import conditional_generator

from srlite.errors import ConfigError, ModelError
from srlite.models import interpolation
from srlite.models.generators import half_net, rrdb_net
from srlite.models.interpolation import interpolate_weights, transfer_weights
from srlite.pictures.levels import BT601

SHAPE = {
    "filters": 8,
    "growth_channels": 4,
    "num_blocks": 1,
    "num_dense_blocks": 1,
    "num_convolutions": 3,
}


def network(seed, **changes):
    """A network of random weights and random, valid moving statistics."""
    keras.utils.set_random_seed(seed)
    model = rrdb_net(**SHAPE | changes)
    random = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(random.normal(size=4))
            layer.moving_variance.assign(random.uniform(0.5, 2, size=4))
    for layer in model.layers:
        if layer.name == "tail":  # begins at zero
            layer.kernel.assign(0.1 * random.normal(size=layer.kernel.shape))
    return model


def test_mixes_every_weight_and_statistic():
    psnr, gan = network(0), network(1)
    mixed = network(2)
    mixed.set_weights(interpolate_weights(psnr, gan, 0.8))
    names = set()
    triples = zip(mixed.variables, psnr.variables, gan.variables, strict=True)
    for c, a, b in triples:
        a, b, c = map(keras.ops.convert_to_numpy, (a, b, c))
        np.testing.assert_allclose(c, 0.2 * a + 0.8 * b, rtol=1e-5, atol=1e-7)
    names = {variable.name for variable in mixed.variables}
    assert {"kernel", "gamma", "moving_mean", "moving_variance"} <= names


def test_conditional_networks_are_mixed_shifts_included():
    networks = [conditional_generator(seed) for seed in (0, 1, 2)]
    psnr, gan, mixed = networks
    mixed.set_weights(interpolate_weights(psnr, gan, 0.8))
    for name in ("told", "head_shift", "rrdb1_dense2_shift"):
        kernels = [np.asarray(x.get_layer(name).kernel) for x in networks]
        assert np.abs(kernels[0] - kernels[1]).max() > 0.01
        np.testing.assert_allclose(
            kernels[2], 0.2 * kernels[0] + 0.8 * kernels[1], rtol=1e-5, atol=1e-7
        )


@pytest.mark.parametrize("alpha", [0, 1, 0.0, 1.0])
def test_ends_are_the_networks_to_the_bit(alpha):
    models = network(0), network(1)
    odd = [-0.0, 1.1, 3e38], [0.0, np.inf, -2.5e-42]  # in three of the eight channels
    for model, values in zip(models, odd, strict=True):
        model.get_layer("head").bias.assign(np.float32([*values, *values, 0, 0]))
    weights = interpolate_weights(*models, alpha)
    for a, b in zip(weights, models[int(alpha)].get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("alpha", [-0.01, 1.01, float("nan")])
def test_alpha_outside_is_refused(alpha):
    with pytest.raises(ConfigError, match=r"alpha must lie in \[0, 1\]; received"):
        interpolate_weights(network(0), network(1), alpha)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"filters": 16}, "filters of layer head is 8 in one and 16 in the other"),
        ({"residual_scaling": 0.1}, "scale of layer rrdb1_dense1_scale is 0.2 in one"),
        (
            {"num_convolutions": 4},
            "filters of layer rrdb1_dense1_conv3 is 8 in one and 4",
        ),
        (
            {"upsampling": "nearest", "anchor": False},
            "kind of layer anchor1 is Concatenate in one and UpSampling2D",
        ),
        ({"batch_norm": False}, "use_bias of layer rrdb1_dense1_conv1 is False in one"),
        ({"conditional": True}, "one is conditional, and the other is not"),
    ],
)
def test_other_architectures_are_refused(changes, says):
    with pytest.raises(ModelError, match=says) as error:
        interpolate_weights(network(0), network(0, **changes), 0.5)
    assert "\n" not in str(error.value)


def test_other_wiring_is_refused():
    def model(crossed):
        inputs = keras.Input((3,))
        a = keras.layers.Dense(3, name="a")(inputs)
        b = keras.layers.Dense(3, name="b")(inputs if crossed else a)
        return keras.Model(inputs, keras.layers.Add(name="sum")([a, b]))

    with pytest.raises(ModelError, match=r"input of layer b is \[0\] in one and"):
        interpolate_weights(model(True), model(False), 0.5)


def test_start_and_names_of_a_network_do_not_matter():
    other = network(1, initializer_scale=0.1)
    other.get_layer("head").trainable = False
    interpolate_weights(network(0), other, 0.5)


@pytest.fixture
def files(tmp_path):
    models = network(0), network(1)
    for name, model in zip("ab", models, strict=True):
        model.save(tmp_path / f"{name}.keras")
    return models


def arguments(folder, **changes):
    given = {
        "psnr-model": folder / "a.keras",
        "gan-model": folder / "b.keras",
        "alpha": 0.3,
        "output": folder / "c.keras",
    }
    given |= {name.replace("_", "-"): value for name, value in changes.items()}
    return [str(x) for name, value in given.items() for x in (f"--{name}", value)]


def test_command(files, tmp_path, capsys):
    assert interpolation.main(arguments(tmp_path)) == 0
    mixed = keras.saving.load_model(tmp_path / "c.keras", compile=False)
    expected = interpolate_weights(*files, 0.3)
    for a, b in zip(mixed.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    assert "0.7 of A and 0.3 of B" in capsys.readouterr().out


def test_what_training_changed_is_carried_to_a_network_that_is_told(files, tmp_path):
    """A has layers that O and B lack; those stay, the others change as from O to B."""
    told = conditional_generator(5, **SHAPE)
    told.save(tmp_path / "told.keras")
    (tmp_path / "told_estimator.keras").write_bytes(b"an estimator")
    changes = {"psnr_model": tmp_path / "told.keras", "gan_model": tmp_path / "b.keras"}
    changes |= {"base_model": tmp_path / "a.keras", "alpha": 0.5}
    assert interpolation.main(arguments(tmp_path, **changes)) == 0
    carried = keras.saving.load_model(tmp_path / "c.keras", compile=False)
    base, trained = ({v.path: np.asarray(v) for v in m.variables} for m in files)
    for variable, former in zip(carried.variables, told.variables, strict=True):
        expected = np.asarray(former)
        if variable.path in base:
            change = trained[variable.path] - base[variable.path]
            expected = expected + np.float32(0.5) * change
        np.testing.assert_allclose(np.asarray(variable), expected, atol=1e-6)
    assert len(told.variables) > len(base)
    assert (tmp_path / "c_estimator.keras").read_bytes() == b"an estimator"
    with pytest.raises(ModelError, match="which the first model has not"):
        changes |= {"psnr_model": tmp_path / "a.keras", "alpha": 0.5}
        changes |= {"base_model": tmp_path / "told.keras"}
        interpolation.main(
            arguments(tmp_path, **changes | {"gan_model": tmp_path / "told.keras"})
        )


def test_an_estimator_of_another_kind_is_in_the_way(files, tmp_path, capsys):
    conditional_generator(5, **SHAPE).save(tmp_path / "told.keras")
    (tmp_path / "told_estimator.tflite").write_bytes(b"of A")
    both = {"psnr_model": tmp_path / "told.keras", "gan_model": tmp_path / "told.keras"}
    beside = tmp_path / "c_estimator.keras"
    beside.write_bytes(b"of another")
    with pytest.raises(ModelError, match="c_estimator.keras is there, and would be"):
        interpolation.main(arguments(tmp_path, **both))
    assert not (tmp_path / "c.keras").exists() and beside.read_bytes() == b"of another"
    beside.unlink()
    assert interpolation.main(arguments(tmp_path, **both)) == 0
    assert (tmp_path / "c_estimator.tflite").read_bytes() == b"of A"
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"{tmp_path / 'c_estimator.tflite'}: its estimator"


def test_colour_is_held(files, tmp_path):
    """Luma is that of the whole change; the colour of the last layer is not touched."""
    told = conditional_generator(5, **SHAPE)
    picture = np.random.default_rng(0).random((1, 12, 12, 3), np.float32)
    vector = np.full((1, 10), 0.2, np.float32)
    weights, lumas, kernels = told.get_weights(), [], []
    for hold in (False, True):
        told.set_weights(weights)
        before = np.array(told.get_layer("tail").kernel)
        transfer_weights(told, *files, 0.5, hold)
        lumas.append(told.predict_on_batch([picture, vector]) @ BT601)
        kernels.append((np.asarray(told.get_layer("tail").kernel) - before) / 0.5)
    np.testing.assert_allclose(lumas[0], lumas[1], atol=1e-4)
    whole, held = (k.reshape(-1, 3) for k in kernels)
    np.testing.assert_allclose(held, np.stack([whole @ BT601] * 3, -1), atol=1e-5)
    assert np.abs(whole - held).max() > 1e-3


def test_colour_is_held_by_a_network_of_two_last_convolutions():
    model, base, trained = (half_net(filters=4, num_convolutions=1) for _ in range(3))
    random = np.random.default_rng(0)
    tail = trained.get_layer("tail").kernel
    tail.assign(0.1 * random.normal(size=tail.shape))
    transfer_weights(model, base, trained, 1.0, hold_colour=True)
    held = np.asarray(model.get_layer("tail").kernel).reshape(-1, 3)
    luma = np.asarray(tail).reshape(-1, 3) @ BT601
    np.testing.assert_allclose(held, np.stack([luma] * 3, -1), atol=1e-6)


def test_refusals_leave_the_output_alone(files, tmp_path):
    (tmp_path / "c.keras").write_text("former")
    network(3, filters=4).save(tmp_path / "other.keras")
    (tmp_path / "O.keras").write_text("never read")
    for changes, error, says in (
        ({"alpha": 2}, ConfigError, "alpha must lie"),
        (
            {"alpha": "nan", "base_model": tmp_path / "a.keras"},
            ConfigError,
            "--alpha must be a finite number; received nan",
        ),
        ({"gan_model": tmp_path / "other.keras"}, ModelError, "filters of layer head"),
        ({"gan_model": tmp_path / "gone.keras"}, ModelError, "there is no model"),
        ({"output": tmp_path / "b.keras"}, ModelError, "b.keras is read too"),
        (
            {"output": tmp_path / "O.keras", "base_model": tmp_path / "O.keras"},
            ModelError,
            "O.keras is read too",
        ),
        ({"output": tmp_path / "c.h5"}, ModelError, "--output must be a .keras file"),
        ({"output": tmp_path / "gone" / "c.keras"}, ModelError, "--output must be"),
    ):
        with pytest.raises(error, match=says):
            interpolation.main(arguments(tmp_path, **changes))
    assert (tmp_path / "c.keras").read_text() == "former"
    assert len(list(tmp_path.iterdir())) == 5
