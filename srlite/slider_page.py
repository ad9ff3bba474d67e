"""A page that compares pictures under a slider: one HTML file, nothing around it.

The pictures are inside as PNG, so nothing is lost or fetched; the page forbids itself
the network. Sliders and lists are the browser's own, so that keyboards and screen
readers work them.
"""

import base64
import html
import io
from string import Template

import numpy as np
from PIL import Image

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';
 img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>$title</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem;
  max-width: 75rem; }
h1 { font-size: 1.25rem; margin: 0 0 .75rem; overflow-wrap: anywhere; }
form { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; }
label { display: grid; font-size: .875rem; max-width: 100%; }
select, input { font: inherit; max-width: 100%; accent-color: #06c; }
label.wide { flex: 1 1 100%; }
select:focus-visible, input:focus-visible, #view:focus-visible {
  outline: 3px solid #06c; outline-offset: 2px; }
#view { overflow: auto; max-height: 80vh; margin: .75rem 0; }
#stage { position: relative; aspect-ratio: $width / $height; width: 100%;
  cursor: ew-resize; touch-action: pan-y; }
#stage img { position: absolute; inset: 0; width: 100%; height: 100%;
  visibility: hidden; user-select: none; }
#stage.large img, #stage img.small { image-rendering: pixelated; }
#line { position: absolute; top: 0; bottom: 0; width: 2px; margin-left: -1px;
  background: #fff; box-shadow: 0 0 0 1px #000; pointer-events: none; }
p { margin: 0; overflow-wrap: anywhere; }
</style>
</head>
<body>
<main>
<h1>$title</h1>
<form onsubmit="return false">
<label>Left <select id="left">$options</select></label>
<label>Right <select id="right">$options</select></label>
<label>Size <select id="zoom"><option value="0">fit</option>
<option value="1">100 %</option><option value="2">200 %</option>
<option value="4">400 %</option></select></label>
<label class="wide">Edge between left and right
<input id="edge" type="range" min="0" max="100" step="0.5" value="50"></label>
</form>
<div id="view" tabindex="0" role="group" aria-label="Pictures">
<div id="stage">$images<div id="line"></div></div>
</div>
<p>$caption</p>
</main>
<script>
"use strict";
const get = (id) => document.getElementById(id);
const [left, right, zoom, edge, stage] =
  ["left", "right", "zoom", "edge", "stage"].map(get);
const images = [...stage.querySelectorAll("img")];
left.value = $left;
right.value = $right;
function draw() {
  const at = Number(edge.value);
  images.forEach((image, i) => {
    const isLeft = i === Number(left.value), isRight = i === Number(right.value);
    image.style.visibility = isLeft || isRight ? "visible" : "hidden";
    image.style.clipPath = isLeft && isRight ? "none"
      : isLeft ? `inset(0 $${100 - at}% 0 0)` : `inset(0 0 0 $${at}%)`;
  });
  get("line").style.left = at + "%";
  const factor = Number(zoom.value);
  stage.style.width = factor ? factor * $width / devicePixelRatio + "px" : "100%";
  stage.style.touchAction = factor ? "pan-x pan-y" : "pan-y";
  stage.classList.toggle("large", factor > 1);
}
function drag(event) {
  if (event.type === "pointermove" && !event.buttons) return;
  const box = stage.getBoundingClientRect();
  edge.value = 100 * (event.clientX - box.left) / box.width;
  draw();
}
stage.addEventListener("pointerdown", drag);
stage.addEventListener("pointermove", drag);
stage.addEventListener("dragstart", (event) => event.preventDefault());
for (const control of [left, right, zoom, edge]) {
  control.addEventListener("input", draw);
}
zoom.addEventListener("input", () => {
  const view = get("view");
  view.scrollLeft = stage.clientWidth * edge.value / 100 - view.clientWidth / 2;
  view.scrollTop = (stage.clientHeight - view.clientHeight) / 2;
});
draw();
</script>
</body>
</html>
""")


def slider_page(title, panels, caption="", left=0, right=1):
    """Build the page.

    Args:
        title: its heading.
        panels: two or more (name, uint8 array (h, w, 3)) of one scene; all are shown
            in the size of the largest, smaller ones with their pixels visible.
        caption: a sentence below the pictures.
        left: number of the panel that is first seen on the left.
        right: likewise on the right.

    Returns:
        The page as text.
    """
    height, width = max(picture.shape[:2] for _, picture in panels)
    images, options = [], []
    for i, (name, picture) in enumerate(panels):
        own_height, own_width = picture.shape[:2]
        size = f"{own_width} × {own_height}"
        name = html.escape(name)
        small = ' class="small"' if own_width < width else ""
        images.append(f'<img alt="{name}"{small} src="{_data_uri(picture)}">')
        options.append(f'<option value="{i}">{name}, {size}</option>')
    return _PAGE.substitute(
        title=html.escape(title),
        caption=html.escape(caption),
        width=width,
        height=height,
        images="\n".join(images),
        options="\n".join(options),
        left=int(left),
        right=int(right),
    )


def _data_uri(picture):
    encoded = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(encoded, "PNG")
    return f"data:image/png;base64,{base64.b64encode(encoded.getvalue()).decode()}"
