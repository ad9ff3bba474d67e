"""`config.json`: what a run was asked to do, to compare with later.

It holds the resolved options and, under `inputs`, the other inputs of the run: sources,
weights, numbers of pictures.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from srlite.config.config import Config
from srlite.config.options import defaults, flatten
from srlite.errors import ConfigError
from srlite.files import replacing


def read_record(path: Path) -> dict[str, Any]:
    """Read a `config.json`; {} where there is none, ConfigError if it is unreadable."""
    if not os.path.exists(path):
        return {}
    try:
        record = json.loads(path.read_text())
        flatten(record.get("inputs", {}))  # refuses what is no object
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from None
    return record


def write_record(
    path: Path, config: Config, inputs: dict[str, Any], kept: Iterable[str] = ()
) -> None:
    """Write `config.json`; the sections `kept` stay as they are in it."""
    former = read_record(path)
    options = config.to_dict()
    options |= {section: former[section] for section in kept if section in former}
    with replacing(path) as temporary:
        text = json.dumps(options | {"inputs": inputs}, indent=2)
        temporary.write_text(text + "\n")


def changed_options(record: dict[str, Any], config: Config) -> dict[str, tuple]:
    """Map options that differ from a record to (former value, value); {} has none.

    An option that is not in the record had its default. One that exists only there
    counts as a difference.
    """
    if not record:
        return {}
    written = {name: value for name, value in record.items() if name != "inputs"}
    former = json.loads(json.dumps(defaults(config))) | flatten(written)
    return _changes(former, flatten(config.to_dict()))


def changed_inputs(record: dict[str, Any], inputs: dict[str, Any]) -> dict[str, tuple]:
    """Map inputs that differ from a record to (former value, value)."""
    if "inputs" not in record:
        return {}
    return _changes(flatten(record["inputs"]), flatten(inputs))


def _changes(former: dict, now: dict) -> dict[str, tuple]:
    names = sorted(former | now)
    pairs = {n: (former.get(n, "nothing"), now.get(n, "nothing")) for n in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def told(changes: dict[str, tuple]) -> str:
    """Put changes into words."""
    return ", ".join(f"{name} {a} -> {b}" for name, (a, b) in changes.items())
