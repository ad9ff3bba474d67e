"""Which picture files are enlarged, and where each result goes.

The plan makes sure that no two results share a name, no result replaces an input, and
nothing else is replaced unasked.
"""

import glob
import itertools
import os
import tempfile
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from srlite.enhance.video import can_write_video
from srlite.errors import ConfigError, ImageError
from srlite.files import StrPath
from srlite.pictures.animation_frames import is_animation
from srlite.pictures.decoding import VIDEO_ENDINGS, in_kinds, is_picture_name
from srlite.pictures.writing import can_write

SUFFIX = "_sr"
STREAM = "-"  # the name of standard input or output


@dataclass(frozen=True)
class Pair:
    """A picture file and the file of its result."""

    lr: Path  # the file to read
    sr: Path  # the file to write
    named: bool = False  # by the user, not by srlite
    source: Path | None = None  # where to read `lr` from, if it can be read only once


@dataclass(frozen=True)
class FilePlan:
    """What a command will do."""

    pairs: tuple[Pair, ...]  # in the order of the work
    failures: tuple[str, ...] = ()  # sentences about inputs with nothing to do
    skipped: tuple[Pair, ...] = ()  # those whose results exist and stay
    foreign: tuple[str, ...] = ()  # endings of found files that are not pictures
    earlier: int = 0  # found pictures that are results of an earlier run


@dataclass(frozen=True)
class _Found:
    path: Path
    root: Path  # of the tree that is kept; the folder of a file that was named
    searched: bool  # found in a folder or by a pattern


def plan_files(
    lr_paths: Sequence[StrPath],
    sr_path: StrPath | None = None,
    recursive: bool = False,
    ending: str | None = None,
    skip_existing: bool = False,
    overwrite: bool = False,
    shard: tuple[int, int] = (1, 1),
) -> FilePlan:
    """Pair inputs and results.

    Args:
        lr_paths: files, folders, and patterns such as `photos/*.jpg`; if a file has the
            name of the pattern, it is that file.
        sr_path: a file, for one input that is a file; else a folder, which keeps the
            tree of each folder or pattern. When None, results are written next to
            their inputs, with `SUFFIX`.
        recursive: take subfolders too.
        ending: of the results that `sr_path` does not name, such as ".png"; when None,
            that of the input, or ".png" if srlite cannot write it.
        skip_existing: leave out inputs whose result exists.
        overwrite: replace existing results. Without it and `skip_existing`, only a file
            named by `sr_path` is replaced.
        shard: (k, n): only every n-th file, from the k-th on, counted before existing
            results are skipped, so that n calls split the files.

    Returns:
        `FilePlan`, without hidden files, links to folders inside folders, and results
        of an earlier run: what lies in `sr_path`, and `a_sr.png` if `a` is an input.

    Raises:
        ConfigError: options that exclude each other, two inputs with one result, or
            existing results.
        ImageError: a result would replace an input.
    """
    found: list[_Found] = []
    failures: list[str] = []
    foreign: list[str] = []
    for name in (os.fspath(path) for path in lr_paths):
        try:
            more, others = _search(name, recursive, failures)
        except ImageError as error:
            failures.append(str(error))
            continue
        found += more
        foreign += others
    # First, because a file that is also found by a search counts as found.
    named = [f.path for f in found if overwrite and not f.searched]
    found = list({identity(f.path, links=False): f for f in found}.values())
    count = len(found)
    if sr_path is not None and _names_a_file(sr_path, lr_paths, found):
        if ending is not None:
            raise ConfigError(
                f"the ending of {sr_path} is given by its name; leave out {ending}"
            )
        pairs = [Pair(found[0].path, Path(sr_path), named=True)]
    elif sr_path is not None:
        folder = Path(sr_path)
        found = [f for f in found if not _is_result(f, folder)]
        pairs = [
            Pair(f.path, folder / _renamed(f.path, ending).relative_to(f.root))
            for f in found
        ]
    else:
        names = {(f.path.parent, f.path.stem) for f in found}
        found = [
            f
            for f in found
            if not f.path.stem.endswith(SUFFIX)
            or (f.path.parent, f.path.stem.removesuffix(SUFFIX)) not in names
        ]
        pairs = [Pair(f.path, _renamed(f.path, ending, SUFFIX)) for f in found]
    _refuse_clashes(pairs, named)
    shared = pairs[shard[0] - 1 :: shard[1]]
    done = [skip_existing and os.path.exists(pair.sr) for pair in shared]
    kept = [pair for pair, there in zip(shared, done) if not there]
    if not overwrite:
        _refuse_replacing(kept)
    return FilePlan(
        tuple(kept),
        tuple(failures),
        skipped=tuple(pair for pair, there in zip(shared, done) if there),
        foreign=tuple(foreign),
        earlier=count - len(found),
    )


def kind_of(path: StrPath) -> str:
    """Return "video", by a file's ending, "animation", by its frames, or "picture"."""
    if Path(path).suffix.lower() in VIDEO_ENDINGS:
        return "video"
    return "animation" if is_animation(path) else "picture"


