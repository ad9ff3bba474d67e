"""A wing imports only from itself and from those above it; each says what it holds."""

import ast
import re
from pathlib import Path

import pytest

import srlite

PACKAGE = Path(srlite.__file__).parent
WINGS = re.findall(r"^- `(\w+)`:", srlite.__doc__, re.MULTILINE)
GROUND = ["errors", "files", "memory", "backend"]  # for every wing
FACE = ["__init__", "__main__", "cli"]
MODULES = sorted(p.relative_to(PACKAGE) for p in PACKAGE.rglob("*.py"))
TENSORFLOW_ALLOWED = {
    "backend.py",
    "benchmark/training.py",
    "data/sources.py",
    "export/conversion.py",
    "training/distribution.py",
    "training/preparation.py",
    "training/replicas.py",
    "training/tensorflow_step.py",
}
MOST_MODULES = {"training": 18}  # of the others 12


def imports(path):
    """Yield the dotted name of everything a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def faults(wing, names):
    """Yield those of some imports that a module of this wing must not have."""
    allowed = {*GROUND, "__version__"}
    if wing in WINGS:
        allowed |= set(WINGS[: WINGS.index(wing) + 1])
    for name in names:
        package, _, rest = name.partition(".")
        if package == "srlite" and rest and rest.split(".")[0] not in allowed:
            yield name


def test_the_house_is_as_it_says():
    folders = {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    assert sorted(folders) == sorted(WINGS)
    assert {p.stem for p in PACKAGE.glob("*.py")} == {*GROUND, *FACE}
    assert len(WINGS) <= 12 and len(GROUND + FACE) <= 8


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_go_up_the_list(module):
    names = list(imports(PACKAGE / module))
    if module.parts[0] not in ("__init__.py", "__main__.py", "cli.py"):
        assert list(faults(module.parts[0], names)) == []
    if any(name.partition(".")[0] == "tensorflow" for name in names):
        assert module.as_posix() in TENSORFLOW_ALLOWED


def test_a_wrong_arrow_is_found():
    assert list(faults("training", ["srlite.enhance.video", "numpy.linalg"])) == []
    assert list(faults("enhance", ["srlite.training.losses"]))
    assert list(faults("errors.py", ["srlite.pictures.picture"]))


def test_imports_make_no_circle():
    modules = {".".join(["srlite", *m.with_suffix("").parts]): m for m in MODULES}
    arrows = {
        name: {
            other
            for found in imports(PACKAGE / path)
            for other in (found, found.rpartition(".")[0])
            if other in modules
        }
        for name, path in modules.items()
    }
    placed = set()
    while free := {m for m in arrows if m not in placed and arrows[m] <= placed}:
        placed |= free
    assert placed == set(modules), f"a circle among {set(modules) - placed}"


@pytest.mark.parametrize("folder", [*WINGS, "evaluation/report"])
def test_a_wing_lists_its_rooms(folder):
    text = ast.get_docstring(ast.parse((PACKAGE / folder / "__init__.py").read_text()))
    rooms = {p.stem for p in (PACKAGE / folder).glob("*.py")} - {"__init__"}
    rooms |= {p.parent.name for p in (PACKAGE / folder).glob("*/__init__.py")}
    assert re.findall(r"^- `(\w+)`:", text, re.MULTILINE) == sorted(
        rooms, key=lambda name: ((PACKAGE / folder / name).is_dir(), name)
    )
    assert len(rooms) <= MOST_MODULES.get(folder, 12)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_file_is_too_long(module):
    assert len((PACKAGE / module).read_text().splitlines()) <= 330
