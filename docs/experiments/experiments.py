"""Four small experiments, trained on a CPU and scored on pictures they never saw.

    python docs/experiments/experiments.py --data-dir photos/ --hr-dir Set14/HR \
        --run-dir runs/experiments

Each run is one call of `train.py`; what is stopped goes on when the command is given
again, and finished runs are not repeated. `README.md` beside this file says what was
asked and what came out. The network is a fifth of the shipped one, and the runs are
short: the differences count, not the figures.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from srlite.degradations import KERNELS
from srlite.errors import SrliteError, run_command

ROOT = Path(__file__).parents[2]
NETWORK = {"generator.filters": 32, "generator.growth_channels": 16} | {
    "generator.num_blocks": 1
}
WORDS = (
    "light model of small pictures that were shrunk by six kernels and enlarged "
    "again with edges lines letters and 0123456789 figures in between"
).split()


def options(steps, gan_steps):
    """List the options in which each run differs from the preset `light`.

    Every run sees as many pixels in an update: 9 x 128 x 128.
    """
    pixels = NETWORK | {"pretrain.steps": steps}
    base = pixels | {"pretrain.patch_size": 128, "pretrain.batch_size": 9}
    gan = base | {
        "gan.steps": gan_steps,
        "gan.patch_size": 64,
        "gan.batch_size": 8,
        "gan.style": "none",
    }
    others = {f"kernels.{name}": 0 for name in KERNELS if name != "bicubic"}
    return {
        "base": base,
        "patch_64": base | {"pretrain.patch_size": 64, "pretrain.batch_size": 36},
        "patch_192": base | {"pretrain.patch_size": 192, "pretrain.batch_size": 4},
        "one_kernel": base | others,
        "text": base,
        "gan": gan | {"gan.pixel": 0},
        "gan_with_pixel": gan | {"gan.pixel": 1},
    }


def render_text(folder, count, seed):
    """Write pages of words in Pillow's own font, PNG, 480 x 480 pixels."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        paper, ink = (int(v) for v in (rng.integers(170, 256), rng.integers(0, 80)))
        page = Image.new("RGB", (480, 480), (paper, paper, paper - 10))
        draw, y = ImageDraw.Draw(page), 8
        while y < 480:
            size = int(rng.integers(10, 34))
            line = " ".join(rng.choice(WORDS, 24))
            draw.text((8, y), line, (ink, ink, ink), ImageFont.load_default(size))
            y += int(1.35 * size)
        page.save(folder / f"page_{number:02}.png")


def train(run_dir, changes, data_dir, *more):
    """Run `train.py` until the run is finished."""
    settings = [f"{name}={value}" for name, value in changes.items()]
    done = subprocess.run(
        [
            *(sys.executable, ROOT / "train.py", "--preset", "light"),
            *("--data-dir", *data_dir, "--run-dir", run_dir, *more),
            *("--set", *settings),
        ]
    )
    if done.returncode:
        raise SrliteError(f"training {run_dir} ended with status {done.returncode}")


def main(argv=None):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Train and score the experiments.")
    parser.add_argument("--data-dir", nargs="+", required=True, metavar="SOURCE")
    parser.add_argument("--hr-dir", required=True, metavar="DIR")
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR")
    parser.add_argument("--steps", type=int, default=1000, metavar="N")
    parser.add_argument("--gan-steps", type=int, default=150, metavar="N")
    parser.add_argument("--vgg19-weights", metavar="FILE.h5")
    args = parser.parse_args(argv)
    text = {part: args.run_dir / f"text_{part}" for part in ("train", "test")}
    for seed, (part, count) in enumerate((("train", 40), ("test", 6))):
        render_text(text[part], count, seed)
    weights = ["--vgg19-weights", args.vgg19_weights] if args.vgg19_weights else []
    for name, changes in options(args.steps, args.gan_steps).items():
        more = ["--stages", "pretrain"]
        if name.startswith("gan"):
            begin = args.run_dir / "base" / "pretrain.keras"
            more = ["--stages", "gan", "--init-from", begin, *weights]
        sources = [text["train"]] if name == "text" else args.data_dir
        train(args.run_dir / name, changes, sources, *more)
    return 0


if __name__ == "__main__":
    run_command(main)
