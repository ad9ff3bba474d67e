"""The report of an evaluation: `report.html`, and its charts and strips as PNG files.

The page is one file that fetches nothing: charts are SVG whose ink is the colour of the
page's text, pictures are parts of at most 320 x 240 pixels as PNG, some 0.7 MB for each
picture that is shown. It says first which model is best, and at the end how that was
measured.
"""

import html
from pathlib import Path

from srlite.evaluation.report.charts import (
    gain_chart,
    model_styles,
    plane_chart,
    score_chart,
    to_png,
    to_svg,
)
from srlite.evaluation.data_sets import file_name
from srlite.errors import DataError
from srlite.files import replacing, replacing_folder
from srlite.evaluation.report.page import definitions, html_table, report_page, with_links
from srlite.evaluation.report.pictures import (
    choose_pictures,
    pictures_section,
    write_strips,
)
from srlite.evaluation.report.scores import (
    METRIC,
    best,
    choose_reference,
    kernels_of,
    label_of,
    select,
    tabulate,
    write_value,
)
from srlite.evaluation.report.summary import summarise
from srlite.evaluation.records import distinct, measured_metrics
from srlite.evaluation.statistics import MEAN_KERNEL

_PERCEPTION = ("content", "style", "niqe")
_READING = (
    "Lines around points are the quartiles of the pictures. Lines around bars are 95 % "
    "bootstrap intervals of the mean difference, picture by picture; of fewer than "
    "about ten pictures they are rather too short. A model has one colour everywhere."
)


def write_report(out_dir, records, read, about, metric=None, count=3, fid=()):
    """Write `report.html` and the folder `report_figures` of an evaluation.

    Args:
        out_dir: folder that is there.
        records: as in `score_records`, at least one.
        read: as in `report_pictures.choose_pictures`; not called when `count` is 0.
        about: (term, text) pairs of plain text: command, versions, date, protocol.
        metric: name of what models and pictures are compared by; the first one that is
            measured when None.
        count: how many best and how many worst pictures are shown.
        fid: dicts of `data_set`, `kernel`, `model` and `fid`.

    Returns:
        Path of the page.

    Raises:
        DataError: a file cannot be written, or no record has the metric.
    """
    measured = [m.name for m in measured_metrics(records)]
    metric = metric or measured[0]
    if metric not in measured:
        raise DataError(f"no picture has a {metric}; the report needs what it is by")
    models = distinct(records, "model")
    reference = choose_reference(models)
    chosen = next((model for model in models if model != reference), reference)
    shown = choose_pictures(records, read, metric, chosen, count)
    charts = _draw_charts(records, metric, reference)
    sections = [
        (name, _data_set_section(select(records, data_set=name), n, metric, figures))
        for n, (name, figures) in enumerate(charts.items(), start=1)
    ]
    if shown:
        sections.append(("Pictures", pictures_section(shown, metric, chosen)))
    if fid:
        sections.append(("Distance of whole sets", _distance_table(fid)))
    sections.append(("How this was measured", _origin(about)))
    title = f"{_join(models)} on {_join(distinct(records, 'data_set'))}"
    head = [_head(title, records), _summary(records, metric)]
    page = report_page(title, "\n".join([*head, *with_links(sections)]))
    path = Path(out_dir) / "report.html"
    try:
        with replacing_folder(path.with_name("report_figures")) as folder:
            for n, (name, figures) in enumerate(charts.items(), start=1):
                for kind, (figure, _) in figures.items():
                    to_png(figure, folder / f"{file_name(f'{kind}_{n}_{name}')}.png")
            write_strips(shown, metric, folder)
        with replacing(path) as temporary:
            temporary.write_text(page, "utf-8", "backslashreplace")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error
    return path


