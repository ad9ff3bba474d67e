"""The command behind ``export_tflite.py``: one file, the whole set, or a description.

Each ``.tflite`` gets a report beside it, as JSON. With `--all`, a file that fails its
checks is named, and the others are written all the same. The estimator of a conditional
model is written too, as `NAME_estimator.tflite`, or `estimator.tflite` for the whole
set; a file with a degradation or an estimator built in needs none.
"""

import argparse
import contextlib
import dataclasses
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from srlite.backend import import_keras, silence
from srlite.data.degradation_vector import SMALLEST
from srlite.data.photographs import load_images
from srlite.errors import ConfigError, DataError, ExportError, arguments_of
from srlite.export.checks import MAX_BYTES, PRECISIONS
from srlite.export.estimator import check_path, estimator_file
from srlite.export.export import SEEING_PRECISIONS, export_tflite
from srlite.export.psnr_drop import LossMeter
from srlite.export.report import EstimatorReport
from srlite.files import SAMPLE, StrPath, replacing, writing
from srlite.models.model_files import (
    estimator_beside,
    find_estimator,
    find_model,
    load_estimator,
    load_generator,
    scale_of,
)
from srlite.models.tflite import describe
from srlite.runtime.opening import DEFAULT_OVERLAP

# What `--all` writes: (precision, static side in LR pixels, or None for any size).
SHIPPED = (
    *((precision, None) for precision in ("float32", "float16", "dynamic", "int8")),
    *((precision, 128) for precision in ("float32", "float16", "int8")),
)


def main(argv: list[str] | None = None, prog: str = "export_tflite.py") -> int:
    """Run the command; return 0, or 1 when some files of `--all` could not be made.

    Raises as `load_generator` and `export_tflite`.
    """
    args = _parse(arguments_of(argv), prog)
    if args.describe:
        print(describe(args.describe))
        return 0
    if args.output:
        check_path(args.output)
        _report_path(args.output)
    import_keras("export", backends=("tensorflow",))
    from srlite.export.single_input import build_in, is_auto

    with silence():
        source = find_model(args.model, trained=True)
        generator = load_generator(source)
    options = {
        "source": source,
        "calibration": args.calibration_dir,
        "overlap": args.overlap,
        "max_bytes": args.max_bytes,
        "degradation": args.degradation,
    }
    estimator = None  # what is written beside
    if len(generator.inputs) == 2 and args.degradation is None:
        with silence():
            estimator = estimator_file(find_estimator(args.model))
        options["estimator_bytes"] = len(estimator[0])
    elif len(generator.inputs) == 2 and is_auto(args.degradation):
        options["estimator"] = _estimator_to_build_in(args.model)
    told, _ = build_in(generator, args.degradation, options.get("estimator"))
    if args.hr_dir:
        scale = scale_of(generator)
        # PSNR leaves out an LR pixel on each side.
        seen = SMALLEST if "estimator" in options else 3
        photos = load_images(args.hr_dir, min_size=seen * scale)
        where = " ".join(map(str, args.hr_dir))
        options["meter"] = LossMeter(told, photos, where, args.overlap)
        options["photos"] = [SAMPLE, *photos[:4]]
    if args.output:
        precision = args.precision or "float32"
        with _beside(estimator_beside(Path(args.output)), estimator):
            _write(generator, args.output, precision, args.input_size, options)
        return 0
    return _write_all(generator, Path(args.all), Path(args.model), options, estimator)


def _estimator_to_build_in(model: str) -> Any:
    found = find_estimator(model)
    path = found.with_suffix(".keras")
    if not path.is_file():
        raise ExportError(
            f"an estimator is built in from its .keras file; there is only {found}: "
            f"put {path.name} beside it"
        )
    with silence():
        return load_estimator(path)


@contextlib.contextmanager
def _beside(
    path: Path, estimator: tuple[bytes, EstimatorReport] | None
) -> Iterator[None]:
    """Write and print an estimator, (content, report), when the block succeeds."""
    if estimator is None:
        yield
        return
    content, report = estimator
    report = dataclasses.replace(report, path=path)
    with (
        replacing(path, ExportError) as draft,
        replacing(_report_path(path), ExportError) as beside,
    ):
        draft.write_bytes(content)
        beside.write_text(report.to_json() + "\n")
        yield
    print(report)


