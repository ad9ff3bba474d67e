"""What a video file says besides its frames: clock, mirroring, languages, flags."""

from fractions import Fraction

import av
import numpy as np
import pytest
from clips import LEVELS, default_duration, make_clip

from srlite.enhance.video import enhance_video
from srlite.errors import ImageError


@pytest.mark.parametrize("name", ["lr.ts", "lr.mts", "lr.mpg", "lr.mkv", "lr.avi"])
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_clock_that_starts_later(name, ending, tmp_path, repeating_upscaler):
    late = 0 if name.endswith((".avi", ".mkv")) else 3600
    make_clip(tmp_path / name, start=late)
    sr_path = tmp_path / f"sr{ending}"
    enhance_video(tmp_path / name, sr_path, repeating_upscaler, outscale=1)
    with av.open(str(sr_path)) as file:
        assert abs(file.duration / 1e6 - 1) < 0.101
        times = [frame.time for frame in file.decode(video=0)]
        assert times == pytest.approx(np.arange(10) / 10, abs=0.01)


@pytest.mark.parametrize("name", ["lr.mp4", "lr.mkv"])
def test_no_false_rate_in_the_header(name, tmp_path, repeating_upscaler):
    steps = {"variable": [0, 1, 2, 5, 6, 9, 14, 15], "constant": range(8)}
    for kind, rate in (("variable", None), ("constant", pytest.approx(10, rel=1e-3))):
        make_clip(tmp_path / name, steps[kind])
        sr_path = tmp_path / f"{kind}.mkv"
        enhance_video(tmp_path / name, sr_path, repeating_upscaler, outscale=1)
        assert default_duration(sr_path) == rate
        with av.open(str(sr_path)) as file:
            times = [frame.time for frame in file.decode(video=0)]
        assert times == pytest.approx(np.array(steps[kind]) / 10, abs=0.01)


@pytest.mark.parametrize("name", ["lr.mp4", "lr.mkv", "lr.avi"])
def test_a_rate_that_the_clock_rounds(name, tmp_path, repeating_upscaler):
    """Matroska counts milliseconds, of which a frame of 30000/1001 Hz has 33.37."""
    rate = Fraction(30000, 1001)
    with av.open(str(tmp_path / name), "w") as out:
        video = out.add_stream("mpeg4", rate=rate)
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        for _ in range(20):
            out.mux(video.encode(av.VideoFrame.from_ndarray(LEVELS, "rgb24")))
        out.mux(video.encode(None))
    sr_path = tmp_path / "sr.mkv"
    enhance_video(tmp_path / name, sr_path, repeating_upscaler, outscale=1)
    assert default_duration(sr_path) == pytest.approx(float(rate), rel=1e-6)


# What is shown of (x, y) is (x, y) times these, as in QuickTime's format.
MATRICES = {
    "from side to side": ((-1, 0, 0, 1), lambda a: a[:, ::-1]),
    "upside down": ((1, 0, 0, -1), lambda a: a[::-1]),
    "both": ((-1, 0, 0, -1), lambda a: a[::-1, ::-1]),
    "turned": ((0, 1, -1, 0), lambda a: np.rot90(a, -1)),
    "turned back": ((0, -1, 1, 0), lambda a: np.rot90(a)),
    "transposed": ((0, 1, 1, 0), lambda a: a.swapaxes(0, 1)),
    "across": ((0, -1, -1, 0), lambda a: np.rot90(a, 2).swapaxes(0, 1)),
}


@pytest.mark.parametrize("kind", MATRICES)
def test_frames_are_placed_as_the_matrix_asks(kind, tmp_path, repeating_upscaler):
    (a, b, c, d), place = MATRICES[kind]
    one = 1 << 16
    matrix = [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30]
    make_clip(tmp_path / "lr.mp4", range(2), matrix=matrix)
    enhance_video(
        tmp_path / "lr.mp4", tmp_path / "sr.mp4", repeating_upscaler, outscale=1
    )
    with av.open(str(tmp_path / "sr.mp4")) as file:
        frame = next(file.decode(video=0))
    seen = frame.to_ndarray(format="rgb24").astype(int)
    expected = place(LEVELS)
    assert seen.shape == expected.shape and frame.rotation == 0
    assert np.median(np.abs(seen - expected)) <= 4