def _search(
    name: str, recursive: bool, failures: list[str]
) -> tuple[list[_Found], list[str]]:
    """Find the pictures behind one argument, and the endings of other files there."""
    path = Path(name)
    if os.path.isdir(name):  # Not `path`, which takes an empty name for this folder.
        root, files = path, _walk(path, recursive, failures)
    elif glob.has_magic(name) and not os.path.lexists(name):
        # The folder above the first part that is a pattern.
        plain = itertools.takewhile(lambda p: not glob.has_magic(p), path.parts[:-1])
        root = Path(*plain)
        files = sorted(map(Path, glob.glob(name, recursive=True)))
    elif not name:
        raise ImageError("one of the inputs has an empty name; give a file or folder")
    else:
        return [_Found(path, path.parent, searched=False)], []
    lost = [p for p in files if is_picture_name(p) and not os.path.exists(p)]
    failures += [f"cannot read {p}: what it links to is not there" for p in lost]
    files = [p for p in files if os.path.isfile(p)]
    pictures = [p for p in files if is_picture_name(p)]
    others = [p.suffix.lower() for p in files if not is_picture_name(p)]
    if not pictures and not lost:
        if others:
            raise ImageError(f"{name} has nothing to enlarge, but {in_kinds(others)}")
        raise ImageError(f"there are no pictures in {name}; check its path")
    found = [_Found(p, root, searched=True) for p in pictures]
    return found, others


def _walk(folder: Path, recursive: bool, failures: list[str]) -> list[Path]:
    def note(error: OSError) -> None:
        failures.append(f"cannot read the folder {error.filename}: {error.strerror}")

    files: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(f for f in folders if recursive and not f.startswith("."))
        files += [Path(parent, n) for n in sorted(names) if not n.startswith(".")]
    return files


def _names_a_file(
    sr_path: StrPath, lr_paths: Sequence[StrPath], found: list[_Found]
) -> bool:
    """Whether `sr_path` is a file; raise ConfigError for one of several inputs."""
    is_folder = os.path.isdir(sr_path) or os.fspath(sr_path).endswith(("/", os.sep))
    if len(lr_paths) == 1 and found and not found[0].searched:
        return not is_folder
    if not is_folder and (can_write(Path(sr_path).suffix) or os.path.exists(sr_path)):
        raise ConfigError(
            f"{sr_path} is one file, and the input may be several; give a folder"
        )
    return False


def _is_result(found: _Found, folder: Path) -> bool:
    """Whether a found file lies in the folder of results, inside the tree."""
    root, folder = (Path(os.path.realpath(p)) for p in (found.root, folder))
    parent = Path(os.path.realpath(found.path.parent))
    return found.searched and root in folder.parents and parent.is_relative_to(folder)


def _renamed(path: Path, ending: str | None, mark: str = "") -> Path:
    ending = result_ending(path) if ending is None else ending
    return path.with_name(f"{path.stem}{mark}{ending}")


def result_ending(path: Path) -> str:
    """Return the ending of a file's result: its own, or one that srlite writes."""
    own = path.suffix
    if own.lower() in VIDEO_ENDINGS:
        # The container of the others that holds every kind of sound.
        return own if can_write_video(own) else ".mkv"
    animated = own.lower() == ".gif" and is_animation(path)
    return own if animated or can_write(own) else ".png"


def _refuse_clashes(pairs: list[Pair], named: list[Path]) -> None:
    """Refuse results that share a path with each other, an input or one of `named`."""
    inputs = {identity(path) for path in (*named, *(pair.lr for pair in pairs))}
    outputs: dict[object, Pair] = {}
    alike: dict[str, Pair] = {}
    for pair in pairs:
        key = identity(pair.sr)
        if key in inputs:
            raise ImageError(
                f"{pair.sr} is both input and output; write to another file, so that "
                "the original stays"
            )
        other = outputs.setdefault(key, pair)
        if other is pair and isinstance(key, str):
            spelled = unicodedata.normalize("NFC", key).casefold()
            first = alike.setdefault(spelled, pair)
            if first is not pair and _ignores_spelling(first.sr):
                other = first
        if other is not pair:
            raise ConfigError(
                f"{other.lr} and {pair.lr} would both be written to {pair.sr}; "
                "enlarge them one after the other, into different folders"
            )


def _ignores_spelling(path: Path) -> bool:
    """Whether a disk ignores the case of names, or how an accent is encoded."""
    folder = next(p for p in Path(os.path.abspath(path)).parents if os.path.isdir(p))
    try:
        with tempfile.NamedTemporaryFile(prefix="aä", dir=folder) as file:
            path = Path(file.name)
            names = (path.name.swapcase(), unicodedata.normalize("NFD", path.name))
            return any(os.path.exists(path.with_name(name)) for name in names)
    except OSError:  # Nothing can be written there.
        return False


def _refuse_replacing(pairs: list[Pair]) -> None:
    there = [p.sr for p in pairs if not p.named and os.path.exists(p.sr)]
    if there:
        more = f" and {len(there) - 1} more exist" if len(there) > 1 else " exists"
        raise ConfigError(
            f"{there[0]}{more} already; pass --overwrite to replace, or "
            "--skip-existing to keep"
        )


def identity(path: Path, links: bool = True) -> str | tuple[int, int]:
    """Return a key that all names of one file share; without `links`, of one path."""
    if not links:
        return os.path.normcase(os.path.abspath(path))
    try:
        status = os.stat(path)
    except OSError:
        return os.path.normcase(os.path.realpath(path))
    return status.st_dev, status.st_ino
