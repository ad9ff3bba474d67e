"""Two models side by side: `python -m srlite benchmark inference --against OTHER`.

Both enlarge one picture whole, in one call, by turns in one process. The estimator of a
conditional model looks at the picture once, and its share is reported. CPU time of all
threads counts, because other work on the machine hardly changes it.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srlite.backend import silence
from srlite.benchmark.tflite import check_step
from srlite.errors import ConfigError, ModelError
from srlite.memory import check_memory, cores
from srlite.pictures.levels import to_float
from srlite.pictures.picture import read_rgb
from srlite.runtime.upscaler import Upscaler


@dataclass(frozen=True)
class Costs:
    """What one model took, in seconds, one value for each round."""

    name: str
    cpu: tuple[float, ...]  # of the network, all threads together
    wall: tuple[float, ...]
    seeing_cpu: tuple[float, ...]  # of its estimator; zeros where it has none
    seeing_wall: tuple[float, ...]

    @property
    def all_cpu(self):
        """CPU seconds of network and estimator in each round."""
        return tuple(map(sum, zip(self.cpu, self.seeing_cpu, strict=True)))

    @property
    def share(self):
        """Share of the estimator in the CPU time, median of the rounds."""
        return float(np.median(_divide(self.seeing_cpu, self.all_cpu)))


def mirrored_to(image, size):
    """Fill (height, width) with a uint8 photo and its mirror images.

    Raises ModelError where the memory does not hold that.
    """
    check_memory("the picture", size, 2 * image.shape[2], "give a smaller one")
    height, width = (max(0, side - own) for side, own in zip(size, image.shape))
    margins = ((0, height), (0, width), (0, 0))
    return np.pad(image, margins, mode="symmetric")[: size[0], : size[1]]


def time_against(models, image, rounds, num_threads):
    """Time models on one uint8 picture (H, W, 3), by turns: a list of `Costs`.

    A first round does not count. Raises ModelError for a model that cannot be used,
    does not take this size, enlarges otherwise than the first, or needs more memory
    than there is.
    """
    runs = [_prepare(model, image, num_threads) for model in models]
    for model, (upscaler, _) in zip(models, runs, strict=True):
        if upscaler.scale != runs[0][0].scale:
            raise ModelError(
                f"{model} enlarges {upscaler.scale} times and {models[0]} "
                f"{runs[0][0].scale} times; give models of one scale"
            )
    taken = [[] for _ in runs]
    for number in range(rounds + 1):
        for own, (upscaler, enlarge) in zip(taken, runs, strict=True):
            network = _timed(enlarge)
            conditional = upscaler.estimator is not None
            seeing = _timed(lambda: upscaler.estimate(image)) if conditional else (0, 0)
            if number:
                own.append((*network, *seeing))
    return [
        Costs(Path(model).name, *zip(*own, strict=True))
        for model, own in zip(models, taken, strict=True)
    ]


def open_any_size(model, num_threads):
    """Load an `Upscaler`, or raise ModelError if it takes one size only."""
    upscaler = Upscaler.from_file(model, num_threads=num_threads)
    if upscaler.network.size is not None:
        height, width = upscaler.network.size
        raise ModelError(
            f"{model} takes {width} x {height} pixels only; give a model of any size"
        )
    return upscaler


def _prepare(model, image, num_threads):
    """Load a model: its `Upscaler`, and a function that enlarges the picture once."""
    upscaler = open_any_size(model, num_threads)
    network = upscaler.network
    need = network.bytes_per_pixel
    check_memory(model, image.shape[:2], need, "give a smaller --size")
    check_step(model, network, image.shape[:2])
    told = upscaler.tell(image)
    inputs = [to_float(image)[None]]
    inputs += [] if told is None else [told.vector]
    return upscaler, lambda: network(*inputs)


def _timed(work):
    """Return (CPU seconds, seconds) of a call."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def report_against(args):
    """Run the measurement and print it."""
    if min(args.size) < 1:
        raise ConfigError(f"--size must be 1 or more; received {min(args.size)}")
    threads = args.threads or cores()
    image = mirrored_to(read_rgb(args.lr_path), args.size[::-1])
    with silence():  # LiteRT tells of its delegates.
        costs = time_against((args.model, args.against), image, args.rounds, threads)
    print(table(costs, image.shape, threads))


def table(costs, shape, num_threads):
    """Lay out the `Costs` of two models on a picture of some shape, as text."""
    model, other = costs
    width = max(22, *(len(one.name) + 2 for one in costs))
    lines = [
        f"{shape[1]} x {shape[0]} LR pixels in one call, {len(model.cpu)} rounds on "
        f"{num_threads} thread{'s' * (num_threads > 1)}; medians (quartiles)",
        f"{'':{width}}{'CPU s':>24}{'s':>24}",
    ]
    for one in costs:
        lines.append(f"{one.name:{width}}{_seconds(one.cpu)}{_seconds(one.wall)}")
        if any(one.seeing_cpu):
            lines.append(
                f"{'  its estimator':{width}}{_seconds(one.seeing_cpu)}"
                f"{_seconds(one.seeing_wall)}, {one.share:.1%} of its CPU time"
            )
    lines.append(f"{'ratio':{width}}{_ratio(model.all_cpu, other.all_cpu)}")
    if any(model.seeing_cpu) or any(other.seeing_cpu):
        lines.append(f"{'without estimators':{width}}{_ratio(model.cpu, other.cpu)}")
    return "\n".join(lines)


def _ratio(ours, theirs):
    """Compare neighbours in time, so that a slow spell changes both."""
    return _seconds(_divide(ours, theirs))


def _divide(ours, theirs):
    """Divide, with NaN where a coarse clock measured 0."""
    found = np.full(len(ours), np.nan)
    return np.divide(ours, theirs, out=found, where=np.greater(theirs, 0))


def _seconds(values):
    return f"{spread(values, '.3f'):>24}"


def spread(values, form):
    """Return "median (lower quartile to upper quartile)", each in a number format."""
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{median:{form}} ({low:{form}} to {high:{form}})"
