"""Animations keep their time, their loop and their transparency."""

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageSequence, PngImagePlugin, features

from srlite.enhance.animations import enhance_animation
from srlite.errors import Cancelled, ImageError
from srlite.pictures.animation_frames import frames_of, is_animation, read_animation

DURATIONS = [40, 100, 60]
COLOURS = [(200, 40, 30), (30, 160, 60), (40, 60, 210)]


def moving_square(transparent):
    """Three frames, 16 x 20, with a square of 8 pixels that moves by 4 pixels."""
    frames = []
    for i, colour in enumerate(COLOURS):
        frame = np.full((16, 20, 4), 255, np.uint8)
        frame[...] = (0, 0, 0, 0) if transparent else (230, 230, 230, 255)
        frame[4:12, 4 * i : 4 * i + 8] = (*colour, 255)
        # WebP's encoder cuts clear borders off, and calls the rest opaque.
        frame[11, 4 * i + 7] = frame[0, 0]
        frames.append(Image.fromarray(frame))
    return frames


def save(path, frames, loop):
    first, *others = frames
    options = {"disposal": 2} if path.suffix == ".gif" else {}
    if path.suffix == ".webp":
        options["lossless"] = True
    if loop is not None:
        options["loop"] = loop
    first.save(path, save_all=True, append_images=others, duration=DURATIONS, **options)


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
def test_animation_keeps_all(ending, transparent, repeating_upscaler, tmp_path):
    lr_path, sr_path = tmp_path / f"lr{ending}", tmp_path / f"sr{ending}"
    lr_frames = moving_square(transparent)
    save(lr_path, lr_frames, 3)
    size = enhance_animation(lr_path, sr_path, repeating_upscaler)
    assert size == (64, 80)
    with Image.open(sr_path) as image:
        assert (image.n_frames, image.size) == (3, (80, 64))
        assert image.info["loop"] == 3
        for i, lr in enumerate(lr_frames):
            image.seek(i)
            rgba = np.array(image.convert("RGBA")).astype(int)
            assert image.info["duration"] == DURATIONS[i]
            expected = np.asarray(lr).repeat(4, axis=0).repeat(4, axis=1).astype(int)
            assert (rgba[..., 3] == expected[..., 3]).mean() > 0.9  # all but the edge
            inside = np.s_[20:36, 16 * i + 4 : 16 * i + 24]
            assert abs(rgba[inside] - expected[inside]).max() <= 3
            outside = np.s_[:12]
            assert (rgba[outside][..., 3] == expected[outside][..., 3]).all()


@pytest.mark.parametrize(
    ("lr_ending", "lr_loop", "sr_ending", "sr_loop"),
    [
        (".gif", None, ".webp", 1),
        (".gif", 2, ".png", 3),
        (".png", 1, ".gif", None),
        (".webp", 3, ".gif", 2),
        (".gif", 0, ".gif", 0),
    ],
)
def test_number_of_plays_stays(
    lr_ending, lr_loop, sr_ending, sr_loop, repeating_upscaler, tmp_path
):
    lr_path, sr_path = tmp_path / f"lr{lr_ending}", tmp_path / f"sr{sr_ending}"
    save(lr_path, moving_square(False), lr_loop)
    enhance_animation(lr_path, sr_path, repeating_upscaler)
    with Image.open(sr_path) as image:
        assert image.info.get("loop") == sr_loop
        assert read_animation(sr_path).durations == tuple(DURATIONS)


HOLDS = {
    ".gif": {"comment"},
    ".png": {"icc_profile", "exif", "xmp", "text", "dpi"},
    ".webp": {"icc_profile", "exif", "xmp"},
}


