"""The command `srlite doctor`: what is installed here, and whether it works.

What a report of a fault should hold: versions, processors, memory, the shipped models,
and a few pixels of the bundled photo enlarged by one of them. Imports nothing that may
be missing until it is looked for.
"""

import argparse
import importlib.metadata
import platform
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import srlite
from srlite.backend import silence
from srlite.errors import SrliteError, error_reason, one_line
from srlite.files import PACKAGE, SAMPLE
from srlite.memory import available_memory, cores
from srlite.models.model_files import DEFAULT_MODEL, shipped_models

# By what they are for, as in pyproject.toml; "" is what enlarging needs.
PACKAGES = {
    "": ("ai-edge-litert", "isal", "matplotlib", "numpy", "pillow", "tqdm"),
    "train": ("importlib_resources", "keras", "safetensors", "tensorboardX")
    + ("tensorflow", "tensorflow-datasets"),
    "jax": ("jax", "keras", "safetensors", "tensorboardX"),
    "video": ("av",),
    "heif": ("pillow-heif",),
    "bulk": ("apache-beam",),
    "wandb": ("wandb",),
}
# Pixels along a side of the crop, and how far its result, shrunk again, may be from it
# on average, levels: `light` stays below 2, and what is broken is tens of levels off.
_CROP = 48
_MAX_ERROR = 6.0


def main(argv: Sequence[str] | None = None, prog: str = "srlite doctor") -> int:
    """Run the command; return 0 when enlarging works, else 1."""
    argparse.ArgumentParser(
        prog=prog,
        description="Print versions, cores and memory, and enlarge a few pixels "
        "to see whether srlite works here.",
    ).parse_args(argv)
    print(f"srlite {srlite.__version__} in {one_line(PACKAGE)}")
    print(f"Python {platform.python_version()}, {platform.platform()}")
    print(f"{cores()} cores, {available_memory() / 1e9:.1f} GB of memory available")
    print(f"models: {', '.join(shipped_models()) or 'none'}")
    missing = [_print_packages(extra, names) for extra, names in PACKAGES.items()]
    if missing[0]:
        print(f"self-test: left out, because {missing[0][0]} is not installed")
        return 1
    try:
        with silence():  # LiteRT tells of its delegates.
            found = _enlarge_a_crop()
        print(f"self-test: {found}")
    except (SrliteError, ImportError, OSError) as error:
        print(f"self-test: failed: {one_line(error_reason(error))}")
        return 1
    return 0


def _print_packages(extra: str, names: tuple[str, ...]) -> list[str]:
    """Print which packages of an extra are there; return those that are not."""
    found, missing = [], []
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    line = ", ".join(found + [f"no {name}" for name in missing])
    hint = f"  (pip install 'srlite[{extra}]')" if extra and missing else ""
    print(f"{extra or 'enlarging'}: {line}{hint}")
    return missing


def _enlarge_a_crop() -> str:
    """Enlarge a part of the bundled photo and write it; return a few words.

    Raises SrliteError if it does not work, or the result is wrong.
    """
    import numpy as np

    from srlite.pictures.levels import resize
    from srlite.pictures.picture import Picture, read_picture
    from srlite.pictures.writing import write_picture
    from srlite.runtime.upscaler import Upscaler

    start = time.perf_counter()
    lr = np.ascontiguousarray(read_picture(SAMPLE).pixels[:_CROP, :_CROP])
    sr = Upscaler.from_file(DEFAULT_MODEL).upscale(lr)
    difference = resize(sr, lr.shape[:2]).astype(float) - lr
    error = float(np.abs(difference).mean())
    if not error <= _MAX_ERROR:
        raise SrliteError(
            f"{DEFAULT_MODEL} makes wrong pictures here: shrunk again, one is "
            f"{error:.1f} levels from its LR picture, more than {_MAX_ERROR:g}"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sr.png"
        write_picture(path, Picture(sr))
        if not np.array_equal(read_picture(path).pixels, sr):
            raise SrliteError("a PNG that was written here is read as another picture")
    seconds = time.perf_counter() - start
    return f"{DEFAULT_MODEL} enlarges, {seconds:.1f} s with its start"
