"""Scores for people: tables on the terminal, Markdown, CSV.

All are made from the aggregates of `statistics`. The best value of each metric under
one kernel is bold in Markdown. Files are written whole or not at all; what cannot be
written is a `DataError`.
"""

import csv

from srlite.errors import DataError
from srlite.evaluation.records import METRIC, METRICS, distinct, select
from srlite.evaluation.statistics import best
from srlite.files import replacing

_ABSENT = "-"
_WITH = "with"  # heading of the condition of the least gain
_TEXTS = ("worst picture", "95 % interval", _WITH)  # columns that hold no figures


def terminal_tables(aggregates, fid=(), fid_label="FID", gains=()):
    """Lay out the tables of all data sets as text.

    `aggregates` are as returned by `statistics.aggregate`, `fid` dicts with `data_set`,
    `kernel`, `model` and `fid` under a heading, `gains` as from
    `gains.gains_by_damage`.
    """
    blocks = []
    for data_set in distinct(aggregates, "data_set"):
        of_set = select(aggregates, data_set=data_set)
        means = _mean_rows(of_set, select(fid, data_set=data_set), fid_label)
        count = max(entry["count"] for entry in of_set)
        blocks.append(
            f"{data_set} ({count} picture{'s' * (count != 1)}), means; PSNR in dB, "
            "errors in levels\n" + _aligned(means)
        )
        metric = METRIC[of_set[0]["metric"]]
        blocks.append(
            f"{data_set}, {_name(metric, ' in ')} of single pictures\n"
            + _aligned(_spread_rows(of_set, metric))
        )
        if of_gains := select(gains, data_set=data_set):
            heading = f"{data_set}, {_gain_title(of_gains)}\n"
            blocks.append(heading + _aligned(_gain_rows(of_gains)))
    return "\n\n".join(blocks)


def markdown(aggregates, notes, fid=(), fid_label="FID", gains=()):
    """Write everything as Markdown, as `terminal_tables`; `notes` are sentences."""
    parts = ["# Scores", "\n".join(f"- {note}" for note in notes)]
    for data_set in distinct(aggregates, "data_set"):
        of_set = select(aggregates, data_set=data_set)
        distances = select(fid, data_set=data_set)
        parts.append(f"## {data_set}")
        if of_gains := select(gains, data_set=data_set):
            parts += [f"{_gain_title(of_gains)}:", _piped(_gain_rows(of_gains))]
        means = _mean_rows(of_set, distances, fid_label, in_markdown=True)
        parts += ["Means:", _piped(means)]
        for name in distinct(of_set, "metric"):
            rows = _spread_rows(of_set, METRIC[name])
            parts += [f"{_name(METRIC[name], ', ')}:", _piped(rows)]
    return "\n\n".join(parts) + "\n"


def write_rows(path, names, records):
    """Write dicts as rows of a CSV file; absent values stay empty."""
    with replacing(path, DataError) as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            rows = csv.DictWriter(file, names)
            rows.writeheader()
            rows.writerows(records)


def write_text(path, text):
    """Write a text file."""
    with replacing(path, DataError) as temporary:
        temporary.write_text(text, "utf-8", "backslashreplace")


def _mean_rows(of_set, distances, fid_label, in_markdown=False):
    """Return heading and rows: kernel, model, the mean of each metric."""
    metrics = [METRIC[name] for name in distinct(of_set, "metric")]
    metrics.sort(key=METRICS.index)
    means = {(a["kernel"], a["model"], a["metric"]): a["mean"] for a in of_set}
    fids = {(d["kernel"], d["model"]): f"{d['fid']:.2f}" for d in distances}
    headings = [metric.title if in_markdown else metric.label for metric in metrics]
    rows = [["kernel", "model", *headings, *([fid_label] if fids else [])]]
    for kernel in distinct(of_set, "kernel"):
        models = distinct(select(of_set, kernel=kernel), "model")
        for model in models:
            row = [kernel, model]
            for metric in metrics:
                values = {m: means.get((kernel, m, metric.name)) for m in models}
                text = metric.write(values[model])
                known = [value for value in values.values() if value is not None]
                leads = len(known) > 1 and model in best(values, metric.name)
                row.append(f"**{text}**" if in_markdown and leads else text)
            if fids:
                row.append(fids.get((kernel, model), _ABSENT))
            rows.append(row)
    return rows


def _spread_rows(of_set, metric):
    """Return heading and rows: mean, median, worst, difference from the first model."""
    entries = [a for a in of_set if a["metric"] == metric.name]
    names = distinct(entries, "model")
    rows = [["kernel", "model", "mean", "median", "worst", "worst picture"]]
    if len(names) > 1:
        rows[0] += [f"minus {names[0]}", "95 % interval"]
    for entry in entries:
        figures = [metric.write(entry[kind]) for kind in ("mean", "median", "worst")]
        row = [entry["kernel"], entry["model"], *figures, entry["worst_image"]]
        if len(names) > 1:
            row.append(metric.write(entry.get("difference"), sign=True))
            ends = [entry[end] for end in ("low", "high") if end in entry]
            row.append(" to ".join(metric.write(x, sign=True) for x in ends) or _ABSENT)
        rows.append(row)
    return rows


def _gain_title(gains):
    metric = METRIC[gains[0]["metric"]]
    return f"{_name(metric, ' in ')} by damage, means of the kernels"


def _name(metric, between):
    """Return the label of a metric, and its unit if it has one."""
    return metric.label + (between + metric.unit if metric.unit else "")


def _gain_rows(gains):
    """Return heading and rows: damage, model, its mean, its gain on the reference."""
    metric = METRIC[gains[0]["metric"]]
    rows = [["damage", "model", metric.label, "plain", "gain", "least gain", _WITH]]
    for g in gains:
        means = [metric.write(g[k]) for k in ("value", "reference")]
        more = [metric.write(g[k], sign=True) for k in ("gain", "least")]
        rows.append([g["damage"], g["model"], *means, *more, g["least_with"]])
    return rows


def _aligned(rows):
    """Lay rows out in columns: names on the left, figures on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    on_left = [i < 2 or heading in _TEXTS for i, heading in enumerate(rows[0])]
    lines, before = [], None
    for row in rows:
        # A kernel is named once.
        shown = ["" if row[0] == before else row[0], *row[1:]]
        before = row[0]
        cells = [
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(shown, widths, on_left, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _piped(rows):
    heading, *rest = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    rule = ["---", "---", *["---:"] * (len(heading) - 2)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heading, rule, *rest))
