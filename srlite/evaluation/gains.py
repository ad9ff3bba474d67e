"""Scores by damage, and how much models gain on plain enlargement.

Records name their condition `kernel` or `kernel+damage`; here it is split. A gain is
the difference of two means over the pictures; a damage has one for each kernel, of
which the mean and the least are reported.
"""

import math

import numpy as np

from srlite.evaluation.records import distinct, select
from srlite.evaluation.statistics import MEAN_KERNEL, averaged

CLEAN = "none"  # the damage of a condition that names none
ALL = "all"
_METRIC = "psnr"


def split_condition(name):
    """Split the name of a condition: (kernel, damage)."""
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

    Data sets with one damage stay as they are.
    """
    found = []
    for data_set in distinct(records, "data_set"):
        own = select(records, data_set=data_set)
        damages = damages_of(own)
        if len(damages) < 2:
            found += own
            continue
        for damage in damages:
            part = [r for r in own if split_condition(r["kernel"])[1] == damage]
            found += averaged(part, damage)
    return found


def gains_by_damage(aggregates, reference):
    """Compute how much PSNR each model gains on the model `reference`, by damage.

    Returns dicts with `data_set`, `damage`, `model`, `metric`; `value` and `reference`,
    means over pictures and kernels; `gain`, their difference; `least`, the least gain
    with any kernel, and `least_with`, that condition. A data set with several damages
    has one more, `ALL`, over all conditions. Data sets without damage or reference, and
    infinite values, are left out.
    """
    found = []
    for data_set in distinct(aggregates, "data_set"):
        own = select(aggregates, data_set=data_set, metric=_METRIC)
        means = {(a["kernel"], a["model"]): a["mean"] for a in own}
        conditions = [n for n in distinct(own, "kernel") if n != MEAN_KERNEL]
        groups = {}
        for name in conditions:
            groups.setdefault(split_condition(name)[1], []).append(name)
        if set(groups) <= {CLEAN}:
            continue
        if len(groups) > 1:
            groups[ALL] = conditions
        for damage, names in groups.items():
            for model in distinct(own, "model"):
                entry = model != reference and _gain(means, names, model, reference)
                of = {"data_set": data_set, "damage": damage, "model": model}
                found += [of | {"metric": _METRIC} | entry] if entry else []
    return found


def _gain(means, names, model, reference):
    """Return the gain of one model under some conditions, or None."""
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
