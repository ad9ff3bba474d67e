"""The slider: what is left of the edge and what is right of it, before and after."""

import json
import re

import numpy as np
from node_scripts import run_node

from srlite.figures.slider_page import page_part, slider, slider_page

PANELS = [(name, np.zeros((4, 6, 3), np.uint8)) for name in ("LR", "a<b", "HR")]
# As much of a browser as the script needs: three pictures and four controls.
BROWSER = """
const control = (value) => ({ value, addEventListener() {} });
const images = [0, 1, 2].map(() => ({ style: {} }));
const stage = {
  style: {}, dataset: { width: "6" }, clientWidth: 6, classList: { toggle() {} },
  querySelectorAll: () => images, addEventListener() {},
};
const line = { style: {} };
const parts = {
  ".left": control("2"), ".right": control("0"), ".zoom": control("0"),
  ".edge": control("25"), ".view": {}, ".stage": stage, ".line": line,
};
globalThis.devicePixelRatio = 1;
globalThis.document = {
  querySelectorAll: () => [{ querySelector: (name) => parts[name] }],
};
"""
SHOW = "console.log(JSON.stringify([images.map((image) => image.style), line.style]));"


def styles(text):
    """What each picture of a page is styled by before a script runs: name to text."""
    tags = re.findall(r'<img alt="([^"]*)"[^>]*?(?: style="([^"]*)")? src', text)
    return dict(tags)


def test_sides_before_a_script_runs():
    found = styles(slider(PANELS, left=2, right=1))
    seen = "visibility: visible; clip-path: inset({})"
    assert found["HR"] == seen.format("0 50% 0 0")  # its right half is cut off
    assert found["a&lt;b"] == seen.format("0 0 0 50%")
    assert found["LR"] == ""
    first, second = re.findall(
        r"<select class=\"(?:left|right)\".*?</select>",
        (slider_page("t", PANELS, left=2, right=1)),
    )
    assert '<option value="2" selected>HR' in first and "Left" not in second
    assert '<option value="1" selected>a&lt;b' in second


def test_sides_while_the_edge_moves(node):
    pictures, line = json.loads(
        run_node([node, "-e", BROWSER + page_part("slider.js") + SHOW])
    )
    left, right, hidden = pictures[2], pictures[0], pictures[1]
    assert left == {"visibility": "visible", "clipPath": "inset(0 75% 0 0)"}
    assert right == {"visibility": "visible", "clipPath": "inset(0 0 0 25%)"}
    assert hidden["visibility"] == "hidden" and line["left"] == "25%"
