"""What a conditional model is told of a picture, through the `Upscaler`."""

import numpy as np
import pytest
from litert_files import export_litert
from small_networks import ToldNetwork

from srlite.data.degradation_vector import Degradation
from srlite.data.kernels import KERNELS
from srlite.errors import ConfigError
from srlite.runtime.seeing import Estimator
from srlite.runtime.telling import in_words, is_whole, parts_of
from srlite.runtime.upscaler import Upscaler

SEEN = Degradation((0.0, 0.0, 0.0, 1.0, 0.0, 0.0), 62.0, 4.0, 0.5, 0.25)
# Written out: odds, 1 - 62 / 100, 4 / 16, 0.5 / 2, 0.25.
VECTOR = np.array([0, 0, 0, 1, 0, 0, 0.38, 0.25, 0.25, 0.25], np.float32)


class _Answering:
    """An estimator's function that says `VECTOR` and counts how often."""

    def __init__(self):
        self.calls = 0

    def __call__(self, lr):
        self.calls += 1
        return VECTOR[None]


class _Remembering(ToldNetwork):
    """A network that repeats pixels and remembers what it was told."""

    def enlarge(self, lr, degradation):
        return lr.repeat(4, axis=1).repeat(4, axis=2)


def run_keras(model, image, vector):
    """The picture of a conditional network, whole, by Keras alone: float levels."""
    lr = image[None].astype(np.float32) / np.float32(255)
    sr = np.asarray(model([lr, np.asarray(vector, np.float32)[None]]))[0]
    return 255 * sr.clip(0, 1)


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        ("auto", {}),
        ("jpeg=60,noise=5", {"jpeg": 60, "noise": 5}),
        ({"jpeg": 60, "noise": np.float32(5)}, {"jpeg": 60, "noise": 5}),
        ({"kernel": "bicubic"}, {"kernels": (0, 0, 0, 1, 0, 0)}),
        ({"kernels": (0, 0.5, 0, 0, 0.5, 0)}, {"kernels": (0, 0.5, 0, 0, 0.5, 0)}),
        ({}, {}),
    ],
)
def test_parts_that_are_said(said, parts):
    assert KERNELS[3] == "bicubic"
    assert parts_of(said) == parts
    assert parts_of(parts_of(said)) == parts
    assert not is_whole(parts_of(said))


def test_all_that_can_be_said():
    for said in (SEEN, VECTOR, VECTOR.tolist(), dict(vars(SEEN))):
        parts = parts_of(said)
        assert is_whole(parts)
        np.testing.assert_allclose(Degradation(**parts).vector, VECTOR, atol=1e-6)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (np.zeros(9), r"must be 10 numbers .* received an array of shape \(9,\)"),
        (VECTOR[None], r"array of shape \(1, 10\)"),
        (None, "received an array of shape"),
        (5, "received an array of shape"),
        (["a"] * 10, "a text such as auto or jpeg=60,noise=5, or an array"),
        (VECTOR + np.eye(10)[7], "must be from 0 to 1; received 0 to 1.25"),
        (np.where(np.arange(10) == 8, np.nan, VECTOR), "must be from 0 to 1"),
        (np.zeros(10), "must sum to 1; received 0"),
        (Degradation(jpeg=-10.0), "must be from 0 to 1"),
        (Degradation(noise=40.0), "must be from 0 to 1"),
        ({"jpeg": 200}, "jpeg must be a number from 1 to 100; received '200'"),
        ({"grain": 1}, "received 'grain=1'"),
        ({"kernels": (0.5, 0.1)}, r"array of shape \(6,\)"),
        ("jpeg=0", "jpeg must be a number from 1 to 100; received '0'"),
        ("kernel=cubic", "kernel must be one of .*bicubic.*; received cubic"),
        ("dirty", "received 'dirty'"),
    ],
)
def test_what_cannot_be_said_is_one_sentence(said, message, photo):
    for conditional in (True, False):
        network = _Remembering()
        network.conditional = conditional
        upscaler = Upscaler(network, estimator=Estimator(_Answering()))
        with pytest.raises(ConfigError, match=message):
            upscaler.upscale(photo, degradation=said)
        assert not network.told


