"""`srlite doctor` names what is there, and does not call well what does not work."""

import importlib.metadata
import shutil
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from srlite.models import model_files
from srlite.runtime import doctor

ROOT = Path(__file__).parents[2]


def test_all_is_well(capsys):
    assert doctor.main([]) == 0
    out = capsys.readouterr().out
    assert f"numpy {importlib.metadata.version('numpy')}" in out
    assert "models: light, " in out and "self-test: light enlarges, " in out


def test_packages_are_those_of_the_extras():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = {"": project["dependencies"], **project["optional-dependencies"]}
    del lists["test"]
    names = {
        extra: {Requirement(text).name for text in texts}
        for extra, texts in lists.items()
    }
    assert {extra: set(names) for extra, names in doctor.PACKAGES.items()} == names


@pytest.mark.parametrize(
    ("missing", "status", "hint"),
    [("av", 0, "no av  (pip install 'srlite[video]')"), ("numpy", 1, "no numpy")],
)
def test_missing_packages(missing, status, hint, monkeypatch, capsys):
    version = importlib.metadata.version

    def find(name):
        if name == missing:
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", find)
    assert doctor.main([]) == status
    assert hint in capsys.readouterr().out


def test_a_damaged_model(monkeypatch, tmp_path, capsys):
    (tmp_path / "light.tflite").write_bytes(b"no model")
    monkeypatch.setattr(model_files, "WEIGHTS_DIR", tmp_path)
    assert doctor.main([]) == 1
    assert "self-test: failed: " in capsys.readouterr().out


def test_a_model_that_makes_wrong_pictures(monkeypatch, tmp_path, tiny_tflite, capsys):
    shutil.copy(tiny_tflite, tmp_path / "light.tflite")  # with random weights
    monkeypatch.setattr(model_files, "WEIGHTS_DIR", tmp_path)
    monkeypatch.setattr(doctor, "_MAX_ERROR", 0.0)
    assert doctor.main([]) == 1
    assert "light makes wrong pictures here" in capsys.readouterr().out
