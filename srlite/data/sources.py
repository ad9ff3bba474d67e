"""Sources: where photographs come from, each named by one string.

    photos/                           a folder, with all folders and archives in it
    photos.tar, photos.tgz, a.zip     an archive, packed or not
    photos.pack                       a file of `python -m srlite pack`
    tfds:div2k/bicubic_x4             a data set of tensorflow-datasets, split `train`
    tfds:div2k/bicubic_x4:validation  another split of it
    pairs:LR_DIR:HR_DIR               folders of real LR and HR pictures (`pairs`)

Hidden files and folders are passed over. A number and an @ before a source is its
weight: with `2@photos/ old/`, two patches in three come from photos/. A path that
begins like one of these needs its folder: `./2@photos`.
"""

import contextlib
import functools
import io
import logging
import lzma
import math
import os
import re
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from srlite.data.packs import Photograph, read_pack
from srlite.data.pairs import fit_pair, match_pairs
from srlite.errors import DataError, ImageError, error_reason
from srlite.files import StrPath
from srlite.memory import in_order
from srlite.pictures.decoding import is_picture_name
from srlite.pictures.picture import read_rgb

_TAR = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")
_ARCHIVES = (*_TAR, ".zip")
_WEIGHT = re.compile(r"(\d+\.?\d*|\.\d+)@(.+)", re.DOTALL)
_TFDS = re.compile(r"tfds:([^:]+(?::\d[\d.*]*)?)(?::(.+))?")  # version, split
_FOLDER = r"((?:[A-Za-z]:[\\/])?[^:]+)"  # on a drive of Windows, perhaps
_PAIRS = re.compile(f"pairs:{_FOLDER}:{_FOLDER}")
_DECODED_AHEAD = 64  # pictures that wait for a slow consumer at most


def split_weight(source):
    """Split a source, string or path, into its weight, or None, and the rest.

    Raises DataError for a weight of 0, or one too large for a number.
    """
    match = _WEIGHT.fullmatch(str(source))
    if not match:
        return None, str(source)
    if not 0 < float(match[1]) < math.inf:
        raise DataError(
            f"the weight of a source must be a finite number above 0; received {source}"
        )
    return float(match[1]), match[2]


def listed(sources):
    """Return one source, string or path, or several as a list of strings."""
    alone = isinstance(sources, StrPath)
    return [str(source) for source in ([sources] if alone else sources)]


def check_source(source):
    """Raise DataError for a source, without weight, that is missing or malformed."""
    if source.startswith("tfds:"):
        if not _TFDS.fullmatch(source):
            raise DataError(f"a data set is written tfds:NAME:SPLIT; received {source}")
    elif source.startswith("pairs:"):
        match = _PAIRS.fullmatch(source)
        if not match:
            raise DataError(
                f"pairs are written pairs:LR_DIR:HR_DIR, without other colons; "
                f"received {source}"
            )
        for folder in match.groups():
            _require_folder(folder)
    elif not source:
        raise DataError("a source of pictures has an empty name")
    elif not os.path.exists(source):
        kind = "pack" if source.endswith(".pack") else "folder or archive"
        raise DataError(f"no such {kind}: {source}")


def _require_folder(folder):
    if not os.path.isdir(folder):
        raise DataError(f"no such folder of pictures: {folder}")


class LeftOut(NamedTuple):
    """A file that is not a picture to train on."""

    name: str
    reason: str  # a few words, the same for all of a kind
    detail: str = ""


def read_source(source, scale=4):
    """Yield `Photograph`s of a source without weight, or `LeftOut` for other files.

    The order is always the same; `scale` is that of pairs.

    Raises:
        DataError: the source is missing or damaged, or pairs do not match.
    """
    source = str(source)
    check_source(source)
    if source.startswith("tfds:"):
        yield from _tfds(source)
    elif source.startswith("pairs:"):
        yield from _decoded(_pairs(source), scale)
    elif source.endswith(".pack"):
        for photograph in read_pack(source):
            yield _fitting(photograph, scale)
    else:
        yield from _decoded(_files(Path(source)), scale)


def pictures_in(folder):
    """List the pictures in a folder and its folders, links followed.

    Raises DataError if there is no such folder, or one in it cannot be read.
    """
    _require_folder(folder)
    files, refused = _walk(folder)
    for error in refused:
        raise DataError(f"cannot read {error.filename}: {error_reason(error)}")
    return [path for path in files if is_picture_name(path)]


def _walk(folder):
    """List all files in a folder and its folders, each once, in order.

    Returns (paths, errors): also the paths of links to nothing, but none that is
    hidden; an OSError for each folder that cannot be read.
    """
    found, refused, seen = [], [], set()
    walk = os.walk(folder, onerror=refused.append, followlinks=True)
    for place, folders, names in walk:
        # A link may lead back to where it stands.
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not _is_hidden(name)]
        found += [Path(place, name) for name in names if not _is_hidden(name)]
    # No pipes and devices, which never end.
    files = (x for x in found if os.path.isfile(x) or not os.path.exists(x))
    return sorted(files), refused


