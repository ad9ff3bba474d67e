"""The options of the command behind `inference.py`."""

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from srlite.enhance.file_plan import STREAM, SUFFIX
from srlite.errors import ConfigError, ModelError
from srlite.models.model_files import (
    DEFAULT_MODEL,
    FAITHFUL_MODEL,
    SHARP_MODEL,
    fast_model,
)
from srlite.pictures.writing import can_write
from srlite.runtime.layers import ALPHA
from srlite.runtime.opening import DEFAULT_OVERLAP


def parse_options(argv: Sequence[str] | None, prog: str) -> dict[str, Any]:
    """Parse the arguments of the command behind `inference.py` to a dict of options.

    Paths without an option become its `lr_path`, and the last of two, if it is to be
    written, its `sr_path`. A folder given so may not be overwritten: ConfigError.
    """
    parser = _parser(prog)
    # Intermixed, so that options may stand between IN and OUT.
    options = vars(parser.parse_intermixed_args(argv))
    if options.pop("fast"):
        options |= _fast_files(options)
    options["ending"] = _with_dot(options["ending"])
    paths = options.pop("paths")
    if bool(paths) == bool(options["lr_path"]):
        parser.error("give either IN [OUT] or --lr-path")
    if len(paths) == 2 and _is_output(paths[1]):
        if options["sr_path"]:
            parser.error("give either OUT or --sr-path")
        if options["overwrite"] and os.path.isdir(paths[1]):
            raise ConfigError(
                f"the folder {paths[1]} may hold originals; to replace files in it, "
                "name it by --sr-path"
            )
        options["sr_path"] = paths.pop()
    if paths:
        options["lr_path"] = paths
    return options


def _fast_files(options: dict[str, Any]) -> dict[str, Path]:
    """Find the int8 files of the chosen models: dict of option to path."""
    mixed = options["strength"] is not None
    usual = FAITHFUL_MODEL if mixed else DEFAULT_MODEL
    found = {"model": fast_model(options["model"] or usual)}
    if mixed:
        found["sharp_model"] = fast_model(options["sharp_model"] or SHARP_MODEL)
    return found


def could_be_faster(options: dict[str, Any]) -> bool:
    """Whether `--fast` would run other files than the chosen ones."""
    try:
        found = _fast_files(options)
    except ModelError:
        return False
    chosen = {name: Path(options[name] or "").stem for name in found}
    return any(path.stem != chosen[name] for name, path in found.items())


def _is_output(path: str) -> bool:
    """Whether the second of two paths is one to write.

    A shell may have made both of a pattern, so an existing file is an input.
    """
    return path == STREAM or not os.path.lexists(path) or os.path.isdir(path)


def _with_dot(ending: str | None) -> str | None:
    """Return an ending as ".png"; refuse one that cannot be written."""
    if ending is None:
        return None
    dotted = f".{ending.lower().removeprefix('.')}"
    if not can_write(dotted):
        raise ConfigError(f"files ending in {dotted} cannot be written; use .png")
    return dotted


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog, description="Enlarge pictures by super-resolution."
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="what to enlarge, as with --lr-path; of two, the second is the output, as "
        "with --sr-path, if it does not exist yet or is a folder; - for stdin and "
        "stdout",
    )
    _add_file_options(parser)
    parser.add_argument(
        "--quality",
        type=int,
        help="1 to 100, for .jpg, .webp and .avif (default: 95; 100 writes lossless "
        "WebP)",
    )
    parser.add_argument(
        "--model",
        help="a .tflite file, a .keras file, a checkpoint, a run directory, or a "
        f"shipped model (default: {DEFAULT_MODEL})",
    )
    parser.add_argument(
        "--fast",
        action="store_true",
        help="run the int8 file of the model: several times faster on most CPUs, and "
        "nearly as accurate",
    )
    _add_size_options(parser)
    parser.add_argument(
        "--strength",
        type=float,
        metavar="S",
        help="mix the results of two models, from 0, all --model (here by default "
        f"{FAITHFUL_MODEL}), to 1, all --sharp-model",
    )
    parser.add_argument(
        "--sharp-model",
        metavar="MODEL",
        help=f"the second model for --strength (default: {SHARP_MODEL})",
    )
    parser.add_argument(
        "--degradation",
        default="auto",
        metavar="D",
        help="how the picture was made, for models that use it: auto to estimate it "
        "(default), clean, or parts such as jpeg=60,noise=5,blur=0,sharpening=0,"
        "kernel=bicubic (JPEG quality, levels, HR pixels); the rest is estimated",
    )
    parser.add_argument(
        "--ensemble",
        type=int,
        default=1,
        metavar="N",
        help="average over 2, 4 or 8 flips and rotations: slightly closer to the "
        "original, and N times slower (default: 1)",
    )
    _add_transparency_options(parser)
    parser.add_argument(
        "--tile",
        type=int,
        help="side of the part processed at once, in LR pixels (default: what fits the "
        "free memory)",
    )
    parser.add_argument(
        "--overlap",
        type=int,
        help="LR pixels of context towards the next tile (default: what the model file "
        f"asks for, else {DEFAULT_OVERLAP})",
    )
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    parser.add_argument(
        "--visualize",
        action="store_true",
        help="show LR, bicubic and SR side by side, or save the figure next to the "
        "result if there is no display",
    )
    parser.add_argument(
        "--size",
        type=float,
        nargs=2,
        metavar=("W", "H"),
        help="figure size in inches",
    )
    parser.add_argument(
        "--deinterlace",
        action="store_true",
        help="turn the interlaced frames of a video into whole ones",
    )
    _add_comparison_options(parser)
    parser.add_argument(
        "--quiet", action="store_true", help="hide the progress bar and the summary"
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one line of JSON per file, and nothing else: input, output, status "
        "(enlarged, skipped or failed), size, notes, error",
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="print how each picture, or each scene of a video, seems to have been "
        "made, and what the model was told if that differs",
    )
    return parser


