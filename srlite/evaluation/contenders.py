"""What is compared: models, plain filters and foreign programs, all as one function.

A contender is given by one string: a shipped name, a `.tflite` or `.keras` file, a
checkpoint, a run directory, `bicubic`, `lanczos`, a command in which `{lr}` and `{sr}`
stand for the PNG files that it reads and writes, or a folder of pictures that were
enlarged before. `NAME=` in front chooses the name in tables.

A conditional model is told how LR was made: what its estimator sees, as users have it;
what a user may set; or, to measure what the estimator costs, the truth.
"""

import contextlib
import hashlib
import os
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

from srlite.backend import silence
from srlite.data.degradation_vector import parse_degradation
from srlite.data.sources import pictures_in
from srlite.errors import ConfigError, ImageError, ModelError
from srlite.evaluation.data_sets import file_name, results_in, unique_names
from srlite.memory import check_memory
from srlite.metrics.psnr_ssim import centre_crop
from srlite.models.model_files import find_estimator, find_model
from srlite.pictures.levels import resize
from srlite.pictures.picture import read_rgb
from srlite.runtime.upscaler import Upscaler

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}
PLAIN = "bicubic"  # what gains are measured against
EDGES = {
    "none": "the bare network sees the whole picture",
    "tiled": "models run in tiles, as inference.py does",
}
_RESERVED = ("lr", "hr")  # in the folder of pictures, where they are no models
TRUE = "true"  # told the degradation that LR went through
_REACH = 3  # LR pixels of the widest filter to either side
_NAMED = re.compile(r"([\w.+-]+)=(.+)", re.DOTALL)
_WHOLE = 2**30  # LR pixels; a tile that holds any picture


@dataclass(frozen=True)
class Contender:
    """A way to enlarge pictures.

    `upscale` is a function of uint8 LR (h, w, 3), what a conditional model is told, as
    of `Upscaler.upscale`, and the path of HR, by which a folder finds its result; it
    returns uint8 SR.
    """

    name: str
    upscale: Callable
    identity: str  # in keys of records: the SHA-256 of its files, or what it is
    note: str = ""  # what readers of its figures must know, as said of its name
    conditional: bool = False  # told how LR was made
    degradation: str = "auto"  # what it is told: for `parse_degradation`, or `TRUE`

    def told(self, degradation):
        """Return a copy that is told another `degradation`, or raise ConfigError."""
        if degradation != TRUE:
            parse_degradation(degradation)
        return replace(self, degradation=degradation)

    def enlarge(self, lr, truth=None, hr_path=None):
        """Enlarge LR that went through the `Degradation` `truth`."""
        told = truth if self.degradation == TRUE else self.degradation
        return self.upscale(lr, told, hr_path)


def open_contenders(texts, protocol, sets, num_threads, degradations):
    """Load what is compared, each under a name of its own.

    `texts` are strings, as in the module. Where the `Protocol` damages LR, bicubic is
    added unless it is there. A folder must have results for all pictures of the
    `DataSet`s. Conditional models are told each of `degradations`, side by side.
    """
    opened = []
    told = list(dict.fromkeys(degradations)) or ["auto"]
    for text in dict.fromkeys(texts):
        if folder := _open_folder(text, protocol, sets):
            opened.append(folder)
            continue
        with silence():  # LiteRT reports its delegates.
            contender = open_contender(
                text, protocol.scale, protocol.edges, num_threads
            )
        if not contender.conditional or len(told) == 1:
            opened.append(contender.told(told[0]))
            continue
        for degradation in told:
            name = f"{contender.name}-{degradation}"
            opened.append(replace(contender.told(degradation), name=name))
    if degradations and not any(contender.conditional for contender in opened):
        raise ConfigError(
            "none of the models takes a degradation; leave out --degradation"
        )
    if protocol.damaged and all(c.identity != PLAIN for c in opened):
        opened.append(open_contender(PLAIN, protocol.scale))
    names = unique_names([file_name(c.name) for c in opened], _RESERVED)
    return [replace(c, name=name) for c, name in zip(opened, names)]


def open_contender(text, scale, edges="none", num_threads=None):
    """Load the `Contender` that a string names, as in the module."""
    name, text = _split(text)
    if text in FILTERS:

        def filtered(lr, *_):
            return enlarge_plainly(lr, scale, FILTERS[text])

        return Contender(name or text, filtered, text)
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
    identity, conditional = _digest(path), upscaler.network.conditional
    if conditional:
        identity += f" told by {_digest(find_estimator(text))}"
    note, size, whole = "", upscaler.network.size, edges != "tiled"
    if whole and size is not None:
        note = f"takes {size[1]} x {size[0]} pixels only, so it ran in tiles"
        whole = False
    if whole:
        upscaler = Upscaler(upscaler.network, _WHOLE, 0, upscaler.estimator)

    def upscale(lr, told, _):
        if whole:
            need = upscaler.network.bytes_per_pixel
            advice = "--edges tiled measures it in tiles"
            check_memory(name, lr.shape[:2], need, advice)
        return upscaler.upscale(lr, degradation=told if conditional else "auto")

    return Contender(name, upscale, identity, note, conditional)


