"""What enlarging costs: `python -m srlite benchmark inference`.

- the whole command (start, reading, tiles, rounding, writing) against bare LiteRT calls
  on the same tiles and, where memory allows, against one call on the whole picture;
- LR pixels that tiles compute, against those of the picture;
- peak memory, against the promise of 7 bytes per SR pixel and 500 MB;
- the largest difference between tiles and the whole picture in one call.

`--against` compares two models instead (`against`). Commands run in processes of their
own, by turns, so that a machine that slows down slows all. Large pictures are the
photo, mirrored again and again.
"""

import math
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from srlite.benchmark.against import mirrored_to, open_any_size, report_against, spread
from srlite.benchmark.tflite import (
    as_taken,
    find_tflite,
    picture_input,
    prepare,
    run_python,
)
from srlite.enhance.options import with_dot
from srlite.errors import ConfigError
from srlite.files import SAMPLE
from srlite.memory import available_memory, cores
from srlite.models.model_files import DEFAULT_MODEL
from srlite.pictures.levels import to_float
from srlite.pictures.picture import read_rgb
from srlite.runtime.tiling import computed_pixels, tiles
from srlite.runtime.upscaler import Upscaler

SUMMARY = "the command that enlarges, against bare LiteRT"
_CROP = 512  # LR pixels of a photo that are compared with one call on the whole

_CHILD = """
import sys
from srlite.enhance.command import main
from srlite.memory import peak_memory
status = main(sys.argv[1:])
print(peak_memory() or "nan")
sys.exit(status)
"""


def enlarged_by_mirrors(image, megapixels):
    """Make a picture of `megapixels`, about 3:2, of a photo and its mirror images."""
    height = max(1, round(math.sqrt(megapixels * 1e6 / 1.5)))
    width = max(1, round(1.5 * height))
    return mirrored_to(image, (height, width))


def run_enlarging(lr_path, sr_path, *options):
    """Run the command behind `inference.py` in a process of its own.

    Returns (seconds, peak memory in bytes, NaN where unknown).
    """
    paths = ("--lr-path", lr_path, "--sr-path", sr_path)
    start = time.perf_counter()
    peak = run_python(_CHILD, *paths, "--quiet", *options).split()[-1]
    return time.perf_counter() - start, float(peak)


class BareLiteRT:
    """A `.tflite` on LiteRT for inputs of one shape, with nothing around it."""

    def __init__(self, path, num_threads, batches):
        """Load a file, and call it once: what this allocates is not timed.

        `batches` are the calls to time, float32 (1, h, w, 3), all of one shape.
        """
        self._interpreter = prepare(path, batches[0].shape[1:3], num_threads)
        entry = picture_input(self._interpreter)
        self._batches = [as_taken(entry, batch) for batch in batches]
        self._input = entry["index"]
        self._interpreter.invoke()

    def seconds(self):
        """Time the calls, one after the other."""
        start = time.perf_counter()
        for batch in self._batches:
            self._interpreter.set_tensor(self._input, batch)
            self._interpreter.invoke()
        return time.perf_counter() - start


def time_overhead(path, image, rounds, num_threads, ending):
    """Time the whole command and bare calls of a `.tflite` of any size, by turns.

    Returns dict of lists of seconds, one per round: of the command on one pixel,
    `start`, and on the picture, `command`; of bare calls on the same tiles, `tiles`,
    and of one on the picture, `whole`, empty where memory does not allow it; and
    `window`, (height, width) in LR pixels of a tile.
    """
    upscaler = Upscaler.from_file(path, num_threads=num_threads)
    window = _window(upscaler, image.shape[:2])
    parts = tiles(image.shape, upscaler.scale, window, upscaler.overlap)
    seen = [to_float(part.cut(image)) for part in parts]
    bare = {"tiles": BareLiteRT(path, num_threads, seen)}
    room = 1.2 * upscaler.network.bytes_per_pixel * image.shape[0] * image.shape[1]
    if room < available_memory():
        bare["whole"] = BareLiteRT(path, num_threads, [to_float(image)[None]])
    options = ("--model", path, "--threads", num_threads)
    found = {name: [] for name in ("start", "command", "tiles", "whole")}
    with tempfile.TemporaryDirectory() as folder:
        lr, dot, sr = (Path(folder) / f"{n}.png" for n in ("lr", "dot", "sr"))
        Image.fromarray(image).save(lr)
        Image.fromarray(image[:1, :1]).save(dot)
        for _ in range(rounds):
            found["start"].append(run_enlarging(dot, sr, *options)[0])
            target = sr.with_suffix(ending)
            found["command"].append(run_enlarging(lr, target, *options)[0])
            for name, network in bare.items():
                found[name].append(network.seconds())
    return {**found, "window": window}


