"""Pictures compared under a slider, in a page that is one HTML file.

Pictures are embedded as PNG, so nothing is lost or fetched; the page forbids itself the
network. Sliders and lists are the browser's own, so that keyboards and screen readers
work them. A `page` may hold several `slider`s; what is first seen needs no script.
"""

import base64
import html
import io
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image

_PARTS = Path(__file__).with_name("pages")


def page_part(name):
    """Read a part of pages, a file of style, script or HTML, as text."""
    return (_PARTS / name).read_text("utf-8")


def page(title, styles, body):
    """Build a page that may hold sliders, of a plain title and a body in HTML.

    `styles` are the names of parts of pages that are CSS, in order.
    """
    return Template(page_part("page.html")).substitute(
        title=html.escape(title),
        style="".join("\n" + page_part(name) for name in styles),
        body=body,
        script=page_part("slider.js"),
    )


def slider_page(title, panels, caption="", left=0, right=1):
    """Build a page of one slider, as text, with a sentence below the pictures."""
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        slider(panels, left, right),
        f"<p>{html.escape(caption)}</p>",
    ]
    return page(title, ("comparison.css", "slider.css"), "\n".join(parts))


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
    return Template(page_part("slider.html").rstrip()).substitute(
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
