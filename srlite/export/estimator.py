"""From an estimator to a proven ``.tflite`` file, to lie beside that of its generator.

Its input is `lr`, (1, H, W, 3), float32 in [0, 1], any sides such as
`degradation_vector.fitting` says; its output is `degradation`, (1, 10), as
`degradation_vector` defines it. It is always float32: what it looks for is smaller
than a step of 8 bits. Like a generator's file it is handed over only when its size, its
ops and what it computes on crops of a photo are as they should be.
"""

import dataclasses
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from srlite.backend import import_keras
from srlite.data.degradation_vector import SIZE
from srlite.errors import ExportError, ModelError
from srlite.export.checks import (
    ESTIMATOR_OPS,
    ESTIMATOR_SIZES,
    MAX_ESTIMATOR_BYTES,
    check_estimator,
    check_ops,
    check_size,
)
from srlite.export.conversion import write
from srlite.files import SAMPLE, replacing
from srlite.models.model_files import load_estimator
from srlite.models.tflite import add_metadata, origin
from srlite.pictures.picture import read_rgb


@dataclasses.dataclass(frozen=True)
class EstimatorReport:
    """What was written of an estimator.

    Attributes:
        path: the file.
        file_bytes: size of the file in bytes.
        ops: op name -> count.
        checked_sizes: (height, width) in LR pixels of the crops it was compared on;
            none for a file that was taken as it is.
        largest_difference: from the Keras model, over the ten numbers, each 0 to 1; or
            None.
    """

    path: Path | None
    file_bytes: int
    ops: dict[str, int]
    checked_sizes: tuple[tuple[int, int], ...] = ()
    largest_difference: float | None = None

    def __str__(self) -> str:
        """Lay the report out for the terminal."""
        lines = [
            f"{self.path}",
            f"  file size   {self.file_bytes:,} bytes",
            f"  ops         {ops_text(self.ops)}",
        ]
        if self.largest_difference is not None:
            lines.append(
                f"  difference  largest {self.largest_difference:.2g}, of numbers from "
                f"0 to 1, photos at {sizes_text(self.checked_sizes)}"
            )
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return the report as JSON text."""
        fields = dataclasses.asdict(self) | {"path": str(self.path)}
        return json.dumps(fields, indent=2)


def is_estimator(model: Any) -> bool:
    """Whether a `keras.Model` makes a degradation of a picture."""
    shapes = [getattr(model, f"{end}_shape", None) for end in ("input", "output")]
    return shapes == [(None, None, None, 3), (None, SIZE)]


def export_estimator(
    estimator: Any,
    path: str | os.PathLike,
    photos: Sequence[np.ndarray] | None = None,
    source: str | os.PathLike | None = None,
) -> EstimatorReport:
    """Convert an estimator to a ``.tflite`` file and prove it.

    Args:
        estimator: `keras.Model`, as of `srlite.models.estimator`.
        path: the file to write, ending in ``.tflite``; replaced if it exists.
        photos: what to compare on, uint8 arrays (height, width, 3), cropped or
            mirrored to the sizes compared; by default the bundled photo.
        source: file that the estimator was read from, or None; its SHA-256 is noted.

    Returns:
        `EstimatorReport`.

    Raises:
        ExportError: it cannot be converted or written, is over budget, has an op
            outside the list or differs from its model. Nothing is left then.
        BackendError: Keras on TensorFlow is not there.
    """
    content, report = _convert(estimator, photos, source)
    check_path(path)
    with replacing(path, ExportError) as draft:
        draft.write_bytes(content)
    return dataclasses.replace(report, path=Path(path))


def estimator_file(path: str | os.PathLike) -> tuple[bytes, EstimatorReport]:
    """Make the ``.tflite`` of an estimator, or take it as it is.

    Args:
        path: a ``.keras`` file or a ``.tflite`` of an estimator.

    Returns:
        (content, report): bytes; `EstimatorReport` whose path is still `path`, without
        a difference for what is taken as it is.

    Raises:
        ExportError, BackendError: as of `export_estimator`.
        ModelError: `path` cannot be read, or is not an estimator.
    """
    path = Path(path)
    if path.suffix != ".tflite":
        content, report = _convert(load_estimator(path), None, path)
        return content, dataclasses.replace(report, path=path)
    from srlite.runtime.seeing import Estimator

    Estimator.from_file(path)  # refuses what is not one
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from None
    check_size(content, MAX_ESTIMATOR_BYTES)
    ops = check_ops(content, allowed=ESTIMATOR_OPS)
    return content, EstimatorReport(path, len(content), ops)


def check_path(path: str | os.PathLike) -> None:
    """Raise `ExportError` unless a file of this name can be a ``.tflite``."""
    path = Path(path)
    if path.suffix != ".tflite":
        raise ExportError(f"the output must end in .tflite; received {path}")
    if path.is_dir():
        raise ExportError(f"cannot write {path}: it is a folder")


def _convert(
    estimator: Any,
    photos: Sequence[np.ndarray] | None,
    source: str | os.PathLike | None,
) -> tuple[bytes, EstimatorReport]:
    """Return the file's bytes, and its report but for the path."""
    keras = import_keras("export", backends=("tensorflow",))
    lr = keras.Input(batch_shape=(1, None, None, 3), name="lr")
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "estimator.tflite"
        write(keras, {"lr": lr}, {"degradation": estimator(lr)}, draft)
        content = draft.read_bytes()
    fields = {
        "estimates": "degradation",
        "input": {"dtype": "float32", "range": [0, 1]},
        "output": {"dtype": "float32", "range": [0, 1]},
        "precision": "float32",
    }
    content = add_metadata(content, fields | origin(source))
    check_size(content, MAX_ESTIMATOR_BYTES)
    ops = check_ops(content, allowed=ESTIMATOR_OPS)
    photos = [read_rgb(SAMPLE)] if photos is None else photos
    largest = check_estimator(content, estimator, photos)
    return content, EstimatorReport(None, len(content), ops, ESTIMATOR_SIZES, largest)


def ops_text(ops: dict[str, int]) -> str:
    """Write counts of ops in words."""
    return ", ".join(f"{count} {name}" for name, count in ops.items())


def sizes_text(sizes: Iterable[tuple[int, int]]) -> str:
    """Write (height, width) pairs, for instance "61x97, 1x1"."""
    return ", ".join(f"{height}x{width}" for height, width in sizes)