@pytest.mark.parametrize("ending", [".mkv", ".mp4"])
def test_languages_flags_chapters_and_date(ending, tmp_path, repeating_upscaler):
    tracks = [("deu", "Deutsch", 0), ("eng", "English", 1)]
    make_clip(tmp_path / "lr.mkv", tracks=tracks)
    sr_path = tmp_path / f"sr{ending}"
    enhance_video(tmp_path / "lr.mkv", sr_path, repeating_upscaler, outscale=1)
    with av.open(str(sr_path)) as file:
        sounds = file.streams.audio
        assert [s.metadata["language"] for s in sounds] == ["deu", "eng"]
        assert [int(s.disposition) & 1 for s in sounds] == [0, 1]
        if ending == ".mkv":
            assert [s.metadata["title"] for s in sounds] == ["Deutsch", "English"]
        assert file.metadata["title"] == "A film"
        assert file.metadata["creation_time"].startswith("2020-01-02")
        (chapter,) = file.chapters()
        assert chapter["metadata"]["title"] == "One"
        start = float(chapter["start"] * chapter["time_base"])
        assert start == pytest.approx(0.2 if ending == ".mkv" else 0)  # MP4 begins at 0


@pytest.mark.parametrize("ending", [".mov", ".mp4", ".mkv"])
@pytest.mark.parametrize("source", [".mov", ".mkv"])
def test_words_that_each_kind_names_otherwise(
    source, ending, tmp_path, repeating_upscaler
):
    """And those that a kind does not hold are said."""
    path, sr_path, said = tmp_path / f"lr{source}", tmp_path / f"sr{ending}", []
    words = {"make": "Maker", "model": "M1", "artist": "N. N."}
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as out:
        place = "com.apple.quicktime.location.ISO6709"
        out.metadata.update({place: "+48.5000+011.5000/", **words})
        video = out.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        sound = out.add_stream("aac", rate=48000, layout="mono")
        sound.metadata.update({"language": "deu", "title": "Deutsch"})
        sound.disposition = 64 if source == ".mkv" else 0  # forced
        out.mux(video.encode(av.VideoFrame.from_ndarray(LEVELS, "rgb24")))
        out.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), "f4"), "fltp", "mono")
        frame.sample_rate = 48000
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    enhance_video(path, sr_path, repeating_upscaler, outscale=1, warn=said.append)
    with av.open(str(sr_path)) as file:
        found = {key.lower(): value for key, value in file.metadata.items()}
        (sound,) = file.streams.audio
        title = sound.metadata.get("title") or sound.metadata.get("name")
        assert title == "Deutsch"
        if source == ".mkv":  # QuickTime has no "deu"
            german = "ger" if ending == ".mov" else "deu"
            assert sound.metadata["language"] == german
            assert bool(int(sound.disposition) & 64) == (ending != ".mov")
    assert found["location"].startswith("+48.5") and found["artist"] == "N. N."
    lost = {key for key in words if found.get(key) != words[key]}
    for word in (*lost, *(["forced"] if (source, ending) == (".mkv", ".mov") else [])):
        assert any(word in note and "left out" in note for note in said), (said, word)
    assert bool(said) == bool(lost or (source, ending) == (".mkv", ".mov"))


def test_interlaced_frames_are_said_or_made_whole(tmp_path, repeating_upscaler):
    """A bar that moves by 8 pixels between the two halves of each frame."""
    path = tmp_path / "lr.mkv"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"x264opts": "tff=1"})
        video.width, video.height, video.pix_fmt = 128, 64, "yuv420p"
        for n in range(6):
            levels = np.full((64, 128, 3), 60, np.uint8)
            levels[::2, 16 * n : 16 * n + 24] = 200
            levels[1::2, 16 * n + 8 : 16 * n + 32] = 200
            out.mux(video.encode(av.VideoFrame.from_ndarray(levels, "rgb24")))
        out.mux(video.encode(None))
    combs = {}
    for deinterlace in (False, True):
        said, sr_path = [], tmp_path / f"sr{deinterlace}.mkv"
        options = {"outscale": 1, "warn": said.append, "deinterlace": deinterlace}
        enhance_video(path, sr_path, repeating_upscaler, **options)
        assert any("interlaced" in note for note in said) is not deinterlace
        with av.open(str(sr_path)) as file:
            frames = [f.to_ndarray(format="gray") for f in file.decode(video=0)]
            assert abs(file.duration / 1e6 - 6 / 25) < 0.05
        assert len(frames) == 6
        rows = np.array(frames[2:4], float)
        combs[deinterlace] = np.abs(np.diff(rows, 2, axis=1)).mean()
    assert combs[True] < 0.3 * combs[False]


def test_a_film_that_turns_interlaced_is_said(tmp_path, repeating_upscaler):
    content = b""
    for options in ({}, {"x264opts": "tff=1"}):
        with av.open(str(tmp_path / "part.ts"), "w") as out:
            video = out.add_stream("libx264", rate=25, options=options)
            video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
            for _ in range(5):
                out.mux(video.encode(av.VideoFrame.from_ndarray(LEVELS, "rgb24")))
            out.mux(video.encode(None))
        content += (tmp_path / "part.ts").read_bytes()
    (tmp_path / "lr.ts").write_bytes(content)
    for deinterlace in (False, True):
        said = []
        enhance_video(
            tmp_path / "lr.ts",
            tmp_path / "sr.mp4",
            repeating_upscaler,
            outscale=1,
            warn=said.append,
            deinterlace=deinterlace,
        )
        assert [("interlaced" in note) for note in said] == [True] * (not deinterlace)


