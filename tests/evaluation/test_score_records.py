"""Records survive a stop, and files hold what they are given."""

import json
import math

import pytest
from evaluation_runs import read_scores

from srlite.errors import DataError
from srlite.evaluation.records import (
    METRICS,
    RecordFile,
    distinct,
    measured_metrics,
    record_key,
    write_scores,
)

ONE = {"data_set": "s", "image": "a", "kernel": "area", "model": "m", "psnr": 31.25}
TWO = {"data_set": "s", "image": "b", "kernel": "area", "model": "m", "psnr": math.inf}


@pytest.mark.parametrize("lost", [1, 20, 100])
def test_a_stopped_file_goes_on(tmp_path, lost):
    path = tmp_path / "records.jsonl"
    file = RecordFile(path)
    file.append("1", ONE)
    file.append("2", TWO)
    assert file.get("2") == TWO and file.get("3") is None
    whole = path.read_bytes()
    assert whole.index(b"\n") < len(whole) - 101
    path.write_bytes(whole[:-lost])  # killed while the second line was written
    file = RecordFile(path)
    assert file.get("1") == ONE and file.get("2") is None
    file.append("2", TWO)
    again = RecordFile(path)  # whose second line is what the kill left
    assert again.get("1") == ONE and again.get("2") == TWO


def test_scores_keep_infinity_in_plain_json(tmp_path):
    entries = {"records": [ONE, TWO], "aggregates": [{"mean": math.inf}]}
    write_scores(tmp_path / "scores.json", **entries)
    text = (tmp_path / "scores.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["aggregates"] == [
        {"mean": None}
    ]
    assert read_scores(tmp_path)["records"] == [ONE, TWO]


def test_names():
    assert measured_metrics([ONE, TWO | {"niqe": 5.0}]) == ["psnr", "niqe"]
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert distinct([ONE, TWO, ONE], "image") == ["a", "b"]


def test_keys_tell_settings_apart():
    key = record_key(model="a", jpeg=None)
    assert key == record_key(jpeg=None, model="a")
    others = record_key(model="a", jpeg=90), record_key(model="b", jpeg=None)
    assert len({key, *others}) == 3


def test_refusals(tmp_path):
    (tmp_path / "records.jsonl").write_text("a diary\n")
    with pytest.raises(DataError, match="line 1 of .* is not a record"):
        RecordFile(tmp_path / "records.jsonl")
