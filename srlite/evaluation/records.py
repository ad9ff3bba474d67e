"""Scores of single pictures: what they are called, and the files that keep them.

A record is a dict: `data_set`, `image`, `kernel` and `model` (strings) say what was
measured, and each metric that was measured is a float under the name it has in
`METRICS`. A metric that was not measured, or does not exist for a picture (NIQE of one
that is too small), is absent. An infinite PSNR, which equal pictures have, is `null` in
files, because JSON knows no infinity.

Two files hold records. `records.jsonl` grows by a line with each record, under a key
that stands for everything that the record depends on, so that stopped work goes on;
it also keeps the records of other settings. `scores.json` holds one evaluation.
"""

import hashlib
import json
import math
import os
from pathlib import Path
from typing import NamedTuple

from srlite.errors import DataError
from srlite.files import replacing


class Metric(NamedTuple):
    """What is measured of a picture.

    Attributes:
        name: its key in records.
        label: heading of a column.
        unit: "" where there is none.
        decimals: digits after the point that mean something.
        higher_is_better: whether more is better.
    """

    name: str
    label: str
    unit: str
    decimals: int
    higher_is_better: bool


METRICS = (
    Metric("psnr", "PSNR", "dB", 2, True),
    Metric("ssim", "SSIM", "", 4, True),
    Metric("psnr_rgb", "PSNR RGB", "dB", 2, True),
    Metric("ssim_rgb", "SSIM RGB", "", 4, True),
    Metric("content", "content", "", 3, False),
    Metric("style", "style", "", 3, False),
    Metric("niqe", "NIQE", "", 2, False),
    Metric("lr_error", "LR error", "levels", 2, False),
    Metric("colour_error", "colour", "levels", 2, False),
    Metric("seconds_per_megapixel", "s/MP", "s/MP", 2, False),
)
_START = '{"key": '  # of each line
# What a record is about, in the order of columns.
FIELDS = ("data_set", "image", "kernel", "model")


def measured_metrics(records):
    """List those of `METRICS` that at least one of some records has."""
    names = set().union(*records)
    return [metric for metric in METRICS if metric.name in names]


def distinct(records, field):
    """List the values of one of `FIELDS`, each once, in order of appearance."""
    return list(dict.fromkeys(record[field] for record in records))


def record_key(**settings):
    """Return a short text that stands for settings: equal for equal ones alone."""
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class RecordFile:
    """`records.jsonl`: records under their keys, kept as soon as they are there."""

    def __init__(self, path):
        """Read what is there; a last line that was not finished is forgotten.

        Args:
            path: the file; its folder is there.

        Raises:
            DataError: it cannot be read, or is another kind of file.
        """
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
                self._records[entry["key"]] = _decoded(entry["record"])
            except (ValueError, KeyError, TypeError, AttributeError):
                # What a kill left was closed by a later run.
                if not _START.startswith(line[: len(_START)]):
                    raise DataError(
                        f"line {number} of {path} is no record of srlite; give another "
                        "folder"
                    ) from None

    def get(self, key):
        """Return the record under a key, or None."""
        return self._records.get(key)

    def append(self, key, record):
        """Add a record; it is on the disk when this returns.

        Raises:
            DataError: the file cannot be written.
        """
        line = json.dumps({"key": key, "record": _encoded(record)}) + "\n"
        try:
            with open(self._path, "a") as file:
                file.write("\n" * self._torn + line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DataError(f"cannot write {self._path}: {error.strerror}") from error
        self._torn = False
        self._records[key] = record


def write_scores(path, records, **more):
    """Write `scores.json`.

    Args:
        path: the file.
        records: list of records.
        **more: further entries, which JSON can hold.

    Raises:
        DataError: it cannot be written.
    """
    content = {**more, "records": [_encoded(record) for record in records]}
    try:
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(_finite(content), indent=1) + "\n")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error


def read_scores(path):
    """Read `scores.json`.

    Returns:
        dict whose `records` is a list of records, with the further entries.

    Raises:
        DataError: it is missing or another kind of file.
    """
    try:
        content = json.loads(Path(path).read_text())
        return {**content, "records": [_decoded(r) for r in content["records"]]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"cannot read the scores in {path}: {error!r}") from None


def _encoded(record):
    return {k: None if v == math.inf else v for k, v in record.items()}


def _decoded(record):
    return {k: math.inf if v is None else v for k, v in record.items()}


def _finite(content):
    """Replace every float that JSON does not know by None."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
