"""The summary: numbers as the networks have them, on the screen and in the file."""

import re
import subprocess
import sys
from pathlib import Path

from srlite.models.generators import rrdb_net
from srlite.training.summary import describe

ROOT = Path(__file__).parents[1]


def test_table_adds_up():
    generator = rrdb_net(filters=8, growth_channels=4, num_blocks=1)
    text = describe({"generator": generator})
    table, last = text.split("\n\n")
    counts = re.findall(r" ([\d,]+)$", table, flags=re.MULTILINE)
    assert len(counts) == len(generator.layers)
    total = sum(int(count.replace(",", "")) for count in counts)
    assert total == generator.count_params()
    assert f"{total:,} parameters" in last and f"{4 * total:,} bytes" in last
    assert re.search(r"head +Conv2D +\(\?, \?, \?, 8\) +224", table)


def test_command(tmp_path):
    command = [sys.executable, "train.py", "--preset", "tiny", "--summary"]
    command += ["--run-dir", tmp_path / "run", "--set", "generator.name=srresnet"]
    command += ["generator.filters=8", "generator.num_blocks=1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert (tmp_path / "run" / "summary.txt").read_text() == done.stdout
    assert "PReLU" in done.stdout and "\ndiscriminator: 6,801 parameters" in done.stdout
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["summary.txt"]


def test_data_is_asked_for_otherwise():
    command = [sys.executable, "train.py", "--preset", "tiny"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "--run-dir is required" in done.stderr