def _window(upscaler, lr_size):
    """Return the window in which the network sees a picture."""
    return upscaler.choose_window(lr_size, [upscaler.scale * n for n in lr_size])


def compare_with_whole(model, image, num_threads):
    """Enlarge a uint8 picture in tiles and in one call, which must have the memory.

    Returns (largest difference in levels, share of values that differ, side of a tile).
    """
    tile = -(-max(image.shape[:2]) // 3)
    tiled, whole = (
        Upscaler.from_file(model, side, num_threads=num_threads).upscale(image)
        for side in (tile, max(image.shape[:2]))
    )
    differences = np.abs(tiled.astype(np.int16) - whole)
    return int(differences.max()), float(np.mean(differences > 0)), tile


def add_arguments(parser):
    """Add the options of the command to an `ArgumentParser`."""
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--lr-path", default=SAMPLE, metavar="PHOTO")
    parser.add_argument(
        "--megapixels",
        type=float,
        nargs="+",
        default=[1, 6],
        metavar="N",
        help="sizes of the pictures to measure memory on; the first is also timed "
        "(default: 1 6)",
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--threads", type=int, metavar="N")
    parser.add_argument(
        "--against",
        metavar="OTHER",
        help="only compare the CPU time of --model, including its estimator, with that "
        "of another model",
    )
    parser.add_argument(
        "--size",
        nargs=2,
        type=int,
        default=(320, 180),  # four times as much is 1280 x 720
        metavar=("WIDTH", "HEIGHT"),
        help="size in LR pixels of the picture that --against uses (default: 320 180)",
    )
    parser.add_argument(
        "--ending", default=".png", help="format to write (default: .png)"
    )


def report(args):
    """Run the measurements and print them."""
    if args.rounds < 2:
        raise ConfigError(f"rounds must be 2 or more; received {args.rounds}")
    if not all(0 < size < math.inf for size in args.megapixels):
        raise ConfigError(f"--megapixels must be above 0; received {args.megapixels}")
    args.ending = with_dot(args.ending)
    if args.against is not None:
        return report_against(args)
    path = find_tflite(args.model)
    threads = args.threads or cores()
    upscaler = open_any_size(path, threads)
    photo = read_rgb(args.lr_path)
    print(f"{path.name}, {threads} threads, {args.lr_path}, writing {args.ending}")

    image = enlarged_by_mirrors(photo, args.megapixels[0])
    found = time_overhead(path, image, args.rounds, threads, args.ending)
    print(f"start-up            {spread(found['start'], '.2f')} s")
    print(f"whole command       {spread(found['command'], '.2f')} s, {_size(image)}")
    seen = " x ".join(map(str, found["window"][::-1]))
    print(f"same tiles, bare    {spread(found['tiles'], '.2f')} s, of {seen} LR pixels")
    print(f"overhead            {_overhead(found, 'tiles')}")
    if found["whole"]:
        print(f"one bare call       {spread(found['whole'], '.2f')} s")
        print(f"overhead over it    {_overhead(found, 'whole')}")

    crop = photo[:_CROP, :_CROP]
    largest, share, tile = compare_with_whole(path, crop, threads)
    print(
        f"tiles of {tile:3} and whole at most {largest} levels apart, {_size(crop)}; "
        f"{share:.2%} of the values differ"
    )
    for megapixels in args.megapixels:
        image = enlarged_by_mirrors(photo, megapixels)
        print(measure_memory(path, image, upscaler, threads, args.ending), flush=True)


def measure_memory(path, image, upscaler, threads, ending):
    """Run the command on a picture; return its work and peak memory in words."""
    size, scale = image.shape[:2], upscaler.scale
    seen = computed_pixels(size, _window(upscaler, size), upscaler.overlap)
    with tempfile.TemporaryDirectory() as folder:
        lr, sr = Path(folder) / "lr.png", Path(folder) / f"sr{ending}"
        Image.fromarray(image).save(lr)
        seconds, peak = run_enlarging(lr, sr, "--model", path, "--threads", threads)
    pixels = scale**2 * image.shape[0] * image.shape[1]
    megapixels = image.shape[0] * image.shape[1] / 1e6
    allowed = (7 * pixels + 500e6) / 1e6
    taken = "unknown" if math.isnan(peak) else f"{peak / 1e6:.0f} MB"
    return (
        f"{megapixels:.2f} -> {pixels / 1e6:.0f} megapixels: {seconds:.1f} s, "
        f"{seen / 1e6 / megapixels:.2f} LR pixels computed for each of the picture, "
        f"{taken} at most; 7 bytes per pixel and 500 MB are {allowed:.0f} MB"
    )


def _size(image):
    return f"{image.shape[1]} x {image.shape[0]} pixels"


def _overhead(found, name):
    """How much longer the command takes, by neighbours in time."""
    return spread([a / b - 1 for a, b in zip(found["command"], found[name])], ".1%")