def _is_hidden(path):
    """Whether a path, written with /, has a hidden part, such as a bin."""
    return any(part.strip(".") and part.startswith(".") for part in path.split("/"))


def _decoded(items, scale):
    """Decode (name, HR file, LR file or None) in threads, in order, not far ahead."""
    threads = min(32, (os.cpu_count() or 1) + 4)
    return in_order(lambda item: _decode(item, scale), items, threads, _DECODED_AHEAD)


def _decode(item, scale):
    if isinstance(item, LeftOut):
        return item
    name, hr, lr = item
    try:
        hr, lr = read_rgb(hr, name=name), None if lr is None else read_rgb(lr)
    except ImageError as error:
        return LeftOut(name, "not readable", str(error))
    return _fitting(Photograph(name, hr, lr), scale)


def _fitting(photograph, scale):
    name, hr, lr = photograph
    if lr is None:
        return photograph
    lr, hr = fit_pair(lr, hr, scale, name)
    return Photograph(name, hr, lr)


def _files(source):
    """Yield (name, path or file object, None) for each picture in a folder or archive.

    Other files give `LeftOut`, hidden ones nothing.
    """
    if os.path.isdir(source):
        files, refused = _walk(source)
        for error in refused:
            yield LeftOut(error.filename, "not readable", error_reason(error))
        for path in files:
            if path.name.lower().endswith(_ARCHIVES):
                yield from _files(path)
            elif is_picture_name(path):
                yield str(path), path, None
            else:
                yield LeftOut(str(path), "not pictures")
        return
    try:
        for name, data in _members(source):
            if is_picture_name(name):
                yield f"{source}:{name}", io.BytesIO(data()), None
            else:
                yield LeftOut(f"{source}:{name}", "not pictures")
    except _DAMAGED as error:
        raise DataError(
            f"{source} is neither a folder nor a readable archive "
            f"({', '.join(_ARCHIVES)}): {error_reason(error)}"
        ) from None


# What damaged archives raise; RuntimeError asks for a password, and NotImplementedError
# says that a ZIP is compressed in a way that zipfile does not know.
_DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(OSError, EOFError, RuntimeError, NotImplementedError),
)


def _members(source):
    """Yield (name, function that returns its bytes) for each file in an archive.

    Hidden ones are passed over. A damaged archive raises one of `_DAMAGED`.
    """
    if source.name.lower().endswith(".zip"):
        with zipfile.ZipFile(source) as archive:
            for info in archive.infolist():
                if not info.is_dir() and not _is_hidden(info.filename):
                    yield info.filename, functools.partial(archive.read, info)
        return
    with tarfile.open(source) as archive:
        for member in archive:
            if member.isfile() and not _is_hidden(member.name):
                yield member.name, archive.extractfile(member).read
        # A damaged header looks to tarfile like the end, which is zeros.
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise tarfile.ReadError("the header of a file in it is damaged")


def _pairs(source):
    """Yield (name, HR path, LR path) for each pair of `pairs:LR_DIR:HR_DIR`."""
    folders = _PAIRS.fullmatch(source).groups()
    for pair in match_pairs(*folders, *map(pictures_in, folders)):
        yield str(pair.hr), pair.hr, pair.lr


def _tfds(source):
    """Yield the `Photograph`s of `tfds:NAME[:VERSION][:SPLIT]`."""
    match = _TFDS.fullmatch(source)
    try:
        import keras
        import tensorflow as tf
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise DataError(
            f"{source} needs tensorflow and tensorflow-datasets ({error}): "
            "pip install tensorflow tensorflow-datasets"
        ) from None
    if keras.config.backend() != "tensorflow":
        # To read files TensorFlow would take all of the GPU's memory.
        tf.config.set_visible_devices([], "GPU")
    try:
        builder = tfds.builder(match[1])
        feature = _image_feature(source, builder.info.features, tfds.features.Image)
        with _only_errors("urllib3"):  # not each of ten attempts at each file
            builder.download_and_prepare()
        examples = builder.as_dataset(
            split=match[2] or "train",
            decoders=tfds.decode.PartialDecoding({feature: True}),
        )
        for number, example in enumerate(tfds.as_numpy(examples)):
            yield _photograph(f"{source}[{number}]", example[feature])
    except DataError:
        raise
    except Exception as error:  # names, downloads and disks fail in many ways
        raise DataError(f"cannot read {source}: {error_reason(error)}") from error


@contextlib.contextmanager
def _only_errors(name):
    """Silence a logger below the level of errors."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _image_feature(source, features, image_type):
    """Return the name of the feature that holds HR pictures."""
    images = [name for name in features if isinstance(features[name], image_type)]
    if "hr" in images:
        return "hr"
    if len(images) != 1:
        raise DataError(
            f"{source} must have an image feature hr, or a single one; "
            f"its features are {', '.join(features)}"
        )
    return images[0]


def _photograph(name, image):
    if image.dtype != "uint8" or image.shape[2] not in (1, 3, 4):
        return LeftOut(name, "not 8-bit RGB", f"{image.dtype} of shape {image.shape}")
    return Photograph(name, image[..., [0, 0, 0] if image.shape[2] == 1 else slice(3)])
