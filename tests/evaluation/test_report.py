"""The report: it says what the scores say, fetches nothing, and keeps names as text."""

import base64
import io
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from srlite.errors import ConfigError, DataError
from srlite.evaluation.command import main
from srlite.evaluation.gains import gains_by_damage
from srlite.evaluation.report.charts import (
    gain_chart,
    model_styles,
    plane_chart,
    score_chart,
    to_svg,
)
from srlite.evaluation.report.page import write_value
from srlite.evaluation.report.report import write_report
from srlite.evaluation.statistics import aggregate, tabulate

HOSTILE = "<b>$x_y$&\"'"
KERNELS = ("bicubic", "area")
VOID = {"meta", "img", "input", "br"}


class Page(HTMLParser):
    """Reads a page: its text, its pictures, what it would fetch, whether tags match."""

    def __init__(self, text):  # noqa: D107
        super().__init__()
        self.open, self.tags, self.links, self.ids = [], [], [], []
        self.images, self.words = {}, []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):  # noqa: D102
        attributes = dict(attributes)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            encoded = attributes["src"].removeprefix("data:image/png;base64,")
            picture = Image.open(io.BytesIO(base64.b64decode(encoded, validate=True)))
            self.images.setdefault(attributes["alt"], picture)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [
            value
            for name, value in attributes.items()
            if name in ("href", "src", "action", "xlink:href", "srcset")
            and not value.startswith(("data:", "#"))
        ]

    def handle_startendtag(self, tag, attributes):  # noqa: D102
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):  # noqa: D102
        assert self.open.pop() == tag

    def handle_data(self, data):  # noqa: D102
        if "script" not in self.open and "style" not in self.open:
            self.words.append(data)


def make_records(gains, psnr=30.0):
    """Two data sets of three pictures; `gains`: dict of model to dB over `psnr`."""
    return [
        {
            **{"data_set": data_set, "image": image, "kernel": kernel, "model": model},
            **{
                "psnr": psnr + gain - i - (kernel == "area"),
                "content": 0.5 - gain / 10,
            },
        }
        for data_set in ("Set5", HOSTILE)
        for i, image in enumerate(("<i>bird</i>", "woman", "baby"))
        for kernel in KERNELS
        for model, gain in gains.items()
    ]


def read(record):
    """A gradient; models have a square of their own, where the crop must be."""
    hr = np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (160, 1, 3))
    model = record["model"]
    if model == "lr":
        return hr[::4, ::4]
    if model not in ("hr", "bicubic"):
        hr[64:160, 8:104] += 50
    return hr


def test_report(tmp_path):
    records = make_records({HOSTILE: 1.5, "bicubic": 0.0})
    about = [("Command", f"evaluate {HOSTILE}"), ("Date", "2030-01-01")]
    path = write_report(tmp_path, records, read, about, "bicubic", count=1)
    text = path.read_text("utf-8")
    page = Page(text)
    words = " ".join(page.words)
    assert page.links == [] and "i" not in page.tags
    assert "default-src 'none'" in text and not re.search(r"https?:|url\((?!#)", text)
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("svg") == 6 and page.tags.count("script") == 1
    for name in (HOSTILE, f"evaluate {HOSTILE}", "2030-01-01"):
        assert name in words
    # The worst is the last picture, the best the first; the crop is the square.
    crops = {k: v for k, v in page.images.items() if k.endswith("magnified")}
    assert list(crops) == [f"{c}, magnified" for c in ("LR", "bicubic", HOSTILE, "HR")]
    np.testing.assert_array_equal(
        crops[f"{HOSTILE}, magnified"], read({"model": HOSTILE})[64:160, 8:104]
    )
    assert words.index(f"baby of {HOSTILE}, kernel bicubic") < words.index(
        "<i>bird</i> of Set5"
    )
    strips = sorted(p.name for p in (tmp_path / "report_figures").iterdir())
    assert strips == ["best_1_Set5__i_bird_i_.png", "worst_1__b_x_y__baby.png"]


def test_same_scores_same_report(tmp_path):
    records = make_records({"light": 1.5, "bicubic": 0.0})[:12]
    (tmp_path / "report_figures").mkdir()
    (tmp_path / "report_figures" / "worst_9_of_before.png").touch()
    pages = [
        write_report(tmp_path, records, None, [], "bicubic", count=0).read_bytes()
        for _ in "ab"
    ]
    assert pages[0] == pages[1] and b"magnified" not in pages[0]
    assert list((tmp_path / "report_figures").iterdir()) == []


def test_metric_that_was_not_measured(tmp_path):
    records = make_records({"light": 1.5})
    with pytest.raises(DataError, match="no picture has a value of niqe"):
        write_report(tmp_path, records, read, [], "light", metric="niqe")
    assert list(tmp_path.iterdir()) == []