def test_network_is_told_what_is_said_and_else_what_is_seen(photo):
    network, answering = _Remembering(), _Answering()
    upscaler = Upscaler(network, estimator=Estimator(answering))
    assert upscaler.estimate(photo) == Degradation.from_vector(VECTOR)
    for said, changes in (
        ("auto", {}),
        ("noise=8", {7: 0.5}),
        ({"jpeg": 100}, {6: 0}),
        ("clean", {6: 0, 7: 0, 8: 0, 9: 0}),
        ("kernel=nearest,blur=1", {3: 0, KERNELS.index("nearest"): 1, 8: 0.5}),
    ):
        upscaler.upscale(photo, degradation=said)
        expected = VECTOR.copy()
        for place, value in changes.items():
            expected[place] = value
        np.testing.assert_allclose(network.told[-1], expected, atol=1e-6)
    answering.calls = 0
    upscaler.upscale(photo, degradation=SEEN)
    upscaler.upscale(photo, degradation="clean,kernel=area")
    assert answering.calls == 0  # Nothing was left to be seen.


def test_a_picture_is_looked_at_once_whatever_the_tiles(photo):
    network, answering = _Remembering(), _Answering()
    upscaler = Upscaler(network, 9, 4, Estimator(answering), ensemble=8)
    upscaler.upscale(photo)
    assert answering.calls == 1  # 40 x 48 pixels are one part.
    assert len(network.told) == 8 * 4 * 5
    assert np.ptp(network.told, axis=0).max() == 0


def test_later_runs_are_told_of_no_damage(photo):
    network, answering = _Remembering(), _Answering()
    upscaler = Upscaler(network, estimator=Estimator(answering))
    upscaler.upscale(photo[:16, :16], size=(256, 256))
    assert answering.calls == 1 and len(network.told) == 2
    np.testing.assert_allclose(network.told[0], VECTOR, atol=1e-6)
    np.testing.assert_allclose(network.told[1], [0, 0, 0, 1, 0, 0, 0, 0, 0, 0])


def test_without_an_estimator_nothing_is_known(photo):
    network = _Remembering()
    Upscaler(network).upscale(photo)
    np.testing.assert_allclose(network.told, [[1 / 6] * 6 + [0] * 4], atol=1e-6)


def test_models_that_are_told_nothing_stay_as_they_were(tiny_tflite, photo):
    upscaler = Upscaler.from_file(tiny_tflite)
    assert not upscaler.conditional and upscaler.estimator is None
    assert upscaler.tell(photo, "jpeg=30") is None
    plain = upscaler.upscale(photo)
    for said in ("clean", SEEN, VECTOR):
        np.testing.assert_array_equal(upscaler.upscale(photo, degradation=said), plain)


