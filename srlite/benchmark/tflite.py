"""What a `.tflite` costs on a CPU: `python -m srlite.benchmark.training tflite F [F ...]`.

All files take turns in one process, so that a machine that slows down slows all; what
is compared is what stands in one table. The matrix product takes its turn too: the
fastest one of float32 is the peak that the convolutions' GFLOP/s are set against
(an int8 file may pass it). Peak memory is that of a process of its own with one file,
Python and LiteRT included.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srlite.backend import silence
from srlite.errors import ConfigError, ModelError
from srlite.pictures.picture import to_uint8
from srlite.models.model_files import find_model
from srlite.runtime.runners import LiteRTNetwork
from srlite.export.checks import operators

SUMMARY = "latency, memory and throughput of .tflite files"
_SIDE = 1536  # of the matrices: large enough for the peak, some tens of milliseconds

# BLAS reads its number of threads when it is loaded, so it has a process of its own.
_PRODUCTS = """
import sys, time
import numpy as np
side = int(sys.argv[1])
a = np.random.default_rng(0).random((side, side), np.float32)
a @ a
for line in sys.stdin:
    start = time.perf_counter()
    a @ a
    print(time.perf_counter() - start, flush=True)
"""
_MEMORY = """
import sys
import numpy as np
from srlite.runtime.runners import LiteRTNetwork
path, threads, *size = sys.argv[1:]
network = LiteRTNetwork(path, int(threads))
network(np.zeros((1, *map(int, size), 3), np.float32))
try:
    lines = open("/proc/self/status").read().splitlines()
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
except OSError:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak // 1024 if sys.platform == "darwin" else peak)
"""


@dataclass(frozen=True)
class Timing:
    """How one file ran at one size.

    Attributes:
        path: the file.
        file_bytes: its size.
        size: (height, width) in LR pixels.
        seconds: of each call.
        megapixels: SR megapixels of one call.
        gflop: of the convolutions of one call, a multiplication and an addition
            counted as two, whatever their type.
        peak_mib: most memory of a process with this file alone, in MiB.
    """

    path: Path
    file_bytes: int
    size: tuple[int, int]
    seconds: tuple[float, ...]
    megapixels: float
    gflop: float
    peak_mib: float

    def quartiles(self):
        """Return lower quartile, median and upper quartile in seconds."""
        return np.quantile(self.seconds, [0.25, 0.5, 0.75])


def benchmark_tflite(paths, sizes, num_threads, turns):
    """Time files side by side.

    Args:
        paths: `.tflite` files, RGB.
        sizes: (height, width) in LR pixels; a static file runs at its own size alone.
        num_threads: CPU threads.
        turns: calls of each file at each size, one per turn.

    Returns:
        (timings, peak): list of `Timing`, by size, then in the order of `paths`; the
        machine's fastest float32 matrix product with as many threads, GFLOP/s.

    Raises:
        ModelError: a file is missing, damaged or no RGB super-resolution model.
    """
    runs = []
    for path in paths:
        network = LiteRTNetwork(path, num_threads)
        for size in [network.size] if network.size else sizes:
            run = _prepare(path, size, num_threads)
            run.invoke()
            runs.append((path, size, network.scale, run))
    runs.sort(key=lambda run: run[1])
    seconds = [[] for _ in runs]
    with _MatrixProducts(num_threads) as products:
        for _ in range(turns):
            products.run()
            for known, (*_, run) in zip(seconds, runs, strict=True):
                start = time.perf_counter()
                run.invoke()
                known.append(time.perf_counter() - start)
    timings = [
        Timing(
            path=Path(path),
            file_bytes=Path(path).stat().st_size,
            size=size,
            seconds=tuple(known),
            megapixels=size[0] * size[1] * scale**2 / 1e6,
            gflop=count_flop(path, size) / 1e9,
            peak_mib=_peak_memory(path, size, num_threads),
        )
        for known, (path, size, scale, _) in zip(seconds, runs, strict=True)
    ]
    return timings, products.peak


def count_flop(path, size):
    """Count what the convolutions of a `.tflite` compute on one picture.

    Args:
        path: the file.
        size: (height, width) in LR pixels.

    Returns:
        Multiplications and additions together.
    """
    # A delegate would keep the shapes inside to itself.
    interpreter = _prepare(path, size, 1, delegates=False)
    shapes = {d["index"]: d["shape"] for d in interpreter.get_tensor_details()}
    total = 0
    for name, op in operators(Path(path).read_bytes()):
        if name == "CONV_2D":
            kernel, places = shapes[op.Inputs(1)], shapes[op.Outputs(0)][:3]
            total += 2 * int(np.prod(kernel)) * int(np.prod(places))
    return total


def _prepare(path, size, num_threads, delegates=True):
    """Make an interpreter whose next `invoke` enlarges noise of (height, width)."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = OpResolverType.AUTO
    if not delegates:
        kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(
        str(path), num_threads=num_threads, experimental_op_resolver_type=kernels
    )
    entry = interpreter.get_input_details()[0]
    if min(entry["shape_signature"]) < 0:
        interpreter.resize_tensor_input(entry["index"], (1, *size, 3))
    interpreter.allocate_tensors()
    noise = np.random.default_rng(0).random((1, *size, 3), np.float32)
    takes_levels = entry["dtype"] == np.uint8
    interpreter.set_tensor(entry["index"], to_uint8(noise) if takes_levels else noise)
    return interpreter


