"""The command behind `inference.py`: enlarge files, folders and patterns."""

import collections
import contextlib
import functools
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from srlite.data.degradation_vector import parse_degradation
from srlite.enhance.batch import enhance_files
from srlite.enhance.file_plan import STREAM, FilePlan, Pair, kind_of, plan_files
from srlite.enhance.options import could_be_faster, parse_options
from srlite.enhance.video import can_write_video
from srlite.errors import ConfigError, ImageError, SrliteError, error_reason, one_line
from srlite.pictures.decoding import count_pixels, decoding, in_kinds
from srlite.pictures.writing import encoding

_STDIN = "/dev/stdin"
_LONG = 60  # seconds left, from which a faster way is named
_SURE = 5  # seconds taken, from which what is left can be estimated
# Options of the command that are not those of `enhance_file`.
_PLANNING = ("sr_path", "recursive", "ending", "skip_existing", "overwrite", "shard")
_COMPARISON = ("compare", "compare_models", "hr_path")
_OWN = ("json", "verbose", "quiet", "workers", *_COMPARISON)


def main(argv: Sequence[str] | None = None, prog: str = "inference.py") -> int:
    """Run the command; return 0, or 1 when some files failed."""
    options = parse_options(argv, prog)
    with contextlib.ExitStack() as stack:
        folder = functools.cache(functools.partial(_temporary_folder, stack))
        if options["sr_path"] != STREAM:
            return _main(options, folder)
        sr_path = folder() / f"stdout{options['ending'] or '.png'}"
        inputs = options["lr_path"]
        if len(inputs) > 1 or os.path.isdir(inputs[0]):
            raise ConfigError("stdout takes the result of one picture; give a folder")
        for name in ("visualize", "json"):
            if options[name]:
                raise ConfigError(f"--{name} does not go with a result on stdout")
        if getattr(sys.stdout, "name", None) == os.devnull:  # put there by run_command
            raise ConfigError("stdout is closed, so no result can be written to it")
        options |= {"sr_path": sr_path, "ending": None, "quiet": True}
        try:
            with contextlib.redirect_stdout(sys.stderr):
                status = _main(options, folder)
        except SrliteError as error:
            sentence = str(error).replace(str(sr_path), "stdout")
            raise type(error)(sentence) from error
        if sr_path.exists():
            with encoding("stdout"):
                sys.stdout.buffer.write(sr_path.read_bytes())
                sys.stdout.buffer.flush()
        return status


def _temporary_folder(stack: contextlib.ExitStack) -> Path:
    try:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="srlite.")))
    except OSError as error:
        raise ConfigError(
            f"there is no place for temporary files ({error_reason(error)}); set "
            "TMPDIR to a folder that takes them"
        ) from error


def _main(options: dict[str, Any], folder: Callable[[], Path]) -> int:
    """Run the command; `folder` makes one for input that can be read only once."""
    parse_degradation(options["degradation"])
    own = {name: options.pop(name) for name in _OWN}
    own["quiet"] = own["quiet"] or own["json"]
    options["num_threads"] = options.pop("threads")
    if own["compare"] is None and any(own[name] for name in _COMPARISON):
        raise ConfigError("--compare-models and --hr-path are for --compare; give it")
    lr_paths = [_STDIN if p == STREAM else p for p in options.pop("lr_path")]
    plan = plan_files(lr_paths, **{name: options.pop(name) for name in _PLANNING})
    plan = replace(plan, pairs=tuple(_spooled(p, folder) for p in plan.pairs))
    count = len(plan.pairs) + len(plan.skipped) + len(plan.failures)
    for name in ("visualize", "compare"):
        if (options | own)[name] and (count > 1 or own["json"]):
            received = "--json, for programs" if own["json"] else count
            raise ConfigError(f"--{name} shows one picture; received {received}")
    if count == len(plan.failures) == 1:
        raise ImageError(plan.failures[0])
    if own["compare"] is None:
        return _run(plan, options, own)[0]
    if not plan.pairs:
        raise ConfigError("--compare has nothing to show: the result exists already")
    return _compare(plan, options, own)


