"""The best and the worst pictures of a report, as strips and as parts of a page."""

import html
from dataclasses import dataclass

from srlite.evaluation.data_sets import file_name
from srlite.evaluation.records import METRIC, select
from srlite.evaluation.report.page import write_value
from srlite.evaluation.statistics import rank
from srlite.figures.crops import View, error_scale, make_view
from srlite.figures.slider_page import png_uri, slider
from srlite.figures.strips import colour_bar, draw_strip, error_map, overview

_WHOLE = 300  # pixels
_NOTED = ("psnr", "ssim", "content", "niqe")  # under a crop, where measured


@dataclass(frozen=True)
class Shown:
    """A picture of the report."""

    place: tuple  # "best" or "worst", and its number from 1
    record: dict  # of the model whose scores chose it
    scores: dict  # model -> its record
    view: View

    def lines(self, metric):
        """Return the lines of text under each column: dict of column to list."""
        noted = list(dict.fromkeys([metric, *_NOTED]))
        records = self.scores.values()
        noted = [name for name in noted if any(name in r for r in records)][:3]
        lines = {
            model: [_figure(name, self.scores.get(model, {})) for name in noted]
            for model in self.view.models
        }
        for name, picture in (("LR", self.view.lr), ("HR", self.view.hr)):
            size = f"{picture.shape[1]} × {picture.shape[0]} pixels"
            lines[name] = [size, *[""] * (len(noted) - 1)]
        return lines


def choose_pictures(records, read, metric, model, count):
    """Choose and read the pictures to show, by a model's metric, the worst first.

    `read` is a function of a record that returns its picture, uint8 (height, width, 3);
    "lr" and "hr" are models too. There are `count` best and `count` worst pictures.
    """
    best, worst = rank(records, metric, model, count)
    places = [(("worst", i), record) for i, record in enumerate(worst, start=1)]
    places += [(("best", i), record) for i, record in enumerate(best, start=1)]
    shown = []
    for place, record in places:
        where = {key: record[key] for key in ("data_set", "image", "kernel")}
        scores = {r["model"]: r for r in select(records, **where)}
        lr, hr = (read(where | {"model": name}) for name in ("lr", "hr"))
        view = make_view(lr, hr, {name: read(r) for name, r in scores.items()})
        shown.append(Shown(place, record, scores, view))
    return shown


def write_strips(shown, metric, folder):
    """Write a PNG strip of each picture into a folder."""
    if not shown:
        return
    scale = error_scale([picture.view for picture in shown])
    for picture in shown:
        record, (kind, number) = picture.record, picture.place
        title = [
            record["image"],
            f"of {record['data_set']}, shrunk with {record['kernel']}",
            f"{kind} {number} by {METRIC[metric].label} of {record['model']}",
        ]
        strip = draw_strip(picture.view, picture.lines(metric), scale, title)
        name = f"{kind}_{number}_{record['data_set']}_{record['image']}"
        strip.save(folder / f"{file_name(name)}.png")


def pictures_section(shown, metric, model):
    """Build the part of a page that shows pictures, at least one."""
    by = f"{METRIC[metric].label} of {model}"
    scale = error_scale([picture.view for picture in shown])
    bar = f'<img class="bar" alt="to" src="{png_uri(colour_bar(128, 8))}">'
    key = f'<span class="key">0 {bar} {scale} levels</span>'
    parts = [
        f"<p>Worst and best by {html.escape(by)}. The thin frame in the whole picture "
        "is what lies under the slider, the thick one is magnified below: the square "
        "where the models differ most from each other. The dark maps show how far its "
        f"luma is from that of HR, all on one scale: {key}; what is more looks like "
        f"{scale}.</p>"
    ]
    for kind in ("worst", "best"):
        own = [picture for picture in shown if picture.place[0] == kind]
        if own:
            parts.append(f"<h3>{kind.capitalize()}</h3>")
            parts += [_article(picture, metric, model, scale) for picture in own]
    return "\n".join(parts)


def _article(picture, metric, model, scale):
    record, view = picture.record, picture.view
    name, data_set, kernel = (
        html.escape(record[key]) for key in ("image", "data_set", "kernel")
    )
    whole = png_uri(overview(view.hr, [view.surroundings, view.crop], _WHOLE))
    size = f"{view.hr.shape[1]} × {view.hr.shape[0]} pixels"
    panels = view.columns(view.surroundings)
    columns = [name for name, _ in panels]
    left = 1 if columns.index(model) != 1 else len(columns) - 1
    figures = [
        _column(column, crop, picture.lines(metric)[column], view, scale)
        for column, crop in view.columns(view.crop)
    ]
    return "\n".join(
        [
            f'<article class="picture" style="--count: {len(panels)}">',
            f"<h4>{name} of {data_set}, kernel {kernel}</h4>",
            '<div class="look">',
            slider(panels, left, columns.index(model)),
            f'<figure class="whole"><img alt="{name}, whole" src="{whole}">',
            f"<figcaption>The whole picture, {size}.</figcaption></figure>",
            "</div>",
            '<div class="columns">',
            *figures,
            "</div>",
            "</article>",
        ]
    )


def _column(name, crop, lines, view, scale):
    """The crop of a column, its figures, and for models how far it is from HR."""
    shown = html.escape(name)
    text = "<br>".join(html.escape(line) for line in lines if line)
    parts = [
        f'<figure><img alt="{shown}, magnified" src="{png_uri(crop)}">',
        f"<figcaption><strong>{shown}</strong>{text}</figcaption>",
    ]
    if name in view.models:
        errors = png_uri(error_map(view.error(name), scale))
        parts.append(f'<img alt="Distance of {shown} from HR" src="{errors}">')
    return "".join([*parts, "</figure>"])


def _figure(metric, record):
    if metric not in record:
        return "not measured"
    return f"{METRIC[metric].label} {write_value(metric, record[metric])}"
