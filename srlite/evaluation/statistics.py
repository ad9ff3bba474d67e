"""From scores of single pictures to figures about models.

Pictures differ far more from each other than models do on one picture. So models are
compared picture by picture, and the interval of their mean difference is the percentile
bootstrap of these differences (Efron and Tibshirani 1993, chapter 13): how far the mean
would move with other pictures of the same kind. With several kernels there is one more,
`MEAN_KERNEL`, under which a picture has the mean of its values.
"""

from dataclasses import dataclass

import numpy as np

from srlite.evaluation.records import FIELDS, METRIC, distinct, select

MEAN_KERNEL = "mean"
CONFIDENCE = 0.95
_RESAMPLINGS = 10_000
_SEED = 0
_CHUNK = 2_000_000  # pictures resampled at once, to bound the memory


@dataclass(frozen=True)
class Summary:
    """A metric of one model over the pictures of a set; see `aggregate`."""

    data_set: str
    kernel: str  # "mean" for the mean over all kernels
    model: str
    metric: str
    count: int  # of pictures
    mean: float
    median: float
    worst: float
    worst_image: str  # its name
    # Mean of this model minus the first one, picture by picture; None for the first
    # one, and where a value is infinite.
    difference: float | None = None
    low: float | None = None  # ends of its 95 % interval
    high: float | None = None


def aggregate(records):
    """Summarise records, no two of which agree in all `FIELDS`: dicts as `Summary`.

    Differences are over the pictures that both models have; they are absent where there
    are none or a value is infinite, the interval where there is only one.
    """
    values = {}  # (data set, kernel, model, metric) -> {image: value}
    for record in _with_means(records):
        data_set, image, kernel, model = (record[field] for field in FIELDS)
        for metric in METRIC:
            if metric in record:
                place = (data_set, kernel, model, metric)
                values.setdefault(place, {})[image] = record[metric]
    # A data set may lack the first model of another one, not that of its own.
    first = {}
    for data_set, _, model, _ in values:
        first.setdefault(data_set, model)
    found = []
    for (data_set, kernel, model, metric), of_images in values.items():
        goodness = METRIC[metric].goodness
        worst = min(of_images, key=lambda i: goodness(of_images[i]))
        numbers = list(of_images.values())
        entry = {"data_set": data_set, "kernel": kernel, "model": model}
        entry |= {"metric": metric, "count": len(numbers)}
        entry |= {"mean": float(np.mean(numbers)), "median": float(np.median(numbers))}
        entry |= {"worst": of_images[worst], "worst_image": worst}
        if model != first[data_set]:
            others = values.get((data_set, kernel, first[data_set], metric), {})
            common = [image for image in of_images if image in others]
            pair = [[x[image] for image in common] for x in (of_images, others)]
            entry |= _difference(*pair)
        found.append(entry)
    return found


def bootstrap_interval(differences):
    """Return the 95 % interval (low, high) of the mean of paired differences.

    It holds the percentiles of the means of `_RESAMPLINGS` samples of as many pictures,
    drawn with replacement; the same two or more finite floats always have the same.
    """
    differences = np.asarray(differences, np.float64)
    count = len(differences)
    random = np.random.default_rng(_SEED)
    size = max(1, _CHUNK // count)
    means = []
    for done in range(0, _RESAMPLINGS, size):
        drawn = random.integers(0, count, (min(size, _RESAMPLINGS - done), count))
        means.append(differences[drawn].mean(axis=1))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(np.concatenate(means), [tail, 100 - tail])
    return float(low), float(high)


def _difference(values, others):
    """Return what `aggregate` says of a pair of models."""
    if not values or not np.isfinite([values, others]).all():
        return {}
    differences = np.subtract(values, others)
    entry = {"difference": float(differences.mean())}
    if len(differences) > 1:
        entry |= dict(zip(("low", "high"), bootstrap_interval(differences)))
    return entry


def _with_means(records):
    """Add the means over the kernels, of pictures that have them all."""
    yield from records
    for data_set in distinct(records, "data_set"):
        of_set = select(records, data_set=data_set)
        if len(distinct(of_set, "kernel")) > 1:
            yield from averaged(of_set, MEAN_KERNEL)


def averaged(records, name):
    """Average each picture's values over the kernels, as records of a kernel `name`.

    `records` are of one data set. A new record lacks a metric that the picture lacks
    with one of the kernels.
    """
    count = len(distinct(records, "kernel"))
    groups = {}
    for record in records:
        groups.setdefault((record["model"], record["image"]), []).append(record)
    for (model, image), group in groups.items():
        mean = {"data_set": group[0]["data_set"], "image": image, "model": model}
        mean["kernel"] = name
        for metric in METRIC:
            of_kernels = [r[metric] for r in group if metric in r]
            if len(of_kernels) == count:
                mean[metric] = float(np.mean(of_kernels))
        yield mean


def tabulate(records, reference):
    """Summarise records, with differences from the model `reference`.

    Returns dict of (data set, kernel, model, metric) to an entry of `aggregate`; with
    several kernels, `MEAN_KERNEL` is one more.
    """
    entries = aggregate(sorted(records, key=lambda r: r["model"] != reference))
    return {
        tuple(entry[key] for key in ("data_set", "kernel", "model", "metric")): entry
        for entry in entries
    }


def kernels_of(records):
    """List the kernels of some records, and their mean where there are several."""
    kernels = distinct(records, "kernel")
    return [*kernels, MEAN_KERNEL] if len(kernels) > 1 else kernels


def values(records, metric):
    """Return the finite values of a metric: float64 (n,)."""
    found = np.array([r[metric] for r in records if metric in r], np.float64)
    return found[np.isfinite(found)]


def best(candidates, metric):
    """Return the models that are best, to the digits that are shown.

    `candidates` is a dict of name to number, or to None where there is none.
    """
    found = {n: value for n, value in candidates.items() if value is not None}
    if not found:
        return []
    top = max(found.values(), key=METRIC[metric].goodness)
    write = METRIC[metric].write
    return [n for n, value in found.items() if write(value) == write(top)]


def rank(records, metric, model, count):
    """Choose up to `count` pictures each on which a model does best and worst.

    The first kernel of each data set counts. Returns two lists of records: the best,
    best first, and the worst, worst first; no picture is in both. Equals keep their
    order; pictures without the metric are left out.
    """
    first_kernels = {}
    for record in records:
        first_kernels.setdefault(record["data_set"], record["kernel"])
    found = [
        record
        for record in select(records, model=model)
        if metric in record and record["kernel"] == first_kernels[record["data_set"]]
    ]
    found.sort(key=lambda r: METRIC[metric].goodness(r[metric]), reverse=True)
    first = min(count, (len(found) + 1) // 2)
    last = min(count, len(found) - first)
    return found[:first], found[len(found) - last :][::-1]
