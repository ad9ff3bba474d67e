"""The summary: numbers as the networks have them, on the screen and in the file."""

import pytest

from srlite.errors import ConfigError
from srlite.training.command import main


def test_command(tmp_path, capsys):
    options = ["--preset", "tiny", "--summary", "--run-dir", str(tmp_path / "run")]
    changes = ["generator.name=srresnet", "generator.filters=8"]
    assert main([*options, "--set", *changes, "generator.num_blocks=1"]) == 0
    shown = capsys.readouterr().out
    assert (tmp_path / "run" / "summary.txt").read_text() == shown
    assert "PReLU" in shown and "Total params: 6,738" in shown
    assert "discriminator: 26,952 bytes as float32" in shown
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["summary.txt"]


def test_a_file_that_cannot_be_written(tmp_path):
    (tmp_path / "summary.txt").mkdir()
    with pytest.raises(ConfigError, match="cannot write .*summary.txt"):
        main(["--preset", "tiny", "--summary", "--run-dir", str(tmp_path)])


def test_data_is_asked_for_otherwise(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--preset", "tiny"])
    assert "--run-dir is required" in capsys.readouterr().err