def _write_all(
    generator: Any,
    folder: Path,
    model: Path,
    options: dict,
    estimator: tuple[bytes, EstimatorReport] | None,
) -> int:
    """Write the whole set; return 1 when a file of it could not be made."""
    with writing(folder, ExportError):
        folder.mkdir(parents=True, exist_ok=True)
    name = model.resolve().name if os.path.isdir(model) else model.stem
    failures: dict[str, list[str]] = {}
    with _beside(folder / "estimator.tflite", estimator):
        for precision, side in SHIPPED:
            if "estimator" in options and precision not in SEEING_PRECISIONS:
                continue
            ending = f"_{side}" if side else ""
            path = folder / f"{name}_{precision}{ending}.tflite"
            size = (side, side) if side else None
            try:
                _write(generator, path, precision, size, options)
            except (DataError, ExportError) as error:
                failures.setdefault(f"{error}", []).append(path.name)
        for reason, names in failures.items():
            print(f"error: {', '.join(names)}: {reason}", file=sys.stderr)
    return 1 if failures else 0


def _write(
    generator: Any,
    path: StrPath,
    precision: str,
    input_size: tuple[int, int] | None,
    options: dict,
) -> None:
    """Write one file and its report, and print the report."""
    beside = _report_path(path)
    with silence():
        report = export_tflite(generator, path, input_size, precision, **options)
        with replacing(beside, ExportError) as draft:
            draft.write_text(report.to_json() + "\n")
    print(report)


def _report_path(path: StrPath) -> Path:
    """Return the path of a file's report; raise ExportError if other JSON is there."""
    beside = Path(path).with_suffix(".json")
    with writing(beside, ExportError):
        if beside.exists() and "file_bytes" not in beside.read_text(errors="replace"):
            raise ExportError(
                f"the JSON report would overwrite {beside}, which is not a report; "
                "choose another output name"
            )
    return beside


def _budget(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a number of bytes, or none; not {text!r}")
    return int(text)


def _parse(argv: list[str], prog: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Convert a trained generator to .tflite files, and check that "
        "LiteRT and Keras agree on the result. A JSON report is written next to each.",
    )
    parser.add_argument(
        "--model", help=".keras file, checkpoint, run directory or shipped name"
    )
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--output", metavar="F.tflite", help="the file to write")
    target.add_argument(
        "--all",
        metavar="DIR",
        help="write the whole set to this folder: every precision but int16x8 for any "
        "size, and fixed-size files for GPUs, NPUs and browsers",
    )
    target.add_argument(
        "--describe", metavar="F.tflite", help="print what a file contains, and exit"
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="float16 and dynamic (int8) apply to the weights only, int8 to "
        "everything; int16x8 is int8 weights and 16-bit activations (default: float32)",
    )
    parser.add_argument(
        "--input-size",
        nargs=2,
        type=int,
        metavar=("H", "W"),
        help="fixed input height and width in LR pixels (default: any size)",
    )
    parser.add_argument(
        "--calibration-dir",
        metavar="DIR",
        help="photographs to calibrate int8 and int16x8 on",
    )
    parser.add_argument(
        "--hr-dir",
        nargs="+",
        metavar="DIR",
        help="pictures to compare the PSNR of file and model on; int8 may lose at most "
        "0.2 dB",
    )
    parser.add_argument(
        "--degradation",
        metavar="TEXT",
        help="build how the pictures were made into a conditional model: clean, or "
        "parts such as jpeg=60,noise=5,blur=0,sharpening=0.5,kernel=bicubic (parts "
        "left out mean no damage, and equal odds for all kernels); or auto to build in "
        "the estimator, for whole pictures, in float32 and float16 (default: a second "
        "input, and the estimator in a file next to it)",
    )
    parser.add_argument(
        "--max-bytes",
        type=_budget,
        default=MAX_BYTES,
        metavar="N",
        help="size limit of the file, or none (default: %(default)s)",
    )
    parser.add_argument(
        "--overlap",
        type=int,
        metavar="N",
        help="LR pixels of context that tiles need, noted in the file (default: "
        f"{DEFAULT_OVERLAP}; for int8 all that the network sees, so that tiles equal "
        "the whole picture)",
    )
    args = parser.parse_args(argv)
    if not args.describe and not args.model:
        raise ConfigError("--model is missing: a .keras file or a run directory, say")
    if args.all and (args.precision or args.input_size):
        raise ConfigError(
            "--all writes precisions at their own sizes; give --precision and "
            "--input-size with --output"
        )
    if args.overlap is not None and args.overlap < 0:
        raise ConfigError(f"--overlap must be 0 or more; received {args.overlap}")
    return args
