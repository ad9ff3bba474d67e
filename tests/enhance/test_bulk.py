"""`srlite bulk`: the same bytes as the plain command, by Beam, from lists and far away.

Most need Apache Beam: `make test-bulk` runs them in an environment that has it.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srlite.enhance import bulk
from srlite.enhance.command import main as enhance
from srlite.errors import BackendError, ConfigError, ImageError

ROOT = Path(__file__).parents[2]
MODEL = ("--model", "light_int8")
needs_beam = pytest.mark.skipif(bulk.beam is None, reason="Apache Beam is not there")

if bulk.beam is not None:
    import far_store  # noqa: F401


def make_pictures(folder, count):
    random = np.random.default_rng(0)
    for number in range(count):
        path = Path(folder, "sub" if number % 2 else "", f"{number:03}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 9, 3), np.uint8)).save(path)


def contents(folder):
    """What lies there under its final name, while others come and go."""
    paths = [
        Path(parent, name)
        for parent, _, names in os.walk(folder)
        for name in names
        if name.endswith(".png") and not Path(parent).name.startswith(".")
    ]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def told(folder, status):
    """The newest list of files of a status."""
    newest = max(Path(folder).glob("manifest-*"))
    files = newest.glob(f"{status}-*.jsonl")
    return [json.loads(line) for file in files for line in open(file)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_pictures("in", 3)
    Path("in/bad.png").write_text("no picture")
    arguments = ["in", "--recursive", "--sr-path", "wanted", "--quiet", *MODEL]
    assert enhance(arguments) == 1
    return tmp_path


@needs_beam
def test_as_the_plain_command(folder, capsys):
    arguments = ["in", "--recursive", "--sr-path", "out", *MODEL]
    assert bulk.main(arguments) == 1
    assert capsys.readouterr().out.startswith("3 enlarged, 0 skipped, 1 failed in ")
    assert contents("out") == contents("wanted")
    (failed,) = told("out", "failed")
    assert failed["input"] == "in/bad.png"
    assert failed["error"].startswith("cannot read in/bad.png as a picture")
    done = {row["input"]: row for row in told("out", "enlarged")}
    assert done["in/sub/001.png"]["output"] == "out/sub/001.png"
    assert (done["in/000.png"]["width"], done["in/000.png"]["height"]) == (36, 32)
    os.remove("in/bad.png")
    with pytest.raises(ConfigError, match="exist already; pass --overwrite"):
        bulk.main(arguments)
    time.sleep(1)  # the lists are named by the second
    assert bulk.main([*arguments, "--skip-existing"]) == 0
    assert capsys.readouterr().out.startswith("0 enlarged, 3 skipped, 0 failed in ")
    assert len(told("out", "skipped")) == 3


@needs_beam
@pytest.mark.parametrize("kind", ["txt", "csv", "parquet"])
def test_lists(folder, kind):
    names = {"in/000.png": "a.png", "in/sub/001.png": "b/c.png", "in/002.png": None}
    if kind == "txt":
        Path("list.txt").write_text("\n".join(names) + "\n\n")
        names = {name: Path(name).name for name in names}
    elif kind == "csv":
        rows = [f"{key},{value or ''}" for key, value in names.items()]
        # As Excel writes it, with a mark of its encoding.
        Path("list.csv").write_text("\n".join(["input,output", *rows]), "utf-8-sig")
    else:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        columns = {"input": list(names), "output": list(names.values())}
        parquet.write_table(pa.table(columns), "list.parquet")
    assert bulk.main([f"list.{kind}", "--sr-path", "out", "--quiet", *MODEL]) == 0
    wanted = contents("wanted")
    assert contents("out") == {
        (name or "002.png"): wanted[key.removeprefix("in/")]
        for key, name in names.items()
    }


@needs_beam
def test_the_endings_of_a_list(folder):
    """As of the plain command: an animated GIF stays one, a still one becomes a PNG."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save("still.gif")
    frames[0].save("moving.gif", save_all=True, append_images=frames[1:])
    Path("list.txt").write_text("still.gif\nmoving.gif\n")
    assert bulk.main(["list.txt", "--sr-path", "out", "--quiet", *MODEL]) == 0
    names = {path.name for path in Path("out").iterdir() if path.is_file()}
    assert names == {"still.png", "moving.gif"}


@needs_beam
def test_far_files(folder):
    arguments = ["store://in", "--recursive", "--sr-path", "store://out", *MODEL]
    assert bulk.main([*arguments, "--quiet"]) == 1
    assert contents("out") == contents("wanted")
    assert not list(Path("out").rglob(".*"))
    (failed,) = told("out", "failed")
    assert failed["input"] == "store://in/bad.png"
    assert failed["error"].startswith("cannot read store://in/bad.png as a picture")
    os.remove("in/bad.png")
    with pytest.raises(ConfigError, match="store://out/000.png exists already"):
        bulk.main(arguments)


@needs_beam
@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("store://in/*", ["000.png", "002.png"]),
        ("store://in/s*/*.png", ["sub/001.png"]),
        ("store://in/**", ["000.png", "002.png", "sub/001.png"]),
    ],
)
def test_far_patterns(folder, pattern, found):
    os.remove("in/bad.png")
    assert bulk.main([pattern, "--sr-path", "store://out", "--quiet", *MODEL]) == 0
    wanted = contents("wanted")
    assert contents("out") == {name: wanted[name] for name in found}


@needs_beam
def test_shares_that_begin_together(folder, monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda form: "now")
    for share in ("1/2", "2/2"):
        bulk.main(["in", "--sr-path", "out", "--shard", share, "--quiet", *MODEL])
    assert len(list(Path("out").glob("manifest-now-*"))) == 2


