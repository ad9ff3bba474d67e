"""The command behind `inference.py`: enlarge files, folders and patterns."""

import contextlib
import sys
import time
from collections.abc import Sequence

from srlite.enhance.batch import enhance_files
from srlite.pictures.decoding import count_pixels
from srlite.enhance.options import parse_options
from srlite.errors import ConfigError, ImageError, SrliteError, one_line
from srlite.enhance.file_plan import plan_files
from srlite.pictures.writing import can_write
from srlite.models.model_files import find_model
from srlite.enhance.moving import is_moving

_COMPARISON = ("compare", "compare_models", "hr_path")


def main(argv: Sequence[str] | None = None, prog: str = "inference.py") -> int:
    """Run the command.

    Args:
        argv: arguments without the program's name; those of the process when None.
        prog: name of the command, for its help.

    Returns:
        Exit status: 0, or 1 when some files failed.

    Raises:
        SrliteError: nothing could be done.
    """
    options = parse_options(argv, prog)
    quiet = options.pop("quiet")
    workers = options.pop("workers")
    options["num_threads"] = options.pop("threads")
    comparison = {name: options.pop(name) for name in _COMPARISON}
    if comparison["compare"] is None and any(comparison.values()):
        raise ConfigError("--compare-models and --hr-path are for --compare; give it")
    plan = plan_files(
        options.pop("lr_path"),
        options.pop("sr_path"),
        options.pop("recursive"),
        _checked_ending(options.pop("ending")),
        options.pop("skip_existing"),
        options.pop("overwrite"),
    )
    count = len(plan.pairs) + plan.skipped + len(plan.failures)
    for name in ("visualize", "compare"):
        if (options | comparison)[name] and count > 1:
            raise ConfigError(f"--{name} shows one picture; received {count}")
    if count == len(plan.failures) == 1:
        raise ImageError(plan.failures[0])
    if comparison["compare"] is None:
        return _run(plan, options, workers, quiet)
    if not plan.pairs:
        raise ConfigError("--compare has nothing to show: the result is there already")
    return _compare(plan, options, quiet, comparison)


def _compare(plan, options, quiet, comparison):
    """Do the work for one picture, and compare."""
    # Only here, because it imports matplotlib.
    from srlite.enhance.compare import check_comparison, write_comparison

    pair, path = plan.pairs[0], comparison["compare"]
    hr_path = comparison["hr_path"]
    check_comparison(path, [pair.lr, pair.sr, *([hr_path] if hr_path else [])])
    for model in comparison["compare_models"] or ():
        find_model(model)
    status = _run(plan, options, 1, quiet)
    mixing = ("model", "sharp_model", "strength", "visualize", "size", "quality")
    others = {name: value for name, value in options.items() if name not in mixing}
    models = comparison["compare_models"] or ()
    write_comparison(path, pair.lr, pair.sr, models, hr_path, **others)
    if not quiet:
        print(f"comparison: {one_line(path)}")
    return status


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
            bar = None
            if not quiet:
                moving = single and is_moving(plan.pairs[0].lr)
                bar = stack.enter_context(_FrameBar() if moving else _Bar(plan.pairs))
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
        refused = isinstance(sys.exception(), SrliteError) and not enlarged
        if not (quiet or single or refused):
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


class _FrameBar:
    """A bar in frames, for one animation or video."""

    def __init__(self):
        self._bar = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._bar is not None:
            self._bar.close()

    def within_file(self, _, done, total):
        """Move on by what is done."""
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(unit="frame")
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def finish(self, _):
        """Do nothing: the last frame was told."""
