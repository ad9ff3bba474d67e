"""Video files keep their frames, time, audio and colours."""

import struct
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from clips import LEVELS
from conftest import PHOTO
from PIL import Image

from srlite.enhance.command import main
from srlite.enhance.video import enhance_video
from srlite.errors import ConfigError, ImageError

COLOURS = np.array([(200, 40, 30), (30, 160, 60), (40, 60, 210), (128, 128, 128)])
STEPS = [0, 1, 2, 3, 4, 6, 8, 10, 11, 12, 14, 20]  # variable: of 1/25 s
FULL, LIMITED = 2, 1
# Luma of a red and a blue primary: ITU-R BT.601 and BT.709.
LUMA = {6: (0.299, 0.114), 1: (0.2126, 0.0722)}


def ycbcr(rgb, matrix, full):
    """Levels of one colour, by the formulas of the two recommendations."""
    red, blue = LUMA[matrix]
    r, g, b = np.asarray(rgb) / 255
    y = red * r + (1 - red - blue) * g + blue * b
    chroma = np.array([(b - y) / (2 - 2 * blue), (r - y) / (2 - 2 * red)])
    if full:
        return np.round([255 * y, *(128 + 255 * chroma)])
    return np.round([16 + 219 * y, *(128 + 224 * chroma)])


def planes_of(colours, matrix, full):
    """The four colours side by side, 16 x 64 pixels, as planes of yuv420p."""
    levels = np.array([ycbcr(c, matrix, full) for c in colours]).astype(np.uint8)
    y = levels[:, 0].repeat(16)[None].repeat(16, axis=0)
    u, v = (levels[:, i].repeat(8)[None].repeat(8, axis=0) for i in (1, 2))
    return np.concatenate([y.ravel(), u.ravel(), v.ravel()]).reshape(24, 64)


def make_clip(path, matrix=6, full=False, audio="aac", steps=STEPS):
    """Twelve frames of four flat colours that move on by one place each time."""
    with av.open(str(path), "w") as out:
        vp9 = path.suffix == ".webm"
        video = out.add_stream("libvpx-vp9" if vp9 else "libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 16, "yuv420p"
        video.options = {"crf": "0" if vp9 else "1"}
        context = video.codec_context
        context.time_base = Fraction(1, 25)
        context.colorspace, context.color_range = matrix, FULL if full else LIMITED
        if audio:
            sound = out.add_stream(audio, rate=48000, layout="mono")
        for i, step in enumerate(steps):
            planes = planes_of(np.roll(COLOURS, i, axis=0), matrix, full)
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts, frame.time_base = step, Fraction(1, 25)
            frame.colorspace, frame.color_range = matrix, FULL if full else LIMITED
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio:
            wave = np.sin(np.arange(40960) / 20).astype(np.float32)[None]
            for start in range(0, wave.shape[1], 1024):
                piece = np.ascontiguousarray(wave[:, start : start + 1024])
                frame = av.AudioFrame.from_ndarray(piece, "fltp", "mono")
                frame.sample_rate, frame.pts = 48000, start
                out.mux(sound.encode(frame))
            out.mux(sound.encode(None))


def audio_packets(path):
    with av.open(str(path)) as source:
        return [bytes(packet) for packet in source.demux(audio=0) if packet.size]


def start_of(path):
    """Seconds at which the first packet of any kind is due."""
    with av.open(str(path)) as source:
        return min(p.pts * p.time_base for p in source.demux() if p.size)


def frames_of(path):
    with av.open(str(path)) as source:
        return list(source.decode(video=0))


@pytest.mark.parametrize(
    ("lr_name", "sr_name", "matrix", "full", "audio"),
    [
        ("lr.mp4", "sr.mp4", 6, False, "aac"),
        ("lr.mov", "sr.mkv", 1, False, "aac"),
        ("lr.mkv", "sr.mov", 6, True, "aac"),
        ("lr.webm", "sr.webm", 1, True, "libopus"),
        ("lr.mp4", "sr.mp4", 1, True, None),
    ],
)
def test_video_keeps_all(
    lr_name, sr_name, matrix, full, audio, repeating_upscaler, tmp_path
):
    lr_path, sr_path = tmp_path / lr_name, tmp_path / sr_name
    make_clip(lr_path, matrix, full, audio)
    seen = []
    size = enhance_video(
        lr_path, sr_path, repeating_upscaler, lambda *n: seen.append(n), 5
    )
    assert size == (64, 256)
    assert [done for done, _ in seen] == list(range(1, 13))
    if audio:
        assert audio_packets(sr_path) == audio_packets(lr_path) != []
    lr_frames, sr_frames = frames_of(lr_path), frames_of(sr_path)
    # Exact, but for the milliseconds of Matroska, which also begins at 0.
    early, late = start_of(lr_path), start_of(sr_path)
    for sr, lr in zip(sr_frames, lr_frames, strict=True):
        shift = (sr.pts * sr.time_base - late) - (lr.pts * lr.time_base - early)
        assert abs(shift) <= Fraction(1, 1000)
    times = [round(25 * frame.pts * frame.time_base) for frame in sr_frames]
    assert [t - times[0] for t in times] == STEPS
    for i, frame in enumerate(sr_frames):
        assert (frame.colorspace, frame.color_range) == (
            matrix,
            FULL if full else LIMITED,
        )
        assert (frame.height, frame.width) == size
        y, u, v = (
            np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, :width]
            for plane, width in zip(frame.planes, (256, 128, 128))
        )
        for j, colour in enumerate(np.roll(COLOURS, i, axis=0)):
            for plane, level, side in zip(
                (y, u, v), ycbcr(colour, matrix, full), (64, 32, 32)
            ):
                middle = plane[8:-8, side * j + 12 : side * (j + 1) - 12].astype(int)
                assert abs(middle - level).max() <= 3
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([lr_name, sr_name])


