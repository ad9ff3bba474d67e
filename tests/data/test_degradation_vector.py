"""The degradation in its units, as a vector, in words, and as a person says it."""

import dataclasses
import json

import numpy as np
import pytest

from srlite.data.degradation_vector import (
    CLEAN,
    SIZE,
    SMALLEST,
    Degradation,
    fitting,
    parse_degradation,
)
from srlite.data.kernels import KERNELS
from srlite.errors import ConfigError

ODDS = (0.1, 0.05, 0.05, 0.6, 0.1, 0.1)


def test_units_of_a_vector():
    vector = np.array([*ODDS, 0.4, 0.25, 0.75, 0.3])
    degradation = Degradation.from_vector(vector)
    assert degradation.kernels == pytest.approx(ODDS)
    assert degradation.jpeg == pytest.approx(60)  # quality
    assert degradation.noise == pytest.approx(4)  # levels
    assert degradation.blur == pytest.approx(1.5)  # HR pixels
    assert degradation.sharpening == pytest.approx(0.3)
    assert degradation.vector.dtype == np.float32
    np.testing.assert_allclose(degradation.vector, vector, atol=1e-6)


def test_any_vector_comes_back():
    random = np.random.default_rng(0)
    for _ in range(50):
        odds = random.dirichlet(np.full(6, 0.5))
        vector = np.float32([*odds, *random.random(4)])
        again = Degradation.from_vector(vector).vector
        np.testing.assert_allclose(again, vector, atol=1e-6)
    # What a 16-bit estimator answers is off by a little.
    crude = np.array([1.0008, 0, 0, 0, 0, -0.0009, 1.0005, -0.0004, 0, 0])
    mended = Degradation.from_vector(crude)
    assert sum(mended.kernels) == pytest.approx(1) and min(mended.kernels) == 0
    assert mended.jpeg == 0 and mended.noise == 0


def test_equal_whatever_kind_of_numbers():
    expected = Degradation(ODDS, 60.0, 4.0, 1.5, 0.25)
    from_json = Degradation(**json.loads(json.dumps(dataclasses.asdict(expected))))
    from_numpy = Degradation(np.array(ODDS), *np.float32([60, 4, 1.5, 0.25]))
    assert {expected, from_json, from_numpy} == {expected}
    for wrong in ({"jpeg": "sixty"}, {"noise": None}, {"kernels": "bicubic"}):
        with pytest.raises(ConfigError, match="a degradation consists of numbers"):
            Degradation(**wrong)


def test_a_kernel_is_replaced_by_name():
    seen = Degradation(ODDS, 60.0, 4.0, 1.5, 0.25)
    told = seen.replace({"kernel": "area", "noise": 0.0})
    odds = tuple(float(kernel == "area") for kernel in KERNELS)
    assert told == Degradation(odds, 60.0, 0.0, 1.5, 0.25)
    with pytest.raises(ConfigError, match="kernel must be one of"):
        seen.replace({"kernel": "cubic"})


def test_nothing_known_is_any_kernel_and_no_damage():
    expected = [1 / 6] * 6 + [0] * 4
    np.testing.assert_allclose(Degradation().vector, expected, atol=1e-6)


CLEAN_ODDS = [1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("vector", "says"),
    [
        (np.zeros(9), r"must be 10 numbers \(the odds.*array of shape \(9,\)"),
        (np.zeros((1, 10)), r"array of shape \(1, 10\)"),
        ([*CLEAN_ODDS, 1.1, 0, 0, 0], "must be from 0 to 1; received 0 to 1.1"),
        ([*CLEAN_ODDS, 0, -0.1, 0, 0], "must be from 0 to 1; received -0.1 to 1"),
        ([*CLEAN_ODDS, 0, np.nan, 0, 0], "must be from 0 to 1; received nan"),
        ([*CLEAN_ODDS, 0, np.inf, 0, 0], "must be from 0 to 1; received 0 to inf"),
        (np.zeros(10), "odds of the kernels must sum to 1; received 0"),
        ([1, 1, 0, 0, 0, 0, 0, 0, 0, 0], "must sum to 1; received 2"),
    ],
)
def test_wrong_vectors(vector, says):
    with pytest.raises(ConfigError, match=says) as error:
        Degradation.from_vector(vector)
    assert "\n" not in str(error.value)