def _shard(text: str) -> tuple[int, int]:
    """Read K/N as (K, N)."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(
            f"expected K/N with K from 1 to N, such as 3/16; received {text!r}"
        )
    return int(match[1]), int(match[2])


def _add_file_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("files")
    group.add_argument(
        "--lr-path",
        nargs="+",
        metavar="PATH",
        help="files, folders and quoted patterns; write ./-x.png for a name that "
        "starts with a dash",
    )
    group.add_argument(
        "--sr-path",
        metavar="PATH",
        help="the file to write (.png, .jpg, .webp, .tif, .bmp or .avif; for an "
        "animation .gif, .webp, .png or .avif; for a video .mp4, .mkv, .mov or .webm), "
        "or for several inputs a folder (default: next to the input, with "
        f"{SUFFIX} added)",
    )
    group.add_argument("--recursive", action="store_true", help="include subfolders")
    group.add_argument(
        "--page",
        type=int,
        default=1,
        metavar="N",
        help="page of a TIFF, from 1 (default: 1)",
    )
    group.add_argument(
        "--ending",
        metavar=".E",
        help="extension of results that you do not name (default: that of the input "
        "if it can be written, otherwise .png)",
    )
    existing = group.add_mutually_exclusive_group()
    existing.add_argument(
        "--skip-existing", action="store_true", help="keep existing results"
    )
    existing.add_argument(
        "--overwrite",
        action="store_true",
        help="replace existing results; a single file named by --sr-path always is",
    )
    group.add_argument(
        "--shard",
        type=_shard,
        default=(1, 1),
        metavar="K/N",
        help="take every N-th file, starting with the K-th, so that N jobs split the "
        "work",
    )
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that split the files and the threads (default: one per core "
        "if there are many small pictures, else 1)",
    )


def _add_transparency_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("transparency and textures")
    group.add_argument(
        "--alpha",
        choices=ALPHA,
        default=ALPHA[0],
        help="how transparency is enlarged: by the model (default), or bicubic, which "
        "takes half the time and is softer",
    )
    group.add_argument(
        "--keep-hidden-colours",
        action="store_true",
        help="enlarge the colours under transparent pixels as they are, for textures "
        "whose alpha is a mask",
    )
    group.add_argument(
        "--wrap",
        action="store_true",
        help="treat opposite edges as joined, for seamless textures",
    )


def _add_comparison_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("comparison of one picture")
    group.add_argument(
        "--compare",
        metavar="PATH",
        help="write LR, bicubic and SR to compare: .html with a slider, or .png",
    )
    group.add_argument(
        "--compare-models",
        nargs="+",
        metavar="MODEL",
        help="other models to include",
    )
    group.add_argument("--hr-path", metavar="PATH", help="the original, if you have it")


def _add_size_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "size of the result, exact to the pixel (default: x4)"
    )
    group.add_argument(
        "--outscale", type=float, metavar="X", help="X times the height and width"
    )
    group.add_argument(
        "--width", type=int, metavar="W", help="pixels; keeps the aspect ratio"
    )
    group.add_argument(
        "--height",
        type=int,
        metavar="H",
        help="pixels; may stretch if combined with --width",
    )
    group.add_argument(
        "--max-side", type=int, metavar="M", help="pixels of the longer side"
    )
