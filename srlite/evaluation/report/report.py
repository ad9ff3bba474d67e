"""The report of an evaluation: `report.html`, and its strips as PNG files.

The page is one file that fetches nothing: charts are SVG, pictures are parts of at most
320 x 240 pixels as PNG, some 0.7 MB for each. At the end it says how it was made, so
that anyone with the pictures can make it again.
"""

import contextlib
import datetime
import html
import importlib.metadata
import os
import platform
import shlex
from pathlib import Path

import srlite
from srlite.errors import DataError
from srlite.evaluation.gains import CLEAN, by_damage, split_condition, varied
from srlite.evaluation.records import METRIC, distinct, measured_metrics, select
from srlite.evaluation.report.charts import (
    gain_chart,
    model_styles,
    plane_chart,
    score_chart,
    to_svg,
)
from srlite.evaluation.report.page import (
    definitions,
    html_table,
    with_links,
    write_value,
)
from srlite.evaluation.report.pictures import (
    choose_pictures,
    pictures_section,
    write_strips,
)
from srlite.evaluation.statistics import MEAN_KERNEL, best, kernels_of, tabulate
from srlite.figures.slider_page import page
from srlite.files import replacing, replacing_folder, writing

_PERCEPTION = ("content", "style", "niqe")
_PACKAGES = ("numpy", "pillow", "ai-edge-litert", "keras", "tensorflow", "jax")
_READING = (
    "Lines around points are the quartiles of the pictures. Lines around bars are 95 % "
    "bootstrap intervals of the mean difference, picture by picture; of fewer than "
    "about ten pictures they are rather too short. A model has one colour everywhere."
)


def write_report(
    out_dir, records, read, about, reference, gains=(), metric=None, count=3, fid=()
):
    """Write `report.html` and the folder `report_figures` of an evaluation.

    Args:
        out_dir: an existing folder.
        records: as in `records`, at least one.
        read: as in `pictures.choose_pictures`.
        about: (term, text) pairs of plain text, as returned by `report_origin`.
        reference: name of the model that the others are compared with.
        gains: as returned by `gains.gains_by_damage`, on `reference`.
        metric: what to compare by; the first measured one when None.
        count: how many best and how many worst pictures to show.
        fid: as returned by `Evaluation.distances`.

    Returns path of the page; raises DataError if a file cannot be written, or no record
    has the metric.
    """
    measured = measured_metrics(records)
    metric = metric or measured[0]
    if metric not in measured:
        raise DataError(
            f"no picture has a value of {metric}, by which the report compares; give "
            "another measure with --by"
        )
    models = distinct(records, "model")
    chosen = next((model for model in models if model != reference), reference)
    shown = choose_pictures(records, read, metric, chosen, count)
    # Damages times kernels would be too many rows and columns.
    rows = by_damage(records)
    styles = model_styles(models)
    table = tabulate(rows, reference)
    sections = []
    for number, name in enumerate(distinct(rows, "data_set"), start=1):
        own, word = select(rows, data_set=name), varied(select(records, data_set=name))
        charts = _draw_charts(own, table, metric, reference, styles, word)
        section = _data_set_section(own, table, number, metric, charts, word)
        sections.append((name, section))
    if gains:
        sections.append((f"Gain over {reference} by damage", _gain_tables(gains)))
    if shown:
        sections.append(("Pictures", pictures_section(shown, metric, chosen)))
    if fid:
        sections.append(("Distance of whole sets", _distance_table(fid)))
    sections.append(("How this was measured", _origin(about)))
    title = f"{_join(models)} on {_join(distinct(records, 'data_set'))}"
    body = "\n".join([_head(title, records), *with_links(sections)])
    text = page(title, ("slider.css", "report.css"), body)
    path = Path(out_dir) / "report.html"
    with writing(path, DataError):
        with replacing_folder(path.with_name("report_figures")) as folder:
            write_strips(shown, metric, folder)
        with replacing(path) as temporary:
            temporary.write_text(text, "utf-8", "backslashreplace")
    return path


def report_origin(arguments, notes):
    """List (term, text) of how a report was made: command, date, versions."""
    command = f"python -m srlite evaluate {shlex.join(arguments)}"
    now = datetime.datetime.now(datetime.UTC)
    system = f"Python {platform.python_version()}, {platform.system()}"
    return [
        ("Protocol", " ".join(notes)),
        ("Command", command),
        ("Date", now.strftime("%Y-%m-%d %H:%M UTC")),
        ("Versions", f"srlite {srlite.__version__}, {_versions()}"),
        ("Machine", f"{system}, {platform.machine()}, {os.cpu_count()} cores"),
    ]


def _versions():
    found = []
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{package} {importlib.metadata.version(package)}")
    return ", ".join(found)


