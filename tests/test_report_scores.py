"""Tables and orders of scores."""

import math

import pytest

from srlite.evaluation.report.scores import (
    best,
    choose_reference,
    kernels_of,
    rank,
    tabulate,
    values,
    write_value,
)


def record(image, psnr, model="m", kernel="area", data_set="s"):
    return {
        **{"data_set": data_set, "image": image, "kernel": kernel, "model": model},
        **({} if psnr is None else {"psnr": psnr}),
    }


def test_best_and_worst():
    psnrs = {"a": 30.0, "b": 25.0, "c": 35.0, "d": None, "e": 25.0, "f": 28.0}
    records = [record(image, psnr) for image, psnr in psnrs.items()]
    records += [record(x, 99.0, model="other") for x in psnrs]
    records += [record(x, 0.0, kernel="nearest") for x in psnrs]

    def ranked(count, metric="psnr"):
        return [[r["image"] for r in x] for x in rank(records, metric, "m", count)]

    assert ranked(2) == [["c", "a"], ["e", "b"]]
    assert ranked(9) == [["c", "a", "f"], ["e", "b"]]  # no picture twice
    assert ranked(2, "niqe") == [[], []]
    for r in records:
        r["content"] = r.get("psnr", 0.0)
    assert ranked(1, "content") == [["d"], ["c"]]  # less is better


def test_differences_are_from_the_reference():
    records = [record("a", 30.0), record("b", 32.0)]
    records += [record("a", 28.0, "bicubic"), record("b", 31.0, "bicubic")]
    table = tabulate(records, "psnr", "bicubic")
    entry = table["s", "area", "m"]
    assert entry["difference"] == 1.5 and 1.0 <= entry["low"] <= entry["high"] <= 2.0
    assert "difference" not in table["s", "area", "bicubic"]
    assert tabulate(records, "psnr", "m")["s", "area", "bicubic"]["difference"] == -1.5


def test_choices():
    assert choose_reference(["m", "bicubic", "n"]) == "bicubic"
    assert choose_reference(["m", "n"]) == "n"
    records = [record("a", math.inf), record("a", 1.0, kernel="nearest")]
    assert kernels_of(records) == ["area", "nearest", "mean"]
    assert kernels_of(records[:1]) == ["area"]
    assert values(records, "psnr").tolist() == [1.0]
    assert best({"m": 30.001, "n": 30.0, "o": 29.9, "p": None}, "psnr") == ["m", "n"]
    assert best({"m": 3.0, "n": 4.0}, "niqe") == ["m"]
    assert best({"m": None}, "psnr") == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("psnr", 30.456), "30.46 dB"),
        (("psnr", -0.5, "+", False), "−0.50"),
        (("ssim", 0.5, "+"), "+0.5000"),
        (("psnr", math.inf), "∞ dB"),
        (("psnr", None), "–"),
    ],
)
def test_written(arguments, text):
    assert write_value(*arguments) == text
