"""The options of the command behind `inference.py`."""

import argparse

from srlite.file_plan import SUFFIX
from srlite.upscaler import DEFAULT_MODEL, DEFAULT_OVERLAP, SHARP_MODEL


def enhance_parser():
    """Build the parser of the command behind `inference.py`."""
    parser = argparse.ArgumentParser(
        prog="inference.py", description="Enlarge pictures by super-resolution."
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
        help="mix two models' pictures: 0 is all of --model, 1 all of --sharp-model",
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
        required=True,
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
