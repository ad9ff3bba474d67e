"""The machinery of options: dotted names, types and ranges, files and `--set`.

It works on frozen dataclasses, nested to any depth. The type of an option says which
values it takes: `Literal` for choices, `Annotated[int, Bound(...)]` for ranges,
`X | None` where "none" is allowed, `tuple[X, ...]` for lists. A dataclass may have a
method `problems`, which checks options against each other and yields pairs of an option
and what is wrong with it.
"""

import contextlib
import dataclasses
import difflib
import json
import math
import tomllib
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

from srlite.errors import ConfigError


class Bound(NamedTuple):
    """A range of numbers: its words, and a test."""

    says: str
    holds: Callable


Count = Annotated[int, Bound("at least 1", lambda x: x >= 1)]
CountOrZero = Annotated[int, Bound("at least 0", lambda x: x >= 0)]
# Names of checkpoints hold eight digits.
Steps = Annotated[int, Bound("from 1 to 99999999", lambda x: 1 <= x < 10**8)]
Positive = Annotated[float, Bound("above 0", lambda x: x > 0)]
NotNegative = Annotated[float, Bound("at least 0", lambda x: x >= 0)]
Fraction = Annotated[float, Bound("at least 0 and below 1", lambda x: 0 <= x < 1)]
Probability = Annotated[float, Bound("between 0 and 1", lambda x: 0 <= x <= 1)]


def flatten(options, prefix=""):
    """Map nested dicts to one dict of dotted names."""
    flat = {}
    for key, value in options.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def updated(config, changes, prefix=""):
    """Return a copy of a frozen dataclass with some options changed.

    `changes` maps dotted names to values, or is nested. Error messages put `prefix`
    before the names. Raises ConfigError for an unknown option, or a value of the wrong
    type or range.
    """
    hints = typing.get_type_hints(type(config), include_extras=True)
    nested = {}
    for name, value in flatten(changes).items():
        key, _, rest = name.partition(".")
        is_group = dataclasses.is_dataclass(getattr(config, key, None))
        if key not in hints or bool(rest) != is_group:
            raise ConfigError(_unknown(config, name, prefix))
        if rest:
            nested.setdefault(key, {})[rest] = value
        else:
            nested[key] = _checked(value, hints[key], prefix + name)
    for key, value in nested.items():
        group = getattr(config, key)
        if dataclasses.is_dataclass(group):
            nested[key] = updated(group, value, f"{prefix}{key}.")
    return dataclasses.replace(config, **nested)


def defaults(config):
    """Map the dotted names of options to their defaults; some have none."""
    found = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            found |= {f"{field.name}.{k}": v for k, v in defaults(value).items()}
        elif field.default is not dataclasses.MISSING:
            found[field.name] = field.default
    return found


def check(config, prefix=""):
    """Raise a `ConfigError` for options that conflict."""
    for name, problem in getattr(config, "problems", tuple)():
        raise ConfigError(f"{prefix}{name} {problem}")
    for field in dataclasses.fields(config):
        group = getattr(config, field.name)
        if dataclasses.is_dataclass(group):
            check(group, f"{prefix}{field.name}.")


def _unknown(config, name, prefix):
    known = list(flatten(dataclasses.asdict(config)))
    close = difflib.get_close_matches(name, known, n=3) or [
        option for option in known if option.split(".")[-1] == name.split(".")[-1]
    ]
    if close:
        hint = f"; did you mean {' or '.join(prefix + c for c in close)}?"
    else:
        groups = [field.name for field in dataclasses.fields(config)]
        hint = f"; there are {', '.join(prefix + group for group in groups)}"
    return f"unknown option {prefix}{name}{hint}"


def _checked(value, hint, name):
    """Return `value` as the type of its option."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None or value == "none":
            return None
        inner = next(a for a in arguments if a is not type(None))
        return _checked(value, inner, name)
    if origin is Annotated:
        value = _checked(value, arguments[0], name)
        if not arguments[1].holds(value):
            raise ConfigError(f"{name} must be {arguments[1].says}; received {value!r}")
        return value
    if origin is typing.Literal:
        if not any(value == a and type(value) is type(a) for a in arguments):
            choices = " or ".join(repr(a) for a in arguments)
            raise ConfigError(f"{name} must be {choices}; received {value!r}")
        return value
    if origin is tuple:
        items = value if isinstance(value, list | tuple) else [value]
        if arguments[-1] is not Ellipsis and len(items) != len(arguments):
            raise ConfigError(
                f"{name} must hold {len(arguments)} values; received {value!r}"
            )
        return tuple(_checked(item, arguments[0], name) for item in items)
    if hint is float and type(value) is int:
        with contextlib.suppress(OverflowError):
            value = float(value)
    if type(value) is not hint:
        raise ConfigError(f"{name} must be of type {hint.__name__}; received {value!r}")
    if hint is float and not math.isfinite(value):
        raise ConfigError(f"{name} must be a finite number; received {value!r}")
    return value


def read_options(path):
    """Read the options in a TOML file or, by its ending, a JSON file.

    The section `inputs` of a run's `config.json` is left out. Raises ConfigError for a
    file that is missing or of another form.
    """
    try:
        text = Path(path).read_text("utf-8-sig")  # Windows may begin it with a mark
        if Path(path).suffix.lower() != ".json":
            return tomllib.loads(text)
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("expected an object of options by section")
    except (OSError, ValueError) as error:  # both parsers raise a ValueError
        raise ConfigError(f"cannot read the options in {path}: {error}") from None
    return {name: value for name, value in found.items() if name != "inputs"}


def parse_assignment(text):
    """Split `section.option=value` into name and value.

    The value is read as TOML (`5`, `1e-4`, `true`, `[1, 2]`), else as plain text.
    Raises ConfigError if there is no `=`.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set needs section.option=value; received {text!r}")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), value.strip()