def test_several_damages_are_told_by_damage(tmp_path):
    """Gains: 1.5 with clean LR; after blur 0.5 with bicubic and -1 with area."""
    records = make_records({"light": 1.5, "bicubic": 0.0})[:12]
    after = {"bicubic": 0.5, "area": -1.0}
    for r in records[:]:
        gain = after[r["kernel"]] if r["model"] == "light" else 0.0
        level = 20.0 if r["kernel"] == "bicubic" else 19.0
        records.append(r | {"kernel": f"{r['kernel']}+blur", "psnr": level + gain})
    gains = gains_by_damage(aggregate(records), "bicubic")
    path = write_report(tmp_path, records, read, [], "bicubic", gains, count=0)
    words = " ".join(Page(path.read_text("utf-8")).words)
    assert "Kernels: bicubic and area. Damages: none and blur." in words
    assert "PSNR on Set5 by damage, difference from bicubic" in words
    assert "All that was measured, means of the damages" in words
    table = words[words.index("PSNR (dB) on Set5, mean gain and least gain") :]
    cells = ["none", "blur", "all", "light", "+1.50 / +1.50", "−0.25 / −1.00"]
    places = [table.index(cell) for cell in [*cells, "+0.62 / −1.00"]]
    assert places == sorted(places)


def test_charts_show_the_figures():
    records = make_records({"light": 1.5, "_other": -0.5, "bicubic": 0.0})
    own = [r for r in records if r["data_set"] == "Set5"]
    styles = model_styles(["light", "_other", "bicubic"])
    assert len({colour for colour, _ in styles.values()}) == 3
    table = tabulate(records, "bicubic")
    gains = gain_chart(table, "Set5", "psnr", "bicubic", styles)
    (axes,) = gains.axes
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == pytest.approx([1.5] * 3 + [-0.5] * 3)
    assert all(bar.get_x() == 0 for bar in axes.patches)
    assert [t.get_text() for t in gains.legends[0].texts] == ["light", "_other"]
    drawing = to_svg(gains, "gains", "a < b")
    assert ">+1.50<" in drawing and 'aria-label="a &lt; b"' in drawing
    assert "currentColor" in drawing and "xmlns" not in drawing
    (axes,) = score_chart(own, "psnr", styles).axes
    start = axes.get_xlim()[0]
    assert f"starts at {start:.3g}, not at 0" in axes.get_xlabel()
    points = [line.get_xdata()[0] for line in axes.lines]
    assert points == pytest.approx([30.5, 29.5, 28.5, 27.5, 29.0, 28.0])
    (axes,) = plane_chart(own, "psnr", "content", styles).axes
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines]
    np.testing.assert_allclose(points, [(30.0, 0.35), (28.0, 0.55), (28.5, 0.5)])


def test_command_writes_the_report(photo, tmp_path, capsys):
    """Of what was measured, with the pictures that were kept."""
    hr = tmp_path / "R&D" / "HR"
    hr.mkdir(parents=True)
    for name in "ab":
        Image.fromarray(photo).resize((96, 80)).rotate(180 * (name == "b")).save(
            hr / f"{name}.png"
        )
    out = tmp_path / "out"
    words = [
        "--model",
        "lanczos",
        "bicubic",
        "--hr-dir",
        str(hr),
        "--out-dir",
        str(out),
    ]
    words += ["--kernels", "area", "nearest", "--metrics", "psnr", "ssim"]
    with pytest.raises(ConfigError, match="--by content is not measured"):
        main([*words, "--by", "content"])
    assert not out.exists()
    assert main([*words, "--by", "ssim", "--show-results", "1"]) == 0
    assert f"report: {out / 'report.html'} (" in capsys.readouterr().err
    page = Page((out / "report.html").read_text("utf-8"))
    text = " ".join(page.words)
    assert "lanczos and bicubic on R_D" in text and "--by ssim" in text
    assert "2 pictures of R_D" in text and "SSIM of lanczos" in text
    first = "ab"[text.index("a of R_D") > text.index("b of R_D")]
    kept = np.asarray(Image.open(out / f"pictures/R_D/area/lanczos/{first}.png"))
    shown = np.asarray(page.images["lanczos, magnified"])
    places = range(0, 96 - 80 + 1, 4)
    assert any(np.array_equal(shown, kept[:, left : left + 80]) for left in places)


@pytest.mark.filterwarnings("error")
def test_names_in_letters_that_the_font_lacks():
    records = make_records({"模型": 1.5, "bicubic": 0.0})[:12]
    styles = model_styles(["模型", "bicubic"])
    assert "模型" in to_svg(score_chart(records, "psnr", styles), "scores", "x")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("psnr", 30.456), "30.46 dB"),
        (("psnr", -0.5, True, False), "−0.50"),
        (("ssim", 0.5, True), "+0.5000"),
        (("psnr", math.inf), "∞ dB"),
        (("psnr", None), "–"),
    ],
)
def test_written(arguments, text):
    assert write_value(*arguments) == text
