"""The options of the command behind `inference.py`."""

import argparse
import os

from srlite.errors import ConfigError
from srlite.enhance.file_plan import SUFFIX
from srlite.models.model_files import DEFAULT_MODEL, FAITHFUL_MODEL, SHARP_MODEL
from srlite.runtime.upscaler import DEFAULT_OVERLAP


def parse_options(argv, prog):
    """Parse the arguments of the command behind `inference.py`.

    Args:
        argv: arguments without the program's name; those of the process when None.
        prog: name of the command, for its help.

    Returns:
        dict of option to value; `IN` and `OUT` are its `lr_path` and `sr_path`.

    Raises:
        ConfigError: more than these two were given, or they would replace a file.
    """
    parser = _parser(prog)
    # Intermixed, so that options may stand between IN and OUT.
    options = vars(parser.parse_intermixed_args(argv))
    paths = options.pop("paths")
    if bool(paths) == bool(options["lr_path"]):
        parser.error("give either IN [OUT] or --lr-path")
    if len(paths) > 2:
        raise ConfigError(
            f"IN [OUT] are at most two paths, received {len(paths)}; give several "
            "inputs by --lr-path"
        )
    if paths:
        options["lr_path"] = paths[:1]
    if len(paths) == 2:
        if options["sr_path"]:
            parser.error("give either OUT or --sr-path")
        _refuse_replacing(paths[1], options)
        options["sr_path"] = paths[1]
    return options


def _refuse_replacing(path, options):
    """Refuse an OUT that is there: a shell may have made IN and OUT of a pattern."""
    kept = options["skip_existing"] or options["overwrite"]
    if not kept and os.path.lexists(path) and not os.path.isdir(path):
        raise ConfigError(
            f"{path} is there already; replace by --overwrite or --sr-path, or keep "
            "by --skip-existing"
        )


def _parser(prog):
    parser = argparse.ArgumentParser(
        prog=prog, description="Enlarge pictures by super-resolution."
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="IN [OUT]: what to enlarge, and the file or folder to write; short for "
        "--lr-path and --sr-path",
    )
    _add_file_options(parser)
    parser.add_argument(
        "--quality",
        type=int,
        help="1 to 100, of .jpg, .webp and .avif (default: 95; 100 is lossless WebP)",
    )
    parser.add_argument(
        "--model",
        help="a .tflite file, a .keras file, a checkpoint, a run directory, or a "
        f"shipped model (default: {DEFAULT_MODEL})",
    )
    _add_size_options(parser)
    parser.add_argument(
        "--strength",
        type=float,
        metavar="S",
        help="mix two models' pictures, from 0, all of --model (here by default "
        f"{FAITHFUL_MODEL}), to 1, all of --sharp-model",
    )
    parser.add_argument(
        "--sharp-model",
        metavar="MODEL",
        help=f"the second model of --strength (default: {SHARP_MODEL})",
    )
    parser.add_argument(
        "--tile",
        type=int,
        help="LR pixels upscaled at once along a side (default: by the free memory)",
    )
    parser.add_argument(
        "--overlap",
        type=int,
        help=f"LR pixels of context around a tile (default: {DEFAULT_OVERLAP})",
    )
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    parser.add_argument(
        "--visualize",
        action="store_true",
        help="show LR, bicubic and SR side by side; saved beside the result when "
        "there is no display",
    )
    parser.add_argument(
        "--size",
        type=float,
        nargs=2,
        metavar=("W", "H"),
        help="figure size in inches",
    )
    _add_comparison_options(parser)
    parser.add_argument(
        "--quiet", action="store_true", help="no progress bar, no closing line"
    )
    return parser


def _add_file_options(parser):
    group = parser.add_argument_group("files")
    group.add_argument(
        "--lr-path",
        nargs="+",
        metavar="PATH",
        help="files, folders, and patterns in quotes; ./-x.png for a name with a dash",
    )
    group.add_argument(
        "--sr-path",
        metavar="PATH",
        help="for one file the file to write, .png, .jpg, .webp, .tif, .bmp or .avif, "
        "of an animation .gif, .webp or .png, of a video .mp4, .mkv, .mov or .webm; "
        f"else a folder (default: beside the input, with {SUFFIX} after its name)",
    )
    group.add_argument(
        "--recursive", action="store_true", help="take the folders in folders too"
    )
    group.add_argument(
        "--ending",
        metavar=".E",
        help="of results whose name is not given (default: the input's, if it can be "
        "written, else .png)",
    )
    existing = group.add_mutually_exclusive_group()
    existing.add_argument(
        "--skip-existing", action="store_true", help="keep results that are there"
    )
    existing.add_argument(
        "--overwrite",
        action="store_true",
        help="replace results that are there, as is always done with the one file that "
        "--sr-path names",
    )
    group.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="processes that share the files and the threads (default: 1)",
    )


def _add_comparison_options(parser):
    group = parser.add_argument_group("comparison of one picture")
    group.add_argument(
        "--compare",
        metavar="PATH",
        help="write LR, bicubic and SR beside each other: .html under a slider, .png "
        "as a figure",
    )
    group.add_argument(
        "--compare-models",
        nargs="+",
        metavar="MODEL",
        help="further models to compare with",
    )
    group.add_argument("--hr-path", metavar="PATH", help="the original, if you have it")


def _add_size_options(parser):
    group = parser.add_argument_group(
        "size of the result, met to the pixel (default: the model's x4)"
    )
    group.add_argument(
        "--outscale", type=float, metavar="X", help="X times as high and wide"
    )
    group.add_argument(
        "--width", type=int, metavar="W", help="pixels; keeps the proportions"
    )
    group.add_argument(
        "--height", type=int, metavar="H", help="pixels; with --width it may stretch"
    )
    group.add_argument(
        "--max-side", type=int, metavar="M", help="pixels of the longer side"
    )
