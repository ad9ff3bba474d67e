"""Enlarge many files, in this process or in several; a bad one stops no other."""

import concurrent.futures
import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from srlite.backend import silence
from srlite.enhance.animations import enhance_animation
from srlite.enhance.file_plan import Pair, kind_of
from srlite.enhance.inference import enhance_image, load_upscaler
from srlite.enhance.video import enhance_video
from srlite.errors import (
    Cancelled,
    ConfigError,
    ImageError,
    ModelError,
    SrliteError,
    error_reason,
    exit_when_asked,
)
from srlite.memory import available_memory, cores
from srlite.models.model_files import DEFAULT_MODEL, find_model
from srlite.pictures.decoding import count_pixels
from srlite.pictures.writing import check_quality, takes_quality
from srlite.runtime.opening import check_threads
from srlite.runtime.sizes import target_size
from srlite.runtime.telling import left_aside, parts_of

_stop: Any = None  # of a worker: an event, set when the command is over
# Options of `enhance_image`: those of `load_upscaler`, and those that others lack.
_LOADING = (
    *("model", "sharp_model", "strength", "tile", "overlap", "num_threads"),
    "ensemble",
)
SIZES = ("outscale", "width", "height", "max_side")
_NOT_MOVING = ("visualize", "size", "page")
_NOT_VIDEO = ("quality", "alpha", "keep_hidden_colours")
# When several processes are faster than one, and safe: files for each of them, LR
# pixels of the largest picture, and bytes of free memory for each.
_MANY = 32
_SMALL = 300_000
_WORKER_BYTES = 500_000_000


@dataclass(frozen=True)
class Outcome:
    """The outcome for one file."""

    pair: Pair
    error: str | None = None  # why there is no result
    size: tuple[int, int] | None = None  # of the result: height, width
    notes: tuple[str, ...] = ()  # on this file, for the user
    general: tuple[str, ...] = ()  # on all files
    lines: tuple[str, ...] = ()  # what was seen, and told the model, if asked for

    def record(self) -> dict[str, Any]:
        """Return the outcome as a dict for JSON."""
        names = {"input": str(self.pair.lr), "output": str(self.pair.sr)}
        if self.size is None:
            return names | {"status": "failed", "error": self.error}
        more = {"notes": [*self.notes, *self.general], "seen": list(self.lines)}
        height, width = self.size
        return names | {"status": "enlarged", "width": width, "height": height} | more


def enhance_file(
    pair: Pair,
    progress: Callable[[int, int], object] | None,
    warn: Callable[[str], object],
    **options: Any,
) -> tuple[int, int]:
    """Enlarge a picture, an animation or a video, and make the folder of its result.

    A folder that the user named must exist. Options are those of `enhance_image`, and
    `deinterlace`. Returns (height, width) of the result; raises as `enhance_image`.
    """
    if not pair.named:
        try:
            pair.sr.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImageError(
                f"cannot make the folder {pair.sr.parent}: {error.strerror}"
            ) from error
    lr = pair.source or pair.lr
    kind = kind_of(lr)
    if kind != "video":
        options.pop("deinterlace", None)
    # The quality of a batch is meant for those of its files that have one.
    if not pair.named and (kind == "video" or not takes_quality(pair.sr)):
        options["quality"] = None
    if kind == "picture":
        sr = enhance_image(
            lr_path=lr, sr_path=pair.sr, progress=progress, warn=warn, **options
        )
        return sr.shape[:2]
    if options.get("visualize") or options.get("size"):
        raise ConfigError(
            f"a figure shows one picture, and {lr} has several frames; leave "
            "--visualize and --size out"
        )
    if options.get("page", 1) != 1:
        raise ConfigError(f"--page is for TIFF; {lr} is of another kind")
    if kind == "video" and options.get("quality") is not None:
        raise ConfigError(f"quality is for pictures; received one for {pair.sr}")
    upscaler = load_options(options)
    for note in left_aside(upscaler, options.get("degradation", "auto")):
        warn(note)
    left = (*_LOADING, *_NOT_MOVING, *(_NOT_VIDEO if kind == "video" else ()))
    rest = {name: value for name, value in options.items() if name not in left}
    enhance = enhance_video if kind == "video" else enhance_animation
    return enhance(lr, pair.sr, upscaler, progress, warn=warn, **rest)


def load_options(options: dict[str, Any]) -> Any:
    """Return the `Upscaler` of options of `enhance_image`, as `load_upscaler` does."""
    return load_upscaler(**{n: options[n] for n in _LOADING if n in options})


