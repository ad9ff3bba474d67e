"""Tables and orders of scores, as figures and reports show them.

A table holds one metric: a dict of (data set, kernel, model) to what
`score_statistics.aggregate` says of it, the differences being those from a reference.
"""

import math

import numpy as np

from srlite.evaluation.records import FIELDS, METRICS, distinct
from srlite.evaluation.statistics import MEAN_KERNEL, aggregate

METRIC = {metric.name: metric for metric in METRICS}
_PLAIN = ("bicubic", "lanczos")


def label_of(metric):
    """Write the label of a metric, with its unit where the label does not say it."""
    known = METRIC[metric]
    extra = known.unit and known.unit != known.label
    return f"{known.label} ({known.unit})" if extra else known.label


def choose_reference(models):
    """Choose the model that others are measured against.

    Args:
        models: names, at least one.

    Returns:
        Plain bicubic if it is there, else another plain filter, else the last one.
    """
    return next((model for model in _PLAIN if model in models), models[-1])


def tabulate(records, metric, reference):
    """Summarise one metric.

    Args:
        records: as in `score_records`.
        metric: its name.
        reference: name of the model that differences are taken from.

    Returns:
        dict of (data set, kernel, model) to an entry of `score_statistics.aggregate`;
        where there are several kernels, also of (data set, `MEAN_KERNEL`, model).
    """
    kept = [
        {key: record[key] for key in (*FIELDS, metric)}
        for record in sorted(records, key=lambda r: r["model"] != reference)
        if metric in record
    ]
    return {(e["data_set"], e["kernel"], e["model"]): e for e in aggregate(kept)}


def kernels_of(records):
    """List the kernels of some records, and their mean where there are several."""
    kernels = distinct(records, "kernel")
    return [*kernels, MEAN_KERNEL] if len(kernels) > 1 else kernels


def select(records, **fields):
    """List the records whose fields have these values."""
    return [r for r in records if all(r[key] == fields[key] for key in fields)]


def values(records, metric):
    """The finite values of a metric: float64 (n,)."""
    found = np.array([r[metric] for r in records if metric in r], np.float64)
    return found[np.isfinite(found)]


def best(candidates, metric):
    """Name the best of several models.

    Args:
        candidates: dict of name to number, or None where there is none.
        metric: name of what the numbers measure.

    Returns:
        Names: those that have the best value, to the digits that are written; none
        where there is no number.
    """
    found = {n: value for n, value in candidates.items() if value is not None}
    if not found:
        return []
    top = (max if METRIC[metric].higher_is_better else min)(found.values())
    written = write_value(metric, top)
    return [n for n, value in found.items() if write_value(metric, value) == written]


def rank(records, metric, model, count):
    """Choose the pictures on which a model does best and worst.

    Of the kernels that a data set was measured with, the first one counts.

    Args:
        records: of any data sets.
        metric: name of what they are ranked by.
        model: whose scores count.
        count: how many of each; fewer where there are not so many pictures, as none is
            named twice.

    Returns:
        Two lists of records: the best, best first, and the worst, worst first. Equals
        keep their order; pictures without the metric are left out.
    """
    first_kernels = {}
    for record in records:
        first_kernels.setdefault(record["data_set"], record["kernel"])
    found = [
        record
        for record in select(records, model=model)
        if metric in record and record["kernel"] == first_kernels[record["data_set"]]
    ]
    found.sort(key=lambda r: r[metric], reverse=METRIC[metric].higher_is_better)
    first = min(count, (len(found) + 1) // 2)
    last = min(count, len(found) - first)
    return found[:first], found[len(found) - last :][::-1]


def write_value(metric, value, sign="", unit=True):
    """Write a value of a metric.

    Args:
        metric: its name.
        value: number; None becomes a dash.
        sign: as in a format: "+" for a difference.
        unit: whether its unit follows.

    Returns:
        Text.
    """
    if value is None:
        return "–"
    known = METRIC[metric]
    after = f" {known.unit}" if unit and known.unit else ""
    if math.isinf(value):
        return ("∞" if value > 0 else "−∞") + after
    return f"{value:{sign}.{known.decimals}f}".replace("-", "−") + after
