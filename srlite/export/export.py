"""From a generator to a proven ``.tflite`` file: `export_tflite`.

`conversion` describes its inputs and its output, by precision. By default the file
takes any height and width, for CPUs; `input_size` makes it static, (1, H, W, 3), for
GPUs, NPUs and browsers. Its metadata says what it is (`models.tflite`). A degradation
or the estimator can be built into a conditional generator (`single_input`).

A file is handed over only when it passes `checks`: size, ops, difference from the Keras
model on a real photo, and for int8 also the loss in PSNR (`psnr_drop`). A failure
leaves nothing and harms nothing. Converting needs Keras on TensorFlow.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from srlite.backend import import_keras
from srlite.data.degradation_vector import SMALLEST, Degradation
from srlite.errors import ConfigError, ExportError
from srlite.export.calibration import SIZE, calibration_samples
from srlite.export.checks import (
    ALLOWED_OPS,
    CHECK_SIZES,
    MAX_BYTES,
    PRECISIONS,
    SEEING_OPS,
    SEEING_SIZES,
    SLOW_SIZES,
    check_difference,
    check_ops,
    check_quantization,
    check_sixteen_bits,
    check_size,
)
from srlite.export.estimator import check_path, export_estimator
from srlite.export.psnr_drop import LossMeter, check_loss
from srlite.export.report import EstimatorReport, ExportReport
from srlite.files import SAMPLE, StrPath, replacing
from srlite.memory import check_memory
from srlite.models.model_files import check_generator, is_estimator, scale_of, step_of
from srlite.models.tflite import add_metadata, origin
from srlite.pictures.picture import read_rgb
from srlite.runtime.opening import DEFAULT_OVERLAP
from srlite.runtime.runners import KerasNetwork
from srlite.runtime.upscaler import Told

# With an estimator built in, which sees traces smaller than a step of 8 bits.
SEEING_PRECISIONS = ("float32", "float16")
CALIBRATED = ("int8", "int16x8")
MAX_REACH = 32  # LR pixels; the largest overlap that is chosen for a file


def export_tflite(
    generator: Any,
    path: StrPath,
    input_size: tuple[int, int] | None = None,
    precision: str = "float32",
    max_bytes: int | None = MAX_BYTES,
    photos: Sequence[StrPath | np.ndarray] | None = None,
    calibration: StrPath | None = None,
    meter: LossMeter | None = None,
    overlap: int | None = None,
    source: StrPath | None = None,
    degradation: Told | None = None,
    estimator: Any = None,
    estimator_bytes: int = 0,
) -> ExportReport | EstimatorReport:
    """Convert a generator, or an estimator, to a ``.tflite`` file and prove it.

    Args:
        generator: `keras.Model`, (batch, H, W, channels) -> (batch, scale*H, scale*W,
            channels), float32, [0, 1], of any height and width; a conditional one takes
            a list of that and of (batch, 10). Or an estimator, for which only `path`,
            `photos` and `source` count.
        path: the file to write, ending in ``.tflite``; replaced if it exists.
        input_size: (height, width) in LR pixels of a static input; None for any size.
        precision: one of `PRECISIONS`.
        max_bytes: size budget in bytes, of the file and its estimator; None for none.
        photos: what to compare on, paths or uint8 arrays (height, width, 3); cropped
            or mirrored to the sizes compared. By default the bundled photo.
        calibration: source of photographs (`data.sources`) for int8 and int16x8.
        meter: `LossMeter` to measure PSNR with; by default only int8 files are
            measured, on `calibration`.
        overlap: LR pixels of context that a tile needs. None for `DEFAULT_OVERLAP`; for
            int8, whose least difference is a whole level, None is all that the network
            sees, up to `MAX_REACH`.
        source: file that the generator was read from, or None; its SHA-256 is noted.
        degradation: what to build into a conditional generator, see `build_in`; None
            for a second input.
        estimator: `keras.Model`, for "auto".
        estimator_bytes: size of the estimator's file that goes with this one.

    Raises:
        ExportError: an impossible argument; the file cannot be made or written, or
            fails a check. Nothing is left then.
        BackendError: Keras on TensorFlow is not there.
        ConfigError: an impossible degradation or overlap.
        DataError: `calibration` cannot be read, or holds no picture.
        ModelError: `generator` is not of the shape above, or a file of `input_size`
            would take more memory than there is.
        ImageError: a photo cannot be read.
    """
    path = Path(path)
    pictures = [
        photo if isinstance(photo, np.ndarray) else read_rgb(photo)
        for photo in photos or [SAMPLE]
    ]
    if is_estimator(generator):
        return export_estimator(generator, path, pictures, source)
    _check_arguments(path, input_size, precision, calibration, overlap)
    import_keras("export", backends=("tensorflow",))
    check_generator(generator)
    from srlite.export.conversion import convert, measure_memory
    from srlite.export.graphs import reach_of
    from srlite.export.single_input import build_in

    if overlap is None:
        reach = reach_of(generator) + step_of(generator) - 1  # windows move by a step
        short = precision == "int8" and reach <= MAX_REACH
        overlap = reach if short else DEFAULT_OVERLAP
    static = None if input_size is None else (int(input_size[0]), int(input_size[1]))
    generator, told = build_in(generator, degradation, estimator)
    if seeing := told == "auto":
        _check_seeing(static, precision)
    channels, scale = generator.inputs[0].shape[-1], scale_of(generator)
    sizes: tuple[tuple[int, int], ...] = SEEING_SIZES if seeing else CHECK_SIZES
    if precision == "int16x8":
        sizes = SLOW_SIZES
    if static:
        sizes = (static,)
    samples = None
    if precision in CALIBRATED and calibration is not None:
        damage: str | Degradation | None = "spread" if told == "input" else None
        if isinstance(told, dict):
            damage = Degradation.from_vector(told["vector"])
        samples, tried = calibration_samples(
            calibration, scale, static or (SIZE, SIZE), damage
        )
        if meter is None and precision == "int8":
            ending = "s" if len(tried) > 1 else ""
            where = f"{calibration} ({len(tried)} crop{ending})"
            meter = LossMeter(generator, tried, where, overlap)
    fields = _metadata(generator, precision, overlap, told) | origin(source)
    with replacing(path, ExportError) as draft:
        batch = 1 if seeing else None
        convert(generator, draft, static, precision, samples, batch)
        if static is None and precision != "int16x8":
            fields["bytes_per_pixel"] = measure_memory(draft.read_bytes(), channels)
        content = add_metadata(draft.read_bytes(), fields)
        draft.write_bytes(content)
        check_size(content, max_bytes, estimator_bytes)
        allowed = SEEING_OPS if seeing else ALLOWED_OPS
        ops = check_ops(content, precision, allowed)
        if precision == "int8":
            check_quantization(content)
        elif precision == "int16x8":
            check_sixteen_bits(content)
        largest, mean = check_difference(content, generator, precision, pictures, sizes)
        psnr = meter.measure(draft) if meter else None
        if meter and psnr and precision == "int8":
            check_loss(psnr, meter.where)
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
        degradation=told,
        estimator_bytes=estimator_bytes,
    )


def _check_arguments(
    path: Path,
    input_size: Sequence[int] | None,
    precision: str,
    calibration: StrPath | None,
    overlap: int | None,
) -> None:
    if precision not in PRECISIONS:
        choices = ", ".join(PRECISIONS)
        raise ExportError(f"precision must be one of {choices}; received {precision!r}")
    if precision in CALIBRATED and calibration is None:
        raise ExportError(
            f"{precision} needs photographs to calibrate on: give a folder of them "
            "with --calibration-dir"
        )
    if input_size is not None:
        if np.shape(input_size) != (2,) or any(x < 1 or x % 1 for x in input_size):
            raise ExportError(
                "input_size must be (height, width) in LR pixels, at least 1 each; "
                f"received {input_size}"
            )
        need = KerasNetwork.bytes_per_pixel
        check_memory("the model", input_size, need, "give a smaller input size")
    if overlap is not None and overlap < 0:
        raise ConfigError(f"overlap must be 0 or more; received {overlap}")
    check_path(path)


def _check_seeing(input_size: tuple[int, int] | None, precision: str) -> None:
    """Refuse a precision or size that a built-in estimator cannot work with."""
    if precision not in SEEING_PRECISIONS:
        raise ExportError(
            "an estimator that is built in needs float32 or float16, as it looks for "
            f"what quantisation rounds away; received {precision}"
        )
    if input_size and min(input_size) < SMALLEST:
        raise ExportError(
            f"an estimator sees pictures of at least {SMALLEST} x {SMALLEST} LR "
            f"pixels; received an input size of {input_size}"
        )


def _metadata(generator: Any, precision: str, overlap: int, told: Any) -> dict:
    pixels = {"dtype": "float32", "range": [0, 1]}
    if precision == "int8":
        pixels = {"dtype": "uint8", "range": [0, 255]}
    return {
        "scale": scale_of(generator),
        "channels": generator.inputs[0].shape[-1],
        "input": pixels,
        "output": pixels,
        "precision": precision,
        "overlap": overlap,
        "degradation": told,
        "step": step_of(generator),
    }
