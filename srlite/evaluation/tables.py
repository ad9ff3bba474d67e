"""Scores for people: tables on the terminal, Markdown, CSV.

All are made from the aggregates of `score_statistics`. The best value of each metric
under one kernel is bold in Markdown.
"""

import csv
import math

from srlite.errors import DataError
from srlite.files import replacing
from srlite.evaluation.records import FIELDS, METRICS, distinct, measured_metrics

_BY_NAME = {metric.name: metric for metric in METRICS}
_ABSENT = "-"


def format_value(value, decimals, sign=False):
    """Write a number with its decimals; `-` for None."""
    if value is None:
        return _ABSENT
    if math.isinf(value):
        return "inf"
    return f"{value:{'+' if sign else ''}.{decimals}f}"


def terminal_tables(aggregates, fid=(), fid_label="FID"):
    """Lay out the tables of all data sets.

    Args:
        aggregates: as from `score_statistics.aggregate`.
        fid: list of dicts with `data_set`, `kernel`, `model` and `fid`.
        fid_label: heading of its column.

    Returns:
        Text of several lines.
    """
    blocks = []
    for data_set in distinct(aggregates, "data_set"):
        of_set = [a for a in aggregates if a["data_set"] == data_set]
        distances = [d for d in fid if d["data_set"] == data_set]
        count = max(entry["count"] for entry in of_set)
        blocks.append(
            f"{data_set} ({count} picture{'s' * (count != 1)}), means; PSNR in dB, "
            "errors in levels\n" + _aligned(_mean_rows(of_set, distances, fid_label))
        )
        metric = _BY_NAME[of_set[0]["metric"]]
        unit = f" in {metric.unit}" if metric.unit else ""
        blocks.append(
            f"{data_set}, {metric.label}{unit} of single pictures\n"
            + _aligned(_spread_rows(of_set, metric))
        )
    return "\n\n".join(blocks)


def markdown(aggregates, notes, fid=(), fid_label="FID"):
    """Write everything as Markdown.

    Args:
        aggregates: as from `score_statistics.aggregate`.
        notes: sentences on how it was measured.
        fid: as for `terminal_tables`.
        fid_label: as for `terminal_tables`.

    Returns:
        Text of a file.
    """
    parts = ["# Scores", "\n".join(f"- {note}" for note in notes)]
    for data_set in distinct(aggregates, "data_set"):
        of_set = [a for a in aggregates if a["data_set"] == data_set]
        distances = [d for d in fid if d["data_set"] == data_set]
        parts += [f"## {data_set}", "Means:"]
        parts.append(_piped(_mean_rows(of_set, distances, fid_label, in_markdown=True)))
        for name in distinct(of_set, "metric"):
            metric = _BY_NAME[name]
            unit = f", {metric.unit}" if metric.unit else ""
            parts.append(f"{metric.label}{unit}:")
            parts.append(_piped(_spread_rows(of_set, metric)))
    return "\n\n".join(parts) + "\n"


def write_csv(path, records):
    """Write every single value, a row for each record.

    Raises:
        DataError: the file cannot be written.
    """
    names = [*FIELDS, *(metric.name for metric in measured_metrics(records))]
    try:
        with replacing(path) as temporary:
            with open(temporary, "w", newline="", encoding="utf-8") as file:
                rows = csv.DictWriter(file, names)
                rows.writeheader()
                rows.writerows(records)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error


def write_text(path, text):
    """Write a text file, whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error


def _mean_rows(of_set, distances, fid_label, in_markdown=False):
    """Heading and rows: kernel, model, the mean of each metric."""
    metrics = [_BY_NAME[name] for name in distinct(of_set, "metric")]
    metrics.sort(key=METRICS.index)
    means = {(a["kernel"], a["model"], a["metric"]): a["mean"] for a in of_set}
    fids = {(d["kernel"], d["model"]): d["fid"] for d in distances}
    rows = [["kernel", "model", *(_heading(metric, in_markdown) for metric in metrics)]]
    rows[0] += [fid_label] if fids else []
    for kernel in distinct(of_set, "kernel"):
        models = distinct([a for a in of_set if a["kernel"] == kernel], "model")
        for model in models:
            row = [kernel, model]
            for metric in metrics:
                others = [means.get((kernel, m, metric.name)) for m in models]
                value = means.get((kernel, model, metric.name))
                text = format_value(value, metric.decimals)
                known = [other for other in others if other is not None]
                best = (max if metric.higher_is_better else min)(known, default=None)
                best_text = format_value(best, metric.decimals)
                marked = in_markdown and len(known) > 1 and text == best_text
                row.append(f"**{text}**" if marked else text)
            if fids:
                row.append(format_value(fids.get((kernel, model)), 2))
            rows.append(row)
    return rows


def _spread_rows(of_set, metric):
    """Heading and rows: mean, median, worst, difference from the first model."""
    entries = [a for a in of_set if a["metric"] == metric.name]
    names = distinct(entries, "model")
    rows = [["kernel", "model", "mean", "median", "worst", "worst picture"]]
    if len(names) > 1:
        rows[0] += [f"minus {names[0]}", "95 % interval"]
    for entry in entries:
        figures = [
            format_value(entry[kind], metric.decimals)
            for kind in ("mean", "median", "worst")
        ]
        row = [entry["kernel"], entry["model"], *figures, entry["worst_image"]]
        if len(names) > 1:
            digits = metric.decimals
            row.append(format_value(entry.get("difference"), digits, sign=True))
            ends = [
                format_value(entry[end], digits, sign=True)
                for end in ("low", "high")
                if end in entry
            ]
            row.append(" to ".join(ends) or _ABSENT)
        rows.append(row)
    return rows


def _heading(metric, with_unit):
    unit = with_unit and metric.unit and metric.unit not in metric.label
    return f"{metric.label} ({metric.unit})" if unit else metric.label


def _aligned(rows):
    """Lay rows out in columns: names to the left, figures to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    left = {0, 1} | {
        i
        for i in range(2, len(widths))
        if rows[0][i] in ("worst picture", "95 % interval")
    }
    lines, before = [], None
    for row in rows:
        # A kernel is named once.
        shown = ["" if row[0] == before else row[0], *row[1:]]
        before = row[0]
        cells = [
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(shown, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _piped(rows):
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    rule = ["---", "---", *["---:"] * (len(rows[0]) - 2)]
    return "\n".join(
        f"| {' | '.join(row)} |" for row in (escaped[0], rule, *escaped[1:])
    )
