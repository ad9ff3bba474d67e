"""The commands of README and docs, word for word, in a folder that has what they name.

One test runs one block in a shell, as in a clone: scripts, package and a few small
pictures are there. Blocks that need the network, a GPU or minutes say so in a comment;
`test_docs` looks whether their options exist.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from documents import PAGES, ROOT, blocks
from PIL import Image
from skimage import data
from told_models import conditional_generator, random_estimator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="the blocks are for a POSIX shell"),
]
# They install what the tests have, or show it.
NOT_RUN = (
    "pip",
    "git",
    "make",
    "node",
    "tensorboard",
    "pre-commit",
    ".venv/bin/python",
)


def runnable(block):
    """Return the part of a block that a test can run, as text for the shell."""
    if block.needs:
        return ""
    if block.language == "python":
        return f"python - <<'END'\nimport numpy as np\n{PRELUDE}\n{block.text}\nEND"
    if block.language:
        return ""
    text = block.text.replace("\\\n", " ").replace(".venv\\Scripts\\", "")
    kept = [
        line
        for line in text.splitlines()
        if line.strip()
        and not line.startswith(NOT_RUN)
        and not line.startswith(("python -m venv", "python -m pytest"))
    ]
    return "\n".join(kept)


PRELUDE = "array = np.zeros((8, 9, 3), np.uint8)"
SCRIPTS = {
    block.place: runnable(block)
    for page in PAGES
    for block in blocks(page)
    if runnable(block)
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A folder like a clone, with the pictures and runs that the pages speak of."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("srlite", "inference.py", "train.py", "export_tflite.py"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "docs" / "images").mkdir(parents=True)
    script = Path("docs/images/front.py")
    shutil.copy(ROOT / script, folder / script)
    crops = [picture[100:196, 200:296] for picture in (data.astronaut(), data.coffee())]
    for name in ("photos", "Set5/HR", "Set14/HR"):
        (folder / name).mkdir(parents=True)
        for number, crop in enumerate(crops):
            Image.fromarray(crop).save(folder / name / f"{number}.png")
    small = [Image.fromarray(crop[:24, :32]) for crop in crops]
    for name in ("photo.jpg", "in.png", "scan.tif"):
        small[0].save(folder / name)
    small[0].save(folder / "clip.gif", save_all=True, append_images=small[1:])
    write_video(folder / "clip.mp4", crops)
    run = folder / "runs" / "light"
    run.mkdir(parents=True)
    conditional_generator(shift=0.05).save(run / "pretrain.keras")
    conditional_generator(1, shift=0.05).save(run / "generator.keras")
    random_estimator().save(run / "estimator.keras")
    rows = [{"stage": "pretrain", "step": n, "pixel": 1 / n} for n in range(1, 5)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    programs = folder / "programs"
    programs.mkdir()
    starts = {"python": "", "srlite": " -c 'from srlite.cli import run; run()'"}
    for name, start in starts.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable}{start} "$@"\n')
        (programs / name).chmod(0o755)
    return folder


def write_video(path, pictures):
    import av

    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.height, stream.width = pictures[0].shape[:2]
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_api_reference(tmp_path):
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    names = re.search(r"^PUBLIC := (.*)$", makefile, re.MULTILINE)[1].split()
    command = (sys.executable, "-m", "pdoc", "--docformat", "google", "-o", tmp_path)
    done = subprocess.run(
        [*map(str, command), *(f"srlite.{name}" for name in names)],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pages = (tmp_path / "srlite").rglob("*.html")
    written = {path.relative_to(tmp_path / "srlite").with_suffix("") for path in pages}
    assert written == {Path(*name.split(".")) for name in names}


@pytest.mark.parametrize("place", SCRIPTS)
def test_block_runs(clone, tmp_path, place):
    folder = shutil.copytree(clone, tmp_path / "clone", symlinks=True)
    environment = {
        **os.environ,
        "PATH": f"{folder / 'programs'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "MPLBACKEND": "agg",
    }
    done = subprocess.run(
        ["bash", "-euc", SCRIPTS[place]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{place}\n{SCRIPTS[place]}\n{done.stderr}"
