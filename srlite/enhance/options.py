"""The options of the command behind `inference.py`."""

import argparse
import functools
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from srlite.enhance.file_plan import STREAM, SUFFIX
from srlite.enhance.video import can_write_video
from srlite.errors import ConfigError, ModelError, arguments_of
from srlite.models.model_files import (
    DEFAULT_MODEL,
    FAITHFUL_MODEL,
    SHARP_MODEL,
    fast_model,
)
from srlite.pictures.writing import can_write
from srlite.runtime.layers import ALPHA
from srlite.runtime.opening import DEFAULT_OVERLAP

_STDOUT = "/dev/stdout"  # which would never end as an input


def parse_options(argv: Sequence[str] | None, prog: str) -> dict[str, Any]:
    """Parse the arguments of the command behind `inference.py` to a dict of options.

    Paths without an option become `lr_path`. Of two, the second becomes `sr_path` if it
    can be an output; with `--overwrite`, it may not be a folder: ConfigError.
    """
    parser = _parser(prog)
    argv = arguments_of(argv)
    end = argv.index("--") if "--" in argv else len(argv)
    # Intermixed, so that options may stand between IN and OUT; such a parser would read
    # options even after "--".
    options = vars(parser.parse_intermixed_args(argv[:end]))
    if options["size"] and not options["visualize"]:
        parser.error("--size is for the figure of --visualize; give both")
    if options.pop("fast"):
        options |= _fast_files(options)
    options["ending"] = with_dot(options["ending"], video=True)
    paths = options.pop("paths") + argv[end + 1 :]
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
    if options["sr_path"] == _STDOUT:
        options["sr_path"] = STREAM
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
    outputs = (STREAM, _STDOUT)
    return path in outputs or not os.path.lexists(path) or os.path.isdir(path)


def with_dot(ending: str | None, video: bool = False) -> str | None:
    """Return an ending as ".png"; refuse one that cannot be written.

    `video` also allows endings of videos.
    """
    if ending is None:
        return None
    dotted = f".{ending.lower().removeprefix('.')}"
    if not can_write(dotted) and not (video and can_write_video(dotted)):
        raise ConfigError(f"pictures cannot be written as {dotted}; use .png")
    return dotted


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog, description="Enlarge pictures by super-resolution."
    )
    add, switch = _adders(parser)
    add(
        "paths",
        "what to enlarge, as with --lr-path; of two, the second is the output, as with "
        "--sr-path, if it does not exist yet or is a folder; - for stdin and stdout",
        nargs="*",
        metavar="PATH",
    )
    _add_file_options(parser.add_argument_group("files"))
    add(
        "--quality",
        "1 to 100, for .jpg, .webp and .avif (default: 95; 100 writes lossless WebP)",
        type=int,
    )
    add(
        "--model",
        "a .tflite file, a .keras file, a checkpoint, a run directory, or a shipped "
        f"model (default: {DEFAULT_MODEL})",
    )
    switch(
        "--fast",
        "run the int8 file of the model: several times faster on most CPUs, and nearly "
        "as accurate",
    )
    _add_size_options(
        parser.add_argument_group(
            "size of the result, exact to the pixel (default: x4)"
        )
    )
    add(
        "--strength",
        "mix the results of two models, from 0, all --model (here by default "
        f"{FAITHFUL_MODEL}), to 1, all --sharp-model",
        type=float,
        metavar="S",
    )
    add(
        "--sharp-model",
        f"the second model for --strength (default: {SHARP_MODEL})",
        metavar="MODEL",
    )
    add(
        "--degradation",
        "how the picture was made, for models that use it: auto to estimate it "
        "(default), clean, or parts such as jpeg=60,noise=5,blur=0,sharpening=0,"
        "kernel=bicubic (JPEG quality, levels, HR pixels); the rest is estimated",
        default="auto",
        metavar="D",
    )
    add(
        "--ensemble",
        "average over 2, 4 or 8 flips and rotations: slightly closer to the original, "
        "and N times slower (default: 1)",
        type=int,
        default=1,
        metavar="N",
    )
    _add_transparency_options(parser.add_argument_group("transparency and textures"))
    add(
        "--tile",
        "side of the part processed at once, in LR pixels (default: what fits the free "
        "memory)",
        type=int,
    )
    add(
        "--overlap",
        "LR pixels of context towards the next tile (default: what the model file asks "
        f"for, else {DEFAULT_OVERLAP})",
        type=int,
    )
    add("--threads", "CPU threads (default: all cores)", type=int)
    switch(
        "--visualize",
        "show LR, bicubic and SR side by side, or save the figure next to the result "
        "if there is no display",
    )
    add("--size", "figure size in inches", type=float, nargs=2, metavar=("W", "H"))
    switch("--deinterlace", "turn the interlaced frames of a video into whole ones")
    _add_comparison_options(parser.add_argument_group("comparison of one picture"))
    switch("--quiet", "hide the progress bar and the summary")
    switch(
        "--json",
        "print one line of JSON per file, and nothing else: input, output, status "
        "(enlarged, skipped or failed), size, notes, error",
    )
    switch(
        "--verbose",
        "print how each picture, or each scene of a video, seems to have been made, "
        "and what the model was told if that differs",
    )
    return parser