def _split(text):
    """Return the name that a string begins with, or None, and the rest."""
    match = _NAMED.fullmatch(text)
    return match.groups() if match and not os.path.exists(text) else (None, text)


def _open_folder(text, protocol, sets):
    """Return a `Contender` if a string names a folder of pictures, else None."""
    name, text = _split(text)
    if not os.path.isdir(text) or not pictures_in(text):
        return None
    with contextlib.suppress(ModelError):
        find_model(text)
        return None  # a run
    name = name or Path(text).resolve().name
    if len(protocol.conditions) > 1 and not all(s.paired for s in sets):
        raise ConfigError(
            f"the pictures in {text} were made of one kind of LR; name it, for "
            f"instance --kernels {protocol.conditions[0].name}"
        )
    paths = results_in(text, sets)
    digest = hashlib.sha256(b"".join(_digest(p).encode() for p in paths.values()))
    note = "was enlarged before, so its seconds are those of reading files"

    def read(_lr, _told, hr_path):
        return centre_crop(read_rgb(paths[hr_path]), protocol.scale)

    return Contender(name, read, digest.hexdigest(), note)


def enlarge_plainly(lr, scale, resample):
    """Enlarge uint8 LR (h, w, 3) by a Pillow filter, the picture mirrored at its edges.

    With `BICUBIC` this is MATLAB's `imresize`, except that it does not round between
    the two passes.
    """
    border = ((_REACH, _REACH), (_REACH, _REACH), (0, 0))
    mirrored = np.pad(lr.astype(np.float32), border, mode="symmetric")
    size = tuple(scale * side for side in mirrored.shape[:2])
    sr = resize(mirrored, size, resample=resample)
    inside = slice(scale * _REACH, -scale * _REACH)
    return np.clip(np.rint(sr[inside, inside]), 0, 255).astype(np.uint8)


def _digest(path):
    """SHA-256 of a model file, or of all files of a checkpoint in parts."""
    digest = hashlib.sha256()
    folder = path.suffix == ".json"  # the index of a checkpoint
    for file in sorted(path.parent.iterdir()) if folder else [path]:
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()


def _command(name, text, scale):
    for mark, what in (("{lr}", "reads"), ("{sr}", "writes")):
        if mark not in text:
            raise ModelError(f"the command {text!r} lacks {mark}, the file it {what}")
    try:
        words = split_command(text, os.sep)
    except ValueError as error:
        sentence = f"the command {text!r} cannot be taken apart: {error}"
        raise ModelError(sentence) from None
    name = name or Path(words[0]).name
    return Contender(name, partial(_run, words, scale), text)


def split_command(text, separator):
    """Split a command as a shell does, where paths are joined by `separator`.

    Where that is a backslash, it stays in the words.
    """
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    lexer.escape = lexer.escape.replace(separator, "")
    return list(lexer)


def _run(words, scale, lr, *_):
    """Run a foreign program on one picture, file to file."""
    command = shlex.join(words)
    with tempfile.TemporaryDirectory() as folder:
        lr_path, sr_path = (str(Path(folder, f"{kind}.png")) for kind in ("lr", "sr"))
        Image.fromarray(lr).save(lr_path)
        filled = [w.replace("{lr}", lr_path).replace("{sr}", sr_path) for w in words]
        try:
            done = subprocess.run(filled, stdin=subprocess.DEVNULL, capture_output=True)
        except OSError as error:
            raise ModelError(f"cannot run {words[0]}: {error.strerror}") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().split("\n")[-1]
            raise ModelError(
                f"{command} ended with status {done.returncode}"
                + (f": {said}" if said else "")
            )
        try:
            sr = read_rgb(sr_path)
        except ImageError as error:
            raise ModelError(f"{command} left no result: {error}") from None
    expected = tuple(scale * side for side in lr.shape[:2])
    if sr.shape[:2] != expected:
        raise ModelError(
            f"{command} made {sr.shape[1]} x {sr.shape[0]} pixels of "
            f"{lr.shape[1]} x {lr.shape[0]}; expected {expected[1]} x {expected[0]}"
        )
    return sr