def test_tiles_equal_the_whole_and_keras(told_model, told_tflite, tmp_path, photo):
    expected = run_keras(told_model, photo, VECTOR)
    other = run_keras(told_model, photo, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    assert np.abs(other - expected).max() > 20  # It does listen.
    told_model.save(tmp_path / "told.keras")
    beside = told_tflite.with_name("told_estimator.tflite")
    (tmp_path / "told_estimator.tflite").write_bytes(beside.read_bytes())
    for path in (told_tflite, tmp_path / "told.keras"):
        upscaler = Upscaler.from_file(path)
        whole = upscaler.upscale(photo, degradation=VECTOR)
        assert np.abs(whole - expected).max() <= 0.51
    whole = upscaler.upscale(photo)
    told = upscaler.estimate(photo).vector
    assert np.abs(whole - run_keras(told_model, photo, told)).max() <= 0.6
    tiled = Upscaler.from_file(told_tflite, 13, 8).upscale(photo)
    assert np.abs(tiled.astype(int) - whole).max() <= 1


def test_strength_mixes_models_of_both_kinds(told_tflite, tiny_tflite, photo):
    deep = photo.astype(np.uint16) * 257
    first = Upscaler.from_file(told_tflite).upscale(deep, degradation=SEEN)
    second = Upscaler.from_file(tiny_tflite).upscale(deep)
    for paths, strength in (((told_tflite, tiny_tflite), 0.25), (None, 0.75)):
        path, sharp_path = paths or (tiny_tflite, told_tflite)
        mixed = Upscaler.from_file(path, sharp_path=sharp_path, strength=strength)
        sr = mixed.upscale(deep, degradation=SEEN)
        assert np.abs(sr - (0.75 * first + 0.25 * second)).max() <= 1


VIEWS = {
    2: [(0, False), (0, True)],
    4: [(0, False), (0, True), (2, False), (2, True)],
    8: [(turns, mirrored) for turns in range(4) for mirrored in (False, True)],
}


@pytest.mark.parametrize("count", [2, 4, 8])
def test_ensemble_is_the_mean_of_views(told_model, told_tflite, photo, count):
    def view(turns, mirrored):
        image = np.rot90(photo[:, ::-1] if mirrored else photo, turns)
        sr = np.rot90(run_keras(told_model, image, VECTOR), -turns)
        return sr[:, ::-1] if mirrored else sr

    views = [view(*choice) for choice in VIEWS[count]]
    assert np.ptp(views, axis=0).max() > 5
    expected = np.mean(views, axis=0)
    upscaler = Upscaler.from_file(told_tflite, ensemble=count)
    assert upscaler.ensemble == count
    sr = upscaler.upscale(photo, degradation=VECTOR)
    assert np.abs(sr - expected).max() <= 0.51  # rounded once
    deep = upscaler.upscale(photo.astype(np.uint16) * 257, degradation=VECTOR)
    assert np.abs(deep / 257 - expected).max() <= 0.02
    tiled = Upscaler.from_file(told_tflite, 13, 8, ensemble=count)
    assert np.abs(tiled.upscale(photo, degradation=VECTOR) - expected).max() <= 1
    assert upscaler.upscale(photo, size=(90, 101)).shape == (90, 101, 3)


def test_fixed_inputs_turn_only_if_square(tiny_model, tmp_path, photo):
    import keras

    paths = {}
    for size in ((24, 32), (32, 32)):
        lr = keras.Input((*size, 3))
        paths[size] = export_litert(lr, tiny_model(lr), tmp_path / f"{size[0]}.tflite")
    with pytest.raises(ConfigError, match="24 x 32 pixels cannot be turned by 90"):
        Upscaler.from_file(paths[24, 32], ensemble=8)
    flipped = Upscaler.from_file(paths[24, 32], overlap=8, ensemble=4).upscale(photo)
    square = Upscaler.from_file(paths[32, 32], overlap=8, ensemble=4).upscale(photo)
    assert np.abs(flipped.astype(int) - square).max() <= 1
    turned = Upscaler.from_file(paths[32, 32], overlap=8, ensemble=8).upscale(photo)
    across = Upscaler.from_file(paths[32, 32], overlap=8, ensemble=8).upscale(
        photo.swapaxes(0, 1)
    )
    assert np.abs(turned.astype(int) - across.swapaxes(0, 1)).max() <= 1


@pytest.mark.parametrize("count", [0, 3, 16, -1])
def test_other_ensembles_are_refused(tiny_tflite, count):
    with pytest.raises(ConfigError, match=f"must be 1, 2, 4 or 8; received {count}"):
        Upscaler.from_file(tiny_tflite, ensemble=count)


def test_words():
    said = SEEN.replace({"noise": 0.0})
    assert in_words(SEEN, SEEN) == f"seen {SEEN}"
    assert in_words(SEEN, said) == f"seen {SEEN}; told {said}"
    assert "JPEG about 62" in f"{said}" and "noise" not in f"{said}"
