"""What is compared: models, plain filters and foreign programs, all as one function.

A contender is given by one string, with a name and `=` in front if it wants another
one in tables: a shipped name, a `.tflite` or `.keras` file, a checkpoint, a run
directory, `bicubic`, `lanczos`, or a command in which `{lr}` and `{sr}` stand for the
PNG files that it reads and writes.

Papers measure the bare network: the whole picture, in one call, as it is. The command
that enlarges pictures shows a model a mirrored border around them, which serves what
lies at the edges. `edges` says which of the two is measured.
"""

import hashlib
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from srlite.errors import ImageError, ModelError
from srlite.pictures.picture import read_rgb, resize
from srlite.models.loading import find_source
from srlite.memory import available_memory
from srlite.models.model_files import find_model
from srlite.runtime.upscaler import Upscaler

FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
EDGES = ("none", "mirrored")
_REACH = 3  # LR pixels of the widest filter to either side
_NAMED = re.compile(r"([\w.+-]+)=(.+)", re.DOTALL)
_WHOLE = 2**30  # LR pixels; a tile that holds any picture


@dataclass(frozen=True)
class Contender:
    """A way to enlarge pictures.

    Attributes:
        name: what tables call it.
        upscale: function from uint8 LR (h, w, 3) to uint8 SR.
        identity: stands for it in the keys of records: the SHA-256 of its file, or
            what it is.
        note: sentence that belongs beside its figures, or None.
    """

    name: str
    upscale: Callable
    identity: str
    note: str | None = None

    def renamed(self, name):
        """Return the same contender under another name."""
        return replace(self, name=name)


def open_contender(text, scale, edges="none", num_threads=None):
    """Load what a string names.

    Args:
        text: see the head of this module.
        scale: HR pixels per LR pixel.
        edges: one of `EDGES`.
        num_threads: CPU threads of a `.tflite`; all cores when None.

    Returns:
        `Contender`, which raises `ModelError` on a picture that it cannot enlarge.

    Raises:
        ModelError: the model is missing, damaged or of another scale, or the command
            names no `{lr}` or no `{sr}`.
    """
    match = _NAMED.fullmatch(text)
    name, text = match.groups() if match and not Path(text).exists() else (None, text)
    if text in FILTERS:
        enlarge = partial(enlarge_plainly, scale=scale, resample=FILTERS[text])
        return Contender(name or text, enlarge, text)
    if "{lr}" in text or "{sr}" in text:
        return _command(name, text, scale)
    path = find_model(text)
    upscaler = Upscaler.from_file(text, num_threads=num_threads)
    if upscaler.scale != scale:
        raise ModelError(
            f"{text} enlarges {upscaler.scale} times, but {scale} times is measured; "
            "leave it out or give another --scale"
        )
    name = name or Path(text).resolve().name
    identity = _digest(path)
    if edges == "mirrored":
        return Contender(name, upscaler.upscale, identity)
    if upscaler.network.size is not None:
        height, width = upscaler.network.size
        note = (
            f"{name} takes {width} x {height} pixels only, so it ran in tiles over "
            "mirrored edges"
        )
        return Contender(name, upscaler.upscale, identity, note)
    bare = Upscaler(upscaler.network, tile=_WHOLE, overlap=0)
    return Contender(name, partial(_upscale_whole, bare, name), identity)


def enlarge_plainly(lr, scale, resample):
    """Enlarge by a filter, the picture mirrored at its edges.

    With `BICUBIC` this is MATLAB's `imresize`, but for the rounding between its two
    passes.

    Args:
        lr: uint8 (height, width, 3).
        scale: SR pixels per LR pixel.
        resample: `PIL.Image.Resampling` filter.

    Returns:
        uint8 array (scale * height, scale * width, 3).
    """
    border = ((_REACH, _REACH), (_REACH, _REACH), (0, 0))
    mirrored = np.pad(lr.astype(np.float32), border, mode="symmetric")
    size = tuple(scale * side for side in mirrored.shape[:2])
    sr = resize(mirrored, size, resample=resample)
    inside = slice(scale * _REACH, -scale * _REACH)
    return np.clip(np.rint(sr[inside, inside]), 0, 255).astype(np.uint8)


def _upscale_whole(upscaler, name, lr):
    need = lr.shape[0] * lr.shape[1] * upscaler.network.bytes_per_pixel
    if need > available_memory():
        raise ModelError(
            f"{name} would take {need / 1e9:.0f} GB for {lr.shape[1]} x {lr.shape[0]} "
            "LR pixels in one call; --edges mirrored measures it in tiles"
        )
    return upscaler.upscale(lr)


def _digest(path):
    """SHA-256 of a model file, of all files of a checkpoint in parts."""
    path = path if path.suffix == ".tflite" else find_source(path)
    digest = hashlib.sha256()
    folder = path.suffix == ".json"  # the index of a checkpoint
    for file in sorted(path.parent.iterdir()) if folder else [path]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _command(name, text, scale):
    for mark, what in (("{lr}", "reads"), ("{sr}", "writes")):
        if mark not in text:
            raise ModelError(f"the command {text!r} lacks {mark}, the file it {what}")
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ModelError(f"the command {text!r} cannot be taken apart: {error}") from (
            None
        )
    name = name or Path(words[0]).name
    return Contender(name, partial(_run, words, scale), text)


def _run(words, scale, lr):
    """Run a foreign program on one picture, file to file."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {mark: str(Path(folder, f"{mark}.png")) for mark in ("lr", "sr")}
        Image.fromarray(lr).save(paths["lr"])
        filled = words
        for mark, path in paths.items():
            filled = [word.replace(f"{{{mark}}}", path) for word in filled]
        try:
            done = subprocess.run(filled, capture_output=True)
        except OSError as error:
            raise ModelError(f"cannot run {words[0]}: {error.strerror}") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().split("\n")[-1]
            raise ModelError(
                f"{shlex.join(words)} ended with status {done.returncode}"
                + (f": {said}" if said else "")
            )
        try:
            sr = read_rgb(paths["sr"])
        except ImageError as error:
            raise ModelError(f"{shlex.join(words)} left no result: {error}") from None
    expected = tuple(scale * side for side in lr.shape[:2])
    if sr.shape[:2] != expected:
        raise ModelError(
            f"{shlex.join(words)} made {sr.shape[1]} x {sr.shape[0]} pixels of "
            f"{lr.shape[1]} x {lr.shape[0]}; expected {expected[1]} x {expected[0]}"
        )
    return sr