def test_rotation_is_carried_out(repeating_upscaler, tmp_path):
    lr_path, sr_path = tmp_path / "lr.mp4", tmp_path / "sr.mp4"
    make_clip(lr_path, steps=[0, 1])
    # The matrix of the track (ISO/IEC 14496-12): by 90 degrees clockwise.
    upright = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 2**30)
    turned = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 2**30)
    before, track, after = lr_path.read_bytes().partition(b"tkhd")
    lr_path.write_bytes(before + track + after.replace(upright, turned, 1))
    assert enhance_video(lr_path, sr_path, repeating_upscaler) == (256, 64)
    frame = frames_of(sr_path)[0]
    assert frame.rotation == 0
    plane = np.frombuffer(frame.planes[0], np.uint8).reshape(
        -1, frame.planes[0].line_size
    )
    expected = [ycbcr(colour, 6, False)[0] for colour in COLOURS]
    assert abs(plane[32::64, 32].astype(int) - expected).max() <= 3


@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_ten_bits_stay_where_the_encoder_has_them(
    ending, repeating_upscaler, tmp_path, monkeypatch
):
    lr_path, sr_path = tmp_path / "lr.mkv", tmp_path / f"sr{ending}"
    with av.open(str(lr_path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"crf": "0"})
        video.width, video.height, video.pix_fmt = 64, 16, "yuv420p10le"
        levels = np.full((24, 64), 512, np.uint16)
        levels[:16] = 4 * np.arange(64) + 302
        frame = av.VideoFrame(64, 16, "yuv420p10le")
        planes = (levels[:16], levels[:8, :32] * 0 + 512, levels[:8, :32] * 0 + 512)
        for plane, part in zip(frame.planes, planes):
            rows = np.zeros((part.shape[0], plane.line_size // 2), np.uint16)
            rows[:, : part.shape[1]] = part
            plane.update(rows.tobytes())
        frame.pts = 0
        out.mux(video.encode(frame))
        out.mux(video.encode(None))
    notes = []
    enhance_video(lr_path, sr_path, repeating_upscaler, warn=notes.append)
    frame = frames_of(sr_path)[0]
    if ending == ".webm" and frame.format.name == "yuv420p":
        assert len(notes) == 1 and "writes 8 bits, not 10" in notes[0]
        plane = np.frombuffer(frame.planes[0], np.uint8).reshape(64, -1)[32, :256]
        assert abs(plane[2::4].astype(int) - levels[0] / 4).max() <= 3
        return
    assert frame.format.name == "yuv420p10le" and not notes
    plane = np.frombuffer(frame.planes[0], np.uint16).reshape(64, -1)[32, :256]
    assert abs(plane[2::4].astype(int) - levels[0]).max() <= 4  # 1 of 8 bits
    assert len(np.unique(plane % 4)) == 4
    monkeypatch.setattr(repeating_upscaler.network, "eight_bit", True)
    enhance_video(lr_path, sr_path, repeating_upscaler, warn=notes.append)
    assert len(notes) == 1 and "the model keeps 8 bits" in notes[0]


def test_odd_sides_are_rounded_and_said(repeating_upscaler, tmp_path):
    make_clip(tmp_path / "lr.mp4", audio=None, steps=STEPS[:2])
    paths, notes = (tmp_path / "lr.mp4", tmp_path / "sr.mp4"), []
    size = enhance_video(*paths, repeating_upscaler, warn=notes.append, width=99)
    assert size == (24, 98) and "98 x 24 pixels instead of 99 x 25" in notes[0]


def test_what_cannot_be_is_one_sentence(repeating_upscaler, tmp_path):
    lr_path = tmp_path / "lr.mp4"
    make_clip(lr_path)
    for name, message in (
        ("sr.gif", "is a video, so the ending"),
        ("sr.webm", "does not hold aac audio"),
    ):
        with pytest.raises(ImageError, match=message):
            enhance_video(lr_path, tmp_path / name, repeating_upscaler)
    playlist = tmp_path / "list.mp4"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nlr.mp4\n#EXT-X-ENDLIST\n")
    for path in (playlist, tmp_path / "none.mp4"):
        with pytest.raises(ImageError, match="cannot read"):
            enhance_video(path, tmp_path / "sr.mp4", repeating_upscaler)
    foreign = tmp_path / "foreign.mp4"
    foreign.write_bytes(lr_path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(ImageError, match="foreign.mp4 holds a video of an unknown co"):
        enhance_video(foreign, tmp_path / "sr.mp4", repeating_upscaler)
    song = tmp_path / "song.mp4"
    make_song(song)
    with pytest.raises(ImageError, match="song.mp4 holds no video"):
        enhance_video(song, tmp_path / "sr.mp4", repeating_upscaler)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["foreign.mp4", "list.mp4", "lr.mp4", "song.mp4"]


def make_song(path):
    """Sound with a picture of its cover."""
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=48000, layout="mono")
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 48, 32, "yuvj420p"
        cover.disposition = 1024  # attached_pic
        frame = av.VideoFrame.from_ndarray(LEVELS, "rgb24")
        out.mux(cover.encode(frame.reformat(format="yuvj420p")))
        out.mux(cover.encode(None))
        silence = np.zeros((1, 1024), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, "fltp", "mono")
        frame.sample_rate, frame.pts = 48000, 0
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))


