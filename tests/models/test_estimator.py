"""The estimator: what it takes, what does not move it, and that it reads files."""

import io

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data

from srlite.data.degradation_vector import SMALLEST, fitting
from srlite.errors import ModelError
from srlite.models.estimator import estimator
from srlite.models.model_files import load_estimator


@pytest.fixture(scope="module")
def model():
    """An estimator whose every trained weight is its own."""
    keras.utils.set_random_seed(0)
    model = estimator(hidden_units=8)
    random = np.random.default_rng(0)
    for name in ("features_bn", "hidden1", "hidden2", "kernels", "damages"):
        layer = model.get_layer(name)
        layer.set_weights(
            [w + random.uniform(0.02, 0.1, w.shape) for w in layer.get_weights()]
        )
    return model


def saved(picture, quality):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def computed(model, picture):
    picture = np.asarray(picture, np.float32) / 255
    return keras.ops.convert_to_numpy(model(picture[None]))[0]


def test_takes_all_sides_of_8n_plus_7(model):
    photo = data.astronaut()
    for height, width in ((15, 15), (15, 63), (23, 31), (47, 39), (127, 15)):
        answer = computed(model, photo[:height, :width])
        assert answer.shape == (10,) and np.isfinite(answer).all()
        assert answer[:6].sum() == pytest.approx(1, abs=1e-5)
        assert (answer >= 0).all() and (answer <= 1).all()
    for size in range(SMALLEST, 40):
        side = fitting(size)
        assert computed(model, photo[:side, :side]).shape == (10,)


def statistics(model):
    """The model up to its features: means everywhere, on the grid, and of colour."""
    return keras.Model(model.input, model.get_layer("features_bn").input)


def test_phase_of_the_blocks_changes_nothing(model):
    """A picture that repeats shows the same blocks wherever it is cut."""
    tile = saved(np.repeat(data.camera()[200:248, 100:148, None], 3, axis=-1), 40)
    endless = np.tile(tile, (3, 3, 1))  # 48 x 48 pixels: whole blocks
    features = statistics(model)
    found = []
    for y, x in ((0, 0), (1, 0), (0, 5), (7, 7), (3, 6), (13, 22)):
        crop = endless[y : y + 55, x : x + 55]  # 48 places of each filter
        found.append((computed(features, crop), computed(model, crop)))
    for on_grid, answer in found[1:]:
        np.testing.assert_allclose(on_grid, found[0][0], atol=2e-3, rtol=2e-3)
        np.testing.assert_allclose(answer, found[0][1], atol=1e-4)


def alignments(coefficients, share):
    """Products of frequencies 2 and 4 apart over their squares, along each axis."""
    found = []
    for line in (coefficients[..., 1:8], coefficients[..., 8::8]):
        for lag in (2, 4):
            low, high = line[..., :-lag], line[..., lag:]
            sizes = np.einsum("hw,hwf->f", share, low**2 + high**2)
            found.append(np.einsum("hw,hwf->f", share, low * high) / (sizes + 1))
    return np.concatenate(found)


def test_statistics_are_those_of_numpy(model):
    """Means over the places of each phase, of the blocks' phase, edges and flats."""
    photo = saved(data.astronaut()[100:155, 150:221], 60).astype(np.float64)
    luma = photo @ [0.299, 0.587, 0.114]
    frequency, place = np.mgrid[:8, :8]
    dct = np.cos((2 * place + 1) * frequency * np.pi / 16) / 2
    dct[0] /= np.sqrt(2)
    windows = np.lib.stride_tricks.sliding_window_view(luma, (8, 8))
    coefficients = np.einsum("vy,ux,hwyx->hwvu", dct, dct, windows).reshape(48, 64, 64)
    square = coefficients**2
    log = np.log(square + 0.25)
    near = np.stack([n**2 / (square + n**2) for n in (0.5, 2.0, 8.0)], axis=2)
    # Means over the places of each phase: (8, 8, 3, 64).
    phases = near.reshape(6, 8, 8, 8, 3, 64).mean(axis=(0, 2))
    everywhere = phases.mean(axis=(0, 1))
    # The search starts with the shares of zeros, of which the widest have no part.
    evidence = (phases - everywhere)[:, :, :2].sum(axis=(2, 3))
    weights = np.exp(evidence) / np.exp(evidence).sum()
    assert np.unravel_index(weights.argmax(), (8, 8)) == (0, 0) and weights.max() > 0.9
    on_grid = np.einsum("yxkf,yx->kf", phases, weights)
    expected = [everywhere, on_grid, np.log(square.mean(axis=(0, 1)) + 0.01)]
    expected.append(log.mean(axis=(0, 1)))
    energy = square[..., 1] + square[..., 8]
    energy = (energy / (energy.mean() + 1)) ** 2
    edges, flats = energy / (energy + 2.0**2), 0.125**2 / (energy + 0.125**2)
    for places in (edges, flats):
        share = places / places.sum()
        expected.append(np.log(np.einsum("hw,hwf->f", share, square) + 0.01))
        expected.append(np.einsum("hw,hwf->f", share, log))
        expected.append(alignments(coefficients, share))
    found = computed(statistics(model), photo)
    assert found.shape == (3 * 2 * 64 + 2 * 64 + 2 * (2 * 64 + 16) + 5 * 32,)
    expected = np.concatenate([np.ravel(part) for part in expected])
    np.testing.assert_allclose(found[:800], expected, atol=5e-3)


def test_fixed_filters_and_size():
    model = estimator()
    fixed = {"ycbcr": 9, "luma_dct": 64 * 64, "chroma_dct": 4 * 4 * 2 * 32}
    counts = {layer.name: layer.count_params() for layer in model.layers}
    trained = sum(np.prod(v.shape) for v in model.trainable_variables)
    assert {name: counts[name] for name in fixed} == fixed
    moving = 2 * 960
    assert trained == model.count_params() - sum(fixed.values()) - moving
    assert 4 * model.count_params() < 300_000  # bytes as float32
    kernel = model.get_layer("luma_dct").get_weights()[0].reshape(64, 64)
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(64), atol=1e-6)


def test_saves_and_loads_in_safe_mode(model, tmp_path):
    path = tmp_path / "estimator.keras"
    model.save(path)
    again = keras.saving.load_model(path, safe_mode=True)
    loaded = load_estimator(path)
    assert loaded.trainable_variables == []
    photo = data.astronaut()[:39, :47]
    for other in (again, loaded):
        np.testing.assert_array_equal(computed(other, photo), computed(model, photo))


def test_refusals(tiny_model, tmp_path):
    (tmp_path / "text.keras").write_text("text")
    tiny_model.save(tmp_path / "generator.keras")
    for name, says in {
        "gone.keras": "there is no estimator .*gone.keras",
        "text.keras": "is not a .keras file, or is damaged",
        "generator.keras": "must make 10 numbers of a picture, as an estimator ",
    }.items():
        with pytest.raises(ModelError, match=says):
            load_estimator(tmp_path / name)
