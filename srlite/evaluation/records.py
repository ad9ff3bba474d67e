"""Scores of single pictures: what they are called, and the files that keep them.

A record is a dict: `data_set`, `image`, `kernel` and `model` (strings) say what was
measured, and each metric is a float under its name in `METRICS`. A metric that was not
measured, or does not exist for a picture (NIQE of a tiny one), is absent. An infinite
PSNR, which equal pictures have, is `null` in files, because JSON knows no infinity.

`records.jsonl` grows by a line with each record, under a key that stands for everything
the record depends on, so that stopped work goes on; it also keeps the records of other
settings. `scores.json` holds one evaluation. The measured pictures lie next to them,
each marked with its key. What cannot be read or written is a `DataError`, of pictures
an `ImageError`.
"""

import hashlib
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image, PngImagePlugin

from srlite.errors import DataError, ImageError
from srlite.files import replacing, writing


class Metric(NamedTuple):
    """What is measured of a picture."""

    name: str  # its key in records
    label: str  # heading of a column
    unit: str  # "" where there is none
    decimals: int  # meaningful digits after the point
    ideal: float  # nearer is better; infinity for more, minus infinity for less

    @property
    def better(self):
        """What is better, in words: more, less, or nearer to a number."""
        if math.isinf(self.ideal):
            return "more" if self.ideal > 0 else "less"
        return f"nearer to {self.ideal:g}"

    @property
    def title(self):
        """The label, with the unit if the label does not include it."""
        extra = self.unit and self.unit not in self.label
        return f"{self.label} ({self.unit})" if extra else self.label

    def write(self, value, sign=False):
        """Write a value with its decimals, and a plus if `sign`; `-` for None."""
        if value is None:
            return "-"
        return f"{value:{'+' if sign else ''}.{self.decimals}f}"

    def goodness(self, value):
        """Return a number that is higher the better `value` is."""
        if math.isinf(self.ideal):
            return math.copysign(1.0, self.ideal) * value
        return -abs(value - self.ideal)


@dataclass(frozen=True)
class Score:
    """What was measured of one model on one picture."""

    data_set: str
    image: str
    kernel: str
    model: str
    values: dict[str, float]  # by metric, without those that the picture lacks


_MORE, _LESS = math.inf, -math.inf

METRICS = (
    Metric("psnr", "PSNR", "dB", 2, _MORE),
    Metric("ssim", "SSIM", "", 4, _MORE),
    Metric("psnr_rgb", "PSNR RGB", "dB", 2, _MORE),
    Metric("ssim_rgb", "SSIM RGB", "", 4, _MORE),
    Metric("content", "content", "", 3, _LESS),
    Metric("style", "style", "", 3, _LESS),
    Metric("niqe", "NIQE", "", 2, _LESS),
    Metric("chroma_db", "chroma", "dB", 2, _MORE),
    Metric("grain", "grain", "", 2, 1.0),
    Metric("lr_error", "LR error", "levels", 2, _LESS),
    Metric("colour_error", "colour", "levels", 2, _LESS),
    Metric("seconds_per_megapixel", "s/MP", "s/MP", 2, _LESS),
)
METRIC = {metric.name: metric for metric in METRICS}
_START = '{"key": '  # of each line
_MARK = "srlite:key"  # of a PNG's text
# What a record is about, in the order of columns.
FIELDS = ("data_set", "image", "kernel", "model")


def measured_metrics(records):
    """List the names of those of `METRICS` that at least one record has."""
    there = set().union(*records)
    return [name for name in METRIC if name in there]


def distinct(records, field):
    """List the values of one of `FIELDS`, each once, in order of appearance."""
    return list(dict.fromkeys(record[field] for record in records))


def select(records, **fields):
    """List the records whose fields have these values."""
    return [r for r in records if all(r[key] == fields[key] for key in fields)]


def record_key(**settings):
    """Return a short text that stands for settings: equal only for equal ones."""
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class RecordFile:
    """`records.jsonl`: records under their keys, stored at once."""

    def __init__(self, path):
        """Read what is there, except an unfinished last line."""
        self._path = Path(path)
        self._records = {}
        try:
            text = self._path.read_text() if self._path.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot read {path}: {error}") from None
        whole, _, rest = text.rpartition("\n")
        self._torn = bool(rest)
        for number, line in enumerate(whole.split("\n") if whole else (), start=1):
            try:
                entry = json.loads(line)
                self._records[entry["key"]] = {
                    name: math.inf if value is None else value
                    for name, value in entry["record"].items()
                }
            except (ValueError, KeyError, TypeError, AttributeError):
                # A later run closes the line that a kill left.
                if not _START.startswith(line[: len(_START)]):
                    raise DataError(
                        f"line {number} of {path} is not a record of srlite; give "
                        "another folder"
                    ) from None

    def get(self, key):
        """Return the record under a key, or None."""
        return self._records.get(key)

    def append(self, key, record):
        """Add a record; it is on the disk when this returns."""
        line = json.dumps({"key": key, "record": _finite(record)}) + "\n"
        try:
            with open(self._path, "a") as file:
                file.write("\n" * self._torn + line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DataError(f"cannot write {self._path}: {error.strerror}") from error
        self._torn = False
        self._records[key] = record


class PictureFolder:
    """Pictures as `<data set>/<kernel>/<model>/<image>.png`.

    Each carries the key under which it was written, so that it is not mistaken for one
    of other settings, which has the same name.
    """

    def __init__(self, folder):
        """Keep pictures below a folder, which need not exist yet."""
        self._folder = Path(folder)

    def path(self, record):
        """Return the path of the picture that a record is about."""
        kinds = record["data_set"], record["kernel"], record["model"]
        return self._folder.joinpath(*kinds, f"{record['image']}.png")

    def holds(self, record, key):
        """Whether the picture of a record is there, and was written under `key`."""
        try:
            with Image.open(self.path(record), formats=["PNG"]) as image:
                # Not `text`, which decodes all of the picture.
                return image.info.get(_MARK) == key
        except (OSError, ValueError, SyntaxError):
            return False

    def write(self, record, key, picture):
        """Write the picture of a record, uint8 (height, width, 3)."""
        path = self.path(record)
        text = PngImagePlugin.PngInfo()
        text.add_text(_MARK, key)
        with writing(path, ImageError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                Image.fromarray(picture).save(temporary, pnginfo=text)


def write_scores(path, **entries):
    """Write `scores.json`: `records` and further entries."""
    with replacing(path, DataError) as temporary:
        temporary.write_text(json.dumps(_finite(entries), indent=1) + "\n")


def _finite(content):
    """Replace infinity, and every other float that JSON does not know, by None."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