def _draw_charts(records, metric, reference):
    """Dict of data set to dict of kind to (figure, description)."""
    styles = model_styles(distinct(records, "model"))
    table = tabulate(records, metric, reference)
    label, charts = METRIC[metric].label, {}
    for name in distinct(records, "data_set"):
        own, drawn = select(records, data_set=name), {}
        measured = {m.name for m in measured_metrics(own)}
        if metric in measured and len(styles) > 1:
            drawn["gains"] = (
                gain_chart(table, name, metric, reference, styles),
                f"{label} on {name} by kernel, difference from {reference}",
            )
        if metric in measured:
            drawn["scores"] = (
                score_chart(own, metric, styles),
                f"{label} on {name} by kernel, means and quartiles of the pictures",
            )
        perception = next((m for m in _PERCEPTION if m in measured), None)
        if perception and "psnr" in measured:
            drawn["plane"] = (
                plane_chart(own, "psnr", perception, styles),
                f"PSNR and {METRIC[perception].label} of the models on {name}",
            )
        charts[name] = drawn
    return charts


def _head(title, records):
    counts = []
    for name in distinct(records, "data_set"):
        count = len(distinct(select(records, data_set=name), "image"))
        counts.append(f"{count} picture{'s' * (count > 1)} of {name}")
    kernels = distinct(records, "kernel")
    kernels = f"Kernel{'s' * (len(kernels) > 1)}: {_join(kernels)}"
    return (
        f"<h1>{html.escape(title)}</h1>\n"
        f'<p class="quiet">{html.escape(_join(counts))}. '
        f"{html.escape(kernels)}.</p>"
    )


def _summary(records, metric):
    sentences = "\n".join(
        f"<p>{html.escape(sentence)}</p>" for sentence in summarise(records, metric)
    )
    return f'<div class="summary">\n{sentences}\n</div>'


def _data_set_section(records, number, metric, figures):
    name = records[0]["data_set"]
    second = "ssim" if metric == "psnr" else "psnr"
    measured = {m.name for m in measured_metrics(records)}
    parts = [_kernel_table(records, name, m) for m in (metric, second) if m in measured]
    parts.append('<div class="charts">')
    for kind, (figure, description) in figures.items():
        drawing = to_svg(figure, f"{kind}-{number}", description)
        caption = html.escape(description)
        parts.append(f"<figure>{drawing}<figcaption>{caption}.</figcaption></figure>")
    parts += [f"<div>{_metric_table(records, name)}</div>", "</div>"]
    return "\n".join(parts)


def _kernel_table(records, name, metric):
    """Models by kernels."""
    kernels = kernels_of(records)
    table = tabulate(records, metric, records[0]["model"])
    columns = [_cells(records, table, name, kernel, metric) for kernel in kernels]
    rows = zip(distinct(records, "model"), *columns)
    return html_table(_caption(metric), ["", *kernels], rows)


def _metric_table(records, name):
    """Metrics by models, over all kernels."""
    models, overall = distinct(records, "model"), kernels_of(records)[-1]
    rows = []
    for metric in measured_metrics(records):
        table = tabulate(records, metric.name, models[0])
        cells = _cells(records, table, name, overall, metric.name)
        rows.append([_caption(metric.name), *cells])
    kernels = "means of the kernels" if overall == MEAN_KERNEL else f"kernel {overall}"
    return html_table(f"All that was measured, {kernels}", ["", *models], rows)


def _distance_table(fid):
    """Models by data sets and kernels."""
    distances = {(d["data_set"], d["kernel"], d["model"]): d["fid"] for d in fid}
    models = distinct(fid, "model")
    rows = [
        [", ".join(place), *((f"{distances[*place, m]:.2f}", False) for m in models)]
        for place in dict.fromkeys((d["data_set"], d["kernel"]) for d in fid)
    ]
    return html_table("FID, less is better", ["", *models], rows)


def _cells(records, table, name, kernel, metric):
    """The models' means as (text, whether it is better than others)."""
    models = distinct(records, "model")
    means = {
        model: table.get((name, kernel, model), {}).get("mean") for model in models
    }
    leaders = best(means, metric)
    if len(leaders) == len(models):
        leaders = []
    return [
        (write_value(metric, value, unit=False), model in leaders)
        for model, value in means.items()
    ]


def _caption(metric):
    better = "more" if METRIC[metric].higher_is_better else "less"
    return f"{label_of(metric)}, {better} is better"


def _origin(about):
    pairs = [
        (
            term,
            f"<code>{html.escape(text)}</code>"
            if term == "Command"
            else html.escape(text),
        )
        for term, text in about
    ]
    return f'<p class="quiet">{_READING}</p>\n{definitions(pairs)}'


def _join(names):
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