def _draw_charts(records, table, metric, reference, styles, word):
    """Draw the charts of a data set: dict of kind to (figure, description)."""
    name, label = records[0]["data_set"], METRIC[metric].label
    measured, drawn = measured_metrics(records), {}
    if metric in measured and len(styles) > 1:
        drawn["gains"] = (
            gain_chart(table, name, metric, reference, styles),
            f"{label} on {name} by {word}, difference from {reference}",
        )
    if metric in measured:
        drawn["scores"] = (
            score_chart(records, metric, styles),
            f"{label} on {name} by {word}, means and quartiles of the pictures",
        )
    perception = next((m for m in _PERCEPTION if m in measured), None)
    if perception and "psnr" in measured:
        drawn["plane"] = (
            plane_chart(records, "psnr", perception, styles),
            f"PSNR and {METRIC[perception].label} of the models on {name}",
        )
    return drawn


def _head(title, records):
    counts = []
    for name in distinct(records, "data_set"):
        count = len(distinct(select(records, data_set=name), "image"))
        counts.append(f"{count} picture{'s' * (count > 1)} of {name}")
    conditions = map(split_condition, distinct(records, "kernel"))
    kernels, damages = (list(dict.fromkeys(names)) for names in zip(*conditions))
    words = [_join(counts), f"Kernel{'s' * (len(kernels) > 1)}: {_join(kernels)}"]
    if damages != [CLEAN]:
        words.append(f"Damage{'s' * (len(damages) > 1)}: {_join(damages)}")
    return (
        f"<h1>{html.escape(title)}</h1>\n"
        f'<p class="quiet">{html.escape(". ".join(words))}.</p>'
    )


def _data_set_section(records, table, number, metric, figures, word):
    second = "ssim" if metric == "psnr" else "psnr"
    there = [m for m in (metric, second) if m in measured_metrics(records)]
    parts = [_kernel_table(records, table, m) for m in there]
    parts.append('<div class="charts">')
    for kind, (figure, description) in figures.items():
        drawing = to_svg(figure, f"{kind}-{number}", description)
        caption = html.escape(description)
        parts.append(f"<figure>{drawing}<figcaption>{caption}.</figcaption></figure>")
    parts += [f"<div>{_metric_table(records, table, word)}</div>", "</div>"]
    return "\n".join(parts)


def _kernel_table(records, table, metric):
    """Models by kernels or damages."""
    kernels = kernels_of(records)
    columns = [_cells(records, table, kernel, metric) for kernel in kernels]
    rows = zip(distinct(records, "model"), *columns)
    return html_table(_caption(metric), ["", *kernels], rows)


def _metric_table(records, table, word):
    """Metrics by models, over all kernels or damages."""
    models, overall = distinct(records, "model"), kernels_of(records)[-1]
    rows = [
        [_caption(metric), *_cells(records, table, overall, metric)]
        for metric in measured_metrics(records)
    ]
    which = f"means of the {word}s" if overall == MEAN_KERNEL else f"{word} {overall}"
    return html_table(f"All that was measured, {which}", ["", *models], rows)


def _gain_tables(gains):
    """Models by damages, a table for each data set."""
    tables = []
    for name in distinct(gains, "data_set"):
        own = select(gains, data_set=name)
        metric, damages = own[0]["metric"], distinct(own, "damage")
        rows = []
        for model in distinct(own, "model"):
            of_model = {g["damage"]: g for g in select(own, model=model)}
            cells = [_gain_cell(of_model.get(d), metric) for d in damages]
            rows.append([model, *cells])
        caption = f"{METRIC[metric].title} on {name}, mean gain and least gain"
        tables.append(html_table(caption, ["", *damages], rows))
    return "\n".join(tables)


def _gain_cell(gain, metric):
    """Return mean and least gain of a model, bold where the least one is above 0."""
    if gain is None:
        return write_value(metric, None), False
    mean, least = (
        write_value(metric, gain[key], sign=True, unit=False)
        for key in ("gain", "least")
    )
    return f"{mean} / {least}", gain["least"] > 0


def _distance_table(fid):
    """Models by data sets and kernels."""
    distances = {(d["data_set"], d["kernel"], d["model"]): d["fid"] for d in fid}
    models = distinct(fid, "model")
    rows = [
        [", ".join(place), *((f"{distances[*place, m]:.2f}", False) for m in models)]
        for place in dict.fromkeys((d["data_set"], d["kernel"]) for d in fid)
    ]
    return html_table("FID, less is better", ["", *models], rows)


def _cells(records, table, kernel, metric):
    """Return the models' means as (text, whether it is better than others)."""
    name, models = records[0]["data_set"], distinct(records, "model")
    places = {model: (name, kernel, model, metric) for model in models}
    means = {m: table.get(place, {}).get("mean") for m, place in places.items()}
    leaders = best(means, metric)
    if len(leaders) == len(models):
        leaders = []
    return [
        (write_value(metric, value, unit=False), model in leaders)
        for model, value in means.items()
    ]


def _caption(metric):
    return f"{METRIC[metric].title}, {METRIC[metric].better} is better"


def _origin(about):
    pairs = []
    for term, text in about:
        text = html.escape(text)
        pairs.append((term, f"<code>{text}</code>" if term == "Command" else text))
    return f'<p class="quiet">{_READING}</p>\n{definitions(pairs)}'


def _join(names):
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
