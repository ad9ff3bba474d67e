"""Scores by damage, and how much models gain on plain enlargement.

Records name their condition `kernel` or `kernel+damage`; here it is taken apart. A gain
is the difference of two means over the pictures; a damage has as many gains as there
are kernels, of which the mean and the least one are told.
"""

import math

import numpy as np

from srlite.evaluation.records import distinct
from srlite.evaluation.statistics import MEAN_KERNEL, averaged

CLEAN = "none"  # the damage of a condition that names none
ALL = "all"


def split_condition(name):
    """Take the name of a condition apart: (kernel, damage)."""
    kernel, _, damage = name.partition("+")
    return kernel, damage or CLEAN


def damages_of(records):
    """List the damages of some records, or aggregates, each once."""
    names = distinct(records, "kernel")
    return list(dict.fromkeys(split_condition(name)[1] for name in names))


def varied(records):
    """Name what the rows of `by_damage` are: "damage" or "kernel"."""
    return "damage" if len(damages_of(records)) > 1 else "kernel"


def by_damage(records):
    """Average records over the kernels of each damage, which becomes their `kernel`.

    Those of data sets with one damage stay as they are.
    """
    found = []
    for data_set in distinct(records, "data_set"):
        own = [r for r in records if r["data_set"] == data_set]
        damages = damages_of(own)
        if len(damages) < 2:
            found += own
            continue
        for damage in damages:
            part = [r for r in own if split_condition(r["kernel"])[1] == damage]
            found += averaged(part, damage)
    return found


def gains_by_damage(aggregates, reference, metric="psnr"):
    """Compute how much each model gains on the model `reference`, by damage.

    Args:
        aggregates: as from `statistics.aggregate`.
        reference: its name.
        metric: name of one that is better when higher.

    Returns:
        List of dicts with `data_set`, `damage`, `model`, `metric`; `value` and
        `reference`, means over pictures and kernels; `gain`, their difference; `least`,
        the least gain with any of the kernels, and `least_with`, this condition. Where
        a data set has several damages there is one more, `ALL`, over all conditions.
        Data sets without damage or reference, and infinite values, are left out.
    """
    found = []
    for data_set in distinct(aggregates, "data_set"):
        means = {
            (a["kernel"], a["model"]): a["mean"]
            for a in aggregates
            if a["data_set"] == data_set and a["metric"] == metric
        }
        # Of the mean over kernels there is no condition.
        names = dict.fromkeys(kernel for kernel, _ in means if kernel != MEAN_KERNEL)
        groups = {}
        for name in names:
            groups.setdefault(split_condition(name)[1], []).append(name)
        if set(groups) <= {CLEAN}:
            continue
        groups |= {ALL: list(names)} if len(groups) > 1 else {}
        models = dict.fromkeys(model for _, model in means if model != reference)
        for damage, names in groups.items():
            for model in models:
                entry = _gain(means, names, model, reference)
                of = {"data_set": data_set, "damage": damage, "model": model}
                found += [of | {"metric": metric} | entry] if entry else []
    return found


def _gain(means, names, model, reference):
    """What `gains_by_damage` says of one model under some conditions, or None."""
    pairs = [(means.get((n, model)), means.get((n, reference))) for n in names]
    if any(x is None or math.isinf(x) for pair in pairs for x in pair):
        return None
    gains = [ours - theirs for ours, theirs in pairs]
    value, plain = np.mean(pairs, axis=0).tolist()
    least = min(gains)
    return {
        "value": value,
        "reference": plain,
        "gain": float(np.mean(gains)),
        "least": least,
        "least_with": names[gains.index(least)],
    }
