"""Short clips, made without srlite."""

from fractions import Fraction

import av
import numpy as np

LEVELS = np.zeros((32, 48, 3), np.uint8)
LEVELS[:16, :24], LEVELS[:16, 24:] = (200, 40, 30), (30, 160, 60)
LEVELS[16:, :24], LEVELS[16:, 24:] = (40, 60, 210), (128, 128, 128)


def make_clip(
    path, steps=range(10), start=0, matrix=None, tracks=(), codec="libx264", b_frames=0
):
    """Frames of four flat quarters, at `start` seconds and steps of 0.1 s.

    The second half of a clip of ten is darker by a half.
    """
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=10)
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        video.codec_context.time_base = Fraction(1, 10)
        video.codec_context.max_b_frames = b_frames
        if matrix is not None:
            video.set_display_matrix(matrix)
        sounds = []
        for language, title, flags in tracks:
            sound = out.add_stream("aac", rate=48000, layout="mono")
            sound.metadata.update({"language": language, "title": title})
            sound.disposition = flags
            sounds.append(sound)
        if tracks:
            out.metadata.update(
                {"title": "A film", "creation_time": "2020-01-02T03:04:05.000000Z"}
            )
            chapter = {
                "id": 1,
                "start": 200,
                "end": 900,
                "time_base": Fraction(1, 1000),
            }
            out.set_chapters([{**chapter, "metadata": {"title": "One"}}])
        for step in steps:
            levels = LEVELS if step < 5 else LEVELS // 2
            frame = av.VideoFrame.from_ndarray(levels, "rgb24")
            frame.pts, frame.time_base = 10 * start + step, Fraction(1, 10)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for sound in sounds:
            for n in range(40):
                silence = np.zeros((1, 1024), np.float32)
                frame = av.AudioFrame.from_ndarray(silence, "fltp", "mono")
                frame.sample_rate, frame.pts = 48000, 1024 * n + 48000 * start
                out.mux(sound.encode(frame))
            out.mux(sound.encode(None))


def default_duration(path):
    """The rate in the header of a Matroska file, in frames per second, or None."""
    content = path.read_bytes()
    at = content.find(b"\x23\xe3\x83")
    if at < 0:
        return None
    size = content[at + 3] & 0x7F
    return 1e9 / int.from_bytes(content[at + 4 : at + 4 + size], "big")
