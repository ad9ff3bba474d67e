"""The pictures that models are measured on: folders of HR, pairs, and known sets.

Files are listed first and decoded one at a time, so a set may exceed the memory.
"""

import itertools
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from srlite.data.pairs import fit_pair, match_pairs
from srlite.data.sources import pictures_in
from srlite.errors import DataError
from srlite.metrics.psnr_ssim import centre_crop
from srlite.pictures.decoding import is_picture_name
from srlite.pictures.picture import read_rgb

# Folders of HR inside a set, which is then called by its own name.
_HR_FOLDERS = frozenset(("hr", "gt", "original"))


@dataclass(frozen=True)
class Item:
    """One picture to measure on; `lr_path` is None where HR is shrunk."""

    name: str
    hr_path: Path
    lr_path: Path | None = None

    def read(self, scale):
        """Read HR, cut to multiples of `scale`, and LR or None: uint8 (h, w, 3).

        Raises ImageError, and DataError for a pair whose sizes `fit_pair` cannot match.
        """
        hr = read_rgb(self.hr_path)
        if self.lr_path is None:
            return centre_crop(hr, scale), None
        lr, hr = fit_pair(read_rgb(self.lr_path), hr, scale, self.hr_path)
        return hr, lr


@dataclass(frozen=True)
class DataSet:
    """Pictures whose scores are averaged, by name; LR is in files where `paired`."""

    name: str
    items: list
    paired: bool = False


# Patterns of the files below the folder of sets, in the order in which they are tried,
# and where a set comes from. SelfExSR puts HR and LR into one folder.
KNOWN_SETS = {
    name: (
        tuple(
            f"{folder}{inner}"
            for folder in folders
            for inner in ("/HR/*", "/image_SRF_4/*_HR.*", "/GTmod12/*", "/original/*")
        )
        + tuple(f"{folder}/*" for folder in folders),
        f"{name} ({paper}) comes with github.com/jbhuang0604/SelfExSR: put its HR "
        f"pictures into {name}/HR",
    )
    for name, folders, paper in (
        ("Set5", ("Set5",), "Bevilacqua et al. 2012"),
        ("Set14", ("Set14",), "Zeyde et al. 2010"),
        ("BSD100", ("BSD100", "B100", "BSDS100"), "Martin et al. 2001"),
        ("Urban100", ("Urban100",), "Huang et al. 2015"),
    )
} | {
    "DIV2K": (
        ("DIV2K/DIV2K_valid_HR/*", "DIV2K_valid_HR/*", "DIV2K/HR/*", "DIV2K/*"),
        "DIV2K (Agustsson and Timofte 2017) is at data.vision.ee.ethz.ch/cvl/DIV2K: "
        "unpack DIV2K_valid_HR.zip into DIV2K",
    ),
    "BSDS500": (
        (
            "BSDS500/data/images/test/*",
            "BSR/BSDS500/data/images/test/*",
            "BSDS500/images/test/*",
            "BSDS500/HR/*",
            "BSDS500/*",
        ),
        "BSDS500 (Arbelaez et al. 2011) is at www2.eecs.berkeley.edu/Research/"
        "Projects/CS/vision/grouping/resources.html: unpack BSR_bsds500.tgz",
    ),
}


def known_set(name, root):
    """Find one of `KNOWN_SETS`, in any case, below `root`, or raise DataError."""
    names = {known.lower(): known for known in KNOWN_SETS}
    if name.lower() not in names:
        raise DataError(
            f"unknown data set {name!r}; there are {', '.join(KNOWN_SETS)}; any other "
            "is given by its folder, with --hr-dir"
        )
    name = names[name.lower()]
    places, source = KNOWN_SETS[name]
    if root is None:
        raise DataError(
            f"say where {name} lies, with --sets-dir or SRLITE_SETS_DIR. {source}"
        )
    if not os.path.isdir(root):
        raise DataError(f"no such folder of data sets: {root}")
    for place in places:
        named = filter(is_picture_name, Path(root).glob(place))
        if found := [path for path in named if path.is_file()]:
            return DataSet(name, _items(found, found[0].parent))
    raise DataError(f"{name} is not in {root}. {source}")


def hr_folder(folder):
    """List the HR pictures of a folder and its folders, or raise DataError."""
    paths = _pictures(folder)
    return DataSet(_name(folder), _items(paths, Path(folder)))


def paired_folders(lr_folder, hr_folder):
    """Match LR and HR pictures of two folders by name, as `match_pairs`."""
    files = map(_pictures, (lr_folder, hr_folder))
    pairs = match_pairs(lr_folder, hr_folder, *files)
    names = unique_names([_flat(pair.name) for pair in pairs])
    items = [Item(name, pair.hr, pair.lr) for name, pair in zip(names, pairs)]
    return DataSet(_name(hr_folder), items, paired=True)


def results_in(folder, sets):
    """Find the enlarged picture in a folder for each picture of some `DataSet`s.

    They are named as the HR pictures except for marks such as `_SR`, in folders named
    as the sets, if there are such. Returns a dict of HR path to path, or raises
    DataError if one is missing or there twice.
    """
    found = {}
    for data_set in sets:
        place = Path(folder, data_set.name)
        place = place if os.path.isdir(place) else Path(folder)
        paths = [item.hr_path for item in data_set.items]
        top = os.path.commonpath([path.parent for path in paths])
        pairs = match_pairs(place, top, _pictures(place), paths, spare=True)
        found |= {pair.hr: pair.lr for pair in pairs}
    return found


def rename_apart(sets):
    """Rename data sets of the same name: `a`, `a-2`, ..."""
    names = unique_names([data_set.name for data_set in sets])
    return [replace(data_set, name=name) for data_set, name in zip(sets, names)]


def unique_names(names, taken=()):
    """Make names unique, also against those taken, ignoring case."""
    known, unique = {name.lower() for name in taken}, []
    for name in names:
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        candidates = itertools.chain([name], numbered)
        unique.append(next(c for c in candidates if c.lower() not in known))
        known.add(unique[-1].lower())
    return unique


def file_name(text):
    """Turn a text into a possible file name of at most 100 letters, 240 bytes."""
    name = re.sub(r"[^\w.+-]+", "_", text)[:100].strip(".")
    return name.encode()[:240].decode(errors="ignore") or "_"


def _name(folder):
    path = Path(folder).resolve()
    inner = path.name.lower() in _HR_FOLDERS and path.parent.name
    return file_name(path.parent.name if inner else path.name)


def _pictures(folder):
    paths = pictures_in(folder)
    if not paths:
        raise DataError(f"there are no pictures in {folder}")
    return paths


def _items(paths, folder):
    paths = sorted(paths)
    relative = [path.relative_to(folder).with_suffix("") for path in paths]
    names = unique_names([_flat(path.as_posix()) for path in relative])
    return list(map(Item, names, paths))


def _flat(name):
    return file_name(name.replace("/", "_"))
