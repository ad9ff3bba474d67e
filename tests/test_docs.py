"""What README and docs say is there: links, options, commands; `test_docs_run` runs it.

`pip`, `git` and `make`, which asks pip, need the network by their nature.
"""

import argparse
import dataclasses
import importlib
import re
import tomllib

import pytest
from documents import PAGES, ROOT, anchors, blocks, prose
from packaging.requirements import Requirement

from srlite.cli import COMMANDS
from srlite.config.options import flatten, parse_assignment
from srlite.config.presets import preset
from srlite.training.run_directory import STAGES

BLOCKS = [block for page in PAGES for block in blocks(page)]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SCRIPTS = {
    "train.py": "training.command",
    "inference.py": "enhance.command",
    "export_tflite.py": "export.command",
}
MODULES = {name: module for name, (module, _) in COMMANDS.items()}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert found.exists(), f"{page} links to {target}, which is not there"
        if anchor:
            names = anchors(found.relative_to(ROOT).as_posix())
            assert anchor in names, f"{page} links to {target}; there are {names}"


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text()
    for path in (ROOT / "docs").glob("*.md"):
        assert path.name == "README.md" or f"({path.name})" in index, path.name


class Parsed(Exception):
    """Raised where a command has read its arguments, with what it read."""


@pytest.fixture
def parse(monkeypatch, capsys):
    """Let a module's command read arguments by its own parser, and stop there."""

    def stopping(read):
        def parse_args(self, args=None, namespace=None):
            raise Parsed(read(self, args, namespace))

        return parse_args

    for name in ("parse_args", "parse_intermixed_args"):
        real = getattr(argparse.ArgumentParser, name)
        monkeypatch.setattr(argparse.ArgumentParser, name, stopping(real))

    def run(module, arguments):
        try:
            importlib.import_module(f"srlite.{module}").main(arguments)
        except Parsed as parsed:
            return parsed.args[0]
        except SystemExit:
            pytest.fail(capsys.readouterr().err.splitlines()[-1])
        raise AssertionError("the command did not read its arguments")

    return run


@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if not b.language], ids=lambda block: block.place
)
def test_commands_exist(block, parse):
    assert set(block.needs) <= {"network", "GPU", "minutes", "another program"}
    for words in block.commands():
        while re.fullmatch(r"[A-Z_]+=\S+", words[0]):
            words = words[1:]
        program, *arguments = words
        if program in ("python", "node") and "/" in arguments[0]:
            assert (ROOT / arguments[0]).is_file()
        elif program.removeprefix(".venv/bin/") == "python" and arguments[0] != "-c":
            if arguments[0] == "-m":
                package = arguments[1]
                assert package in ("srlite", "pytest", "venv")
                arguments = arguments[2:]
                if package == "srlite":
                    module = MODULES[arguments.pop(0)]
            else:
                package, module = "srlite", SCRIPTS[arguments.pop(0)]
            if package == "srlite":
                check(module, parse(module, arguments))
        elif program == "srlite":
            module = MODULES[arguments[0]]
            check(module, parse(module, arguments[1:]))
        elif program == "make":
            makefile = (ROOT / "Makefile").read_text()
            for target in arguments:
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
        elif program == "pip":
            check_installable(arguments)
        else:
            assert program in ("git", "tensorboard", "pre-commit", "python"), program


def check(module, arguments):
    """Check what the parser cannot: the options of a training."""
    if module == "training.command":
        changes = dict(map(parse_assignment, arguments.set))
        preset(arguments.preset).updated(changes).check()
        assert set(arguments.stages or ()) <= set(STAGES)


def check_installable(arguments):
    """Check that what is installed is a file, an extra, or a known dependency."""
    extras = PROJECT["optional-dependencies"]
    lists = [PROJECT["dependencies"], *extras.values()]
    known = {Requirement(text).name for texts in lists for text in texts}
    assert arguments.pop(0) == "install"
    while arguments:
        name = arguments.pop(0)
        if name == "-r":
            assert (ROOT / arguments.pop(0)).is_file()
        elif match := re.fullmatch(r"\.(\[(.*)\])?", name):
            assert not match[2] or set(match[2].split(",")) <= set(extras), name
        else:
            assert Requirement(name).name in known | {"pre-commit"}, name


def required(name):
    """Requirements in a file, as sets of text, without those of files it names."""
    lines = (ROOT / name).read_text().splitlines()
    return {str(Requirement(line)) for line in lines if line and line[0] not in "#-"}


def test_requirements_are_those_of_the_package():
    extras = {
        name: {str(Requirement(text)) for text in texts}
        for name, texts in PROJECT["optional-dependencies"].items()
    }
    base = {str(Requirement(text)) for text in PROJECT["dependencies"]}
    assert required("requirements.txt") == base | extras["train"]
    assert required("requirements-dev.txt") == extras["test"]
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    assert "-r requirements.txt" in lines
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    demo = re.search(r"\.venv-demo/bin/pip install (.*)", makefile)[1]
    assert {str(Requirement(text)) for text in re.findall(r'"(.+?)"', demo)} == base


@pytest.mark.parametrize(
    "block",
    [b for b in BLOCKS if b.language in ("python", "toml")],
    ids=lambda block: block.place,
)
def test_code_is_valid(block):
    if block.language == "toml":
        preset("light").updated(tomllib.loads(block.text)).check()
    else:
        compile(block.text, block.place, "exec")


def shown(value):
    """Write an option's value as the page does."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(shown, value))}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def test_training_page_holds_every_option():
    page = (ROOT / "docs" / "training.md").read_text()
    light = preset("light")
    others = {
        "SRResNet": light.updated({"generator.name": "srresnet"}),
        "Half-resolution": preset("light_rt"),
    }
    told = {}
    for section in page.split("\n### ")[1:]:
        heading = section.partition("\n")[0]
        config = others.get(heading.split()[0], light)
        flat = flatten(dataclasses.asdict(config))
        prefixes = re.findall(r"`([\w.]+)`", heading)
        for name, default in re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.M):
            names = [f"{prefix}.{name}" for prefix in prefixes] or [name]
            values = [shown(flat[name]) for name in names]
            expected = values if len(set(values)) > 1 else values[:1]
            assert default == " / ".join(expected), f"{heading}: {name}"
            told |= dict.fromkeys(names)
    known = {
        name
        for config in (light, *others.values())
        for name in flatten(dataclasses.asdict(config))
    }
    assert known - told.keys() == set(), "options without a row in docs/training.md"


@pytest.mark.parametrize(
    ("module", "pages"),
    [
        ("training.command", ["docs/training.md"]),
        ("enhance.command", ["README.md", "docs/inference.md"]),
    ],
)
def test_every_flag_is_told(module, pages, capsys):
    with pytest.raises(SystemExit):
        importlib.import_module(f"srlite.{module}").main(["--help"])
    flags = set(re.findall(r"--[a-z][\w-]+", capsys.readouterr().out)) - {"--help"}
    text = " ".join((ROOT / page).read_text() for page in pages)
    missing = [flag for flag in sorted(flags) if not re.search(rf"{flag}\b", text)]
    assert not missing
    if module == "training.command":
        listed = set(re.findall(r"^\| .*?\|", text, re.MULTILINE))
        told = {flag for cell in listed for flag in re.findall(r"`(--[\w-]+)`", cell)}
        assert told <= flags