@pytest.mark.parametrize("sr_ending", HOLDS)
@pytest.mark.parametrize("lr_ending", HOLDS)
def test_what_the_file_says_is_kept_or_said(
    lr_ending, sr_ending, repeating_upscaler, tmp_path
):
    lr_path, sr_path = tmp_path / f"lr{lr_ending}", tmp_path / f"sr{sr_ending}"
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "A. Photographer"
    said = {
        "icc_profile": ImageCms.ImageCmsProfile(
            ImageCms.createProfile("sRGB")
        ).tobytes(),
        "exif": exif,
        "xmp": b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/></x:xmpmeta>',
        "comment": b"words",
        "dpi": (300, 300),
    }
    options = {name: said[name] for name in HOLDS[lr_ending] if name in said}
    if lr_ending == ".png":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_text("Title", "words")
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", options.pop("xmp").decode())
    first, *others = moving_square(False)
    first.save(lr_path, save_all=True, append_images=others, loop=0, **options)
    notes = []
    size = enhance_animation(
        lr_path, sr_path, repeating_upscaler, warn=notes.append, alpha="bicubic"
    )
    turned = "exif" in HOLDS[lr_ending]
    assert size == ((80, 64) if turned else (64, 80))
    with Image.open(sr_path) as image:
        assert image.size == size[::-1] and image.n_frames == 3
        assert image.getexif().get(0x0112, 1) == 1
        image.seek(1)  # whose square stands a little to the right
        frame = np.asarray(image.convert("RGB")).astype(int)
        expected = first.copy()
        expected = np.asarray(others[0].convert("RGB")).repeat(4, 0).repeat(4, 1)
        expected = np.rot90(expected, -1) if turned else expected
        assert np.abs(frame - expected).mean() < 4
    back = read_animation(sr_path).said
    for name in HOLDS[lr_ending]:
        if name in HOLDS[sr_ending]:
            assert getattr(back, name), name
        elif name != "dpi":
            (note,) = [n for n in notes if f"no {WORDS[name]}" in n]
            assert note.endswith("so it is left out")
    if turned and sr_ending != ".gif":
        assert b"A. Photographer" in back.exif


WORDS = {
    "icc_profile": "ICC profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "comment": "comment",
    "text": "text of a PNG",
}


def test_gif_clears_after_frames_without_a_clear_pixel(repeating_upscaler, tmp_path):
    lr_path, sr_path = tmp_path / "lr.png", tmp_path / "sr.gif"
    whole = [Image.new("RGBA", (20, 16), (*colour, 255)) for colour in COLOURS[:2]]
    frames = [*whole, moving_square(True)[0]]
    frames[0].save(
        lr_path, save_all=True, append_images=frames[1:], duration=100, disposal=1
    )
    enhance_animation(lr_path, sr_path, repeating_upscaler)
    with Image.open(sr_path) as image:
        seen = [
            np.array(frame.convert("RGBA")) for frame in ImageSequence.Iterator(image)
        ]
    shares = [(frame[..., 3] > 0).mean() for frame in (*seen, *frames_of_gif(sr_path))]
    assert shares[:2] == shares[3:5] == [1, 1]
    assert shares[2] == shares[5] < 0.25


def frames_of_gif(path):
    """RGBA levels of each frame, as srlite reads them."""
    return [np.dstack([colours, alpha]) for colours, alpha, _ in frames_of(path)]


def test_sixteen_bits_are_said(repeating_upscaler, tmp_path):
    frames = [Image.fromarray(np.full((8, 9), n, np.uint16)) for n in (900, 60000)]
    frames[0].save(tmp_path / "lr.png", save_all=True, append_images=frames[1:])
    notes = []
    enhance_animation(
        tmp_path / "lr.png", tmp_path / "sr.png", repeating_upscaler, warn=notes.append
    )
    assert notes == ["animations are written with 8 of the 16 bits"]


def test_grey_stays_grey(repeating_upscaler, tmp_path):
    lr_path, sr_path = tmp_path / "lr.gif", tmp_path / "sr.png"
    save(lr_path, [frame.convert("L") for frame in moving_square(False)], 0)
    enhance_animation(lr_path, sr_path, repeating_upscaler, outscale=2.5)
    with Image.open(sr_path) as image:
        assert image.size == (50, 40)
        pixels = np.array(image.convert("RGB"))
    assert (pixels == pixels[..., :1]).all()
    assert len(np.unique(pixels)) > 1


def test_still_ending_and_limit_are_refused(repeating_upscaler, tmp_path, monkeypatch):
    lr_path = tmp_path / "lr.gif"
    save(lr_path, moving_square(False), 0)
    with pytest.raises(ImageError, match=r"is an animation, so .* \.gif, \.png, \.we"):
        enhance_animation(lr_path, tmp_path / "sr.jpg", repeating_upscaler)
    monkeypatch.setattr(
        "srlite.pictures.animation_frames.MAX_ANIMATION_PIXELS", 3 * 64 * 80 - 1
    )
    with pytest.raises(ImageError, match="3 frames of 80 x 64"):
        enhance_animation(lr_path, tmp_path / "sr.gif", repeating_upscaler)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lr.gif"]


