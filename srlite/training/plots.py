"""Curves of a run: losses and validation scores against steps, as one PNG.

    python -m srlite plots RUN [--output F.png] [--steps FIRST LAST]

It reads the `metrics.jsonl` of a run directory, finished or not, and needs no display.
Each stage begins a new row of panels, and each loss has a panel, because losses differ
by orders of magnitude. What belongs together shares a panel: the two adversarial
losses, a loss and the same distance on validation pictures, the scores of all kernels,
those of all damages, and an estimator's errors of one kind on patches of several sizes.
Training curves are drawn twice: faint as logged, strong as a centred moving average.
The first tenth of the steps does not count for the height of a panel, because it would
flatten everything else.
"""

import argparse
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from srlite.data.kernels import KERNELS
from srlite.errors import CheckpointError, ConfigError, arguments_of
from srlite.figures.strips import OKABE_ITO
from srlite.files import StrPath, replacing
from srlite.training.logs import read_metrics

_BLACK = "#000000"
_COLUMNS = 3
_PANEL = (5.0, 3.4)  # inches
_NOT_DRAWN = (
    *("steps_per_second", "data_wait", "stage_steps_per_second", "stage_data_wait"),
    *("dropped", "overflow", "loss_scale"),
)
_SCORES = ("psnr", "ssim")
_DAMAGED = "_damaged"  # ends the panels of scores after damages
# Scores of an estimator: `<kind>_<LR pixels a side>`.
_SEEN = re.compile(r"val/(kernel|jpeg|noise|blur|sharpening)_(\d+)")
# Titles of panels that do not just name a loss.
_PANELS = {
    "psnr": "PSNR of the validation pictures (dB)",
    "ssim": "SSIM of the validation pictures",
    "psnr_damaged": "PSNR after damages (dB)",
    "ssim_damaged": "SSIM after damages",
    "seen_kernel": "kernels that are recognised, share",
    "seen_jpeg": "mean error of JPEG quality",
    "seen_noise": "mean error of noise (levels)",
    "seen_blur": "mean error of blur (HR pixels)",
    "seen_sharpening": "mean error of sharpening",
    "generator_error": "error of what the generator makes (dB)",
    "e_total": "the estimator's total loss",
    "adversarial": "adversarial losses",
    "d_accuracy": "discriminator's accuracy",
    "g_total": "the generator's total loss",
}


