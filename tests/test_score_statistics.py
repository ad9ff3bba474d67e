"""Means, worst pictures and intervals against formulas."""

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from srlite.evaluation.statistics import aggregate, bootstrap_interval


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


def test_interval_against_scipy():
    differences = np.random.default_rng(1).normal(0.3, 0.5, 30)
    expected = bootstrap(
        (differences,), np.mean, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    low, high = bootstrap_interval(differences)
    assert (low, high) == pytest.approx(tuple(expected), abs=0.01)
    assert (low, high) == bootstrap_interval(differences)
