"""From an estimator to a proven ``.tflite`` file, to lie beside its generator's.

The input is `lr`, (1, H, W, 3), float32 in [0, 1], with sides as
`degradation_vector.fitting` returns them; the output is `degradation`, (1, 10). The
file is always float32, because the estimator looks for traces smaller than a step of 8
bits. Its size, its ops and its results on crops of a photo must pass their checks.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from srlite.backend import import_keras
from srlite.errors import ExportError
from srlite.export.checks import (
    ESTIMATOR_OPS,
    ESTIMATOR_SIZES,
    MAX_ESTIMATOR_BYTES,
    check_estimator,
    check_ops,
    check_size,
)
from srlite.export.report import EstimatorReport
from srlite.files import SAMPLE, StrPath, replacing
from srlite.models.model_files import load_estimator
from srlite.models.tflite import add_metadata, origin
from srlite.pictures.picture import read_rgb


def export_estimator(
    estimator: Any, path: Path, photos: Sequence[np.ndarray], source: StrPath | None
) -> EstimatorReport:
    """Convert an estimator to a ``.tflite`` file and prove it, as `export_tflite`."""
    check_path(path)
    content, report = _convert(estimator, path, photos, source)
    with replacing(path, ExportError) as draft:
        draft.write_bytes(content)
    return report


def estimator_file(path: Path) -> tuple[bytes, EstimatorReport]:
    """Convert an estimator's ``.keras`` file, or read and check its ``.tflite``.

    Returns (bytes of a ``.tflite``, report with the path given). Raises ExportError if
    the file cannot be made or fails a check, ModelError if `path` is not an estimator.
    """
    if path.suffix != ".tflite":
        return _convert(load_estimator(path), path, [read_rgb(SAMPLE)], path)
    from srlite.runtime.seeing import Estimator

    Estimator.from_file(path)  # refuses what is not one
    content = path.read_bytes()
    check_size(content, MAX_ESTIMATOR_BYTES)
    ops = check_ops(content, allowed=ESTIMATOR_OPS)
    return content, EstimatorReport(path, len(content), ops)


def check_path(path: StrPath) -> None:
    """Raise `ExportError` unless a ``.tflite`` of this name can be made."""
    path = Path(path)
    if path.suffix != ".tflite":
        raise ExportError(f"the output must end in .tflite; received {path}")
    if os.path.isdir(path):
        raise ExportError(f"cannot write {path}: it is a folder")
    if not os.path.isdir(path.parent):
        raise ExportError(
            f"cannot write {path}: the folder {path.parent} does not exist; create it"
        )


def _convert(
    estimator: Any, path: Path, photos: Sequence[np.ndarray], source: StrPath | None
) -> tuple[bytes, EstimatorReport]:
    """Return the file's bytes, and its report with `path`; nothing stays on disk."""
    keras = import_keras("export", backends=("tensorflow",))
    from srlite.export.conversion import write

    lr = keras.Input(batch_shape=(1, None, None, 3), name="lr")
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "estimator.tflite"
        write({"lr": lr}, {"degradation": estimator(lr)}, draft)
        content = draft.read_bytes()
    numbers = {"dtype": "float32", "range": [0, 1]}
    fields = {
        "estimates": "degradation",
        "input": numbers,
        "output": numbers,
        "precision": "float32",
    }
    content = add_metadata(content, fields | origin(source))
    check_size(content, MAX_ESTIMATOR_BYTES)
    ops = check_ops(content, allowed=ESTIMATOR_OPS)
    largest = check_estimator(content, estimator, photos)
    return content, EstimatorReport(path, len(content), ops, ESTIMATOR_SIZES, largest)
