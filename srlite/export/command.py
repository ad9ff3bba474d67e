"""The command behind ``export_tflite.py``: one file, the whole set, or a description.

Beside each ``.tflite`` its report is written as JSON. With `--all`, a file that fails
its checks is named, and the others are written all the same.
"""

import argparse
import sys
from pathlib import Path

from srlite.backend import import_keras, silence
from srlite.errors import ConfigError, DataError, ExportError
from srlite.export.export import SAMPLE_PHOTO, export_tflite
from srlite.files import replacing
from srlite.models.loading import find_source, load_generator, scale_of
from srlite.data.photographs import load_images
from srlite.export.psnr_drop import LossMeter
from srlite.export.checks import PRECISIONS
from srlite.models.tflite import describe
from srlite.runtime.upscaler import DEFAULT_OVERLAP

# Static sides in LR pixels of the set that `--all` writes; None is any size.
SHIPPED = tuple((precision, None) for precision in PRECISIONS) + tuple(
    (precision, 128) for precision in ("float32", "float16", "int8")
)


def main(argv=None, prog="export_tflite.py"):
    """Run the command.

    Args:
        argv: arguments; those of the process by default.
        prog: name of the command, for its help.

    Returns:
        Exit status: 0, or 1 when some files of `--all` could not be made.

    Raises:
        SrliteError: as `load_generator` and `export_tflite`.
    """
    args = _parse(argv, prog)
    if args.describe:
        print(describe(args.describe))
        return 0
    import_keras("export", backends=("tensorflow",))
    with silence():
        source = find_source(args.model)
        generator = load_generator(args.model)
    options = {
        "source": source,
        "calibration": args.calibration_dir,
        "overlap": args.overlap,
    }
    if args.hr_dir:
        photos = load_images(args.hr_dir, min_size=2 * scale_of(generator) + 1)
        where = " ".join(map(str, args.hr_dir))
        options["meter"] = LossMeter(generator, photos, where, args.overlap)
        options["photos"] = [SAMPLE_PHOTO, *photos[:4]]
    if args.output:
        precision = args.precision or "float32"
        _write(generator, args.output, precision, args.input_size, options)
        return 0
    return _write_all(generator, Path(args.all), Path(args.model), options)


def _write_all(generator, folder, model, options):
    """Write the whole set; return 1 when a file of it could not be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"cannot make {folder}: {error.strerror}") from None
    name = model.resolve().name if model.is_dir() else model.stem
    failures = {}
    for precision, side in SHIPPED:
        ending = f"_{side}" if side else ""
        path = folder / f"{name}_{precision}{ending}.tflite"
        try:
            _write(generator, path, precision, side and (side, side), options)
        except (DataError, ExportError) as error:
            failures.setdefault(f"{error}", []).append(path.name)
    for reason, names in failures.items():
        print(f"error: {', '.join(names)}: {reason}", file=sys.stderr)
    return 1 if failures else 0


def _write(generator, path, precision, input_size, options):
    """Write one file and its report, and print that."""
    with silence():
        report = export_tflite(generator, path, input_size, precision, **options)
        beside = Path(path).with_suffix(".json")
        try:
            with replacing(beside) as draft:
                draft.write_text(report.to_json() + "\n")
        except OSError as error:
            raise ExportError(f"cannot write {beside}: {error.strerror}") from None
    print(report)


def _parse(argv, prog):
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Convert a trained generator to .tflite files, and prove that "
        "LiteRT computes with them what Keras computes with the model. Beside each "
        "file its report is written as JSON.",
    )
    parser.add_argument(
        "--model", help=".keras file, checkpoint, run directory or shipped name"
    )
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--output", metavar="F.tflite", help="the file to write")
    target.add_argument(
        "--all",
        metavar="DIR",
        help="write the whole set there: every precision at any size, and static "
        "files for GPUs, NPUs and browsers",
    )
    target.add_argument(
        "--describe", metavar="F.tflite", help="print what a file is, and leave"
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="float16 and dynamic (int8) are of the weights alone, int8 is of "
        "everything (default: float32)",
    )
    parser.add_argument(
        "--input-size",
        nargs=2,
        type=int,
        metavar=("H", "W"),
        help="static input of this height and width in LR pixels (default: any size)",
    )
    parser.add_argument(
        "--calibration-dir",
        metavar="DIR",
        help="photographs, which int8 is calibrated on",
    )
    parser.add_argument(
        "--hr-dir",
        nargs="+",
        metavar="DIR",
        help="pictures on which PSNR is measured against the model; int8 may lose at "
        "most 0.2 dB there",
    )
    parser.add_argument(
        "--overlap",
        type=int,
        default=DEFAULT_OVERLAP,
        metavar="N",
        help="LR pixels of context that tiles should have, noted in the file "
        "(default: %(default)s)",
    )
    args = parser.parse_args(argv)
    if not args.describe and not args.model:
        raise ConfigError("--model is missing: a .keras file or a run directory, say")
    if args.all and (args.precision or args.input_size):
        raise ConfigError(
            "--all writes every precision at its own sizes; give --precision and "
            "--input-size with --output"
        )
    if args.overlap < 0:
        raise ConfigError(f"--overlap must be 0 or more; received {args.overlap}")
    return args
