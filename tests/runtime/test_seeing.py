"""What an estimator sees of pictures of every kind and size."""

import threading

import numpy as np
import pytest
from PIL import Image

from srlite.data.degradation_vector import SMALLEST, Degradation
from srlite.errors import ModelError
from srlite.pictures.levels import to_float
from srlite.runtime.seeing import PART, Estimator

CLEAN = np.array([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], np.float32)


@pytest.fixture(scope="module")
def seeing(told_tflite):
    return Estimator.from_file(told_tflite.with_name("told_estimator.tflite"))


def recording():
    """An estimator that says little, and the parts that it was given."""
    parts = []

    def run(lr):
        parts.append(lr)
        return CLEAN[None]

    return Estimator(run), parts


def test_both_kinds_of_file_agree(told_tflite, tmp_path, photo):
    import keras

    from srlite.models.estimator import estimator

    keras.utils.set_random_seed(2)
    model = estimator(hidden_units=8)
    model.save(tmp_path / "estimator.keras")
    beside = told_tflite.with_name("told_estimator.tflite")
    answers = [
        Estimator.from_file(path)(photo).vector
        for path in (tmp_path / "estimator.keras", beside)
    ]
    lr = photo[None, :39, :47].astype(np.float32) / 255
    assert np.abs(answers - np.asarray(model(lr))).max() < 1e-3


def test_depth_and_dtype_change_nothing(seeing, photo):
    expected = seeing(photo).vector
    deep = photo.astype(np.uint16) * 257
    for image in (deep, photo / 255, photo / np.float32(255)):
        assert np.abs(seeing(image).vector - expected).max() < 1e-5
    half = (photo / 255).astype(np.float16)
    assert np.abs(seeing(half).vector - expected).max() < 0.02
    grey = photo[..., :1]
    broadcast = np.broadcast_to(grey, photo.shape)
    assert seeing(broadcast) == seeing(grey.repeat(3, axis=2))


@pytest.mark.parametrize("shape", [(15, 15), (15, 400), (16, 23), (130, 127)])
def test_sides_that_fit(seeing, shape):
    random = np.random.default_rng(0)
    seen = seeing(random.integers(0, 256, (*shape, 3), np.uint8))
    assert seen != Degradation()
    assert sum(seen.kernels) == pytest.approx(1)


def test_parts_that_agree_make_a_kernel_likelier():
    answer = np.array([0.6, 0.3, 0.1, 0, 0, 0, 0.2, 0, 0, 0], np.float32)
    other = np.array([0.3, 0.6, 0.1, 0, 0, 0, 0.4, 0, 0, 0], np.float32)

    def seen(*answers):
        left = list(answers)
        image = np.zeros((PART, len(answers) * PART, 3), np.uint8)
        return Estimator(lambda lr: left.pop(0)[None])(image)

    assert seen(answer).kernels == pytest.approx([0.6, 0.3, 0.1, 0, 0, 0])
    # Of three parts, the odds to the power of 1 + 2 / 5.
    odds = np.array([0.6, 0.3, 0.1]) ** 1.4
    three = seen(answer, answer, answer)
    np.testing.assert_allclose(three.kernels[:3], odds / odds.sum(), atol=1e-4)
    assert three.jpeg == pytest.approx(80)
    # Two parts that differ leave their kernels equal; damage is the mean.
    two = seen(answer, other)
    assert two.kernels[0] == pytest.approx(two.kernels[1])
    assert two.kernels[0] > 0.45
    assert two.jpeg == pytest.approx(70)


@pytest.mark.parametrize("shape", [(1, 1), (14, 400), (400, 14)])
def test_of_small_pictures_nothing_is_said(seeing, shape):
    assert SMALLEST == 15
    assert seeing(np.zeros((*shape, 3), np.uint8)) == Degradation()


def test_parts_are_few_and_lie_all_over():
    estimator, parts = recording()
    # Each pixel says where it is.
    image = np.zeros((1000, 2000, 3), np.uint16)
    image[..., 0] = np.arange(1000)[:, None]
    image[..., 1] = np.arange(2000)
    estimator(image)
    assert len(parts) == 9
    assert {part.shape for part in parts} == {(1, PART, PART, 3)}
    assert {part.dtype for part in parts} == {np.dtype(np.float32)}
    tops, lefts = ({np.rint(65535 * p[0, 0, 0, i]) for p in parts} for i in (0, 1))
    assert len(tops) == len(lefts) == 3
    assert min(tops) == min(lefts) == 0
    assert (max(tops), max(lefts)) == (1000 - PART, 2000 - PART)


def test_of_a_large_picture_only_the_parts_are_converted(monkeypatch):
    estimator, parts = recording()
    converted = []

    def counting(levels):
        converted.append(levels.size)
        return to_float(levels)

    monkeypatch.setattr("srlite.runtime.seeing.to_float", counting)
    # One row of memory stands for 10,000.
    image = np.broadcast_to(np.zeros((1, 10_000, 1), np.uint8), (10_000, 10_000, 3))
    estimator(image)
    assert converted == [3 * PART**2] * 9 and len(parts) == 9


def test_one_estimator_serves_many_threads(seeing, photo):
    images = [photo, photo[:30, :40], photo[::-1, ::-1], photo[:24, 10:34]] * 3
    expected = [seeing(image) for image in images]
    answers = [None] * len(images)

    def look(i):
        answers[i] = [seeing(images[i]) for _ in range(20)]

    threads = [threading.Thread(target=look, args=(i,)) for i in range(len(images))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each, seen in zip(answers, expected):
        assert each == [seen] * 20


def test_other_files_are_refused(tiny_tflite, tmp_path):
    with pytest.raises(ModelError, match="must make 10 numbers of a picture"):
        Estimator.from_file(tiny_tflite)
    (tmp_path / "damaged.tflite").write_bytes(tiny_tflite.read_bytes()[:999])
    for name in ("damaged.tflite", "missing.tflite"):
        with pytest.raises(ModelError, match="not a usable .tflite file"):
            Estimator.from_file(tmp_path / name)
    with pytest.raises(ModelError, match="there is no estimator"):
        Estimator.from_file(tmp_path / "missing.keras")
    (tmp_path / "damaged.keras").write_bytes(b"PK")
    with pytest.raises(ModelError, match="not a .keras file"):
        Estimator.from_file(tmp_path / "damaged.keras")


def test_answers_that_are_none_are_refused(photo):
    estimator = Estimator(lambda lr: np.full((1, 10), np.nan), "bad.tflite")
    with pytest.raises(ModelError, match="bad.tflite is not an estimator: the numbers"):
        estimator(photo)


def test_blocks_are_not_resized(photo):
    """A part is a piece of the picture as it is, at the phase that it lies on."""
    estimator, parts = recording()
    large = np.asarray(Image.fromarray(photo).resize((300, 300)))
    estimator(large)
    assert len(parts) == 4
    np.testing.assert_array_equal(
        np.rint(255 * parts[0][0]), large[:PART, :PART].astype(float)
    )