def _adders(group: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return functions of (flag, help, ...) that add an option, or a switch."""

    def add(flag: str, help: str, **how: Any) -> None:
        group.add_argument(flag, help=help, **how)

    return add, functools.partial(add, action="store_true")


def _shard(text: str) -> tuple[int, int]:
    """Read K/N as (K, N)."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(
            f"expected K/N with K from 1 to N, such as 3/16; received {text!r}"
        )
    return int(match[1]), int(match[2])


def _add_file_options(group: Any) -> None:
    add, switch = _adders(group)
    add(
        "--lr-path",
        "files, folders and quoted patterns; write ./-x.png for a name that starts "
        "with a dash",
        nargs="+",
        metavar="PATH",
    )
    add(
        "--sr-path",
        "the file to write (.png, .jpg, .webp, .tif, .bmp or .avif; for an animation "
        ".gif, .webp, .png or .avif; for a video .mp4, .mkv, .mov or .webm), or for "
        f"several inputs a folder (default: next to the input, with {SUFFIX} added)",
        metavar="PATH",
    )
    switch("--recursive", "include subfolders")
    add(
        "--page",
        "page of a TIFF, from 1 (default: 1)",
        type=int,
        default=1,
        metavar="N",
    )
    add(
        "--ending",
        "extension of results that you do not name (default: that of the input if it "
        "can be written, otherwise .png)",
        metavar=".E",
    )
    _, exclusive = _adders(group.add_mutually_exclusive_group())
    exclusive("--skip-existing", "keep existing results")
    exclusive(
        "--overwrite",
        "replace existing results; a single file named by --sr-path always is",
    )
    add(
        "--shard",
        "take every N-th file, starting with the K-th, so that N jobs split the work",
        type=_shard,
        default=(1, 1),
        metavar="K/N",
    )
    add(
        "--workers",
        "processes that split the files and the threads (default: one per core if "
        "there are many small pictures, else 1)",
        type=int,
        metavar="N",
    )


def _add_size_options(group: Any) -> None:
    add, _ = _adders(group)
    add("--outscale", "X times the height and width", type=float, metavar="X")
    add("--width", "pixels; keeps the aspect ratio", type=int, metavar="W")
    add(
        "--height",
        "pixels; may stretch if combined with --width",
        type=int,
        metavar="H",
    )
    add("--max-side", "pixels of the longer side", type=int, metavar="M")


def _add_transparency_options(group: Any) -> None:
    add, switch = _adders(group)
    add(
        "--alpha",
        "how transparency is enlarged: by the model (default), or bicubic, which takes "
        "half the time and is softer",
        choices=ALPHA,
        default=ALPHA[0],
    )
    switch(
        "--keep-hidden-colours",
        "enlarge the colours under transparent pixels as they are, for textures whose "
        "alpha is a mask",
    )
    switch("--wrap", "treat opposite edges as joined, for seamless textures")


def _add_comparison_options(group: Any) -> None:
    add, _ = _adders(group)
    add(
        "--compare",
        "write LR, bicubic and SR to compare: .html with a slider, or .png",
        metavar="PATH",
    )
    add("--compare-models", "other models to include", nargs="+", metavar="MODEL")
    add("--hr-path", "the original, if you have it", metavar="PATH")
