"""Pictures through pipes, streams that nobody reads, and a polite end."""

import errno
import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from srlite import files
from srlite.enhance import batch
from srlite.enhance.command import main
from srlite.enhance.inference import enhance_image
from srlite.errors import ConfigError
from srlite.pictures.picture import read_picture

ROOT = Path(__file__).parents[2]


@pytest.fixture
def lr(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 7, 3), np.uint8)
    Image.fromarray(pixels).save("a.png")
    return pixels


def test_standard_input_and_output(lr, tiny_tflite):
    command = [sys.executable, ROOT / "inference.py", "-", "-", "--model", tiny_tflite]
    content = Path("a.png").read_bytes()
    done = subprocess.run(command, input=content, capture_output=True, timeout=120)
    assert done.returncode == 0
    sr = np.asarray(Image.open(io.BytesIO(done.stdout)))
    np.testing.assert_array_equal(sr, enhance_image(lr, model=tiny_tflite))


@pytest.mark.parametrize("arguments", [["/dev/stdout"], ["--sr-path", "/dev/stdout"]])
def test_standard_output_by_its_path(lr, tiny_tflite, arguments):
    command = [sys.executable, ROOT / "inference.py", "a.png", *arguments]
    done = subprocess.run(
        [*command, "--model", tiny_tflite], capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    sr = np.asarray(Image.open(io.BytesIO(done.stdout)))
    np.testing.assert_array_equal(sr, enhance_image(lr, model=tiny_tflite))


def test_without_a_place_for_temporary_files(lr, tiny_tflite, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "nowhere")
    assert main(["a.png", "b.png", "--model", str(tiny_tflite)]) == 0
    with pytest.raises(ConfigError, match="no place for temporary files"):
        main(["a.png", "-", "--model", str(tiny_tflite)])
    assert sorted(os.listdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize("option", ["--visualize", "--json"])
def test_what_does_not_go_with_standard_output(lr, option, tiny_tflite):
    with pytest.raises(ConfigError, match=f"{option} does not go with .* stdout"):
        main(["a.png", "-", option, "--model", str(tiny_tflite)])
    assert os.listdir() == ["a.png"]


@pytest.mark.parametrize("feed", ["<lr.mkv", "<lr.gif", ""])
def test_animations_and_videos_by_standard_input(lr, tiny_tflite, feed):
    frames = [Image.fromarray(np.roll(lr, n, 0)) for n in range(3)]
    frames[0].save("lr.gif", save_all=True, append_images=frames[1:])
    with av.open("lr.mkv", "w") as out:
        video = out.add_stream("ffv1", rate=10)
        video.width, video.height, video.pix_fmt = 7, 6, "bgr0"
        for frame in frames:
            out.mux(
                video.encode(av.VideoFrame.from_ndarray(np.asarray(frame), "rgb24"))
            )
        out.mux(video.encode(None))
    sr_path = "sr.gif" if "gif" in feed else "sr.mp4"
    script = f'"$0" "$1" - {sr_path} --model "$2" {feed}'
    command = ["sh", "-c", script, sys.executable, ROOT / "inference.py", tiny_tflite]
    piped = Path("lr.mkv").read_bytes()
    done = subprocess.run(command, input=piped, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    with av.open(sr_path) as file:
        assert len(list(file.decode(video=0))) == 3


@pytest.mark.parametrize("redirection", [">&-", ">&- 2>&-", "| true", ">/dev/full"])
def test_nobody_reads_what_is_printed(lr, tiny_tflite, redirection):
    script = f'"$0" "$1" a.png b.png --model "$2" {redirection}'
    command = ["sh", "-c", script, sys.executable, ROOT / "inference.py", tiny_tflite]
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr
    assert Image.open("b.png").size == (28, 24)


def test_a_piped_picture_is_compared(lr, tiny_tflite):
    script = '"$0" "$1" - b.png --model "$2" --compare page.html --compare-models "$2"'
    command = ["sh", "-c", script, sys.executable, ROOT / "inference.py", tiny_tflite]
    piped = Path("a.png").read_bytes()
    done = subprocess.run(command, input=piped, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "<h1>stdin</h1>" in Path("page.html").read_text("utf-8")


@pytest.mark.parametrize("deep", [False, True])
def test_a_pipe_with_a_name_is_read_once(lr, tiny_tflite, deep):
    content = Path("a.png").read_bytes()
    if deep:
        import tensorflow as tf

        content = tf.io.encode_png(lr.astype(np.uint16) * 257).numpy()
    os.mkfifo("pipe")

    def feed():
        Path("pipe").write_bytes(content)

    for read in (
        lambda: main(
            ["--lr-path", "pipe", "--sr-path", "b.png", "--model", str(tiny_tflite)]
        ),
        lambda: read_picture("pipe"),
    ):
        writer = threading.Thread(target=feed)
        writer.start()
        read()
        writer.join(10)
        assert not writer.is_alive()
    assert Image.open("b.png").size == (28, 24)


@pytest.mark.parametrize("call", ["chmod", "fsync"])
def test_a_file_system_without_modes_or_syncing(call, lr, tmp_path, monkeypatch):
    def refuse(*_):
        number = {"chmod": errno.EPERM, "fsync": errno.EINVAL}[call]
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    with files.replacing(tmp_path / "b.png") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "b.png").read_text() == "whole"


def test_workers_without_shared_memory(lr, tiny_tflite, monkeypatch, capsys):
    class Context:
        def Event(self):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(batch.multiprocessing, "get_context", lambda _: Context())
    Image.fromarray(lr).save("c.png")
    model = ["--model", str(tiny_tflite)]
    assert main(["a.png", "c.png", "--workers", "2", "--ending", "jpg", *model]) == 0
    assert capsys.readouterr().err.count("note: there are no worker processes") == 1
    assert Path("a_sr.jpg").is_file() and Path("c_sr.jpg").is_file()


def test_what_one_file_cannot_have_stops_no_other(lr, tiny_tflite, monkeypatch):
    frames = [Image.fromarray(np.roll(lr, n, 0)) for n in range(2)]
    frames[0].save("moving.gif", save_all=True, append_images=frames[1:])
    Path("film.mp4").write_bytes(b"film")
    monkeypatch.setitem(sys.modules, "av", None)  # not installed
    model = ["--model", str(tiny_tflite), "--quality", "80", "--quiet"]
    assert main(["moving.gif", "film.mp4", "a.png", *model]) == 1
    assert Path("a_sr.png").is_file() and Path("moving_sr.gif").is_file()


def test_standard_output_that_cannot_be_written(lr, tiny_tflite):
    for arguments, says in (
        ("a.png - >&-", b"stdout is closed"),
        ("a.png - >/dev/full", b"cannot write stdout: No space left"),
        ("--lr-path a.png a.png --sr-path - >out", b"stdout takes the result of one"),
        (
            "a.png - --ending jpg --width 70000 --height 9 >out",
            b"cannot write stdout: JPEG",
        ),
    ):
        script = f'"$0" "$1" --model "$2" {arguments}'
        command = ["sh", "-c", script, sys.executable, ROOT / "inference.py"]
        done = subprocess.run([*command, tiny_tflite], capture_output=True, timeout=120)
        assert done.returncode == 2 and says in done.stderr, done.stderr


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_polite_end_leaves_nothing_unfinished(name, tiny_tflite, tmp_path):
    Image.new("RGB", (900, 700)).save(tmp_path / "a.png")
    code = (
        "import sys, time\n"
        "from srlite.enhance import inference\n"
        "from srlite.enhance.command import main\n"
        "from srlite.errors import run_command\n"
        "from srlite.pictures import writing\n"
        "def slow(file, *_):\n"
        "    print('writing', flush=True)\n"
        "    time.sleep(60)\n"
        "writing.write_png = slow\n"
        "run_command(lambda: main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code, "a.png", "b.png", "--outscale", "1"]
    command += ["--model", tiny_tflite]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        # What runs the tests may have been told to outlive its terminal.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    ) as process:
        assert process.stdout.readline() == b"writing\n"
        time.sleep(0.2)
        process.send_signal(getattr(signal, name))
        assert process.wait(60) == 128 + getattr(signal, name)
    assert os.listdir(tmp_path) == ["a.png"]


def test_threads_leave_the_warnings_of_the_process_alone(lr):
    before = list(warnings.filters)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: read_picture("a.png"), range(200)))
    assert warnings.filters == before
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)
