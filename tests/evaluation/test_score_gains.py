"""Scores by damage, and gains, against sums by hand."""

import math

import pytest

from srlite.evaluation.gains import by_damage, gains_by_damage, split_condition, varied
from srlite.evaluation.statistics import aggregate

# PSNR of two pictures by condition and model.
VALUES = {
    ("bicubic", "m"): (31.0, 29.0),
    ("bicubic", "plain"): (28.0, 28.0),
    ("area", "m"): (30.0, 30.0),
    ("area", "plain"): (29.0, 28.0),
    ("bicubic+jpeg75", "m"): (27.0, 25.0),
    ("bicubic+jpeg75", "plain"): (27.0, 26.0),
    ("area+jpeg75", "m"): (26.0, 26.0),
    ("area+jpeg75", "plain"): (25.0, 25.0),
}


def records(values=VALUES, data_set="s"):
    return [
        {"data_set": data_set, "image": image, "kernel": kernel, "model": model}
        | {"psnr": psnr}
        for (kernel, model), pair in values.items()
        for image, psnr in zip("ab", pair, strict=True)
    ]


def test_conditions_are_taken_apart():
    assert split_condition("bicubic+noise5jpeg75") == ("bicubic", "noise5jpeg75")
    assert split_condition("area") == ("area", "none")
    assert split_condition("given") == ("given", "none")


def test_by_damage():
    clean = [r for r in records(data_set="t") if "+" not in r["kernel"]]
    found = by_damage(records() + clean)
    assert [r for r in found if r["data_set"] == "t"] == clean
    psnrs = {
        (r["kernel"], r["model"], r["image"]): r["psnr"]
        for r in found
        if r["data_set"] == "s"
    }
    assert psnrs == {
        ("none", "m", "a"): 30.5,
        ("none", "m", "b"): 29.5,
        ("none", "plain", "a"): 28.5,
        ("none", "plain", "b"): 28.0,
        ("jpeg75", "m", "a"): 26.5,
        ("jpeg75", "m", "b"): 25.5,
        ("jpeg75", "plain", "a"): 26.0,
        ("jpeg75", "plain", "b"): 25.5,
    }
    assert varied(records()) == "damage" and varied(clean) == "kernel"


def test_gains():
    none, jpeg, everything = gains_by_damage(aggregate(records()), "plain")
    assert (none["damage"], none["model"], none["metric"]) == ("none", "m", "psnr")
    # Gains of the kernels: 2 and 1.5, then -0.5 and 1.
    expected = (30.0, 28.25, 1.75, 1.5, "area")
    keys = ("value", "reference", "gain", "least", "least_with")
    assert tuple(none[key] for key in keys) == expected
    expected = (26.0, 25.75, 0.25, -0.5, "bicubic+jpeg75")
    assert tuple(jpeg[key] for key in keys) == expected
    assert everything["damage"] == "all"
    expected = (28.0, 27.0, 1.0, -0.5, "bicubic+jpeg75")
    assert tuple(everything[key] for key in keys) == expected


def test_gains_that_are_none():
    clean = [r for r in records() if "+" not in r["kernel"]]
    assert gains_by_damage(aggregate(clean), "plain") == []
    assert gains_by_damage(aggregate(records()), "lanczos") == []
    equal = VALUES | {("area", "m"): (math.inf, 30.0)}
    (jpeg,) = gains_by_damage(aggregate(records(equal)), "plain")
    assert jpeg["damage"] == "jpeg75" and jpeg["gain"] == pytest.approx(0.25)
    alone = {k: v for k, v in VALUES.items() if k[0] == "area+jpeg75"}
    (jpeg,) = gains_by_damage(aggregate(records(alone)), "plain")
    assert jpeg["gain"] == jpeg["least"] == 1.0
