"""Four small experiments, trained on a CPU and scored on pictures they never saw.

    PYTHONPATH=. python docs/experiments/experiments.py --data-dir photos/ \
        --hr-dir Set14/HR --run-dir runs/experiments

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
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from srlite.data.kernels import KERNELS
from srlite.errors import SrliteError, run_command
from srlite.evaluation.records import read_scores
from srlite.evaluation.statistics import aggregate

ROOT = Path(__file__).parents[2]
NETWORK = {
    "generator.filters": 32,
    "generator.growth_channels": 16,
    "generator.num_dense_blocks": 3,
}
# Those of the pixel stage that are scored on photos, and those of the GAN stage.
PIXEL_RUNS = ("base", "patch_64", "patch_192", "one_kernel")
GAN_RUNS = ("base", "gan", "gan_with_pixel")
SUBJECT = ("base", "text")
PSNR = ("--metrics", "psnr")
WORDS = (
    "light model of small pictures that were shrunk by six kernels and enlarged "
    "again with edges lines letters and 0123456789 figures in between"
).split()


def options(steps, gan_steps):
    """List the options in which each run differs from the preset `light`.

    Every run sees as many pixels in an update: 9 x 128 x 128.
    """
    pixels = NETWORK | {"pretrain.steps": steps}
    pixels |= {
        "pretrain.generator_optimizer.name": "adam",
        "pretrain.generator_optimizer.learning_rate": 5e-4,
    }
    base = pixels | {"pretrain.patch_size": 128, "pretrain.batch_size": 9}
    gan = base | {
        "gan.steps": gan_steps,
        "gan.patch_size": 64,
        "gan.batch_size": 8,
        "gan.style": "none",
        "gan.lattice": "none",
        "gan.generator_optimizer.name": "adam",
        "gan.generator_optimizer.learning_rate": 1e-4,
        "gan.discriminator_optimizer.learning_rate": 1e-4,
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


def render_text(folder, count, side, seed):
    """Write square pages of words in Pillow's own font, PNG, `side` pixels wide."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        paper, ink = (int(v) for v in (rng.integers(170, 256), rng.integers(0, 80)))
        page = Image.new("RGB", (side, side), (paper, paper, paper - 10))
        draw, y = ImageDraw.Draw(page), 8
        while y < side:
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


def score(run_dir, name, models, hr_dir, *options):
    """Run the evaluation; return what `scores.json` holds."""
    out = run_dir / f"scores_{name}"
    stage = {n: "generator" if n.startswith("gan") else "pretrain" for n in models}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "srlite", "evaluate", "--hr-dir", hr_dir),
            "--model",
            *(f"{n}={run_dir / n / stage[n]}.keras" for n in models),
            *("bicubic", "--out-dir", out, *options),
        ],
        cwd=ROOT,
    )
    if done.returncode:
        raise SrliteError(f"scoring {name} ended with status {done.returncode}")
    return read_scores(out / "scores.json")


def means(scores, metric):
    """Return {(model, kernel): mean over the pictures}; kernel "mean" is all."""
    rows = [row for row in aggregate(scores["records"]) if row["metric"] == metric]
    found = {(row["model"], row["kernel"]): row["mean"] for row in rows}
    return {(model, "mean"): value for (model, _), value in found.items()} | found


def gains(scores):
    """Return the PSNR of `means` minus that of bicubic enlargement."""
    found = means(scores, "psnr")
    return {(m, k): value - found["bicubic", k] for (m, k), value in found.items()}


def draw(scored, path):
    """Draw the answers, one panel for each question."""
    psnr = gains(scored["photos"])
    gan = {m: means(scored["gan"], m) for m in ("content", "lr_error")}
    text = {"psnr": gains(scored["text"]), "content": means(scored["text"], "content")}
    figure = Figure(figsize=(13, 7), layout="constrained")
    axes = figure.subplots(2, 3)
    patches = {"64": "patch_64", "128": "base", "192": "patch_192"}
    bars(axes[0, 0], "dB over bicubic, by patch size", psnr, patches)
    for name, label in (("base", "six kernels"), ("one_kernel", "bicubic alone")):
        values = [psnr[name, k] for k in KERNELS]
        axes[0, 1].plot(values, KERNELS, "o", label=f"trained on {label}")
    axes[0, 1].axvline(0, color="grey", linewidth=1)
    axes[0, 1].set_title("dB over bicubic, by kernel")
    axes[0, 1].legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2)
    stages = {"pixel stage": "base", "GAN": "gan", "GAN, pixel loss": "gan_with_pixel"}
    bars(axes[0, 2], "content distance", gan["content"], stages)
    bars(axes[1, 0], "LR error, levels", gan["lr_error"], stages)
    subject = {"trained on photos": "base", "trained on text": "text"}
    bars(axes[1, 1], "dB over bicubic, on text", text["psnr"], subject)
    found = {row["model"]: row["fid"] for row in scored["text"].get("fid", ())}
    if found:
        fid = {(name, "mean"): value for name, value in found.items()}
        bars(axes[1, 2], "FID on text", fid, subject)
    else:
        bars(axes[1, 2], "content distance, on text", text["content"], subject)
    figure.savefig(path, dpi=80)


def bars(ax, title, values, models):
    """Draw one bar for each model, with its value."""
    heights = [values[name, "mean"] for name in models.values()]
    drawn = ax.barh(list(models), heights, color="#0072b2")
    ax.bar_label(drawn, fmt="%.2f", padding=3)
    ax.axvline(0, color="grey", linewidth=1)
    ax.margins(x=0.35)
    ax.invert_yaxis()
    ax.set_title(title)


def main(argv=None):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Train and score the experiments.")
    parser.add_argument("--data-dir", nargs="+", required=True, metavar="SOURCE")
    parser.add_argument("--hr-dir", required=True, metavar="DIR")
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR")
    parser.add_argument("--steps", type=int, default=1000, metavar="N")
    parser.add_argument("--gan-steps", type=int, default=150, metavar="N")
    parser.add_argument("--vgg19-weights", metavar="FILE.h5")
    parser.add_argument(
        "--inception-weights", metavar="FILE.h5", help="or imagenet: for FID on text"
    )
    args = parser.parse_args(argv)
    text = {part: args.run_dir / f"text_{part}" for part in ("train", "test")}
    render_text(text["train"], 40, 480, seed=0)
    render_text(text["test"], 50, 192, seed=1)
    weights = ["--vgg19-weights", args.vgg19_weights] if args.vgg19_weights else []
    for name, changes in options(args.steps, args.gan_steps).items():
        more = ["--stages", "pretrain"]
        if name.startswith("gan"):
            begin = args.run_dir / "base" / "pretrain.keras"
            more = ["--stages", "gan", "--init-from", begin, *weights]
        sources = [text["train"]] if name == "text" else args.data_dir
        train(args.run_dir / name, changes, sources, *more)
    vgg = ["--vgg19-weights", args.vgg19_weights or "imagenet"]
    fid = ["--inception-weights", args.inception_weights]
    fid = fid if args.inception_weights else []
    near = ["--kernels", "bicubic", "--metrics", "psnr", "lr_error", "content", *vgg]
    scored = {
        "photos": score(args.run_dir, "photos", PIXEL_RUNS, args.hr_dir, *PSNR),
        "gan": score(args.run_dir, "gan", GAN_RUNS, args.hr_dir, *near),
        "text": score(args.run_dir, "text", SUBJECT, text["test"], *near, *fid),
    }
    draw(scored, args.run_dir / "experiments.png")
    return 0


if __name__ == "__main__":
    run_command(main)
