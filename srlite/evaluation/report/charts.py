"""Charts of an evaluation: scores and gains by kernel, and perception against PSNR.

Bars stand only for differences and begin at 0; scores, for which 0 dB means nothing,
are points on an axis whose start is stated. Lines around points are quartiles of the
pictures; lines around bars are 95 % bootstrap intervals of the mean difference. A model
has one colour in all charts: "bicubic" and "lanczos" are grey, the others have those of
`OKABE_ITO` and markers of their own, so that any eye and a grey print tell them apart.
"""

import html
import io
import re
import warnings

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from srlite.evaluation.records import METRIC, distinct, select
from srlite.evaluation.report.page import write_value
from srlite.evaluation.statistics import MEAN_KERNEL, kernels_of, values
from srlite.figures.strips import OKABE_ITO

_MARKERS = "osD^vP"
_PLAIN = {"bicubic": ("#8c8c8c", "X"), "lanczos": ("#b3b3b3", "p")}
_INK = "#1f2327"  # On a page it becomes the colour of the text there.
_WIDTH = 5.4  # inches
_STYLE = {
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "text.parse_math": False,  # Names of models may hold a $.
}


def model_styles(models):
    """Choose the colour and the marker of each model: dict of name to pair."""
    own = [model for model in models if model not in _PLAIN]
    styles = {
        model: (OKABE_ITO[i % len(OKABE_ITO)], _MARKERS[i % len(_MARKERS)])
        for i, model in enumerate(own)
    }
    return {model: _PLAIN.get(model) or styles[model] for model in models}


@matplotlib.rc_context(_STYLE)
def score_chart(records, metric, styles):
    """Draw a metric by kernel: means as points, quartiles of the pictures as lines.

    `records` are of one data set, `styles` as `model_styles` returns it.
    """
    kernels, models = (distinct(records, key) for key in ("kernel", "model"))
    figure, axes = _rows(kernels, len(models))
    handles = {}
    for model, kernel, place in _places(models, kernels):
        found = values(select(records, model=model, kernel=kernel), metric)
        if len(found):
            colour, marker = styles[model]
            quartiles = np.percentile(found, [25, 75])
            axes.hlines(place, *quartiles, color=colour, linewidth=1.6)
            point = found.mean(), place, marker
            (handles[model],) = axes.plot(*point, color=colour, markersize=6)
    start = axes.get_xlim()[0]
    away = f"; the axis starts at {start:.3g}, not at 0" if start > 0 else ""
    axes.set_xlabel(METRIC[metric].title + away)
    _legend(figure, handles)
    return figure


@matplotlib.rc_context(_STYLE)
def gain_chart(table, data_set, metric, reference, styles):
    """Draw how much models differ from `reference`, by kernel, as bars from 0.

    `table` is as returned by `statistics.tabulate` for this reference.
    """
    own = select(table.values(), data_set=data_set, metric=metric)
    kernels = kernels_of([e for e in own if e["kernel"] != MEAN_KERNEL])
    models = [model for model in styles if model != reference]
    figure, axes = _rows(kernels, len(models))
    handles = {}
    for model, kernel, place in _places(models, kernels):
        entry = table.get((data_set, kernel, model, metric), {})
        if "difference" in entry:
            size = entry["difference"], 0.74 / len(models)
            handles[model] = axes.barh(place, *size, color=styles[model][0])
            _mark_gain(axes, place, entry, metric)
    axes.axvline(0, color=_INK, linewidth=1)
    axes.margins(x=0.14)
    side = METRIC[metric].better
    axes.set_xlabel(
        f"{METRIC[metric].title} minus that of {reference}; {side} is better"
    )
    _legend(figure, handles)
    return figure


def _mark_gain(axes, place, entry, metric):
    """Add the interval of a bar and its value."""
    gain = entry["difference"]
    low, high = entry.get("low", gain), entry.get("high", gain)
    axes.hlines(place, low, high, color=_INK, linewidth=1.2)
    right = gain >= 0
    axes.annotate(
        write_value(metric, gain, sign=True, unit=False),
        (max(high, 0) if right else min(low, 0), place),
        (4 if right else -4, 0),
        textcoords="offset points",
        va="center",
        ha="left" if right else "right",
        fontsize=8,
    )


@matplotlib.rc_context(_STYLE)
def plane_chart(records, distortion, perception, styles):
    """Draw models in the plane of distortion and perception, one point for each.

    Blau and Michaeli 2018 (https://doi.org/10.1109/CVPR.2018.00652), figure 1: no model
    is best in both. `distortion` is a metric that is better higher, `perception` lower.
    """
    figure, axes = _new_figure(3.4)
    for model in distinct(records, "model"):
        own = select(records, model=model)
        pair = values(own, distortion), values(own, perception)
        if not all(map(len, pair)):
            continue
        point = tuple(x.mean() for x in pair)
        colour, marker = styles[model]
        axes.plot(*point, marker, color=colour, markersize=9)
        axes.annotate(*(model, point, (9, 0)), textcoords="offset points", va="center")
    axes.margins(x=0.3, y=0.35)
    axes.annotate(
        *("better", (0.99, 0.02), (0.9, 0.09)),
        xycoords="axes fraction",
        textcoords="axes fraction",
        ha="center",
        arrowprops={"arrowstyle": "-|>", "color": _INK},
    )
    axes.set_xlabel(f"{METRIC[distortion].title}, more is better")
    axes.set_ylabel(f"{METRIC[perception].title}, less is better")
    axes.grid(alpha=0.25, linewidth=0.6)
    return figure


def to_svg(figure, name, description):
    """Draw a chart for a page: transparent, its ink the colour of the page's text.

    `name` must be unique on the page; `description` is for screen readers. Returns an
    `svg` element without a size of its own, nor a link.
    """
    drawn = io.StringIO()
    with (
        matplotlib.rc_context(_STYLE | {"svg.hashsalt": name}),
        warnings.catch_warnings(),
    ):
        # The page's own font may have a letter that matplotlib's lacks.
        warnings.filterwarnings("ignore", "Glyph")
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    text = drawn.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\s(xmlns(:\w+)?|width|height|version)="[^"]*"', "", text, count=5)
    # Names within a drawing are global on a page that holds several.
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = text.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    text = text.replace(_INK, "currentColor")
    label = html.escape(description)
    return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1).strip()


def _new_figure(height):
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def _rows(kernels, count):
    """Make a figure with a row for each kernel, with space for `count` models."""
    figure, axes = _new_figure(0.95 + len(kernels) * (0.16 + 0.17 * count))
    axes.set_yticks(range(len(kernels)), kernels)
    axes.set_ylim(len(kernels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _places(models, kernels):
    """Yield (model, kernel, where its line lies), around the middle of a row."""
    for i, model in enumerate(models):
        for row, kernel in enumerate(kernels):
            yield model, kernel, row + (i - (len(models) - 1) / 2) * 0.8 / len(models)


def _legend(figure, handles):
    if handles:
        figure.legend(
            handles.values(),
            handles,
            loc="outside upper left",
            ncols=3,
            fontsize=9,
            frameon=False,
            handlelength=1.4,
        )
