"""From scores of single pictures to figures about models.

Per data set, kernel and model: mean, median and worst picture of each metric, and for
each model but the first the mean difference from the first, with an interval. The
pictures differ far more among each other than models do on one picture, so the
difference is taken picture by picture, and the interval is the percentile bootstrap of
these differences (Efron and Tibshirani 1993, chapter 13): how far the mean would move
had other pictures of the same kind been in the set. With several kernels there is one
more, `MEAN_KERNEL`, on which a picture has the mean of its values.
"""

import numpy as np

from srlite.evaluation.records import FIELDS, distinct, measured_metrics

MEAN_KERNEL = "mean"
CONFIDENCE = 0.95
_RESAMPLINGS = 10_000
_SEED = 0
# Resampled pictures at once, so that large sets stay within some tens of MB.
_CHUNK = 2_000_000


def aggregate(records):
    """Summarise records.

    Args:
        records: list of records, of which no two agree in all of `FIELDS`.

    Returns:
        List of dicts with `data_set`, `kernel`, `model`, `metric`, `count` (pictures),
        `mean`, `median`, `worst`, `worst_image`, and, of every model but the first,
        `difference` (mean of this model minus the first), `low` and `high`, the ends of
        its 95 % interval, over the pictures that both models have. Differences are
        absent where there are no such pictures or a value is infinite, the interval
        where there is only one.
    """
    metrics = measured_metrics(records)
    values = {}  # (data set, kernel, model, metric) -> {image: value}
    for record in _with_means(records, metrics):
        data_set, image, kernel, model = (record[field] for field in FIELDS)
        for metric in metrics:
            if metric.name in record:
                place = (data_set, kernel, model, metric.name)
                values.setdefault(place, {})[image] = record[metric.name]
    better = {metric.name: metric.higher_is_better for metric in metrics}
    # A data set may lack the first model of another one, not that of its own.
    first = {}
    for data_set, _, model, _ in values:
        first.setdefault(data_set, model)
    found = []
    for (data_set, kernel, model, metric), of_images in values.items():
        worst = (min if better[metric] else max)(of_images, key=of_images.get)
        numbers = list(of_images.values())
        entry = {"data_set": data_set, "kernel": kernel, "model": model}
        entry |= {"metric": metric, "count": len(numbers)}
        entry |= {"mean": float(np.mean(numbers)), "median": float(np.median(numbers))}
        entry |= {"worst": of_images[worst], "worst_image": worst}
        if model != first[data_set]:
            others = values.get((data_set, kernel, first[data_set], metric), {})
            common = [image for image in of_images if image in others]
            entry |= _difference(
                [of_images[image] for image in common],
                [others[image] for image in common],
            )
        found.append(entry)
    return found


def bootstrap_interval(differences):
    """Interval of the mean of paired differences, always the same for the same ones.

    Args:
        differences: at least two finite floats, one for each picture.

    Returns:
        (low, high): the 2.5 % and 97.5 % percentiles of the means of `_RESAMPLINGS`
        samples of as many pictures, drawn with replacement.
    """
    differences = np.asarray(differences, np.float64)
    count = len(differences)
    random = np.random.default_rng(_SEED)
    means = []
    for size in _chunks(_RESAMPLINGS, max(1, _CHUNK // count)):
        drawn = random.integers(0, count, (size, count))
        means.append(differences[drawn].mean(axis=1))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(np.concatenate(means), [tail, 100 - tail])
    return float(low), float(high)


def _chunks(total, size):
    for done in range(0, total, size):
        yield min(size, total - done)


def _difference(values, others):
    """What `aggregate` says of a pair of models."""
    if not values or not np.isfinite([values, others]).all():
        return {}
    differences = np.subtract(values, others)
    entry = {"difference": float(differences.mean())}
    if len(differences) > 1:
        entry |= dict(zip(("low", "high"), bootstrap_interval(differences)))
    return entry


def _with_means(records, metrics):
    """Add the means over the kernels, of pictures that have them all."""
    yield from records
    for data_set in distinct(records, "data_set"):
        of_set = [r for r in records if r["data_set"] == data_set]
        kernels = distinct(of_set, "kernel")
        if len(kernels) < 2:
            continue
        groups = {}
        for record in of_set:
            groups.setdefault((record["model"], record["image"]), []).append(record)
        for (model, image), group in groups.items():
            mean = {"data_set": data_set, "image": image, "model": model}
            mean["kernel"] = MEAN_KERNEL
            for metric in metrics:
                of_kernels = [r[metric.name] for r in group if metric.name in r]
                if len(of_kernels) == len(kernels):
                    mean[metric.name] = float(np.mean(of_kernels))
            yield mean
