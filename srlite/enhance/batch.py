"""Enlarge many files, in this process or in several; a bad one stops no other."""

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial

from srlite.backend import silence
from srlite.errors import Cancelled, ConfigError, ImageError, ModelError
from srlite.enhance.file_plan import Pair
from srlite.pictures.writing import takes_quality
from srlite.enhance.inference import enhance_image, load_upscaler
from srlite.enhance.moving import enhance_moving, is_moving

_LOADING = ("model", "sharp_model", "strength", "tile", "overlap", "num_threads")


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes:
        pair: the file and its result.
        error: the sentence that says why there is none, or None.
        size: (height, width) of the result, pixels, or None.
        notes: sentences that the user should read.
    """

    pair: Pair
    error: str | None = None
    size: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


def enhance_file(pair, progress=None, warn=None, **options):
    """Enlarge one file: the one place where the kind of a file chooses the way.

    Args:
        pair: `Pair`; folders of a result that we named are made.
        progress: function (steps done, steps in all); what it raises cancels.
        warn: function (sentence) for what the user should know.
        **options: of `enhance_image`.

    Returns:
        (height, width) of the result, pixels.

    Raises:
        ImageError: as `enhance_image`, and a folder that cannot be made.
        ModelError: as `enhance_image`.
        ConfigError: as `enhance_image`.
    """
    if not pair.named:
        try:
            pair.sr.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImageError(
                f"cannot make the folder {pair.sr.parent}: {error.strerror}"
            ) from error
    if is_moving(pair.lr):
        return _enhance_moving(pair, progress, warn, options)
    # The quality of a batch is meant for those of its files that have one.
    if not pair.named and not takes_quality(pair.sr):
        options = {**options, "quality": None}
    sr = enhance_image(
        lr_path=pair.lr, sr_path=pair.sr, progress=progress, warn=warn, **options
    )
    return sr.shape[:2]


def _enhance_moving(pair, progress, warn, options):
    if options.get("visualize") or options.get("size"):
        raise ConfigError(
            f"a figure shows one picture, and {pair.lr} has several frames; leave "
            "--visualize and --size out"
        )
    upscaler = load_upscaler(**{name: options.get(name) for name in _LOADING})
    rest = {
        name: value
        for name, value in options.items()
        if name not in (*_LOADING, "visualize", "size")
    }
    return enhance_moving(pair.lr, pair.sr, upscaler, progress, warn=warn, **rest)


def enhance_files(
    pairs: tuple[Pair, ...],
    options: dict,
    workers: int = 1,
    progress: Callable[[Pair, int, int], object] | None = None,
) -> Iterator[Outcome]:
    """Enlarge files; close the iterator to stop, which leaves no partial file.

    Args:
        pairs: the files.
        options: of `enhance_image`, the same for all. `num_threads` are divided among
            the workers.
        workers: processes; 1 is this one.
        progress: function (pair, steps done, steps in all), called within a file; by
            one worker only.

    Yields:
        `Outcome` of each file as it is done.

    Raises:
        ModelError: the model cannot be loaded; no file is begun.
        ConfigError: impossible options.
    """
    if workers < 1:
        raise ConfigError(f"workers must be 1 or more; received {workers}")
    workers = min(workers, len(pairs))
    if workers > 1:
        threads = options.get("num_threads") or os.cpu_count() or 1
        options = {**options, "num_threads": max(1, threads // workers)}
    with silence():  # LiteRT tells of its delegates.
        load_upscaler(**{name: options.get(name) for name in _LOADING})
    if workers > 1:
        yield from _in_processes(pairs, options, workers)
        return
    for pair in pairs:
        yield _attempt(pair, options, progress and partial(progress, pair))


def _attempt(pair, options, progress):
    notes = []
    try:
        size = enhance_file(pair, progress, notes.append, **options)
    except (ImageError, ModelError) as error:
        return Outcome(pair, str(error))
    except MemoryError:
        return Outcome(pair, f"there is not enough memory for {pair.lr}")
    return Outcome(pair, size=size, notes=tuple(notes))


def _in_processes(pairs, options, workers):
    # Not a fork of this process: LiteRT's threads would not come along.
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    pool = concurrent.futures.ProcessPoolExecutor(
        workers, context, initializer=_start_worker, initargs=(stop,)
    )
    try:
        with _ignoring_ctrl_c():
            work = {pool.submit(_work, pair, options): pair for pair in pairs}
        for done in concurrent.futures.as_completed(work):
            try:
                yield done.result()
            except BrokenProcessPool:
                yield Outcome(
                    work[done],
                    f"{work[done].lr} is not enlarged, because a worker process ended; "
                    "if memory was short, use fewer workers",
                )
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _ignoring_ctrl_c():
    """For the moment in which processes start, which then ignore it as well.

    Ctrl-C reaches them all; it is the parent that stops the others, between tiles.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _start_worker(stop):
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Windows does not inherit it.


def _work(pair, options):
    def check(done, total):
        if _stop.is_set():
            raise Cancelled("stopped")

    check(0, 1)
    return _attempt(pair, options, check)
