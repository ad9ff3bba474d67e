"""From a generator to a proven ``.tflite`` file: `export_tflite`.

The file's input is `lr`, its output `sr`: RGB, channels last, float32 in [0, 1], or
for "int8" uint8 levels; `conversion` tells the precisions. Any height and width by
default, for CPUs; `input_size` makes a static (1, H, W, 3), which GPUs, NPUs and
browsers ask for. What it is stands in its metadata (`tflite_metadata`).

A file is handed over only when it has passed the checks of `tflite_checks`: size,
ops, difference from the Keras model on a real photo; an int8 file also that of
`psnr_loss`. It grows under a temporary name beside its target, so a failure leaves
nothing and harms nothing. Converting needs Keras on TensorFlow; both are imported
inside the functions that use them.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import srlite
from srlite.backend import import_keras
from srlite.export.calibration import SIZE, calibration_pictures
from srlite.export.conversion import convert
from srlite.errors import ExportError
from srlite.export.export_report import ExportReport
from srlite.files import replacing
from srlite.pictures.picture import read_rgb
from srlite.models.loading import check_generator, scale_of
from srlite.export.psnr_drop import LossMeter, check_loss
from srlite.export.checks import (
    CHECK_SIZES,
    MAX_BYTES,
    PRECISIONS,
    check_difference,
    check_ops,
    check_quantization,
    check_size,
)
from srlite.models.tflite import add_metadata
from srlite.runtime.upscaler import DEFAULT_OVERLAP

SAMPLE_PHOTO = Path(__file__).parent / "samples" / "astronaut_lr.png"


def export_tflite(
    generator: Any,
    path: str | os.PathLike,
    input_size: tuple[int, int] | None = None,
    precision: str = "float32",
    max_bytes: int = MAX_BYTES,
    photos: Sequence[str | os.PathLike | np.ndarray] | None = None,
    calibration: str | os.PathLike | None = None,
    meter: LossMeter | None = None,
    overlap: int = DEFAULT_OVERLAP,
    source: str | os.PathLike | None = None,
) -> ExportReport:
    """Convert a generator to a ``.tflite`` file and prove it.

    Args:
        generator: `keras.Model`, (batch, H, W, channels) -> (batch, scale*H, scale*W,
            channels), float32, [0, 1], of any height and width.
        path: the file to write, ending in ``.tflite``; replaced if it exists.
        input_size: (height, width) in LR pixels of a static input; None for any size.
        precision: one of `PRECISIONS`.
        max_bytes: size budget in bytes.
        photos: what to compare on, paths or uint8 arrays (height, width, 3); cropped
            or mirrored to the sizes compared. By default the bundled photo.
        calibration: folder or tar file of photographs, as `sources` reads them; int8
            needs it.
        meter: `LossMeter`, if PSNR shall be measured; an int8 file is measured on
            `calibration` without it.
        overlap: LR pixels of context that a tile of the file should have.
        source: file that the generator was read from, or None; its SHA-256 is noted.

    Returns:
        `ExportReport`.

    Raises:
        ExportError: an impossible argument; the model cannot be converted; the file
            is over budget, has an op outside the list, differs from the model by more
            than allowed or, int8, loses more dB; it cannot be written. Nothing is left
            then.
        BackendError: Keras on TensorFlow is not there.
        DataError: `calibration` cannot be read, or holds no picture.
        ModelError: `generator` is not of the shape above.
        ImageError: a photo cannot be read.
    """
    path = Path(path)
    _check_arguments(path, input_size, precision, calibration)
    keras = import_keras("export", backends=("tensorflow",))
    check_generator(generator)
    channels, scale = generator.input_shape[-1], scale_of(generator)
    static = (input_size[0], input_size[1]) if input_size else None
    sizes = (static,) if static else CHECK_SIZES
    photos = [
        photo if isinstance(photo, np.ndarray) else read_rgb(photo)
        for photo in photos or [SAMPLE_PHOTO]
    ]
    pictures = None
    if precision == "int8":
        pictures, tried = calibration_pictures(
            calibration, scale, input_size or (SIZE, SIZE)
        )
        pictures = [picture[..., :channels] for picture in pictures]
        if meter is None and channels == 3:
            ending = "s" if len(tried) > 1 else ""
            where = f"{calibration} ({len(tried)} crop{ending})"
            meter = LossMeter(generator, tried, where, overlap)
    fields = _metadata(precision, scale, channels, overlap, source)
    try:
        with replacing(path) as draft:
            convert(keras, generator, draft, input_size, precision, pictures)
            content = add_metadata(draft.read_bytes(), fields)
            draft.write_bytes(content)
            check_size(content, max_bytes)
            ops = check_ops(content, precision)
            if precision == "int8":
                check_quantization(content)
            largest, mean = check_difference(
                content, generator, precision, photos, sizes
            )
            psnr = meter.measure(draft) if meter else None
            if meter and precision == "int8":
                check_loss(psnr, precision, meter.where)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror or error}") from error
    return ExportReport(
        path=path,
        precision=precision,
        input_size=static,
        file_bytes=len(content),
        ops=ops,
        checked_sizes=sizes,
        largest_difference=largest,
        mean_difference=mean,
        psnr=psnr,
        psnr_photos=meter.where if meter else None,
    )


def _check_arguments(path, input_size, precision, calibration):
    if precision not in PRECISIONS:
        choices = ", ".join(PRECISIONS)
        raise ExportError(f"precision must be one of {choices}; received {precision!r}")
    if precision == "int8" and calibration is None:
        raise ExportError(
            "int8 needs photographs to calibrate on: give a folder of them with "
            "--calibration-dir"
        )
    if input_size is not None and (len(input_size) != 2 or min(input_size) < 1):
        raise ExportError(
            "input_size must be (height, width) in LR pixels, at least 1 each; "
            f"received {input_size}"
        )
    if path.suffix != ".tflite":
        raise ExportError(f"the output must end in .tflite; received {path}")
    if path.is_dir():
        raise ExportError(f"cannot write {path}: it is a folder")


def _metadata(precision, scale, channels, overlap, source):
    pixels = {"dtype": "float32", "range": [0, 1]}
    if precision == "int8":
        pixels = {"dtype": "uint8", "range": [0, 255]}
    digest = None
    if source is not None:
        digest = hashlib.sha256(Path(source).read_bytes()).hexdigest()
    return {
        "scale": scale,
        "channels": channels,
        "input": pixels,
        "output": pixels,
        "precision": precision,
        "overlap": overlap,
        "srlite": srlite.__version__,
        "source_sha256": digest,
    }