def smooth(values, window):
    """Average values (n,) over a centred odd window, which shrinks at the ends."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    places, reach = np.arange(len(values)), window // 2
    first = np.maximum(places - reach, 0)
    end = np.minimum(places + reach + 1, len(values))
    return (sums[end] - sums[first]) / (end - first)


def value_limits(steps, values):
    """Choose the lowest and highest value that a panel shows, for all its curves.

    From 20 steps on, the first tenth of them does not count, nor do the highest and
    lowest hundredth of the other values.
    """
    shown = np.isfinite(values)
    steps, values = steps[shown], values[shown]
    if not len(values):
        return 0.1, 1.0
    outliers = 0
    if len(np.unique(steps)) >= 20:
        values = values[steps >= steps.min() + 0.1 * np.ptp(steps)]
        outliers = 1
    low, high = np.percentile(values, [outliers, 100 - outliers])
    margin = 0.08 * (high - low) or 0.05 * abs(high) or 0.05
    return low - margin, high + margin


def draw(metrics, title):
    """Draw the curves of a run, as `logs.read_metrics` returns them, at least one."""
    from matplotlib.figure import Figure

    stages = {stage: _panels(curves) for stage, curves in metrics.items()}
    stages = {stage: panels for stage, panels in stages.items() if panels}
    columns = min(_COLUMNS, max(map(len, stages.values())))
    rows = {stage: -(-len(panels) // columns) for stage, panels in stages.items()}
    height = sum(rows.values())
    size = (_PANEL[0] * columns, _PANEL[1] * height + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
    figure.suptitle(title, fontsize=13, fontweight="bold", parse_math=False)
    grid = figure.add_gridspec(height, columns)
    top = 0
    for stage, panels in stages.items():
        for place, (name, curves) in enumerate(panels.items()):
            axes = figure.add_subplot(grid[top + place // columns, place % columns])
            _draw_panel(axes, name, curves)
            axes.set_xlabel(f"step of stage {stage}", fontsize=9)
        top += rows[stage]
    return figure


def _panels(curves):
    """Sort the curves of a stage: dict of panel to dict of label to curve."""
    panels, summands = {}, []
    for name, curve in curves.items():
        panel, label = _place(name)
        if name not in ("g_total", *_NOT_DRAWN):
            panels.setdefault(panel, {})[label] = curve
            if panel not in _SCORES and not name.startswith(("d_", "val/")):
                summands.append(curve)
    # The sum says nothing new beside the only loss that it has.
    total = curves.get("g_total")
    told = any(np.array_equal(total, curve) for curve in summands)
    if total and len(summands) != 1 and not told:
        panels["g_total"] = {"training": total}
    return panels


def _place(name):
    """Return the panel of a curve and its label there."""
    if seen := _SEEN.fullmatch(name):
        return f"seen_{seen[1]}", f"{seen[2]} pixels"
    bare = name.removeprefix("val/")
    for score in _SCORES:
        if bare == score or bare.startswith(f"{score}_"):
            way = bare.removeprefix(score).removeprefix("_") or "mean"
            if way in ("mean", *KERNELS):
                return score, way
            return score + _DAMAGED, "mean" if f"_{way}" == _DAMAGED else way
    if bare.endswith("adversarial"):
        return "adversarial", bare
    return bare, "training" if bare == name else "validation"


def _draw_panel(axes, name, curves):
    score = name.removesuffix(_DAMAGED)
    colours = iter(OKABE_ITO * len(curves))
    ends = {}
    for label, (steps, values) in curves.items():
        strong = label in ("mean", "validation")
        colour = _BLACK if strong else next(colours)
        line = values
        trained = score not in _SCORES and not name.startswith("seen_")
        if trained and label != "validation" and len(values) >= 20:
            line = smooth(values, 2 * (len(values) // 40) + 3)
            axes.plot(steps, values, color=colour, alpha=0.25, linewidth=0.8)
        dots = "o" if len(values) < 30 else None
        width = 2.4 if strong else 1.5
        axes.plot(
            steps,
            line,
            color=colour,
            label=label,
            linewidth=width,
            marker=dots,
            markersize=2 * width,
            zorder=4 if strong else 3,
        )
        ends[label] = line[-1]
    axes.set_ylim(value_limits(*np.concatenate(list(curves.values()), 1)))
    _dress(axes, name, ends)


def _dress(axes, name, ends):
    """Add titles, the last values, a grid and a legend in the order of the curves."""
    axes.set_title(_PANELS.get(name, f"{name} loss"), loc="left", fontsize=10)
    if len(ends) == 1:
        (end,) = ends.values()
        axes.set_title(f"{end:.4g}", loc="right", fontsize=10)
    else:
        score = name.removesuffix(_DAMAGED)
        digits = {"psnr": "{:.2f}", "ssim": "{:.4f}"}.get(score, "{:.4g}")
        handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        order = sorted(ends, key=ends.get, reverse=True)
        axes.legend(
            [handles[label] for label in order],
            [f"{label} {digits.format(ends[label])}" for label in order],
            loc="upper center",
            bbox_to_anchor=(0.5, -0.2),
            ncols=3,
            frameon=False,
            fontsize=8,
        )
    axes.xaxis.set_major_formatter(
        lambda step, _: f"{step / 1000:g}k" if abs(step) >= 1000 else f"{step:g}"
    )
    axes.locator_params(axis="x", nbins=6)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def plot_run(
    run_dir: StrPath,
    output: StrPath | None = None,
    steps: tuple[float, float] | None = None,
) -> Path:
    """Draw the curves of a run directory to a PNG file.

    Args:
        run_dir: run directory, or its `metrics.jsonl`.
        output: the file; None for `metrics.png` beside `metrics.jsonl`.
        steps: (first, last) steps to draw, both included; None for all.

    Raises:
        CheckpointError: there is no such run, or a line of its metrics is damaged.
        ConfigError: there is nothing to draw, or the file cannot be written.
    """
    path = Path(run_dir)
    path = path / "metrics.jsonl" if path.suffix != ".jsonl" else path
    if not os.path.isfile(path):
        raise CheckpointError(f"no such run: there is no {path}")
    metrics = read_metrics(path)
    first, last = steps or (-math.inf, math.inf)
    kept: dict[str, dict] = {}
    for stage, curves in metrics.items():
        for name, (at, values) in curves.items():
            inside = (at >= first) & (at <= last)
            if inside.any() and name not in _NOT_DRAWN:
                kept.setdefault(stage, {})[name] = (at[inside], values[inside])
    if not kept:
        ends = [int(at[-1]) for curves in metrics.values() for at, _ in curves.values()]
        between = f" between steps {first} and {last}" if steps else ""
        raise ConfigError(
            f"there is nothing to draw in {path}{between}; "
            f"it ends at step {max(ends, default=0)}"
        )
    output = Path(output or path.parent / "metrics.png")
    if output.suffix.lower() != ".png":
        raise ConfigError(f"--output must be a .png file; received {output}")
    figure = draw(kept, f"Run {path.resolve().parent.name}")
    with replacing(output, ConfigError) as temporary:
        figure.savefig(temporary, dpi=130)
    return output


def main(
    argv: Sequence[str] | None = None, prog: str = "python -m srlite plots"
) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog=prog, description="Draw the losses and validation scores of a run."
    )
    parser.add_argument("run", metavar="RUN", help="run directory, or metrics.jsonl")
    parser.add_argument(
        "--output", metavar="F.png", help="default: metrics.png in the run directory"
    )
    parser.add_argument(
        "--steps",
        nargs=2,
        type=int,
        metavar=("FIRST", "LAST"),
        help="draw these steps of each stage only",
    )
    args = parser.parse_args(arguments_of(argv))
    print(plot_run(args.run, args.output, args.steps))
    return 0
