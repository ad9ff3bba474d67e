"""The wheel, in an environment of its own: base dependencies only, no repository."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from PIL import Image

from srlite import __version__

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


def run(*command, cwd, status=0):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The folder of the source archive and the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    build = (sys.executable, "-m", "build", "--no-isolation")
    done = run(*build, "--outdir", folder, ROOT, cwd=folder)
    said = re.findall(r".*\bwarning\b.*", done.stdout + done.stderr, re.IGNORECASE)
    # Where the environment says so, no bytecode is written.
    assert [line for line in said if "byte-compiling is disabled" not in line] == []
    return folder


def base_dependencies():
    """Names of what srlite needs without an extra, and of what that needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found, waiting = set(), list(project["dependencies"])
    while waiting:
        wanted = Requirement(waiting.pop())
        if wanted.marker is None or wanted.marker.evaluate():
            if wanted.name not in found:
                found.add(wanted.name)
                waiting += importlib.metadata.requires(wanted.name) or []
    return found


@pytest.fixture(scope="module")
def programs(archives, tmp_path_factory):
    """The folder of `srlite` and `python` in a clean environment.

    Without a network: what the tests' own environment holds of the base dependencies
    is linked into it, and pip, which finds them there, asks for nothing more.
    """
    folder = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run(programs / "python", "-c", where, cwd=folder).stdout.strip())
    for name in base_dependencies():
        for file in importlib.metadata.files(name):
            link = packages / file.parts[0]
            if file.parts[0] != ".." and not os.path.lexists(link):
                link.symlink_to(
                    importlib.metadata.distribution(name).locate_file(file.parts[0])
                )
    pip = (sys.executable, "-m", "pip", "--python", programs / "python")
    wheel = next(archives.glob("*.whl"))
    run(*pip, "install", "--no-index", wheel, cwd=folder)
    return programs


def test_archives_hold_what_is_needed(archives):
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "srlite").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(next(archives.glob("*.whl"))) as wheel:
        names = {n for n in wheel.namelist() if ".dist-info/" not in n}
        extra = [n for n in wheel.namelist() if n.endswith("LICENSE")]
    assert names == {name for name in package if not name.endswith(".keras")}
    assert extra
    assert next(archives.glob("*.whl")).stat().st_size <= 11_000_000
    with tarfile.open(next(archives.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tests = {
        path.relative_to(ROOT).as_posix()
        for kind in ("tests/**/*.py", "docs/*.md", "notebooks/*.ipynb", "web/**/*.*js")
        for path in ROOT.glob(kind)
        if not {"node_modules", "vendor"} & set(path.parts)
    }
    assert package | tests <= names
    assert not [name for name in names if "node_modules" in name or "vendor" in name]
    assert {"train.py", "Makefile", "README.md", "requirements-dev.txt"} <= names


def test_enlarges_without_the_repository(programs, tmp_path):
    Image.new("RGB", (12, 10), "teal").save(tmp_path / "in.png")
    run(programs / "srlite", "enhance", "in.png", "out.png", cwd=tmp_path)
    with Image.open(tmp_path / "out.png") as sr:
        assert sr.size == (48, 40)
    version = run(programs / "srlite", "--version", cwd=tmp_path).stdout
    assert version.strip() == f"srlite {__version__}"
    code = "from srlite import enhance_image as f; print(f(lr_path='in.png'))"
    run(programs / "python", "-c", code, cwd=tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "--data-dir", ".", "--run-dir", "run"),
        ("train", "--summary"),
        ("export", "--model", "other.keras", "--output", "light.tflite"),
        ("evaluate", "--hr-dir", ".", "--model", "other.keras"),
        ("interpolate", "--psnr-model", "other.keras", "--gan-model", "other.keras")
        + ("--output", "mixed.keras"),
        ("benchmark", "train"),
        ("enhance", "in.png", "--model", "other.keras"),
        ("enhance", "in.png", "--model", "other.safetensors"),
        ("enhance", "in.png", "--model", "parts"),
    ],
)
def test_missing_extra_is_named(programs, tmp_path, arguments):
    Image.new("RGB", (300, 300)).save(tmp_path / "in.png")
    with zipfile.ZipFile(tmp_path / "other.keras", "w"):
        pass
    (tmp_path / "other.safetensors").touch()
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "index.json").write_text("{}")
    done = run(programs / "srlite", *arguments, cwd=tmp_path, status=2)
    assert done.stderr.startswith("error: ")
    assert "pip install 'srlite[train]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_where_the_keras_files_are(programs, tmp_path):
    arguments = ("interpolate", "--psnr-model", "light_psnr", "--gan-model", "light")
    done = run(
        programs / "srlite",
        *arguments,
        "--output",
        "mixed.keras",
        cwd=tmp_path,
        status=2,
    )
    assert "light_psnr is installed as a .tflite alone" in done.stderr
    assert done.stderr.count("\n") == 1
