"""The pages of the documentation, taken apart: links, headings, blocks of code.

A block is indented by four columns, or fenced. Indented ones and fences without a
language hold commands. The comment `<!-- needs: network, GPU -->` before a block says
why no test runs it; `minutes` and `another program` are reasons too.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "*/*/README.md", "web/README.md")
    for path in ROOT.glob(pattern)
)
_NEEDS = re.compile(r"<!-- needs: (.*) -->")


@dataclass(frozen=True)
class Block:
    """A block of code: where it is, its language, why it is not run, and its text."""

    place: str
    language: str
    needs: tuple[str, ...]
    text: str

    def commands(self):
        """Return the words of each command, comments left out."""
        text = self.text.replace("\\\n", " ").replace(".venv\\Scripts\\", "")
        lines = [shlex.split(line, comments=True) for line in text.splitlines()]
        return [words for words in lines if words]


def blocks(page):
    """Yield the blocks of a page."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    needs, number = (), 0
    while number < len(lines):
        line, first = lines[number], number
        if match := _NEEDS.fullmatch(line):
            needs = tuple(match[1].split(", "))
            number += 1
            continue
        if line.startswith("```"):
            number = lines.index("```", first + 1)
            language, held = line[3:], lines[first + 1 : number]
        elif line.startswith("    ") and not lines[first - 1].strip():
            while number < len(lines) and re.match(r"    |\s*$", lines[number]):
                number += 1
            language, held = "", [line[4:] for line in lines[first:number]]
            number -= 1
        else:
            held = None
            if line.strip():
                needs = ()
        if held is not None:
            text = "\n".join(held).strip("\n")
            yield Block(f"{page}:{first + 1}", language, needs, text)
            needs = ()
        number += 1


def prose(page):
    """Return the text of a page without its blocks of code."""
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^    .*$", "", text, flags=re.MULTILINE)


def anchors(page):
    """Return what a link may name after #, as GitHub derives it from headings."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", prose(page), flags=re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-"))
    return found
