"""Parts of the page of a report, as HTML; `figures/pages/report.css` has its looks."""

import html

from srlite.evaluation.records import METRIC


def with_links(sections):
    """Put headings over sections, (heading, HTML), and links to them in front."""
    links, parts = [], []
    for number, (heading, body) in enumerate(sections):
        place, name = f"section-{number}", html.escape(heading)
        links.append(f'<a href="#{place}">{name}</a>')
        parts.append(f'<h2 id="{place}">{name}</h2>\n{body}')
    return ['<nav aria-label="Sections">' + "\n".join(links) + "</nav>", *parts]


def html_table(caption, head, rows):
    """Build a table that scrolls on a narrow page.

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