def one(kernel):
    return tuple(float(kernel == name) for name in KERNELS)


@pytest.mark.parametrize(
    ("degradation", "words"),
    [
        (Degradation(), "kernel unknown, clean"),
        (Degradation(kernels=one("nearest")), "nearest, clean"),
        (Degradation(kernels=ODDS, jpeg=62.4), "bicubic, JPEG about 62"),
        (
            Degradation(kernels=(0.1, 0.35, 0.1, 0.3, 0.05, 0.1), noise=3.6),
            "bilinear or bicubic, noise about 4 levels",
        ),
        (Degradation(noise=0.5), "kernel unknown, noise about 1 level"),
        (
            Degradation(one("area"), 30.0, 8.0, 1.24, 0.55),
            "area, JPEG about 30, noise about 8 levels, blur about 1.2 HR pixels, "
            "sharpened by about 0.6",
        ),
        (Degradation(one("area"), 98.0, 0.4, 0.1, 0.05), "area, clean"),
    ],
)
def test_words(degradation, words):
    assert str(degradation) == words


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("auto", {}),
        ("clean", dict(CLEAN)),
        ("jpeg=60", {"jpeg": 60.0}),
        (
            " jpeg = 60, noise=2.5 ,blur=0,sharpening=1,",
            {"jpeg": 60.0, "noise": 2.5, "blur": 0.0, "sharpening": 1.0},
        ),
        ("kernel=area", {"kernels": one("area")}),
        ("clean,noise=5", {**CLEAN, "noise": 5.0}),
        ("noise=5,clean", dict(CLEAN)),
        ("auto,noise=16,noise=3", {"noise": 3.0}),
    ],
)
def test_what_a_person_says(text, parts):
    assert parse_degradation(text) == parts
    seen = Degradation(kernels=ODDS, jpeg=50.0, noise=9.0, blur=1.0, sharpening=0.5)
    told = seen.replace(parse_degradation(text))
    for name in ("kernels", "jpeg", "noise", "blur", "sharpening"):
        assert getattr(told, name) == parts.get(name, getattr(seen, name))


def test_clean_leaves_the_kernel_to_the_estimator():
    assert Degradation(kernels=ODDS, noise=9.0).replace(CLEAN).vector[6:].any() == 0
    assert "kernels" not in CLEAN


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dirty", "a degradation is auto, clean, or parts such as .*received 'dirty'"),
        ("jpeg", "received 'jpeg'"),
        ("grain=3", "received 'grain=3'"),
        ("jpeg=0", "jpeg must be a number from 1 to 100; received '0'"),
        ("jpeg=many", "jpeg must be a number from 1 to 100; received 'many'"),
        ("noise=nan", "noise must be a number from 0 to 16; received 'nan'"),
        ("noise=17", "noise must be a number from 0 to 16; received '17'"),
        ("blur=-1", "blur must be a number from 0 to 2; received '-1'"),
        ("sharpening=", "sharpening must be a number from 0 to 1; received ''"),
        ("kernel=lanczos", "kernel must be one of nearest, .*, area; received lanczos"),
    ],
)
def test_wrong_texts(text, says):
    with pytest.raises(ConfigError, match=says) as error:
        parse_degradation(f"clean,{text}")
    assert "\n" not in str(error.value)


def test_sides_that_an_estimator_takes():
    """The longest of 8 n + 7 pixels."""
    for size in range(SMALLEST, 300):
        (longest,) = {n for n in range(7, size + 1, 8) if n + 8 > size}
        assert fitting(size) == longest
    assert fitting(SMALLEST) == SMALLEST and SIZE == 10