@pytest.mark.parametrize("plays", [65535, 65536, 65537])
@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
def test_more_runs_than_a_format_counts(ending, plays, repeating_upscaler, tmp_path):
    lr_path, sr_path, said = tmp_path / "lr.png", tmp_path / f"sr{ending}", []
    save(lr_path, moving_square(False), plays)
    enhance_animation(lr_path, sr_path, repeating_upscaler, warn=said.append)
    most = {".gif": 65536, ".webp": 65535}.get(ending, plays)
    assert read_animation(sr_path).plays == (plays if plays <= most else 0)
    assert [f"runs {plays} times, so it runs endlessly" in one for one in said] == (
        [True] * (plays > most)
    )


@pytest.mark.parametrize("milliseconds", [655_350, 655_360])
def test_longer_frames_than_a_gif_holds(milliseconds, repeating_upscaler, tmp_path):
    lr_path, sr_path, steps = tmp_path / "lr.webp", tmp_path / "sr.gif", []
    frames = moving_square(False)
    times = [100, milliseconds, 100]
    frames[0].save(lr_path, save_all=True, append_images=frames[1:], duration=times)

    def enhance():
        enhance_animation(
            lr_path, sr_path, repeating_upscaler, lambda *step: steps.append(step)
        )

    if milliseconds == 655_350:
        enhance()
        assert read_animation(sr_path).durations == tuple(times)
        return
    with pytest.raises(ImageError, match="GIF shows no frame for more than 655.35 s"):
        enhance()
    assert not steps and not sr_path.exists()


@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
def test_cancel_and_damage_leave_nothing(ending, repeating_upscaler, tmp_path):
    lr_path = tmp_path / f"lr{ending}"
    save(lr_path, moving_square(True), 0)

    def stop(done, total):
        assert (done, total) == (1, 3)
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        enhance_animation(lr_path, tmp_path / f"sr{ending}", repeating_upscaler, stop)
    whole = lr_path.read_bytes()
    lr_path.write_bytes(whole[: len(whole) - 40])
    with pytest.raises(ImageError, match="cannot read"):
        enhance_animation(lr_path, tmp_path / f"sr{ending}", repeating_upscaler)
    assert [path.name for path in tmp_path.iterdir()] == [lr_path.name]


def test_only_several_frames_are_an_animation(tmp_path):
    one, two = moving_square(False)[:2]
    for name, others in (("one.gif", []), ("two.gif", [two]), ("two.tif", [two])):
        one.save(tmp_path / name, save_all=True, append_images=others)
    (tmp_path / "none.gif").write_bytes(b"GIF89a")
    found = [p.name for p in sorted(tmp_path.iterdir()) if is_animation(p)]
    assert found == ["two.gif"]


@pytest.mark.skipif(not features.check("avif"), reason="Pillow has no AVIF")
@pytest.mark.parametrize(
    "endings", [(".avif", ".avif"), (".png", ".avif"), (".avif", ".gif")]
)
def test_animated_avif(endings, repeating_upscaler, tmp_path):
    lr_path, sr_path = tmp_path / f"lr{endings[0]}", tmp_path / f"sr{endings[1]}"
    lr_frames = moving_square(True)
    save(lr_path, lr_frames, 3)
    said = []
    enhance_animation(lr_path, sr_path, repeating_upscaler, warn=said.append)
    assert said == [
        "AVIF does not store that an animation runs 3 times, so it runs endlessly"
    ] * (endings == (".png", ".avif"))
    with Image.open(sr_path) as image:
        assert (image.n_frames, image.size) == (3, (80, 64))
        for i, lr in enumerate(lr_frames):
            image.seek(i)
            rgba = np.array(image.convert("RGBA")).astype(int)
            assert image.info["duration"] == DURATIONS[i]
            expected = np.asarray(lr).repeat(4, axis=0).repeat(4, axis=1).astype(int)
            inside = np.s_[20:36, 16 * i + 4 : 16 * i + 24]
            assert abs(rgba[inside] - expected[inside]).mean() <= 3


@pytest.mark.skipif(not features.check("avif"), reason="Pillow has no AVIF")
def test_frames_without_a_duration_last_as_long_as_in_players(
    repeating_upscaler, tmp_path
):
    lr_path, sr_path = tmp_path / "lr.gif", tmp_path / "sr.avif"
    first, *others = moving_square(False)
    first.save(lr_path, save_all=True, append_images=others)
    assert read_animation(lr_path).durations == (0, 0, 0)
    enhance_animation(lr_path, sr_path, repeating_upscaler)
    assert read_animation(sr_path).durations == (100, 100, 100)
