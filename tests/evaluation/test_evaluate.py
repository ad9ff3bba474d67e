"""`srlite.evaluate`, from Python: the figures of the command, typed."""

import pytest
from evaluation_runs import run

import srlite
from srlite.errors import ConfigError
from srlite.evaluation.records import FIELDS, read_scores

SPEED = "seconds_per_megapixel"


def test_from_python(hr_folder, tmp_path):
    """The same figures as the command's, and nothing is written."""
    before = sorted(tmp_path.rglob("*"))
    results = srlite.evaluate(
        ["bicubic", "lanczos"], hr_folder, kernels=["area", "nearest"]
    )
    assert sorted(tmp_path.rglob("*")) == before and results.left_out == []
    out = tmp_path / "out"
    words = ["--model", "bicubic", "lanczos", "--hr-dir", hr_folder, "--out-dir", out]
    assert run(*words, "--kernels", "area", "nearest") == 0
    scores = read_scores(out / "scores.json")
    assert len(results.scores) == len(scores["records"]) == 8
    for score, record in zip(results.scores, scores["records"], strict=True):
        found = {field: getattr(score, field) for field in FIELDS} | score.values
        expected = {key: x for key, x in record.items() if key != SPEED}
        assert {key: x for key, x in found.items() if key != SPEED} == expected
    for row, entry in zip(results.summaries, scores["aggregates"], strict=True):
        if row.metric != SPEED:
            found = {k: x for k, x in vars(row).items() if x is not None}
            assert found == entry
    alone = srlite.evaluate("bicubic", hr_folder, kernels=["area"], metrics=["ssim"])
    assert [list(s.values) for s in alone.scores] == [["ssim"], ["ssim"]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kernels": ["x"]}, "unknown kernel x"),
        ({"metrics": ["niqe"]}, "cannot measure niqe"),
        ({"edges": "x"}, "edges must be one of none, tiled"),
        ({"degradation": "clean"}, "none of the models takes a degradation"),
        ({"models": []}, "at least one model"),
    ],
)
def test_from_python_refused(hr_folder, options, said):
    with pytest.raises(ConfigError, match=said):
        srlite.evaluate(**{"models": "bicubic", "hr_dir": hr_folder} | options)
