"""The folder of an evaluation: how work stops and goes on, and what is reused."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from evaluation_runs import read_scores, run
from PIL import Image

from srlite.data.kernels import shrink
from srlite.errors import ConfigError
from srlite.files import locked


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_stopped_work_goes_on(hr_folder, program, tmp_path, ending):
    out = tmp_path / "out"
    words = ["--model", program(4, 0.3), "--hr-dir", hr_folder, "--out-dir", out]
    words = [sys.executable, "-m", "srlite", "evaluate", *map(str, words), "--kernels"]
    words += ["area", "nearest"]
    work = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    records = out / "records.jsonl"
    while not records.is_file() or not records.read_text():
        assert work.poll() is None
        time.sleep(0.02)
    work.send_signal(ending)
    said = work.communicate(timeout=60)[1]
    if ending == signal.SIGINT:
        assert work.returncode == 130
        assert "of 4 enlarged pictures; the same command goes on from there" in said
    done = len(records.read_text().splitlines())
    assert 1 <= done < 4
    again = subprocess.run(words, capture_output=True, text=True, check=True)
    assert f"; {done} scores were there before" in again.stderr
    assert len(read_scores(out)["records"]) == 4
    assert len(records.read_text().splitlines()) == 4


def test_another_setting_is_measured_anew(hr_folder, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["--model", "bicubic", "--hr-dir", hr_folder, "--out-dir", out]
    words += ["--kernels", "bicubic"]
    kept = out / "pictures/photos/bicubic/bicubic/a.png"
    seen = []
    for scale in (4, 2, 4):
        assert run(*words, "--scale", scale) == 0
        assert "there before" not in capsys.readouterr().err
        seen.append(read_scores(out)["records"][0]["psnr"])
        lr = np.asarray(Image.open(out / "pictures/photos/bicubic/lr/a.png"))
        hr = np.asarray(Image.open(hr_folder / "a.png"))[:64, : 87 // scale * scale]
        np.testing.assert_array_equal(lr, shrink(hr, "bicubic", scale))
    # The picture of the other setting was replaced, so the last was measured again.
    assert seen[0] == seen[2] != seen[1]
    assert run(*words) == 0
    assert "2 scores were there before" in capsys.readouterr().err
    kept.unlink()
    assert run(*words) == 0
    assert "1 scores were there before" in capsys.readouterr().err
    assert kept.is_file()


@pytest.mark.skipif(os.name == "nt", reason="locks are not known there")
def test_two_evaluations_keep_out_of_each_others_folder(hr_folder, tmp_path):
    words = ["--hr-dir", hr_folder, "--model", "bicubic", "--out-dir", tmp_path]
    with locked(tmp_path, "this"):
        with pytest.raises(ConfigError, match="another evaluation is writing to"):
            run(*words, "--kernels", "area")


def test_a_result_whose_name_is_no_text(hr_folder, tmp_path):
    """A note says the name that the tables have."""
    results = Path(os.fsdecode(os.fsencode(tmp_path) + b"/sr\xff"))
    shutil.copytree(hr_folder, results)
    out = tmp_path / "out"
    words = ["--hr-dir", hr_folder, "--kernels", "area", "--model", results]
    assert run(*words, "--out-dir", out) == 0
    assert "- sr_ was enlarged before" in (out / "scores.md").read_text("utf-8")
