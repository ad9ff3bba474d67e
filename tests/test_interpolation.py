"""Two networks are mixed weight by weight, statistics included, or refused."""

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data

from srlite.training import interpolation
from srlite.errors import ConfigError, ModelError
from srlite.models.generators import rrdb_net
from srlite.training.interpolation import interpolate_weights

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


@pytest.mark.parametrize("alpha", [0, 1, 0.0, 1.0])
def test_ends_are_the_networks_to_the_bit(alpha):
    pair = [np.float32([-0.0, 1.1, 3e38])], [np.float32([0.0, np.inf, -2.5e-42])]
    (given,) = interpolate_weights(*pair, alpha)
    assert given.tobytes() == pair[int(alpha)][0].tobytes()
    models = network(0), network(1)
    weights = interpolate_weights(*models, alpha)
    for a, b in zip(weights, models[int(alpha)].get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("alpha", [-0.01, 1.01, float("nan")])
def test_alpha_outside_is_refused(alpha):
    with pytest.raises(ConfigError, match=r"alpha must lie in \[0, 1\]; received"):
        interpolate_weights([np.ones(1)], [np.ones(1)], alpha)


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
            "layer anchor1 is a Concatenate in one and a UpSampling2D",
        ),
        ({"batch_norm": False}, "use_bias of layer rrdb1_dense1_conv1 is False in one"),
    ],
)
def test_other_architectures_are_refused(changes, says):
    with pytest.raises(ModelError, match=says) as error:
        interpolate_weights(network(0), network(0, **changes), 0.5)
    assert "\n" not in str(error.value)


def test_other_wiring_and_other_arrays_are_refused():
    def model(crossed):
        inputs = keras.Input((3,))
        a = keras.layers.Dense(3, name="a")(inputs)
        b = keras.layers.Dense(3, name="b")(inputs if crossed else a)
        return keras.Model(inputs, keras.layers.Add(name="sum")([a, b]))

    with pytest.raises(ModelError, match="layer b takes the outputs of other layers"):
        interpolate_weights(model(True), model(False), 0.5)
    with pytest.raises(ModelError, match=r"weight 1 has shape \(2,\) in one and \(3,"):
        arrays = [np.ones(1), np.ones(2)], [np.ones(1), np.ones(3)]
        interpolate_weights(*arrays, 0.5)
    with pytest.raises(ModelError, match="one has 1 weights, the other 2"):
        interpolate_weights([np.ones(1)], [np.ones(1)] * 2, 0.5)


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


def test_command_recalibrates(files, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    Image.fromarray(data.chelsea()).save(tmp_path / "photos" / "chelsea.png")
    changes = {"recalibrate": tmp_path / "photos"}
    assert interpolation.main(arguments(tmp_path, **changes)) == 0
    assert "recalibrated: PSNR" in capsys.readouterr().out
    mixed = keras.saving.load_model(tmp_path / "c.keras", compile=False)
    untouched = interpolate_weights(*files, 0.3)
    for variable, old in zip(mixed.weights, untouched, strict=True):
        same = np.array_equal(keras.ops.convert_to_numpy(variable), old)
        assert same != variable.name.startswith("moving_")


def test_refusals_leave_the_output_alone(files, tmp_path):
    (tmp_path / "c.keras").write_text("former")
    network(3, filters=4).save(tmp_path / "other.keras")
    for changes, error, says in (
        ({"alpha": 2}, ConfigError, "alpha must lie"),
        ({"gan_model": tmp_path / "other.keras"}, ModelError, "filters of layer head"),
        ({"gan_model": tmp_path / "gone.keras"}, ModelError, "there is no model"),
        ({"output": tmp_path / "c.h5"}, ModelError, "--output must be a .keras file"),
        ({"output": tmp_path / "gone" / "c.keras"}, ModelError, "--output must be"),
    ):
        with pytest.raises(error, match=says):
            interpolation.main(arguments(tmp_path, **changes))
    assert (tmp_path / "c.keras").read_text() == "former"
    assert len(list(tmp_path.iterdir())) == 4
