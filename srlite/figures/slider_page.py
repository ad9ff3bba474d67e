"""Pictures compared under a slider, in a page that is one HTML file.

Pictures are embedded as PNG, so nothing is lost or fetched; the page forbids itself the
network. Sliders and lists are the browser's own, so that keyboards and screen readers
work them. A `page` may hold several `slider`s; what is first seen needs no script.
"""

import base64
import html
import io
from string import Template

import numpy as np
from PIL import Image

SLIDER_STYLE = """
.controls { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; }
.controls label { display: grid; font-size: .875rem; max-width: 100%; }
.controls :is(select, input) { font: inherit; max-width: 100%; accent-color: #06c; }
.controls label.wide { flex: 1 1 100%; }
.slider :is(select, input, .view):focus-visible {
  outline: 3px solid #06c; outline-offset: 2px; }
.view { overflow: auto; max-height: 80vh; margin: .75rem 0; }
.stage { position: relative; width: 100%; cursor: ew-resize; touch-action: pan-y; }
.stage img { position: absolute; inset: 0; width: 100%; height: 100%;
  visibility: hidden; user-select: none; }
.stage.large img, .stage img.small { image-rendering: pixelated; }
.line { position: absolute; top: 0; bottom: 0; left: 50%; width: 2px;
  margin-left: -1px; background: #fff; box-shadow: 0 0 0 1px #000;
  pointer-events: none; }
"""

SLIDER_SCRIPT = """
"use strict";
for (const slider of document.querySelectorAll(".slider")) {
  const [left, right, zoom, edge, view, stage, line] =
    [".left", ".right", ".zoom", ".edge", ".view", ".stage", ".line"]
      .map((name) => slider.querySelector(name));
  const images = [...stage.querySelectorAll("img")];
  const draw = () => {
    const at = Number(edge.value);
    images.forEach((image, i) => {
      const isLeft = i === Number(left.value), isRight = i === Number(right.value);
      image.style.visibility = isLeft || isRight ? "visible" : "hidden";
      image.style.clipPath = isLeft && isRight ? "none"
        : isLeft ? `inset(0 ${100 - at}% 0 0)` : `inset(0 0 0 ${at}%)`;
    });
    line.style.left = at + "%";
    const factor = Number(zoom.value), width = Number(stage.dataset.width);
    stage.style.width = factor ? factor * width / devicePixelRatio + "px" : "100%";
    stage.style.touchAction = factor ? "pan-x pan-y" : "pan-y";
    stage.classList.toggle("large", factor > 1);
  };
  const drag = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = stage.getBoundingClientRect();
    edge.value = 100 * (event.clientX - box.left) / box.width;
    draw();
  };
  stage.addEventListener("pointerdown", drag);
  stage.addEventListener("pointermove", drag);
  stage.addEventListener("dragstart", (event) => event.preventDefault());
  for (const control of [left, right, zoom, edge]) {
    control.addEventListener("input", draw);
  }
  zoom.addEventListener("input", () => {
    view.scrollLeft = stage.clientWidth * edge.value / 100 - view.clientWidth / 2;
    view.scrollTop = (stage.clientHeight - view.clientHeight) / 2;
  });
  draw();
}
"""

_SLIDER = Template("""<div class="slider">
<div class="controls">
<label>Left <select class="left" autocomplete="off">$left</select></label>
<label>Right <select class="right" autocomplete="off">$right</select></label>
<label>Size <select class="zoom" autocomplete="off"><option value="0">fit</option>
<option value="1">100 %</option><option value="2">200 %</option>
<option value="4">400 %</option></select></label>
<label class="wide">Edge between left and right
<input class="edge" type="range" min="0" max="100" step="0.5" value="50"
 autocomplete="off"></label>
</div>
<div class="view" tabindex="0" role="group" aria-label="Pictures">
<div class="stage" data-width="$width" style="aspect-ratio: $width / $height">
$images<div class="line"></div></div>
</div>
</div>""")

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem;
  max-width: 75rem; }
h1 { font-size: 1.25rem; margin: 0 0 .75rem; overflow-wrap: anywhere; }
p { margin: 0; overflow-wrap: anywhere; }
"""

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main>
$body
</main>
<script>$script</script>
</body>
</html>
""")


def page(title, style, body):
    """Build a page that may hold sliders, of plain text, CSS and HTML."""
    return _PAGE.substitute(
        title=html.escape(title), style=style, body=body, script=SLIDER_SCRIPT
    )


def slider_page(title, panels, caption="", left=0, right=1):
    """Build a page of one slider, as text, with a sentence below the pictures."""
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        slider(panels, left, right),
        f"<p>{html.escape(caption)}</p>",
    ]
    return page(title, _STYLE + SLIDER_STYLE, "\n".join(parts))


def slider(panels, left=0, right=1):
    """Build a slider, a part of a page, as HTML.

    Args:
        panels: two or more (name, uint8 array (h, w, 3)) of one scene, all shown in the
            size of the largest, smaller ones with visible pixels.
        left: number of the panel that is first seen on the left.
        right: number of another one, first seen on the right.
    """
    height, width = max(picture.shape[:2] for _, picture in panels)
    clips = {left: "0 50% 0 0", right: "0 0 0 50%"}
    images, names = [], []
    for i, (name, picture) in enumerate(panels):
        own_height, own_width = picture.shape[:2]
        name = html.escape(name)
        small = ' class="small"' if own_width < width else ""
        seen = f"visibility: visible; clip-path: inset({clips.get(i)})"
        style = f' style="{seen}"' if i in clips else ""
        images.append(f'<img alt="{name}"{small}{style} src="{png_uri(picture)}">')
        names.append(f"{name}, {own_width} × {own_height}")
    return _SLIDER.substitute(
        width=width,
        height=height,
        images="\n".join(images),
        left=_options(names, left),
        right=_options(names, right),
    )


def _options(names, chosen):
    return "".join(
        f'<option value="{i}"{" selected" if i == chosen else ""}>{name}</option>'
        for i, name in enumerate(names)
    )


def png_uri(picture):
    """Encode uint8 (height, width, 3), or a Pillow image, as PNG in a `data:` URI."""
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(np.ascontiguousarray(picture))
    encoded = io.BytesIO()
    picture.save(encoded, "PNG")
    return f"data:image/png;base64,{base64.b64encode(encoded.getvalue()).decode()}"
