"""The comparison of one picture: figure and slider page."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image, ImageCms

from srlite.enhance.command import main
from srlite.enhance.inference import enhance_image
from srlite.errors import ConfigError, ImageError
from srlite.figures.slider_page import slider_page
from srlite.models.generators import build_generator
from srlite.pictures.colour import make_profile
from srlite.runtime.upscaler import Upscaler


class _Page(HTMLParser):
    """Collects what a page shows and what it would fetch."""

    def __init__(self, text):
        super().__init__()
        self.images, self.tags, self.links = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        if tag == "img":
            encoded = attributes["src"].removeprefix("data:image/png;base64,")
            picture = Image.open(io.BytesIO(base64.b64decode(encoded, validate=True)))
            self.images.append((attributes["alt"], np.asarray(picture)))
        self.links += [
            value
            for name, value in attributes.items()
            if name in ("href", "src", "action") and not value.startswith("data:")
        ]


@pytest.fixture
def lr(photo, tmp_path, monkeypatch):
    """A picture in the current folder, `lr.png`, and an HR of it, `hr.png`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    Image.fromarray(photo).save("lr.png")
    Image.fromarray(photo).resize((192, 160)).save("hr.png")
    return photo


def test_page_holds_the_pictures(lr, tiny_tflite, tmp_path, capsys):
    other = tmp_path / "other <b>.tflite"
    other.write_bytes(tiny_tflite.read_bytes())
    arguments = ["--lr-path", "lr.png", "--model", str(tiny_tflite), "--hr-path"]
    arguments += ["hr.png", "--compare", "page.html", "--compare-models", str(other)]
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "comparison: page.html"
    text = (tmp_path / "page.html").read_text("utf-8")
    page = _Page(text)
    assert page.links == [] and "b" not in page.tags
    assert not re.search(r"https?:|url\(|import\b", text)
    sr = enhance_image(lr, model=tiny_tflite)
    expected = {
        "LR": lr,
        "bicubic": Image.fromarray(lr).resize((192, 160), Image.Resampling.BICUBIC),
        "SR": sr,
        "other <b>.tflite": sr,
        "HR": Image.open("hr.png"),
    }
    assert [name for name, _ in page.images] == list(expected)
    for (_, picture), other in zip(page.images, expected.values()):
        np.testing.assert_array_equal(picture, other)


def test_all_models_are_told_the_same(lr, told_tflite, tiny_tflite, tmp_path, capsys):
    again = tmp_path / "again.tflite"
    again.write_bytes(told_tflite.read_bytes())
    beside = told_tflite.with_name("told_estimator.tflite")
    (tmp_path / "again_estimator.tflite").write_bytes(beside.read_bytes())
    arguments = ["--lr-path", "lr.png", "--model", str(told_tflite), "--quiet"]
    arguments += ["--degradation", "jpeg=7", "--ensemble", "2", "--compare"]
    arguments += ["page.html", "--compare-models", str(again), str(tiny_tflite)]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    notes = [line for line in captured.err.splitlines() if line.startswith("note")]
    assert notes == [
        "note: tiny.tflite: the model is not told how a picture was made, so the "
        "given degradation is ignored"
    ]
    text = (tmp_path / "page.html").read_text("utf-8")
    upscaler = Upscaler.from_file(told_tflite)
    seen, told = upscaler.estimate(lr), upscaler.tell(lr, "jpeg=7")
    assert f"192 x 160 pixels. SR: seen {seen}; told {told}." in text
    pictures = dict(_Page(text).images)
    np.testing.assert_array_equal(pictures["SR"], pictures["again.tflite"])
    sr = enhance_image(lr, model=told_tflite, degradation=told, ensemble=2)
    np.testing.assert_array_equal(pictures["SR"], sr)