def enhance_files(
    pairs: tuple[Pair, ...],
    options: dict[str, Any],
    workers: int | None = 1,
    progress: Callable[[Pair, int, int], object] | None = None,
    verbose: bool = False,
) -> Generator[Outcome, None, None]:
    """Enlarge files, and yield the `Outcome` of each when it is done.

    Close the iterator to stop, which leaves no partial file.

    Args:
        pairs: the files.
        options: of `enhance_file`, for all. The workers share `num_threads`.
        workers: processes; 1 is this one; `choose_workers` when None.
        progress: function (pair, steps done, steps in all), called within a file by a
            single worker.
        verbose: whether outcomes have `lines`.

    Raises:
        SrliteError: an unusable model or an impossible option; no file is begun.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"workers must be 1 or more; received {workers}")
    _check(options)
    workers = min(workers or choose_workers(pairs, options), len(pairs))
    if workers > 1:
        threads = options.get("num_threads") or cores()
        options = {**options, "num_threads": max(1, threads // workers)}
    with silence():  # LiteRT reports its delegates.
        load_options(options)
    if workers > 1:
        yield from _in_processes(pairs, options, workers, verbose)
    else:
        yield from _one_by_one(pairs, options, verbose, progress)


def choose_workers(pairs: Sequence[Pair], options: dict[str, Any]) -> int:
    """Return how many processes enlarge these files soonest.

    Many small pictures get a process for each core: one reads and writes while others
    compute. All else gets 1: few or large files, which are done soonest when all cores
    work on one picture; results of a given size, which may be large; and models that
    are slow to load.
    """
    workers = min(
        options.get("num_threads") or cores(),
        len(pairs) // _MANY,
        available_memory() // _WORKER_BYTES,
    )
    models = (options.get("model") or DEFAULT_MODEL, options.get("sharp_model"))
    if (
        workers < 2
        or any(options.get(name) for name in SIZES)
        or any(model and find_model(model).suffix != ".tflite" for model in models)
    ):
        return 1
    files = (pair.source or pair.lr for pair in pairs)
    small = all(kind_of(f) == "picture" and count_pixels(f) <= _SMALL for f in files)
    return workers if small else 1


def _check(options: dict[str, Any]) -> None:
    """Raise ConfigError for options that are impossible for any file."""
    parts_of(options.get("degradation", "auto"))
    check_threads(options.get("num_threads"))
    check_quality(options.get("quality"))
    sizes = {name: options.get(name) for name in SIZES}
    with contextlib.suppress(ImageError):  # too large for this one
        target_size((1, 1), 1, **sizes)


def _one_by_one(
    pairs: Sequence[Pair],
    options: dict[str, Any],
    verbose: bool,
    progress: Callable[[Pair, int, int], object] | None,
) -> Iterator[Outcome]:
    for pair in pairs:
        yield _attempt(pair, options, verbose, progress and partial(progress, pair))


def _attempt(
    pair: Pair,
    options: dict[str, Any],
    verbose: bool,
    progress: Callable[[int, int], object] | None,
) -> Outcome:
    notes: list[str] = []
    lines: list[str] = []
    say = lines.append if verbose else None
    try:
        size = enhance_file(pair, progress, notes.append, say=say, **options)
    except Cancelled:
        raise
    except ModelError as error:  # such as one that lacks memory for this picture
        return Outcome(pair, f"{pair.lr}: {error}")
    except SrliteError as error:
        sentence = str(error).replace(str(pair.source or pair.lr), str(pair.lr))
        return Outcome(pair, sentence)
    except MemoryError:
        return Outcome(pair, f"there is not enough memory for {pair.lr}")
    return Outcome(pair, size=size, notes=tuple(notes), lines=tuple(lines))


def _in_processes(
    pairs: Sequence[Pair], options: dict[str, Any], workers: int, verbose: bool
) -> Iterator[Outcome]:
    try:
        # Not a fork of this process: LiteRT's threads would not come along.
        context = multiprocessing.get_context("spawn")
        stop = context.Event()
        pool = concurrent.futures.ProcessPoolExecutor(
            workers, context, initializer=_start_worker, initargs=(stop, options)
        )
    except (OSError, ImportError, NotImplementedError) as error:
        # Python raises each of them on some system without shared semaphores.
        reason = error_reason(error)
        note = f"there are no worker processes here ({reason}), so one does the work"
        for outcome in _one_by_one(pairs, options, verbose, None):
            yield replace(outcome, general=(note,))
        return
    try:
        with _ignoring_ctrl_c():
            work = {pool.submit(_work, pair, options, verbose): pair for pair in pairs}
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
def _ignoring_ctrl_c() -> Iterator[None]:
    """Ignore Ctrl-C while processes start, which then ignore it too.

    Ctrl-C reaches them all; the parent stops the others, between tiles.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _start_worker(stop: Any, options: dict[str, Any]) -> None:
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Windows does not inherit it.
    exit_when_asked()
    with contextlib.suppress(SrliteError), silence():
        load_options(options)


def _work(pair: Pair, options: dict[str, Any], verbose: bool) -> Outcome:
    def check(done: int, total: int) -> None:
        if _stop.is_set():
            raise Cancelled("stopped")

    check(0, 1)
    return _attempt(pair, options, verbose, check)