def test_one_sentence_without_pyav(repeating_upscaler, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)  # what a missing package looks like
    with pytest.raises(ConfigError, match="pip install 'av>=18'"):
        enhance_video(tmp_path / "lr.mp4", tmp_path / "sr.mp4", repeating_upscaler)


def test_command_enlarges_what_moves(tmp_path, capsys):
    make_clip(tmp_path / "lr.mp4", steps=[0, 1])
    frames = [Image.fromarray(np.full((8, 8, 3), n, np.uint8)) for n in (50, 200)]
    frames[0].save(tmp_path / "lr.gif", save_all=True, append_images=frames[1:])
    for kind, size in (("mp4", "256 x 64"), ("gif", "32 x 32")):
        arguments = ["--lr-path", f"{tmp_path}/lr.{kind}"]
        arguments += ["--sr-path", f"{tmp_path}/sr.{kind}"]
        assert main(arguments) == 0
        printed = capsys.readouterr()
        assert f"sr.{kind}: {size} pixels" in printed.out
        assert "2/2" in printed.err and "frame" in printed.err
    assert len(frames_of(tmp_path / "sr.mp4")) == 2
    with Image.open(tmp_path / "sr.gif") as image:
        assert image.n_frames == 2
    assert main([f"{tmp_path}/lr.mp4", "--ending", "MKV", "--quiet"]) == 0
    assert len(frames_of(tmp_path / "lr_sr.mkv")) == 2
    with pytest.raises(ImageError, match="its ending must be one of .*png"):
        main([str(PHOTO), f"{tmp_path}/", "--ending", ".mkv"])
    with pytest.raises(ImageError, match="figure shows one picture"):
        main([*arguments, "--visualize"])
    with pytest.raises(ImageError, match="both input and output"):
        main([*arguments[:3], f"{tmp_path}/lr.gif"])
