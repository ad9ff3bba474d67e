"""What tables say, to the letter."""

import math

import pytest

from srlite.errors import DataError
from srlite.evaluation.records import FIELDS
from srlite.evaluation.statistics import aggregate
from srlite.evaluation.tables import markdown, terminal_tables, write_rows

VALUES = {
    ("old", "a"): {"psnr": 30.0, "lr_error": 1.5},
    ("old", "b"): {"psnr": 20.0, "lr_error": 0.5},
    ("n|w", "a"): {"psnr": 31.0, "lr_error": 1.0},
    ("n|w", "b"): {"psnr": math.inf},
}
RECORDS = [
    {"data_set": "set", "image": image, "kernel": "area", "model": model, **values}
    for (model, image), values in VALUES.items()
]
FID = [{"data_set": "set", "kernel": "area", "model": "old", "fid": 12.345}]


def test_terminal():
    lines = terminal_tables(aggregate(RECORDS), FID, "FID of x").splitlines()
    assert lines[0].startswith("set (2 pictures), means")
    assert lines[1:4] == [
        "kernel  model   PSNR  LR error  FID of x",
        "area    old    25.00      1.00     12.35",
        "        n|w      inf      1.00         -",
    ]
    assert lines[5:9] == [
        "set, PSNR in dB of single pictures",
        "kernel  model   mean  median  worst  worst picture  minus old  95 % interval",
        "area    old    25.00   25.00  20.00  b                      -  -",
        "        n|w      inf     inf  31.00  a                      -  -",
    ]


def test_markdown():
    text = markdown(aggregate(RECORDS), ["a note."], FID, "FID")
    assert "- a note." in text
    assert "| area | old | 25.00 | **1.00** | 12.35 |" in text
    assert "| area | n\\|w | **inf** | **1.00** | - |" in text
    # Of the LR errors there is one pair, so no interval.
    assert "| area | n\\|w | 1.00 | 1.00 | 1.00 | a | -0.50 | - |" in text


def test_gains():
    gain = {"data_set": "set", "metric": "psnr", "model": "old", "reference": 26.0}
    gain |= {"value": 25.0, "gain": -1.0, "least": -1.5, "least_with": "area+blur"}
    gains = [gain | {"damage": damage} for damage in ("blur", "all")]
    lines = terminal_tables(aggregate(RECORDS), gains=gains).splitlines()
    assert lines[-4:] == [
        "set, PSNR in dB by damage, means of the kernels",
        "damage  model   PSNR  plain   gain  least gain  with",
        "blur    old    25.00  26.00  -1.00       -1.50  area+blur",
        "all     old    25.00  26.00  -1.00       -1.50  area+blur",
    ]
    text = markdown(aggregate(RECORDS), [], gains=gains)
    assert "| blur | old | 25.00 | 26.00 | -1.00 | -1.50 | area+blur |" in text


def test_csv(tmp_path):
    write_rows(tmp_path / "scores.csv", [*FIELDS, "psnr", "lr_error"], RECORDS)
    rows = (tmp_path / "scores.csv").read_text().splitlines()
    assert rows[0] == "data_set,image,kernel,model,psnr,lr_error"
    assert rows[1] == "set,a,area,old,30.0,1.5"
    assert rows[4] == "set,b,area,n|w,inf,"
    write_rows(tmp_path / "rows.csv", ["a", "b"], [{"a": 1.5}, {"b": "x"}])
    assert (tmp_path / "rows.csv").read_text().splitlines() == ["a,b", "1.5,", ",x"]
    with pytest.raises(DataError, match="cannot write"):
        write_rows(tmp_path / "gone" / "scores.csv", FIELDS, [])
