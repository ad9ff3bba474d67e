"""Names, links, full disks, bombs: what a command meets in the world."""

import io
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTO
from PIL import Image, ImageCms

from srlite.enhance.inference import enhance_image
from srlite.errors import ImageError
from srlite.pictures.decoding import MAX_PIXELS
from srlite.pictures.picture import Picture, read_picture
from srlite.pictures.writing import write_picture

ROOT = Path(__file__).parents[2]
ENDINGS = (".png", ".tif", ".webp", ".avif", ".jpg", ".bmp")
NOISE = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)


def run_command(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, ROOT / "inference.py", "--quiet", *arguments],
        capture_output=True,
        cwd=cwd,
    )


NAMES = [
    "two words.png",
    "-dash.png",
    "--sr-path.png",
    "日本語 ü.png",
    "line\nbreak.png",
    "\x1b[31mred.png",
    "%s{0}$HOME.png",
    "a" * 246 + ".png",
    os.fsdecode(b"not\xfftext.png"),
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name(tiny_tflite, tmp_path, name):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    try:
        shutil.copy(PHOTO, tmp_path / "in" / name)
    except OSError:
        pytest.skip("this file system takes no such name")
    target = tmp_path / "out" / name
    enhance_image(lr_path=tmp_path / "in" / name, sr_path=target, model=tiny_tflite)
    assert os.listdir(tmp_path / "out") == [name]
    assert Image.open(target).size == (512, 512)
    (tmp_path / "in" / name).write_bytes(b"text")
    with pytest.raises(ImageError, match="cannot identify"):
        enhance_image(lr_path=tmp_path / "in" / name, model=tiny_tflite)


def test_names_through_the_command(tiny_tflite, tmp_path):
    model = ("--model", tiny_tflite)
    for name in (NAMES[1], NAMES[4], NAMES[8]):
        shutil.copy(PHOTO, tmp_path / name)
        done = run_command(
            f"--lr-path={name}", "--sr-path=-sr.png", *model, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        (tmp_path / "-sr.png").unlink()
    (tmp_path / NAMES[4]).write_bytes(b"text")
    done = run_command(
        f"--lr-path={NAMES[4]}", "--sr-path=-sr.png", *model, cwd=tmp_path
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(rb"error: cannot read line\nbreak.png as a picture")


def test_links(tiny_tflite, tmp_path):
    shutil.copy(PHOTO, tmp_path / "lr.png")
    original = PHOTO.read_bytes()
    (tmp_path / "link.png").symlink_to("lr.png")
    (tmp_path / "hard.png").hardlink_to(tmp_path / "lr.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "nowhere.png").symlink_to("gone/sr.png")
    for lr, sr in (
        *(("lr.png", "lr.png"), ("link.png", "lr.png"), ("lr.png", "link.png")),
        *(("lr.png", "hard.png"), ("hard.png", "link.png")),
    ):
        with pytest.raises(ImageError, match="both input and output"):
            enhance_image(
                lr_path=tmp_path / lr, sr_path=tmp_path / sr, model=tiny_tflite
            )
    with pytest.raises(ImageError, match="cannot read .*loop.png"):
        enhance_image(lr_path=tmp_path / "loop.png", model=tiny_tflite)
    with pytest.raises(ImageError, match="cannot write .*nowhere.png: No such file"):
        enhance_image(
            lr_path=tmp_path / "link.png",
            sr_path=tmp_path / "nowhere.png",
            model=tiny_tflite,
        )
    assert (tmp_path / "lr.png").read_bytes() == original
    assert len(os.listdir(tmp_path)) == 5


LIMITED = """
import os, pathlib, resource, signal, sys
import numpy as np
from srlite.errors import ImageError
from srlite.pictures.picture import Picture
from srlite.pictures.writing import write_picture

path = pathlib.Path(sys.argv[1])
levels = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
if sys.argv[2] == "deep":
    levels = levels.astype(np.uint16) * 257
write_picture(path, Picture(levels))
whole = path.read_bytes()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
for missing in (len(whole) // 2, 1000, 1, 0):
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    path.write_bytes(b"precious")
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) - missing, hard))
    try:
        write_picture(path, Picture(levels))
        failed = False
    except ImageError as error:
        failed = str(error) == f"cannot write {path}: File too large"
    expected = b"precious" if missing else whole
    assert failed == bool(missing), missing
    assert path.read_bytes() == expected, missing
    assert os.listdir(path.parent) == [path.name], missing
"""


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_may_not_grow_further(tmp_path, ending):
    """Down to the last byte: half a file must not pass for a whole one."""
    pytest.importorskip("resource")
    for depth in ("shallow", "deep")[: 2 if ending in (".png", ".tif") else 1]:
        (tmp_path / depth).mkdir()
        path = tmp_path / depth / f"sr{ending}"
        command = [sys.executable, "-c", LIMITED, path, depth]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr


def test_a_disk_that_fills_up(tmp_path):
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if (
        mount is None
        or subprocess.run([mount, *options], capture_output=True).returncode
    ):
        pytest.skip("only root may make a small disk")
    try:
        (tmp_path / "old.bmp").write_bytes(b"precious")
        for ending in (".bmp", ".tif", ".png"):
            levels = np.random.default_rng(0).integers(
                0, 256, (192, 192, 3), dtype=np.uint8
            )
            path = tmp_path / f"old{ending}"
            with pytest.raises(ImageError, match="No space left on device"):
                write_picture(path, Picture(levels))
            with pytest.raises(ImageError, match="No space left on device"):
                write_picture(
                    tmp_path / "deep.png", Picture(levels.astype(np.uint16) * 257)
                )
            assert os.listdir(tmp_path) == ["old.bmp"]
        assert (tmp_path / "old.bmp").read_bytes() == b"precious"
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do anything"
)
def test_no_permission(tiny_tflite, tmp_path):
    shutil.copy(PHOTO, tmp_path / "lr.png")
    (tmp_path / "closed").mkdir(0o500)
    with pytest.raises(ImageError, match="Permission denied"):
        enhance_image(
            lr_path=tmp_path / "lr.png",
            sr_path=tmp_path / "closed" / "sr.png",
            model=tiny_tflite,
        )
    os.chmod(tmp_path / "lr.png", 0)
    with pytest.raises(ImageError, match="Permission denied"):
        enhance_image(lr_path=tmp_path / "lr.png", model=tiny_tflite)


@pytest.mark.skipif(os.name == "nt", reason="signals are others there")
def test_interrupted(tiny_tflite, tmp_path):
    Image.fromarray(np.tile(NOISE, (8, 8, 1))).save(tmp_path / "lr.png")
    (tmp_path / "out").mkdir()
    command = subprocess.Popen(
        [
            *(sys.executable, ROOT / "inference.py", "--model", tiny_tflite),
            *("--lr-path", tmp_path / "lr.png", "--tile", "16"),
            *("--sr-path", tmp_path / "out" / "sr.png"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.2)
    for line in iter(lambda: command.stderr.read(1), ""):
        if line == "%":  # of the progress bar: the work has begun
            break
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=60)
    assert command.returncode == 130 and "Traceback" not in said
    assert said.splitlines()[-1].endswith("interrupted")
    assert os.listdir(tmp_path / "out") == []


def png_chunk(kind, data):
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


def png_with(*chunks):
    encoded = io.BytesIO()
    Image.fromarray(NOISE[:4, :4]).save(encoded, "PNG")
    content = encoded.getvalue()
    return content[:33] + b"".join(chunks) + content[33:]


def test_bombs(tmp_path):
    """Small files that would fill the memory are refused, or what is large left out."""
    million = zlib.compress(bytes(2**26), 9)  # 64 MiB of text in 64 KiB
    path = tmp_path / "bomb.png"
    for kind, data in (
        (b"zTXt", b"note\0\0" + million),
        (b"iCCP", b"profile\0\0" + million),
        (b"iTXt", b"note\0\1\0\0\0" + million),
    ):
        path.write_bytes(png_with(png_chunk(kind, data)))
        before = time.monotonic()
        with pytest.raises(ImageError, match="cannot read .* too large"):
            read_picture(path)
        assert time.monotonic() - before < 5
    sides = struct.pack(">II", 2**16, 2**16)
    for content in (
        png_with()[:16] + sides + png_with()[24:],
        b"P6 65536 65536 255 ",
        b"BM" + bytes(12) + struct.pack("<IIIHH", 40, 2**16, 2**16, 1, 24) + bytes(24),
        b"GIF89a\xff\xff\xff\xff\x00\x00\x00",
    ):
        path.write_bytes(content)
        with pytest.raises(ImageError) as caught:
            read_picture(path)
        said = str(caught.value)
        assert "megapixels; cut it into parts" in said or "cannot read" in said


def test_the_limit_is_exact(tmp_path):
    Image.new("1", (100, 90)).save(tmp_path / "lr.png")
    assert read_picture(tmp_path / "lr.png", 9000).pixels.shape == (90, 100, 3)
    with pytest.raises(ImageError, match="100 x 90 pixels, more than the limit of"):
        read_picture(tmp_path / "lr.png", 8999)
    assert MAX_PIXELS == 100_000_000


def test_programs_are_not_pictures(tmp_path):
    """PostScript would be run, by another program."""
    path = tmp_path / "lr.png"
    path.write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    )
    with pytest.raises(ImageError, match="cannot identify"):
        read_picture(path)


def test_a_damaged_profile_does_not_cost_the_picture(tmp_path):
    cmyk = Image.fromarray(NOISE).convert("CMYK")
    for profile in (bytes(16) + b"CMYK" + bytes(200), b"x"):
        cmyk.save(tmp_path / "lr.tif", icc_profile=profile)
        picture = read_picture(tmp_path / "lr.tif")
        np.testing.assert_array_equal(picture.pixels, np.asarray(cmyk.convert("RGB")))
        assert "without a profile" in picture.notes[0]


def test_srgb_profile_is_kept_to_the_bit(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for ending in (".png", ".tif", ".webp", ".avif", ".jpg"):
        path = tmp_path / f"sr{ending}"
        write_picture(path, Picture(NOISE, icc_profile=srgb))
        assert read_picture(path).icc_profile == srgb