@pytest.mark.parametrize("grey", [False, True])
def test_pictures_are_shown_by_their_profile(grey, tmp_path, monkeypatch):
    """As viewers of the files show them, though the page has no profiles."""
    monkeypatch.chdir(tmp_path)
    places = None if grey else (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
    profile = make_profile(1 / 1.4, places)
    flat = np.full((16, 16), 90, np.uint8)
    if not grey:
        flat = np.dstack([flat, flat + 90, flat // 2])
    Image.fromarray(flat).save("lr.png", icc_profile=profile)
    Image.fromarray(flat.repeat(4, 0).repeat(4, 1)).save("hr.png", icc_profile=profile)
    seen = ImageCms.profileToProfile(
        Image.fromarray(flat),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
    ).getpixel((8, 8))
    models = ["--model", "light_rt", "--compare-models", "light_rt_int8"]
    files = ["lr.png", "sr.webp", "--compare", "c.html", "--hr-path", "hr.png"]
    assert main([*files, *models, "--quality", "100"]) == 0
    images = dict(_Page((tmp_path / "c.html").read_text()).images)
    assert len(images) == 5
    for name, picture in images.items():
        difference = np.abs(picture.mean((0, 1)) - seen).max()
        assert difference < (1 if name in ("LR", "bicubic", "HR") else 3), name


def test_figure_has_a_column_for_each(lr, tiny_tflite):
    arguments = ["--lr-path", "lr.png", "--model", str(tiny_tflite), "--quiet"]
    assert main([*arguments, "--compare", "three.png"]) == 0
    arguments += ["--overwrite", "--hr-path", "hr.png"]
    assert main([*arguments, "--compare", "four.png"]) == 0
    with Image.open("three.png") as three, Image.open("four.png") as four:
        assert three.width / 3 == four.width / 4


def test_large_pictures_are_shown_reduced(tiny_tflite, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (1200, 4), 99).save("lr.png")
    arguments = ["--lr-path", "lr.png", "--model", str(tiny_tflite), "--quiet"]
    assert main([*arguments, "--compare", "page.html"]) == 0
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "4800 x 16 pixels. Shown reduced to 4096 x 13." in text
    shapes = [picture.shape for _, picture in _Page(text).images]
    assert shapes == [(4, 1200, 3), (13, 4096, 3), (13, 4096, 3)]


def test_results_above_the_limit_of_pillow(lr, tiny_tflite, tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)  # of 179 million's half
    arguments = ["lr.png", "sr.png", "--model", str(tiny_tflite), "--compare"]
    assert main([*arguments, "page.html"]) == 0
    assert Image.MAX_IMAGE_PIXELS == 5000


def test_names_are_text():
    name = "</title><script>alert(1)</script>$x \" '"
    page = _Page(slider_page(name, [(name, np.zeros((2, 3, 3), np.uint8))] * 2, name))
    assert page.tags.count("script") == 1 and page.images[1][0] == name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--compare", "page.txt"], "a comparison is a .html or a .png"),
        (["--compare", "none/page.html"], "the folder none does not exist"),
        (["--compare", "folder.html"], "is there and is not a file"),
        (["--compare", "hr.png", "--hr-path", "./hr.png"], "in use as another"),
        (["--compare", "lr_sr.png"], "in use as another"),
        (["--hr-path", "hr.png"], "are for --compare"),
        (["--compare", "a.png", "--lr-path", "lr.png", "hr.png"], "shows one picture"),
    ],
)
def test_refused_before_the_work(lr, tiny_tflite, tmp_path, arguments, message):
    (tmp_path / "folder.html").mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises((ConfigError, ImageError), match=message):
        main(["--lr-path", "lr.png", "--model", str(tiny_tflite), *arguments])
    assert sorted(tmp_path.iterdir()) == before


def test_moving_pictures_are_refused_before_the_work(lr, tiny_tflite, tmp_path):
    frames = [Image.fromarray(np.roll(lr, n, 0)) for n in range(2)]
    frames[0].save("moving.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(ConfigError, match="--compare shows one picture; moving.gif"):
        main(["moving.gif", "--model", str(tiny_tflite), "--compare", "page.html"])
    assert not (tmp_path / "moving_sr.png").exists()


def test_another_size_is_refused_before_the_work(lr, tiny_tflite, tmp_path):
    options = {"filters": 4, "growth_channels": 2, "num_dense_blocks": 1}
    twice = build_generator({"name": "rrdb_net", **options}, scale=2)
    twice.save("twice.keras")
    arguments = ["--lr-path", "lr.png", "--model", str(tiny_tflite), "--quiet"]
    arguments += ["--compare", "page.html"]
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ImageError, match="lr.png has 48 x 40 pixels, but lr_sr.png"):
        main([*arguments, "--hr-path", "lr.png"])
    with pytest.raises(ConfigError, match="twice.keras enlarges to 96 x 80 pixels"):
        main([*arguments, "--compare-models", "twice.keras"])
    assert sorted(tmp_path.iterdir()) == before
    arguments += ["--width", "100", "--compare-models", "twice.keras"]
    assert main(arguments) == 0
    assert dict(_Page((tmp_path / "page.html").read_text("utf-8")).images).keys() == {
        *("LR", "bicubic", "SR", "twice.keras")
    }
