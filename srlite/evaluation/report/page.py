"""The page around a report: its looks, on screens light and dark and on paper."""

import html

from srlite.evaluation.records import METRIC
from srlite.figures.slider_page import SLIDER_STYLE

STYLE = (
    SLIDER_STYLE
    + """
:root { color-scheme: light dark; --ink: #1f2327; --quiet: #59626b;
  --paper: #fff; --card: #f6f7f8; --line: #d9dde1; --link: #0b62b8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --quiet: #a2abb4;
  --paper: #15181b; --card: #1e2226; --line: #363c42; --link: #7db8f0; } }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, "Liberation Sans", sans-serif; color: var(--ink);
  background: var(--paper); margin: 0 auto; padding: 2rem 1.25rem 4rem;
  max-width: 70rem; overflow-wrap: anywhere; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 .75rem; padding-top: .75rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p, ul, dl { max-width: 46rem; margin: .5rem 0; }
a { color: var(--link); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
.quiet, figcaption, caption { color: var(--quiet); font-size: .875rem; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; white-space: nowrap; padding-bottom: .35rem; }
th, td { padding: .3rem .9rem .3rem 0; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th { font-weight: 500; }
thead th { color: var(--quiet); font-size: .875rem; }
th:first-child { text-align: left; }
td b { font-weight: 700; }
figure { margin: 0; }
.charts { display: grid; gap: 1.5rem 2.5rem; margin: 1.25rem 0;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
.charts figure { max-width: 34rem; }
.charts > div { grid-column: 1 / -1; }
.charts svg { display: block; width: 100%; height: auto; overflow: visible; }
.charts svg text { font-family: system-ui, "Liberation Sans", sans-serif !important; }
.picture { background: var(--card); border-radius: .5rem; padding: 1rem 1.25rem;
  margin: 1.25rem 0; }
h4 { font-size: 1rem; margin: 0 0 .75rem; }
.look { display: grid; gap: 1rem 1.5rem; align-items: start;
  grid-template-columns: minmax(0, 5fr) minmax(0, 3fr); }
.whole img { display: block; max-width: 100%; border-radius: .2rem; }
.columns { display: grid; gap: .75rem; margin-top: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(9rem, 40%), 1fr)); }
.columns img { display: block; width: 100%; image-rendering: pixelated;
  border-radius: .2rem; }
.columns figcaption { padding: .25rem 0 .4rem; line-height: 1.4; }
.columns strong { color: var(--ink); display: block; }
.key { white-space: nowrap; }
.bar { vertical-align: -.1rem; margin: 0 .35rem; width: 8rem; height: .8rem; }
dt { font-weight: 600; margin-top: .6rem; }
dd { margin: 0; }
code { font: .875em/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
a:focus-visible, .scroll:focus-visible { outline: 3px solid #06c; outline-offset: 2px; }
@media (max-width: 40rem) { body { padding-top: 1.25rem; }
  .look { grid-template-columns: 1fr; } .picture { padding: .8rem; }
  th[scope=row] { white-space: normal; min-width: 6.5rem; } }
@page { margin: 14mm; }
@media print {
  :root { color-scheme: light; --ink: #000; --quiet: #444; --paper: #fff;
    --card: #fff; --line: #bbb; --link: #000; }
  body { font-size: 9.5pt; line-height: 1.45; padding: 0; max-width: none; }
  nav, .slider { display: none; }
  h2, h3, h4, caption { break-after: avoid; }
  h2 { margin-top: 1rem; padding-top: .5rem; }
  .picture, figure, table, dl > div { break-inside: avoid; }
  .picture { border: 1px solid var(--line); }
  .scroll { overflow: visible; }
  .charts { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem; }
  table { font-size: 8.5pt; }
  th, td { padding-right: .6rem; }
  .picture { display: grid; grid-template-columns: 3.2cm 1fr; column-gap: 1rem; }
  .picture h4 { grid-column: 1 / -1; }
  .look { grid-template-columns: 1fr; }
  .columns { margin: 0; }
  .columns { grid-template-columns: repeat(var(--count), minmax(0, 3.2cm)); }
}
"""
)


def with_links(sections):
    """Put headings over sections, (heading, HTML), and links to them in front."""
    links, parts = [], []
    for number, (heading, body) in enumerate(sections):
        place, name = f"section-{number}", html.escape(heading)
        links.append(f'<a href="#{place}">{name}</a>')
        parts.append(f'<h2 id="{place}">{name}</h2>\n{body}')
    return ['<nav aria-label="Sections">' + "\n".join(links) + "</nav>", *parts]


def html_table(caption, head, rows):
    """Build a table that scrolls by itself where the page is narrow.

    Each row is a heading, then (text, whether it is bold) of each cell.
    """
    caption = html.escape(caption)
    columns = "".join(f'<th scope="col">{html.escape(x)}</th>' for x in head)
    lines = []
    for heading, *cells in rows:
        line = f'<tr><th scope="row">{html.escape(heading)}</th>'
        for text, bold in cells:
            text = html.escape(text)
            line += f"<td><b>{text}</b></td>" if bold else f"<td>{text}</td>"
        lines.append(f"{line}</tr>")
    body = "\n".join(lines)
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{caption}">'
        f"<table><caption>{caption}</caption>\n"
        f"<thead><tr>{columns}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def definitions(pairs):
    """Build a list of terms and what they mean: (plain text, HTML) pairs."""
    items = (f"<div><dt>{html.escape(t)}</dt><dd>{d}</dd></div>" for t, d in pairs)
    return "\n".join(["<dl>", *items, "</dl>"])


def write_value(metric, value, sign=False, unit=True):
    """Write a value of a metric as text of a page; None becomes a dash."""
    if value is None:
        return "–"
    known = METRIC[metric]
    after = f" {known.unit}" if unit and known.unit else ""
    return known.write(value, sign).replace("-", "−").replace("inf", "∞") + after
