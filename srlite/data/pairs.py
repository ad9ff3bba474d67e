"""Pairs: real LR pictures and the HR pictures that belong to them, matched by name.

The names of a pair are equal except for endings, case, and marks that tell LR from HR
(`x4`, `_LR`, `_HR`, `_LR4`, `_x1`, `_bicLRx4`, `_GT` and the like). Folders may be
called so too (`X4/0001x4.png` and `0001.png`).
"""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from srlite.errors import DataError
from srlite.files import StrPath

# The marks. Without a separator before it, `lr` may be the end of a word, but hardly in
# capitals or after a number. Groups are atomic (?>), or long names would take forever.
_SIDE = (
    r"(?:(?:bic(?:ubic)?[ ._-]?)?(?:srf[ ._-]?\d+|lr|hr|gt|sr|out)|bic(?:ubic)?)"
    r"(?:[ ._-]?[x×]?\d+)?"
)
_MARK = (
    rf"(?:[ ._-]+{_SIDE}|(?<=\d){_SIDE}|(?-i:LR|HR|GT|SR)(?:[x×]?\d+)?"
    r"|[ ._-]?[x×]\d+)"
)
_MARKS = re.compile(rf"(?>{_MARK})+$", re.IGNORECASE)
_WHOLE = re.compile(rf"(?>[ ._-]?(?:{_SIDE}|[x×]\d+))+", re.IGNORECASE)


class Pair(NamedTuple):
    """Two files that belong together."""

    name: str  # path of HR within its folder, without the ending
    lr: Path
    hr: Path


def match_pairs(
    lr_folder: StrPath,
    hr_folder: StrPath,
    lr_files: Iterable[Path],
    hr_files: Iterable[Path],
    spare: bool = False,
) -> list[Pair]:
    """Match the files of two folders by name; return them ordered by name.

    Equal names match first, whatever marks they have. With `spare`, LR pictures without
    a partner are skipped. Raises DataError if a picture has no partner, or several.
    """
    lr, hr = _by_stem(lr_files, lr_folder), _by_stem(hr_files, hr_folder)
    same = [stem for stem in hr if stem in lr]
    pairs = [Pair(stem, lr.pop(stem), hr.pop(stem)) for stem in same]
    lr_keys, hr_keys = _by_key(lr), _by_key(hr)
    for pair in pairs:
        for others in (lr_keys, hr_keys):
            if other := others.get(_key(pair.name)):
                raise _same_name(other[1], pair.hr)
    for own, partners, where in (
        (hr_keys, lr_keys, lr_folder),
        (lr_keys, hr_keys, hr_folder),
    ):
        alone = [own[key][1] for key in own if key not in partners]
        if alone and not (spare and own is lr_keys):
            more = f", nor have {len(alone) - 1} more" if len(alone) > 1 else ""
            raise DataError(
                f"{alone[0]} has no partner of its name in {where}{more}; a pair is "
                "named alike, but for what tells LR from HR: 1.png and 1x4.png, "
                "a_HR.png and a_LR.png"
            )
    pairs += [Pair(stem, lr_keys[k][1], path) for k, (stem, path) in hr_keys.items()]
    return sorted(pairs)


def fit_pair(
    lr: np.ndarray, hr: np.ndarray, scale: int, name: str = "a picture"
) -> tuple[np.ndarray, np.ndarray]:
    """Cut the pictures of a pair to views (lr, hr) whose HR is `scale` times LR.

    Sides of HR that are not multiples of the scale make sides of LR that were rounded
    up or down, so less than an LR pixel is cut off at the end. Raises DataError if the
    sizes of picture `name` differ by more than that.
    """
    sides = list(zip(lr.shape[:2], hr.shape[:2]))
    if any(abs(large - scale * small) >= scale for small, large in sides):
        raise DataError(
            f"{name} is {hr.shape[1]} x {hr.shape[0]} pixels, but {scale} times its LR "
            f"picture is {scale * lr.shape[1]} x {scale * lr.shape[0]}"
        )
    height, width = (min(small, large // scale) for small, large in sides)
    return lr[:height, :width], hr[: scale * height, : scale * width]


def _by_stem(files: Iterable[Path], folder: StrPath) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(files):
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if stem in found:
            raise _same_name(path, found[stem])
        found[stem] = path
    return found


def _key(stem: str) -> str:
    """Return the common part of the names of a pair."""
    *folders, name = stem.split("/")
    kept = [part for part in folders if not _WHOLE.fullmatch(part)]
    key = "/".join([*kept, _MARKS.sub("", name) or name])
    return unicodedata.normalize("NFC", key).casefold()  # macOS writes é as two


def _by_key(files: dict[str, Path]) -> dict[str, tuple[str, Path]]:
    found: dict[str, tuple[str, Path]] = {}
    for stem, path in files.items():
        key = _key(stem)
        if key in found:
            raise _same_name(path, found[key][1])
        found[key] = (stem, path)
    return found


def _same_name(one: Path, other: Path) -> DataError:
    return DataError(
        f"{one} and {other} are two pictures of one name; rename one, or take it away"
    )
