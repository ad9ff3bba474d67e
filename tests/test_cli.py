"""The command `srlite`: the same commands as the scripts and modules, by one name."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from srlite import __version__
from srlite.cli import COMMANDS, main
from srlite.errors import ConfigError, ModelError

ROOT = Path(__file__).parents[1]


def test_version_and_help(capsys):
    for arguments, expected in (
        (["--version"], f"srlite {__version__}"),
        (["--help"], "enhance"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        assert expected in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_the_command(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: srlite {name} [-h]")


@pytest.mark.parametrize("arguments", [[], ["enlarge"], ["--sr"], ["train"]])
def test_usage_errors(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "doctor"])
def test_empty_arguments_are_refused_before_others_are_read(name, capsys):
    kind = ["tflite"] if name == "benchmark" else []
    for arguments in ([""], ["--no-such-option", ""]):
        with pytest.raises(ConfigError, match="is empty; give a value, or leave it"):
            main([name, *kind, *arguments])


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from srlite.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'PIL', 'keras', 'tensorflow', 'ai_edge_litert', 'tqdm'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (6, 5), "teal").save("in.png")
    return tmp_path


def size(path):
    with Image.open(path) as image:
        return image.size


def test_enhance_by_position(picture):
    assert main(["enhance", "in.png", "out.png", "--quiet"]) == 0
    assert size("out.png") == (24, 20)
    assert main(["enhance", "in.png", "--quiet", "--width", "9", "small.png"]) == 0
    assert size("small.png")[0] == 9
    (picture / "folder").mkdir()
    assert main(["enhance", "in.png", "folder", "--quiet"]) == 0
    assert size("folder/in.png") == (24, 20)
    assert main(["enhance", "in.png", "--quiet"]) == 0
    assert size("in_sr.png") == (24, 20)


def test_enhance_replaces_nothing_by_position(picture):
    Image.new("RGB", (2, 2)).save("b.png")
    assert main(["enhance", "in.png", "b.png", "--quiet", "--overwrite"]) == 0
    assert (size("in.png"), size("b.png")) == ((6, 5), (2, 2))
    assert (size("in_sr.png"), size("b_sr.png")) == ((24, 20), (8, 8))
    with pytest.raises(ConfigError, match="in_sr.png and 1 more exist already"):
        main(["enhance", "in.png", "b.png", "--quiet"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["in.png", "--lr-path", "in.png"],
        ["in.png", "out.png", "--sr-path", "out.png"],
        ["--sr-path", "out.png"],
    ],
)
def test_enhance_wants_each_path_once(picture, arguments):
    with pytest.raises(SystemExit) as ended:
        main(["enhance", *arguments])
    assert ended.value.code == 2


def test_errors_are_those_of_the_command(picture):
    with pytest.raises(ConfigError, match="unknown option gan.stpes; did you mean"):
        main(["train", "--run-dir", "run", "--set", "gan.stpes=5"])
    with pytest.raises(ModelError, match="unknown model 'none_such'"):
        main(["enhance", "in.png", "out.png", "--model", "none_such"])
