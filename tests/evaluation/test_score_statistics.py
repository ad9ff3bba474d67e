"""Means, worst pictures and intervals against formulas."""

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from srlite.evaluation.statistics import (
    aggregate,
    best,
    bootstrap_interval,
    kernels_of,
    rank,
    tabulate,
    values,
)


def record(image, kernel, model, **metrics):
    return {
        "data_set": "set",
        "image": image,
        "kernel": kernel,
        "model": model,
        **metrics,
    }


def only(entries, **wanted):
    [entry] = [e for e in entries if all(e[k] == v for k, v in wanted.items())]
    return entry


def test_aggregates():
    records = [
        record("a", "area", "old", psnr=30.0, niqe=5.0),
        record("b", "area", "old", psnr=26.0),  # too small for NIQE
        record("c", "area", "old", psnr=25.0, niqe=9.0),
        record("a", "area", "new", psnr=31.0, niqe=4.0),
        record("b", "area", "new", psnr=28.0),
        record("c", "area", "new", psnr=28.0, niqe=9.5),
    ]
    entries = aggregate(records)
    old = only(entries, model="old", metric="psnr")
    assert (old["mean"], old["median"], old["worst"]) == (27.0, 26.0, 25.0)
    assert (old["worst_image"], old["count"]) == ("c", 3)
    assert "difference" not in old
    new = only(entries, model="new", metric="psnr")
    assert new["difference"] == pytest.approx(2.0)
    assert 1.0 <= new["low"] < 2.0 < new["high"] <= 3.0
    niqe = only(entries, model="new", metric="niqe")
    assert (niqe["worst_image"], niqe["count"]) == ("c", 2)
    assert niqe["difference"] == pytest.approx(-0.25)
    assert len(entries) == 4  # one kernel, so no mean over kernels


def test_mean_over_kernels():
    records = [
        record("a", kernel, model, psnr=level + add)
        for kernel, level in (("bicubic", 30.0), ("area", 20.0))
        for model, add in (("old", 0.0), ("new", 1.0))
    ]
    records.append(record("b", "area", "new", psnr=1.0))  # no bicubic: not in the mean
    entries = aggregate(records)
    mean = only(entries, kernel="mean", model="new")
    assert (mean["mean"], mean["count"]) == (26.0, 1)
    assert mean["difference"] == 1.0 and "low" not in mean
    # Of the kernel itself the difference is over the pictures of both.
    assert only(entries, kernel="area", model="new")["difference"] == 1.0


def test_equal_pictures_have_no_difference():
    records = [record("a", "area", m, psnr=math.inf) for m in ("old", "new")]
    entry = only(aggregate(records), model="new")
    assert entry["mean"] == math.inf and "difference" not in entry


def test_worst_grain_is_farthest_from_that_of_hr():
    records = [record(x, "area", "m", grain=g) for x, g in zip("abc", (0.4, 1.7, 1.0))]
    entry = only(aggregate(records), metric="grain")
    assert (entry["worst_image"], entry["worst"]) == ("b", 1.7)


def test_interval_against_scipy():
    differences = np.random.default_rng(1).normal(0.3, 0.5, 30)
    expected = bootstrap(
        (differences,), np.mean, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    low, high = bootstrap_interval(differences)
    assert (low, high) == pytest.approx(tuple(expected), abs=0.01)
    assert (low, high) == bootstrap_interval(differences)


def scored(image, psnr, model="m", kernel="area"):
    return record(image, kernel, model, **({} if psnr is None else {"psnr": psnr}))


def test_best_and_worst():
    psnrs = {"a": 30.0, "b": 25.0, "c": 35.0, "d": None, "e": 25.0, "f": 28.0}
    records = [scored(image, psnr) for image, psnr in psnrs.items()]
    records += [scored(x, 99.0, model="other") for x in psnrs]
    records += [scored(x, 0.0, kernel="nearest") for x in psnrs]

    def ranked(count, metric="psnr"):
        return [[r["image"] for r in x] for x in rank(records, metric, "m", count)]

    assert ranked(2) == [["c", "a"], ["e", "b"]]
    assert ranked(9) == [["c", "a", "f"], ["e", "b"]]  # no picture twice
    assert ranked(2, "niqe") == [[], []]
    for r in records:
        r["content"] = r.get("psnr", 0.0)
    assert ranked(1, "content") == [["d"], ["c"]]  # less is better


def test_differences_are_from_the_reference():
    records = [scored("a", 30.0), scored("b", 32.0)]
    records += [scored("a", 28.0, "bicubic"), scored("b", 31.0, "bicubic")]
    table = tabulate(records, "bicubic")
    entry = table["set", "area", "m", "psnr"]
    assert entry["difference"] == 1.5 and 1.0 <= entry["low"] <= entry["high"] <= 2.0
    assert "difference" not in table["set", "area", "bicubic", "psnr"]
    other = tabulate(records, "m")["set", "area", "bicubic", "psnr"]
    assert other["difference"] == -1.5


def test_choices():
    records = [scored("a", math.inf), scored("a", 1.0, kernel="nearest")]
    assert kernels_of(records) == ["area", "nearest", "mean"]
    assert kernels_of(records[:1]) == ["area"]
    assert values(records, "psnr").tolist() == [1.0]
    assert best({"m": 30.001, "n": 30.0, "o": 29.9, "p": None}, "psnr") == ["m", "n"]
    assert best({"m": 3.0, "n": 4.0}, "niqe") == ["m"]
    assert best({"m": None}, "psnr") == []
    # Grain is as bad above that of HR as below it.
    assert best({"m": 0.7, "n": 1.2, "o": 2.0}, "grain") == ["n"]
    records = [scored(x, None) | {"grain": g} for x, g in zip("abc", (0.9, 2.0, 0.5))]
    (good,), (bad,) = rank(records, "grain", "m", 1)
    assert (good["image"], bad["image"]) == ("a", "b")
