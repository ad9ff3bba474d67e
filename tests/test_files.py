"""A file is whole or not there."""

import os
import signal
import subprocess
import sys

import pytest

from srlite.files import (
    remove_folder,
    remove_leftovers,
    replacing,
    replacing_folder,
)


def test_success_replaces(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)
    with replacing(path) as temporary:
        assert temporary.parent.parent == tmp_path and temporary.name == "a.txt"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["a.txt"]


def test_new_file_has_the_usual_mode(tmp_path):
    plain, replaced = tmp_path / "plain", tmp_path / "replaced"
    plain.write_text("")
    with replacing(replaced) as temporary:
        temporary.write_text("")
    assert replaced.stat().st_mode == plain.stat().st_mode


def test_the_mask_of_the_process_is_read_without_setting_it(tmp_path, monkeypatch):
    # It is one for all threads: what two of them set and restore may stay set.
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", None)
            with replacing(tmp_path / "file") as temporary:
                temporary.write_text("")
            with replacing_folder(tmp_path / "folder"):
                pass
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("file", "folder")]
    assert modes == [0o640, 0o750]


def test_failure_keeps_the_old(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_folder_replaces(tmp_path):
    path = tmp_path / "a"
    for content in ("old", "new"):
        with replacing_folder(path) as temporary:
            (temporary / f"{content}.txt").write_text(content)
    assert os.listdir(path) == ["new.txt"]
    with pytest.raises(KeyboardInterrupt), replacing_folder(path) as temporary:
        (temporary / "half.txt").write_text("half")
        raise KeyboardInterrupt
    assert os.listdir(path) == ["new.txt"]
    remove_folder(path)
    assert os.listdir(tmp_path) == []


KILLED_REMOVAL = """
import os, shutil, signal, sys
from srlite.files import remove_folder
shutil.rmtree = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
remove_folder(sys.argv[1])
"""


def test_what_a_kill_left_of_a_removal_stops_no_other(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(2):
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "file").write_text("")
        command = [sys.executable, "-c", KILLED_REMOVAL, tmp_path / "a"]
        assert subprocess.run(command, env=environment).returncode == -signal.SIGKILL
        assert not (tmp_path / "a").exists()
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == []


KILLED = """
import os, signal, sys
from srlite.files import replacing, replacing_folder
if sys.argv[2] == "file":
    with replacing(sys.argv[1]) as temporary:
        temporary.write_text("half")
        (temporary.parent / ".of-a-library").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
with replacing_folder(sys.argv[1]) as temporary:
    (temporary / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_kill_leaves_is_found_and_removed(tmp_path, kind):
    (tmp_path / ".of-somebody-else").write_text("")
    (tmp_path / "a").write_text("old")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, tmp_path / "a", kind]
    done = subprocess.run(command, env=environment)
    assert done.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 3
    remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".of-somebody-else", "a"]
    assert (tmp_path / "a").read_text() == "old"
