"""What a conditional model is told about a picture.

A person may state all of it, parts of it or nothing; an estimator states the rest.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from srlite.data.degradation_vector import Degradation, parse_degradation
from srlite.errors import ConfigError

# What a person may state about how a picture was made; see `parts_of`.
Told = Degradation | str | Mapping[str, Any] | npt.ArrayLike

_NOT_TOLD = "the model is not told how a picture was made"
_SEEING = "the model itself estimates how a picture was made"
_PARTS = {field.name for field in fields(Degradation)}


def parts_of(degradation: Told) -> dict[str, Any]:
    """Read what a person states about how a picture was made.

    That is a text for `parse_degradation`; a mapping of its names to values, or what it
    returns; a `Degradation`; or its vector (10,), [0, 1]. Returns a dict of attributes
    of `Degradation` to their values, to which an estimator has to add what is missing;
    "auto" leaves everything out. Raises ConfigError for anything else, and for an
    impossible name or value.
    """
    if isinstance(degradation, str):
        return parse_degradation(degradation)
    if isinstance(degradation, Mapping):
        given = dict(degradation)
        kernels = given.pop("kernels", None)
        parts = parse_degradation(",".join(f"{name}={given[name]}" for name in given))
        if kernels is not None:
            odds = parts_of([*np.ravel(kernels), 0.0, 0.0, 0.0, 0.0])
            parts["kernels"] = odds["kernels"]
        return parts
    if isinstance(degradation, Degradation):
        Degradation.from_vector(degradation.vector)  # refuses impossible values
        return dict(vars(degradation))
    try:
        vector = np.asarray(degradation, np.float64)
    except (RuntimeError, TypeError, ValueError):
        raise ConfigError(
            "a degradation must be a text such as auto or jpeg=60,noise=5, or an array "
            f"of numbers; received {degradation!r}"
        ) from None
    return dict(vars(Degradation.from_vector(vector)))


def is_whole(parts: Mapping[str, Any]) -> bool:
    """Whether `parts_of` left nothing to be estimated."""
    return parts.keys() >= _PARTS


def in_words(seen: Degradation, told: Degradation) -> str:
    """Describe what was seen and, if it differs, what the model was told."""
    return f"seen {seen}" if f"{seen}" == f"{told}" else f"seen {seen}; told {told}"


def untold(upscaler: Any) -> str:
    """Describe how a model that is told nothing treats pictures."""
    return _SEEING if getattr(upscaler.network, "seeing", False) else _NOT_TOLD


def left_aside(upscaler: Any, degradation: Told) -> tuple[str, ...]:
    """Return a sentence for a user who states what the model ignores, or nothing.

    Raises as `parts_of`.
    """
    if upscaler.conditional or not parts_of(degradation):
        return ()
    return (f"{untold(upscaler)}, so the given degradation is ignored",)
