"""Which model is best where, in sentences made of the scores."""

from srlite.evaluation.report.scores import (
    METRIC,
    best,
    kernels_of,
    select,
    tabulate,
    write_value,
)
from srlite.evaluation.records import distinct


def summarise(records, metric):
    """Say for each data set which model is best, how sure that is, and where it fails.

    Args:
        records: as in `score_records`.
        metric: name of what the models are compared by.

    Returns:
        List of sentences, plain text.
    """
    return [
        " ".join(_of_data_set(select(records, data_set=name), name, metric))
        for name in distinct(records, "data_set")
    ]


def _of_data_set(records, data_set, metric):
    models = distinct(records, "model")
    table = tabulate(records, metric, models[0])
    *kernels, overall = kernels_of(records)
    means = {model: _mean(table, data_set, overall, model) for model in models}
    winners = best(means, metric)
    count = len(distinct(records, "image"))
    place = f"On {data_set} ({count} picture{'s' if count > 1 else ''})"
    label = METRIC[metric].label
    if not winners:
        yield f"{place}, {label} was not measured."
        return
    written = write_value(metric, means[winners[0]])
    if len(models) == 1:
        yield f"{place}, {models[0]} has a mean {label} of {written}."
    elif len(winners) > 1:
        yield f"{place}, {_join(winners)} share the best mean {label}, {written}."
    else:
        others = {m: v for m, v in means.items() if m != winners[0]}
        sentence = f"{place}, {winners[0]} has the best mean {label}, {written}"
        if second := best(others, metric):
            sentence += _lead(records, data_set, metric, winners[0], second[0], overall)
        yield sentence + "."
        if kernels:
            yield _by_kernel(table, data_set, kernels, winners[0], models, metric)
    worst = [table.get((data_set, k, winners[0])) for k in kernels or [overall]]
    worst = [entry for entry in worst if entry]
    if worst:
        choose = min if METRIC[metric].higher_is_better else max
        entry = choose(worst, key=lambda e: e["worst"])
        yield (
            f"The worst picture of {winners[0]} is {entry['worst_image']}, "
            f"{write_value(metric, entry['worst'])} with the kernel {entry['kernel']}."
        )


def _lead(records, data_set, metric, winner, second, kernel):
    """How far the best model is ahead of the second, and how sure that is."""
    entry = tabulate(records, metric, second).get((data_set, kernel, winner), {})
    if "difference" not in entry:
        return ""
    more = METRIC[metric].higher_is_better
    gain = write_value(metric, abs(entry["difference"]))
    text = f", {gain} {'more' if more else 'less'} than {second}"
    if "low" not in entry:
        return text
    ends = sorted(
        (entry["low"], entry["high"]) if more else (-entry["high"], -entry["low"])
    )
    low, high = (write_value(metric, end, unit=False) for end in ends)
    doubt = "" if ends[0] > 0 else "; other pictures could turn this round"
    return f"{text} (95 % interval {low} to {high}{doubt})"


def _by_kernel(table, data_set, kernels, winner, models, metric):
    lost = {}
    for kernel in kernels:
        means = {model: _mean(table, data_set, kernel, model) for model in models}
        leaders = best(means, metric)
        if leaders and winner not in leaders:
            lost.setdefault(_join(leaders), []).append(kernel)
    if not lost:
        return f"It leads with each of the {len(kernels)} kernels."
    return " ".join(
        f"{who} leads with the kernel{'s' if len(where) > 1 else ''} {_join(where)}."
        for who, where in lost.items()
    )


def _mean(table, data_set, kernel, model):
    return table.get((data_set, kernel, model), {}).get("mean")


def _join(names):
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
