"""`srlite.evaluate`, from Python: the figures of the command, typed."""

import pytest
from evaluation_runs import read_scores, run

import srlite
from srlite.errors import ConfigError
from srlite.evaluation.records import FIELDS

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
    scores = read_scores(out)
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


def test_one_may_stand_alone_and_counts_once(hr_folder):
    alone = {"kernels": "area", "damages": "jpeg75", "metrics": "psnr"}
    listed = {key: [value, value] for key, value in alone.items()}
    one, other = (srlite.evaluate("bicubic", hr_folder, **x) for x in (alone, listed))
    assert one == other and len(one.scores) == 2
    assert {score.kernel for score in one.scores} == {"area+jpeg75"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kernels": ["x"]}, "unknown kernel x"),
        ({"kernels": []}, "at least one kernel"),
        ({"damages": []}, "at least one damage"),
        ({"metrics": []}, "unknown metric none; there are psnr"),
        ({"scale": 2.5}, "whole number, 2 or more; received 2.5"),
        ({"scale": 0}, "whole number, 2 or more; received 0"),
        ({"metrics": ["niqe"]}, "niqe needs a file"),
        ({"edges": "x"}, "edges must be one of none, tiled"),
        ({"degradation": "clean"}, "none of the models takes a degradation"),
        ({"models": []}, "at least one model"),
    ],
)
def test_from_python_refused(hr_folder, options, said):
    with pytest.raises(ConfigError, match=said):
        srlite.evaluate(**{"models": "bicubic", "hr_dir": hr_folder} | options)
