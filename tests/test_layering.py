"""Arrows between modules go down, and TensorFlow stays in its rooms."""

import ast
import re
from pathlib import Path

import pytest

import srlite

PACKAGE = Path(__file__).parent.parent / "srlite"

# "Ground floor ...:" and the like head lists of modules, "- what for: `name`, ...".
LISTS = [
    re.findall(r"^- (\w[\w ]*): ((?:`\w+`,?\s*)+)", part, re.MULTILINE)
    for part in re.split(r"^(?:\w+ floor|Attic)\b.*:$", srlite.__doc__, flags=re.M)[1:]
]
FLOORS = [
    [name for _, names in floor for name in re.findall(r"\w+", names)]
    for floor in LISTS
]
# Ground floor modules that others of that floor may use.
FOUNDATION = re.findall(r"\w+", dict(LISTS[0])["foundation"])
TENSORFLOW_ALLOWED = {
    "backend",
    "benchmark",
    "conversion",
    "distribution",
    "preparation",
    "replicas",
    "sources",
    "tensorflow_step",
}


def imports(path):
    """Yield the dotted name of everything a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor_of(module):
    return next(i for i, floor in enumerate(FLOORS) if module in floor)


MODULES = sorted(p.stem for p in PACKAGE.glob("*.py") if p.stem != "__init__")


def test_every_module_has_a_floor():
    assert len(FLOORS) == 4
    assert sorted(name for floor in FLOORS for name in floor) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    for name in imports(PACKAGE / f"{module}.py"):
        package, _, rest = name.partition(".")
        if package == "tensorflow":
            assert module in TENSORFLOW_ALLOWED
        if package != "srlite" or not rest:
            continue
        other = rest.split(".")[0]
        if other in FOUNDATION:
            continue
        assert floor_of(other) <= floor_of(module), f"{module} -> {other} goes up"
        if floor_of(module) == 0:
            raise AssertionError(f"{module} -> {other}: the ground floor stands alone")


def test_same_floor_imports_make_no_circle():
    arrows = {
        module: {
            name.split(".")[1]
            for name in imports(PACKAGE / f"{module}.py")
            if name.startswith("srlite.")
        }
        & set(MODULES)
        for module in MODULES
    }
    placed = set()
    while free := {m for m in arrows if m not in placed and arrows[m] <= placed}:
        placed |= free
    assert placed == set(MODULES), f"a circle among {set(MODULES) - placed}"