def test_what_an_enlarged_video_does_not_show_is_said(tmp_path, repeating_upscaler):
    path = tmp_path / "lr.mkv"
    with av.open(str(path), "w") as out:
        video = out.add_stream("ffv1", rate=10)
        video.width, video.height, video.pix_fmt = 48, 32, "yuva420p"
        frame = av.VideoFrame.from_ndarray(np.dstack([LEVELS, LEVELS[..., 0]]), "rgba")
        out.mux(video.encode(frame.reformat(format="yuva420p")))
        out.mux(video.encode(None))
    said = []
    enhance_video(
        path, tmp_path / "sr.mp4", repeating_upscaler, outscale=1, warn=said.append
    )
    assert said == ["the transparency of a video is left out"]


@pytest.mark.parametrize("kind", [".mp4", ".mov", ".mkv"])
def test_chapters_are_not_counted_as_left_out(kind, tmp_path, repeating_upscaler):
    """An MP4 keeps them in a track of text."""
    path, sr_path, said = tmp_path / f"lr{kind}", tmp_path / f"sr{kind}", []
    make_clip(path, tracks=[("deu", "Deutsch", 1)])
    enhance_video(path, sr_path, repeating_upscaler, outscale=1, warn=said.append)
    with av.open(str(sr_path)) as file:
        assert len(file.chapters()) == 1
    assert not any("left out, such as subtitles" in note for note in said)


@pytest.mark.parametrize("name", ["lr.mp4", "lr.mkv"])
@pytest.mark.parametrize("ending", [".mp4", ".webm"])
@pytest.mark.parametrize("seconds", [[0.5], [1, 0.5, 3]])
def test_the_last_frame_stays_as_long(
    name, ending, seconds, tmp_path, repeating_upscaler
):
    lr_path, sr_path = tmp_path / name, tmp_path / f"sr{ending}"
    with av.open(str(lr_path), "w") as out:
        video = out.add_stream("libx264", rate=10, options={"bf": "0"})
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        video.codec_context.time_base = Fraction(1, 10)
        packets, time = [], 0
        for length in seconds:
            frame = av.VideoFrame.from_ndarray(LEVELS, "rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 10)
            time += round(10 * length)
            packets += video.encode(frame)
        packets += video.encode(None)
        packets[-1].duration = round(10 * seconds[-1])
        out.mux(packets)
    enhance_video(lr_path, sr_path, repeating_upscaler, segment_frames=2)
    for path in (lr_path, sr_path):
        with av.open(str(path)) as file:
            assert file.duration / 1e6 == pytest.approx(sum(seconds), abs=0.01)


def clip_of_matrix(path, matrix):
    """A frame of which the head names a matrix, by its number in ITU-T H.273."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        video.codec_context.colorspace = matrix
        frame = av.VideoFrame.from_ndarray(LEVELS, "rgb24").reformat(format="yuv420p")
        frame.colorspace = matrix
        out.mux(video.encode(frame))
        out.mux(video.encode(None))


def test_colours_that_cannot_be_converted_are_refused(tmp_path, repeating_upscaler):
    lr_path, sr_path = tmp_path / "lr.mp4", tmp_path / "sr.mp4"
    for matrix in (8, 11, 14):
        clip_of_matrix(lr_path, matrix)
        with pytest.raises(ImageError, match=f"matrix {matrix} of ITU-T H.273"):
            enhance_video(lr_path, sr_path, repeating_upscaler)
    assert [path.name for path in tmp_path.iterdir()] == ["lr.mp4"]


@pytest.mark.parametrize("matrix", [1, 4, 5, 6, 7, 9, 10])
def test_the_name_of_the_matrix_stays(matrix, tmp_path, repeating_upscaler):
    lr_path, sr_path = tmp_path / "lr.mp4", tmp_path / "sr.mp4"
    clip_of_matrix(lr_path, matrix)
    enhance_video(lr_path, sr_path, repeating_upscaler)
    found = []
    for path in (lr_path, sr_path):
        with av.open(str(path)) as file:
            (frame,) = file.decode(video=0)
            found.append(frame.colorspace)
    assert found == [matrix, matrix]


def test_other_containers_are_named(tmp_path, repeating_upscaler):
    with av.open(str(tmp_path / "lr.mp4"), "w", format="flv") as out:
        video = out.add_stream("flv1", rate=10)
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        out.mux(video.encode(av.VideoFrame.from_ndarray(LEVELS, "rgb24")))
        out.mux(video.encode(None))
    with pytest.raises(ImageError, match="it is no AVI, Matroska, MP4, MPEG or WebM"):
        enhance_video(tmp_path / "lr.mp4", tmp_path / "sr.mp4", repeating_upscaler)