class _MatrixProducts:
    """Matrix products in a process with its own number of threads."""

    def __init__(self, num_threads):
        self._threads = num_threads
        self._best = np.inf

    def __enter__(self):
        names = ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB_MAXIMUM")
        limits = {f"{name}_NUM_THREADS": str(self._threads) for name in names}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PRODUCTS, str(_SIDE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **limits},
        )
        return self

    def run(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._best = min(self._best, float(self._process.stdout.readline()))

    @property
    def peak(self):
        """GFLOP/s of the fastest so far."""
        return 2 * _SIDE**3 / self._best / 1e9

    def __exit__(self, *error):
        self._process.communicate()


def _peak_memory(path, size, num_threads):
    """Measure a process of its own, in MiB."""
    arguments = (path, num_threads, *size)
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    return int(done.stdout) / 1024


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
        help="sides in LR pixels of the squares that files of any size enlarge "
        "(default: 128)",
    )
    parser.add_argument(
        "--threads",
        nargs="+",
        type=int,
        default=[os.cpu_count() or 1],
        metavar="N",
        help="CPU threads, one table for each (default: all)",
    )
    parser.add_argument(
        "--turns", type=int, default=15, metavar="N", help="(default: 15)"
    )


def report(args):
    """Measure what `args` of `add_arguments` say, and print it."""
    for name in ("sizes", "threads"):
        if min(getattr(args, name)) < 1:
            raise ConfigError(f"--{name} must be 1 or more")
    if args.turns < 2:
        raise ConfigError(f"--turns must be 2 or more; received {args.turns}")
    paths = [find_model(model) for model in args.models]
    for path in paths:
        if path.suffix != ".tflite":
            raise ModelError(f"{path} is not a .tflite, which is what LiteRT runs")
    sizes = [(side, side) for side in args.sizes]
    for threads in args.threads:
        with silence():  # LiteRT tells of its delegates.
            timings, peak = benchmark_tflite(paths, sizes, threads, args.turns)
        print(table(timings, peak, threads), flush=True)


def table(timings, peak, num_threads):
    """Lay out what `benchmark_tflite` returns, as text."""
    width = max(len(timing.path.name) for timing in timings) + 2
    lines = [
        f"{num_threads} thread{'s' if num_threads > 1 else ''}, fastest matrix product "
        f"{peak:.1f} GFLOP/s (float32)",
        f"{'':{width}}{'size':>9}{'MB':>7}{'ms':>8}{'quartiles':>18}{'against 1st':>13}"
        f"{'Mpixel/s':>10}{'GFLOP/s':>9}{'of peak':>9}{'MiB':>6}",
    ]
    for timing in timings:
        low, median, high = timing.quartiles()
        first = next(other for other in timings if other.size == timing.size)
        # Neighbours in time are compared, so that a slow spell changes both.
        ratio = np.median(np.divide(first.seconds, timing.seconds))
        speed = timing.gflop / median
        lines.append(
            f"{timing.path.name:{width}}{timing.size[0]:>5}x{timing.size[1]:<3}"
            f"{timing.file_bytes / 1e6:7.2f}{1e3 * median:8.1f}"
            f"{f'{1e3 * low:.1f} to {1e3 * high:.1f}':>18}{f'{ratio:.2f} x':>13}"
            f"{timing.megapixels / median:10.2f}{speed:9.1f}{speed / peak:9.0%}"
            f"{timing.peak_mib:6.0f}"
        )
    return "\n".join(lines)
