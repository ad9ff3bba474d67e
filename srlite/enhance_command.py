"""The command behind `inference.py`: enlarge files, folders and patterns."""

import argparse
import contextlib
import sys
import time

from srlite.batch import enhance_files
from srlite.decoding import count_pixels
from srlite.errors import ConfigError, ImageError, one_line
from srlite.file_plan import SUFFIX, plan_files
from srlite.image_writing import can_write
from srlite.upscaler import DEFAULT_MODEL, DEFAULT_OVERLAP, SHARP_MODEL


def main(argv=None):
    """Run the command.

    Args:
        argv: arguments without the program's name; those of the process when None.

    Returns:
        Exit status: 0, or 1 when some files failed.

    Raises:
        SrliteError: nothing could be done.
    """
    options = vars(_parser().parse_args(argv))
    quiet = options.pop("quiet")
    workers = options.pop("workers")
    options["num_threads"] = options.pop("threads")
    plan = plan_files(
        options.pop("lr_path"),
        options.pop("sr_path"),
        options.pop("recursive"),
        _checked_ending(options.pop("ending")),
        options.pop("skip_existing"),
        options.pop("overwrite"),
    )
    count = len(plan.pairs) + plan.skipped + len(plan.failures)
    if options["visualize"] and count > 1:
        raise ConfigError(f"--visualize shows one picture; received {count}")
    if count == len(plan.failures) == 1:
        raise ImageError(plan.failures[0])
    return _run(plan, options, workers, quiet)


def _run(plan, options, workers, quiet):
    """Do the work, tell of it, and return the exit status."""
    single = len(plan.pairs) == 1 and not plan.skipped and not plan.failures
    for sentence in plan.failures:
        _say(f"error: {sentence}")
    if plan.foreign and not quiet:
        _say(f"note: files left out that are no pictures: {plan.foreign}")
    if plan.earlier and not quiet:
        _say(f"note: results of an earlier run left out: {plan.earlier}")
    start = time.perf_counter()
    enlarged, failed = 0, len(plan.failures)
    try:
        with contextlib.ExitStack() as stack:
            bar = None if quiet else stack.enter_context(_Bar(plan.pairs))
            outcomes = enhance_files(
                plan.pairs, options, workers, bar and bar.within_file
            )
            for outcome in stack.enter_context(contextlib.closing(outcomes)):
                if bar:
                    bar.finish(outcome.pair)
                for note in outcome.notes:
                    _say(f"note: {note}")
                if outcome.error is None:
                    enlarged += 1
                elif single:
                    raise ImageError(outcome.error)
                else:
                    failed += 1
                    _say(f"error: {outcome.error}")
    finally:
        seconds = time.perf_counter() - start
        if not quiet and not single:
            print(
                f"{enlarged} enlarged, {plan.skipped} skipped, {failed} failed "
                f"in {seconds:.1f} s"
            )
    if not quiet and single:
        height, width = outcome.size
        name = one_line(outcome.pair.sr)
        print(f"{name}: {width} x {height} pixels in {seconds:.1f} s")
    if not failed:
        return 0
    return 1 if enlarged or plan.skipped else 2


def _say(sentence):
    """Print a line on stderr, above the bar if there is one."""
    tqdm = sys.modules.get("tqdm")
    if tqdm is None:
        print(one_line(sentence), file=sys.stderr)
    else:
        tqdm.tqdm.write(one_line(sentence), file=sys.stderr)


def _checked_ending(ending):
    if ending is None:
        return None
    dotted = f".{ending.lower().removeprefix('.')}"
    if not can_write(dotted):
        raise ConfigError(f"files ending in {dotted} cannot be written; use .png")
    return dotted


class _Bar:
    """One bar over all files, in megapixels of input.

    It appears with the first tile or file that is done, so that a command that is
    refused says its one sentence only.
    """

    def __init__(self, pairs):
        self._megapixels = {pair: count_pixels(pair.lr) / 1e6 for pair in pairs}
        self._finished = 0.0
        self._count = 0
        self._bar = None
        self._start = time.time()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._bar is not None:
            self._bar.close()

    def within_file(self, pair, done, total):
        """Move on within a file, but not for one that is done in one step."""
        if total > 1:
            self._show(self._finished + self._megapixels[pair] * done / total)

    def finish(self, pair):
        """Move to the end of a file."""
        self._finished += self._megapixels[pair]
        self._count += 1
        if self._bar is not None or len(self._megapixels) > 1:
            self._show(self._finished)

    def _show(self, megapixels):
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=sum(self._megapixels.values()),
                unit="MP",
                smoothing=0,  # The mean speed: files differ.
                bar_format="{desc}{percentage:3.0f}%|{bar}| {n:.2f}/{total:.2f} MP "
                "[{elapsed}<{remaining}, {rate_noinv_fmt}]",
            )
            self._bar.start_t = self._start
        if len(self._megapixels) > 1:
            done = f"{self._count}/{len(self._megapixels)} files "
            self._bar.set_description_str(done, refresh=False)
        self._bar.update(megapixels - self._bar.n)


def _parser():
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
        help="for one file the file to write, .png, .jpg, .webp, .tif, .bmp or .avif; "
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