def _spooled(pair: Pair, folder: Callable[[], Path]) -> Pair:
    """Copy what comes through a pipe to a file, because it can be read only once."""
    is_stdin = pair.lr == Path(_STDIN)
    if is_stdin and not pair.named:
        raise ConfigError("name the result of stdin: a file, or - for stdout")
    if not is_stdin and (os.path.isfile(pair.lr) or not os.path.exists(pair.lr)):
        return pair
    # The name of the result says whether stdin is a video.
    ending = pair.sr.suffix if is_stdin and can_write_video(pair.sr.suffix) else ""
    place = 0 if is_stdin else pair.lr  # Windows has no /dev/stdin.
    with decoding(pair.lr):
        source = Path(tempfile.mkdtemp(dir=folder()), f"{pair.lr.name}{ending}")
        with (
            open(place, "rb", closefd=not is_stdin) as stream,
            open(source, "wb") as file,
        ):
            shutil.copyfileobj(stream, file)
    return replace(pair, source=source)


def _compare(plan: FilePlan, options: dict[str, Any], own: dict[str, Any]) -> int:
    """Enlarge one picture, and compare."""
    # Only here, because it imports matplotlib.
    from srlite.enhance.compare import check_comparison, check_sizes, write_comparison

    (pair,), path, hr_path = plan.pairs, own["compare"], own["hr_path"]
    lr = pair.source or pair.lr
    if kind_of(lr) != "picture":
        raise ConfigError(f"--compare shows one picture; {pair.lr} has several frames")
    models = own["compare_models"] or ()
    check_comparison(path, [pair.lr, pair.sr, *([hr_path] if hr_path else [])])
    check_sizes(lr, pair.sr, models, hr_path, options)
    status, lines = _run(plan, options, own)
    left = {"model", "sharp_model", "strength", "visualize", "size", "quality"}
    left.add("deinterlace")
    write_comparison(
        path,
        lr,
        pair.sr,
        models,
        hr_path,
        caption=" ".join(lines),
        warn=lambda note: _say(f"note: {note}"),
        **{name: value for name, value in options.items() if name not in left},
    )
    if not own["quiet"]:
        print(f"comparison: {one_line(path)}")
    return status


def _run(
    plan: FilePlan, options: dict[str, Any], own: dict[str, Any]
) -> tuple[int, list[str]]:
    """Do the work, report it, and return the exit status and the lines of outcomes."""
    quiet, verbose, as_json = own["quiet"], own["verbose"], own["json"]
    single = len(plan.pairs) == 1 and not plan.skipped and not plan.failures
    for sentence in plan.failures:
        _say(f"error: {sentence}")
    if plan.foreign and not quiet:
        _say(f"note: left out what is not a picture: {in_kinds(plan.foreign)}")
    if plan.earlier and not quiet:
        _say(f"note: results of an earlier run left out: {plan.earlier}")
    for pair in plan.skipped if as_json else ():
        names = {"input": str(pair.lr), "output": str(pair.sr)}
        print(json.dumps(names | {"status": "skipped"}))
    start = time.perf_counter()
    enlarged, failed = 0, len(plan.failures)
    notes: collections.Counter[str] = collections.Counter()
    lines: list[str] = []
    try:
        with contextlib.ExitStack() as stack:
            bar: _FileBar | _FrameBar | None = None
            if not quiet:
                lr = plan.pairs[0].source or plan.pairs[0].lr if single else None
                moving = lr and kind_of(lr) != "picture"
                bar = _FrameBar() if moving else _FileBar(plan.pairs, options)
                stack.callback(bar.close)
            outcomes = enhance_files(
                plan.pairs,
                options,
                own["workers"],
                bar.within_file if bar else None,
                bool(verbose or as_json or own["compare"]),
            )
            for outcome in stack.enter_context(contextlib.closing(outcomes)):
                if bar:
                    bar.finish(outcome.pair)
                for note in dict.fromkeys(outcome.notes):
                    # The end counts the other files for which a note holds.
                    if verbose or not notes[note]:
                        _say(f"note: {_of_file(note, outcome.pair, single)}")
                    notes[note] += 1
                for note in outcome.general:
                    if not notes[note]:
                        _say(f"note: {note}")
                    notes[note] = 1
                lines += outcome.lines
                if as_json:
                    print(json.dumps(outcome.record()), flush=True)
                for line in outcome.lines if verbose and not as_json else ():
                    _say(f"{outcome.pair.lr}: {line}", sys.stdout)
                if outcome.error is None:
                    enlarged += 1
                elif single:
                    raise ImageError(outcome.error)
                else:
                    failed += 1
                    _say(f"error: {outcome.error}")
    finally:
        seconds = time.perf_counter() - start
        for note, count in notes.items():
            if count > 1 and not verbose:
                _say(f"note: {count - 1} more file{'s' * (count > 2)}: {note}")
        refused = isinstance(sys.exception(), SrliteError) and not enlarged
        if not (quiet or single or refused):
            print(
                f"{enlarged} enlarged, {len(plan.skipped)} skipped, {failed} failed "
                f"in {seconds:.1f} s"
            )
    if not quiet and single and outcome.size:
        height, width = outcome.size
        name = one_line(outcome.pair.sr)
        print(f"{name}: {width} x {height} pixels in {seconds:.1f} s")
    if not failed:
        return 0, lines
    return 1 if enlarged or plan.skipped else 2, lines


