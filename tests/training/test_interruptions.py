"""What people do to a run: a signal, a closed terminal, a full disk, a thread."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from small_runs import CONFIG

from srlite.models import checkpoints
from srlite.training.recipe import train

ROOT = Path(__file__).parents[2]
LONG = 600  # seconds after which a process hangs
OPTIONS = [
    "augmentation.damaged=0",
    "generator.filters=8",
    "generator.growth_channels=4",
    "generator.num_dense_blocks=1",
    "generator.conditional=false",
    "pretrain.steps=100000",
    "pretrain.batch_size=2",
    "pretrain.patch_size=32",
    "log.log_every=5",
    "log.checkpoint_every=100000",
]
# Files may be so large, as if the disk were full then: bytes.
LIMITED = (
    "import resource, runpy, sys; "
    "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2); "
    "sys.argv = sys.argv[2:]; runpy.run_path('train.py', run_name='__main__')"
)


def arguments(run_dir, photos, *options, limit=None):
    command = ["train.py"] if limit is None else ["-c", LIMITED, limit, "train.py"]
    command += ["--preset", "tiny", "--data-dir", photos, "--run-dir", run_dir]
    command += ["--stages", "pretrain", "--set", *options]
    return [sys.executable, *map(str, command)]


def start(run_dir, photos, *options, limit=None, **more):
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
    return subprocess.Popen(
        arguments(run_dir, photos, *OPTIONS, *options, limit=limit),
        cwd=ROOT,
        env=environment,
        # Whatever the tests were started with, `nohup` say.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        **more,
    )


def wait_for_steps(process, run_dir):
    end = time.monotonic() + LONG
    while not (run_dir / "metrics.jsonl").exists():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_leaves_a_checkpoint(name, photos, tmp_path):
    with start(tmp_path / "run", photos, stderr=subprocess.PIPE) as process:
        wait_for_steps(process, tmp_path / "run")
        process.send_signal(getattr(signal, name))
        _, said = process.communicate(timeout=LONG)
    assert process.returncode == 130 and f"stopped ({name}) at step".encode() in said
    assert len(checkpoints.find(tmp_path / "run/checkpoints", "pretrain")) == 1


@pytest.mark.slow
def test_a_closed_terminal_leaves_a_checkpoint(photos, tmp_path):
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    files = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    with start(tmp_path / "run", photos, start_new_session=True, **files) as process:
        os.close(theirs)
        wait_for_steps(process, tmp_path / "run")
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        process.wait(timeout=LONG)
    assert len(checkpoints.find(tmp_path / "run/checkpoints", "pretrain")) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "options"),
    [
        (60_000, ["log.checkpoint_every=10"]),  # a checkpoint
        (6_000, ["log.log_every=1"]),  # the logs
    ],
)
def test_a_full_disk_ends_in_a_sentence(limit, options, photos, tmp_path):
    run_dir = tmp_path / "run"
    with start(run_dir, photos, *options, limit=limit, stderr=subprocess.PIPE) as full:
        _, said = full.communicate(timeout=LONG)
    assert full.returncode == 2 and b"Traceback" not in said, said
    assert b"error: cannot write" in said and b"File too large" in said
    # With room it goes on.
    more = ["pretrain.steps=12", "log.checkpoint_every=10", *options]
    with start(run_dir, photos, *more, stderr=subprocess.PIPE) as again:
        _, said = again.communicate(timeout=LONG)
    assert again.returncode == 0, said
    assert (run_dir / "pretrain.keras").is_file()


# In a mount namespace of its own: a disk of 20 MB, which is filled after the first
# checkpoint of the command that is given; with room again, the same command goes on.
SMALL_DISK = """
import glob, os, subprocess, sys, time
disk, *command = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "none", disk], check=True)
training = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
while not glob.glob(f"{disk}/run/checkpoints/*"):
    assert training.poll() is None, training.stderr.read()
    time.sleep(0.05)
filler = open(f"{disk}/filler", "wb", buffering=0)
try:
    while True:
        filler.write(bytes(4096))
except OSError:
    filler.close()
began = time.monotonic()
_, said = training.communicate(timeout=60)
print(time.monotonic() - began, training.returncode, said.splitlines()[-1])
with open(f"{disk}/run/metrics.jsonl") as file:
    print(file.read().splitlines()[-1])
os.remove(f"{disk}/filler")
again = subprocess.run([*command, "--max-minutes", "0"], capture_output=True, text=True)
print(again.returncode, again.stderr.replace("\\n", " "))
"""


@pytest.mark.slow
@pytest.mark.parametrize("every", ["log_every=1", "checkpoint_every=20"])
def test_a_small_disk(every, photos, tmp_path):
    apart = ["unshare", "--map-root-user", "--mount"]
    try:
        mounts = [*apart, "mount", "-t", "tmpfs", "none", tmp_path]
        subprocess.run(mounts, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system lets nobody mount a file system apart")
    options = [*OPTIONS, "log.checkpoint_every=10", f"log.{every}"]
    command = arguments(tmp_path / "run", photos, *options)
    worker = [*apart, sys.executable, "-c", SMALL_DISK, str(tmp_path), *command]
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(
        worker, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LONG
    )
    assert done.returncode == 0, done.stderr
    full, row, again = done.stdout.splitlines()
    seconds, status, said = full.split(maxsplit=2)
    assert float(seconds) < 30 and status == "2"
    assert said.startswith("error: cannot write") and "No space left" in said
    assert json.loads(row)["stage"] == "pretrain"
    assert again.startswith("0 ") and "going on from step" in again


def test_a_signal_at_the_end_of_a_stage_begins_no_other(photos, tmp_path, capfd):
    def work():
        last = f'"step": {CONFIG.pretrain.steps}'
        file = tmp_path / "metrics.jsonl"
        while not (file.exists() and last in file.read_text()):
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, [photos], tmp_path)
    thread.join()
    assert "stopped (SIGINT) before stage gan" in capfd.readouterr().err
    assert (tmp_path / "pretrain.keras").is_file()
    assert not checkpoints.find(tmp_path / "checkpoints", "gan")


def test_training_in_a_thread(photos, tmp_path):
    """As a program with a window does; signals are of the main thread alone."""
    found = []

    def work():
        options = {"stages": ["pretrain"], "max_minutes": 0.0}
        found.append(train(CONFIG, [photos], tmp_path, **options))

    handlers = [signal.getsignal(x) for x in (signal.SIGINT, signal.SIGTERM)]
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]
    assert handlers == [signal.getsignal(x) for x in (signal.SIGINT, signal.SIGTERM)]
    assert len(checkpoints.find(tmp_path / "checkpoints", "pretrain")) == 1
