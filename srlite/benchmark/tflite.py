"""What a `.tflite` costs on a CPU: `python -m srlite benchmark tflite F [F ...]`.

All files take turns in one process, so that a machine that slows down slows all; each
table compares its files with the first. A conditional file is told that nothing is
known; `benchmark inference --against` times its estimator too. Peak memory is that of a
process with one file, Python and LiteRT included.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srlite.backend import silence
from srlite.data.degradation_vector import SIZE, Degradation
from srlite.errors import ConfigError, ModelError, SrliteError
from srlite.files import PACKAGE
from srlite.memory import check_memory, cores
from srlite.models.model_files import find_model
from srlite.pictures.levels import to_uint8
from srlite.runtime.runners import LiteRTNetwork

SUMMARY = "latency, memory and throughput of .tflite files"
_MEMORY = """
import sys
import numpy as np
from srlite.data.degradation_vector import Degradation
from srlite.memory import peak_memory
from srlite.runtime.runners import LiteRTNetwork
path, threads, *size = sys.argv[1:]
network = LiteRTNetwork(path, int(threads))
shape = (1, *map(int, size), network.channels)
network(np.zeros(shape, np.float32), Degradation().vector)
print(peak_memory() or "nan")
"""


@dataclass(frozen=True)
class Timing:
    """How one file ran at one size."""

    path: Path
    file_bytes: int
    size: tuple[int, int]  # height, width; LR pixels
    seconds: tuple[float, ...]  # of each call
    megapixels: float  # SR, per call
    peak_mib: float  # of a process with this file alone; NaN where unknown


def benchmark_tflite(paths, sizes, num_threads, turns):
    """Time `.tflite` files by turns, at sizes (height, width) of LR.

    A static file runs at its own size alone. Returns `Timing`s ordered by size, then as
    `paths`; raises ModelError for a file that is damaged or no super-resolution model,
    or needs more memory than there is.
    """
    runs = []
    for path in paths:
        network = LiteRTNetwork(path, num_threads)
        for size in [network.size] if network.size else sizes:
            check_memory(path, size, network.bytes_per_pixel, "give smaller --sizes")
            check_step(path, network, size)
            run = prepare(path, size, num_threads)
            run.invoke()
            runs.append((path, size, network.scale, run))
    runs.sort(key=lambda run: run[1])
    seconds = [[] for _ in runs]
    for _ in range(turns):
        for known, (*_, run) in zip(seconds, runs, strict=True):
            start = time.perf_counter()
            run.invoke()
            known.append(time.perf_counter() - start)
    return [
        Timing(
            path=Path(path),
            file_bytes=Path(path).stat().st_size,
            size=size,
            seconds=tuple(known),
            megapixels=size[0] * size[1] * scale**2 / 1e6,
            peak_mib=float(run_python(_MEMORY, path, num_threads, *size)) / 2**20,
        )
        for known, (path, size, scale, _) in zip(seconds, runs, strict=True)
    ]


def check_step(model, network, size):
    """Raise ModelError if a network would not see all of (height, width)."""
    if any(side % network.step for side in size):
        raise ModelError(
            f"{model} takes sides that are multiples of {network.step} LR pixels; "
            f"received {size[1]} x {size[0]}"
        )


def find_tflite(model):
    """Find the file of a model, which must be a `.tflite`."""
    path = find_model(model)
    if path.suffix != ".tflite":
        raise ModelError(f"{path} is not a .tflite, which is what LiteRT runs")
    return path


def prepare(path, size, num_threads):
    """Make an interpreter whose next `invoke` enlarges noise of (height, width)."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=num_threads)
    entry = picture_input(interpreter)
    if min(entry["shape_signature"]) < 0:
        channels = entry["shape_signature"][-1]
        interpreter.resize_tensor_input(entry["index"], (1, *size, channels))
    interpreter.allocate_tensors()
    noise = np.random.default_rng(0).random((1, *size, 3), np.float32)
    for entry in interpreter.get_input_details():
        value = Degradation().vector[None] if _is_told(entry) else noise
        interpreter.set_tensor(entry["index"], as_taken(entry, value))
    return interpreter


def picture_input(interpreter):
    """Return LiteRT's details of the input that takes the picture."""
    return next(x for x in interpreter.get_input_details() if not _is_told(x))


def as_taken(entry, value):
    """Convert float32 in [0, 1] to the channels and the dtype of an input."""
    value = np.ascontiguousarray(value[..., : entry["shape_signature"][-1]])
    return to_uint8(value) if entry["dtype"] == np.uint8 else value


def _is_told(entry):
    return list(entry["shape"]) == [1, SIZE]


def run_python(code, *arguments):
    """Run code in a process of its own; return what it prints, or SrliteError."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SrliteError(
            f"a measured process ended with status {done.returncode}: {reason}; "
            "out of memory where the status is -9"
        )
    return done.stdout


def add_arguments(parser):
    """Add the options of the command to an `ArgumentParser`."""
    parser.add_argument(
        "models", nargs="+", metavar="F", help=".tflite or shipped name"
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=int,
        default=[128],
        metavar="SIDE",
        help="sides in LR pixels of the squares to use with files that take any "
        "size (default: 128)",
    )
    parser.add_argument(
        "--threads",
        nargs="+",
        type=int,
        default=[cores()],
        metavar="N",
        help="CPU threads, one table per number (default: all)",
    )
    parser.add_argument(
        "--turns", type=int, default=15, metavar="N", help="(default: 15)"
    )


def report(args):
    """Run the measurements and print them."""
    for name in ("sizes", "threads"):
        if min(getattr(args, name)) < 1:
            raise ConfigError(f"--{name} must be 1 or more")
    if args.turns < 2:
        raise ConfigError(f"--turns must be 2 or more; received {args.turns}")
    paths = [find_tflite(model) for model in args.models]
    sizes = [(side, side) for side in args.sizes]
    for threads in args.threads:
        with silence():  # LiteRT tells of its delegates.
            timings = benchmark_tflite(paths, sizes, threads, args.turns)
        print(table(timings, threads), flush=True)


def table(timings, num_threads):
    """Lay out what `benchmark_tflite` returns, as text."""
    width = max(len(timing.path.name) for timing in timings) + 2
    lines = [
        f"{num_threads} thread{'s' if num_threads > 1 else ''}",
        f"{'':{width}}{'size':>9}{'MB':>7}{'ms':>8}{'quartiles':>18}{'against 1st':>13}"
        f"{'Mpixel/s':>10}{'MiB':>6}",
    ]
    for timing in timings:
        low, median, high = np.quantile(timing.seconds, [0.25, 0.5, 0.75])
        first = next(other for other in timings if other.size == timing.size)
        # Neighbours in time are compared, so that a slow spell changes both.
        ratio = np.median(np.divide(first.seconds, timing.seconds))
        lines.append(
            f"{timing.path.name:{width}}{timing.size[0]:>5}x{timing.size[1]:<3}"
            f"{timing.file_bytes / 1e6:7.2f}{1e3 * median:8.1f}"
            f"{f'{1e3 * low:.1f} to {1e3 * high:.1f}':>18}{f'{ratio:.2f} x':>13}"
            f"{timing.megapixels / median:10.2f}{timing.peak_mib:6.0f}"
        )
    return "\n".join(lines)