def _of_file(note: str, pair: Pair, single: bool) -> str:
    """Name the file that a note is about, unless it is the only one or named there."""
    return note if single or str(pair.lr) in note else f"{pair.lr}: {note}"


def _say(sentence: str, file: TextIO | None = None) -> None:
    """Print a line on stderr or another file, above the bar if there is one."""
    tqdm = sys.modules.get("tqdm")
    write = print if tqdm is None else tqdm.tqdm.write
    write(one_line(sentence), file=file or sys.stderr)


class _Bar:
    """A bar that appears with the first step that is done.

    So a command that is refused says its one sentence only.
    """

    _bar: Any = None

    def finish(self, pair: Pair) -> None:
        """Note that a file is done."""

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()

    def _open(self, bar_format: str, rate: str, **options: Any) -> Any:
        from tqdm import tqdm

        times = f"[{{elapsed}}<{{remaining}}, {rate}]"
        self._bar = tqdm(bar_format=f"{bar_format} {times}", **options)
        return self._bar


class _FileBar(_Bar):
    """A bar over all files, in megapixels of input; names `--fast` if much is left."""

    def __init__(self, pairs: Sequence[Pair], options: dict[str, Any]):
        self._megapixels = {p: count_pixels(p.source or p.lr) / 1e6 for p in pairs}
        self._finished = 0.0
        self._count = 0
        self._start = time.time()
        self._options = options  # until it is known whether there is a faster way

    def within_file(self, pair: Pair, done: int, total: int) -> None:
        """Move on within a file, unless it is done in one step."""
        if total > 1:
            self._show(self._finished + self._megapixels[pair] * done / total)

    def finish(self, pair: Pair) -> None:
        """Move to the end of a file."""
        self._finished += self._megapixels[pair]
        self._count += 1
        if self._bar is not None or len(self._megapixels) > 1:
            self._show(self._finished)

    def _show(self, megapixels: float) -> None:
        if self._bar is None:
            self._open(
                "{desc}{percentage:3.0f}%|{bar}| {n:.2f}/{total:.2f} MP",
                "{rate_fmt}",  # seconds per MP where that is the larger number
                total=sum(self._megapixels.values()),
                unit="MP",
                smoothing=0,  # The mean speed: files differ.
            ).start_t = self._start
        if len(self._megapixels) > 1:
            done = f"{self._count}/{len(self._megapixels)} files "
            self._bar.set_description_str(done, refresh=False)
        # Not by the difference, whose rounding errors may pass the total.
        self._bar.n = min(megapixels, self._bar.total)
        self._bar.update(0)
        taken = time.time() - self._start
        left = (self._bar.total / megapixels - 1) * taken if megapixels else 0
        if self._options and taken > _SURE and left > _LONG:
            if could_be_faster(self._options):
                _say(
                    f"note: about {math.ceil(left / 60)} minutes left; --fast runs the "
                    "int8 file of the model, several times faster on most CPUs"
                )
            self._options = {}


class _FrameBar(_Bar):
    """A bar in frames, for one animation or video."""

    def within_file(self, _: Pair, done: int, total: int) -> None:
        """Move to the frames that are done."""
        if self._bar is None:
            self._open(
                "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} frames",
                "{rate_noinv_fmt}",
                initial=done - 1,  # of work that goes on
                total=total,
                unit="frame",
            )
        self._bar.total = total
        self._bar.update(done - self._bar.n)