@needs_beam
@pytest.mark.parametrize("place", ["store://elsewhere", "elsewhere"])
def test_results_elsewhere_stay(folder, place):
    Path("elsewhere").mkdir()
    Path("elsewhere", "x.png").write_bytes(b"mine")
    where = place if "://" in place else folder / place
    Path("list.csv").write_text(f"input,output\n{folder}/in/000.png,{where}/x.png\n")
    for out in ("out", "store://out"):
        with pytest.raises(ConfigError, match="elsewhere/x.png exists already"):
            bulk.main(["list.csv", "--sr-path", out, *MODEL])
        arguments = ["list.csv", "--sr-path", out, "--skip-existing", "--quiet"]
        assert bulk.main([*arguments, *MODEL]) == 0
    assert Path("elsewhere", "x.png").read_bytes() == b"mine"


@needs_beam
def test_shards_of_a_list(folder):
    Path("list.txt").write_text(f"{folder}/in/000.png\n{folder}/in/002.png\n")
    for shard in ("1/2", "2/2"):
        arguments = ["list.txt", "--sr-path", "out", "--shard", shard, "--quiet"]
        assert bulk.main([*arguments, *MODEL]) == 0
    assert contents("out").keys() == {"000.png", "002.png"}


@needs_beam
def test_lists_that_cannot_be_used(folder):
    Path("two.csv").write_text("input,output\na.png,x.png\nb.png,x.png\n")
    Path("none.csv").write_text("name\na.png\n")
    Path("self.csv").write_text(f"input,output\n{folder}/a.png,{folder}/a.png\n")
    alias = f"{folder}/in/../a.png"
    Path("alias.csv").write_text(f"input,output\n{folder}/a.png,{alias}\n")
    Path("binary.parquet").write_bytes(b"none")
    for name, message in {
        "two.csv": "a.png and b.png would both be written to out/x.png",
        "none.csv": "row 1 of none.csv has no value for `input`",
        "self.csv": "is both input and output",
        "alias.csv": "is both input and output",
        "binary.parquet": "cannot read binary.parquet",
        "missing.txt": "cannot read missing.txt",
    }.items():
        with pytest.raises((ConfigError, ImageError), match=message):
            bulk.main([name, "--sr-path", "out", *MODEL])
    with pytest.raises(ConfigError, match="two.csv is a list of pictures"):
        bulk.main(["--lr-path", "two.csv", "in", "--sr-path", "out"])
    assert not Path("out").exists()


def test_options_of_one_machine(tmp_path, monkeypatch):
    for arguments, message in (
        (["in"], "needs a folder for its results"),
        (["in", "out", "--json"], "--json is for srlite enhance"),
        (["in", "out", "--compare", "a.html"], "--compare is for srlite enhance"),
        (["in", "out", "--workers", "2"], "--direct_num_workers 2"),
    ):
        with pytest.raises(ConfigError, match=message):
            bulk.main(arguments)
    monkeypatch.setattr(bulk, "beam", None)
    with pytest.raises(BackendError, match=r"pip install 'srlite\[bulk\]'"):
        bulk.main(["in", "out"])


WORKER = "apache_beam.runners.worker.sdk_worker_main"
PROCESSES = ("--", "--runner", "DirectRunner", "--direct_num_workers", "2")
PROCESSES += ("--direct_running_mode", "multi_processing")


@needs_beam
@pytest.mark.slow
def test_400_pictures_by_two_processes(tmp_path):
    make_pictures(tmp_path / "in", 399)
    (tmp_path / "in" / "bad.png").write_text("no picture")
    options = ["in", "--recursive", *MODEL]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    def run(*arguments):
        command = [sys.executable, "-m", "srlite", *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    assert run("enhance", *options, "--sr-path", "wanted").returncode == 1
    done = run("bulk", *options, "--sr-path", "out", *PROCESSES)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("399 enlarged, 0 skipped, 1 failed in ")
    assert contents(tmp_path / "out") == contents(tmp_path / "wanted")
    done = run("bulk", *options, "--sr-path", "out", "--skip-existing", *PROCESSES)
    assert done.stdout.startswith("0 enlarged, 399 skipped, 1 failed in ")
    assert done.returncode == 1


@needs_beam
@pytest.mark.slow
def test_a_worker_that_is_killed(tmp_path):
    make_pictures(tmp_path / "in", 100)
    command = [sys.executable, "-m", "srlite", "bulk", "in", "--recursive", *MODEL]
    command += ["--sr-path", "out", "--skip-existing"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, *PROCESSES],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not contents(tmp_path / "out"):
        time.sleep(0.02)
    if workers := children(process.pid, WORKER):
        os.kill(workers[0], signal.SIGKILL)
    try:
        _, said = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()  # an engine that waits for its dead worker
        _, said = process.communicate()
    for name in contents(tmp_path / "out"):
        Image.open(tmp_path / "out" / name).load()
    if process.returncode:
        assert "error: the engine stopped (" in said
        again = subprocess.run(command, cwd=tmp_path, env=environment)
        assert again.returncode == 0, said
    assert len(contents(tmp_path / "out")) == 100


def children(pid, name):
    """Processes below one whose command holds a name."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            command = (path / "cmdline").read_text()
        except OSError:
            continue
        if parent == pid:
            # A shell that starts a worker holds the name among other words.
            found += [int(path.name)] if name in command.split("\0") else []
            found += children(int(path.name), name)
    return found
