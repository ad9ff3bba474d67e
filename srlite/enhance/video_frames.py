"""Frames of a video to RGB levels, and back.

The matrix and the range of YCbCr stay. If a file does not name its matrix, players
guess it from the size, and could guess wrongly for the enlarged video, so the result
names it. Callers import PyAV.
"""

import collections
import itertools
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from srlite.errors import ImageError
from srlite.pictures.decoding import MAX_PIXELS, decoding

# Numbers of ITU-T H.273, which PyAV uses too.
_BT709, _BT601 = 1, 6
# Side data about brightness.
_HDR = {
    *("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "DYNAMIC_HDR_PLUS"),
    *("DOVI_RPU_BUFFER", "DOVI_METADATA"),
}
_FULL, _LIMITED = 2, 1
_COVER = 1024  # flag of a stream that is the picture of a song
# Number of a matrix: number in the converter, whose 5 is both forms of BT.601. It takes
# BT.2020 with constant luminance, 10, for the usual form, as players do.
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
_UNNAMED = (0, 2, 3)  # for RGB, unknown and reserved
_JUMP = 10  # seconds; more is a jump of the clock, not a pause, as in FFmpeg
# Pixels: larger than television before HD.
_HD_WIDTH, _HD_HEIGHT = 1280, 577

# Files may name other files and addresses: no other is opened, no playlist is read.
_TRUSTING_NOBODY = {
    "protocol_whitelist": "file",
    "format_whitelist": "avi,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mpeg,mpegts",
}


@dataclass(frozen=True)
class Colours:
    """How the levels of a video stand for colours, by numbers of ITU-T H.273."""

    matrix: int  # between RGB and YCbCr
    range: int  # 2 for full, 1 for limited
    primaries: int
    transfer: int
    deep: bool  # more than 8 bits

    @property
    def pixel_format(self) -> str:
        """What an enlarged frame is encoded as."""
        return "yuv420p10le" if self.deep else "yuv420p"


def colours_of(frame: Any) -> Colours:
    """Read the colours of an `av.VideoFrame`; guess an unnamed matrix from its size."""
    matrix = frame.colorspace
    if matrix not in _MATRICES:
        large = frame.width >= _HD_WIDTH or frame.height >= _HD_HEIGHT
        matrix = _BT709 if large else _BT601
    full = frame.color_range == _FULL or frame.format.name.startswith("yuvj")
    return Colours(
        matrix,
        # RGB is full range, but most players expect limited YCbCr.
        _FULL if full and not frame.format.is_rgb else _LIMITED,
        frame.color_primaries,
        frame.color_trc,
        max(part.bits for part in frame.format.components) > 8,
    )


def opened(path):
    """Open a video file for reading."""
    import av

    # `file:`, so that a colon in the name is no protocol.
    with decoding(path, "a video"):
        if not os.path.isfile(path):
            raise ImageError(f"cannot read {path} as a video: there is no such file")
        try:
            return av.open(f"file:{path}", options=_TRUSTING_NOBODY)
        except av.error.ArgumentError as error:  # as for every other container
            kinds = "AVI, Matroska, MP4, MPEG or WebM"
            raise ImageError(f"cannot read {path}: it is no {kinds}") from error


def video_stream(source, path):
    """Return the stream that players show; refuse one too large."""
    stream = source.streams.best("video")
    if stream is None or stream.disposition & _COVER:
        raise ImageError(f"{path} holds no video")
    if stream.codec_context is None:
        raise ImageError(f"{path} holds a video of an unknown codec")
    if stream.width * stream.height > MAX_PIXELS:
        raise ImageError(
            f"{path} has {stream.width} x {stream.height} pixels, more than the limit "
            f"of {MAX_PIXELS / 10**6:g} megapixels"
        )
    return stream


def first_frame(source, stream, path):
    """Decode the first frame; refuse colours that cannot be converted."""
    with decoding(path, "a video"):
        for frame in _timed(source, stream, []):
            matrix = frame.colorspace
            if not frame.format.is_rgb and matrix not in (*_MATRICES, *_UNNAMED):
                raise ImageError(
                    f"cannot read {path}: its colours are coded by matrix {matrix} of "
                    "ITU-T H.273; convert it to BT.709"
                )
            return frame
    raise ImageError(f"{path} holds no frame that can be decoded")


def start_of(source):
    """Return when the clock of a file starts, in seconds."""
    return Fraction(source.start_time or 0, 1_000_000)


def stated_frames(source, stream):
    """Return how many frames a file claims to show; 0 if it does not say."""
    frames, entries = stream.frames, stream.index_entries
    if frames and entries and source.format.name == "avi":
        # It also counts frames that were left out.
        frames -= entries[-1].timestamp + 1 - len(entries)
    elif frames and entries and "mp4" in source.format.name:
        # A film that a phone has trimmed still holds what it no longer shows.
        frames = min(frames, sum(not entry.is_discard for entry in entries))
    return frames


class Clock:
    """The times of a stream, from the start of the file, which only increase.

    The clock of a broadcast jumps between recordings; these times just go on.
    """

    def __init__(self, source, unit, least=1):
        """Count in units of `unit` seconds, at least `least` units apart."""
        self._offset, self._last = -round(start_of(source) / unit), None
        self._least = least
        broadcast = source.format.name in ("mpegts", "mpeg")
        self._limit = _JUMP / unit if broadcast else math.inf

    def time(self, stated, step):
        """Return the time of a frame of `step` units; `stated` may be None."""
        following = 0 if self._last is None else self._last + step
        time = following if stated is None else stated + self._offset
        if self._last is not None and abs(time - self._last) > self._limit:
            self._offset += following - time
        passed = self._least if self._last is None else time - self._last
        if not self._least <= passed <= self._limit:
            time = max(following, self._last + self._least)
        self._last = time
        return time


def decode(path, size, deinterlace, damage=None):
    """Yield the frames in order of presentation, with increasing time stamps.

    Damaged parts are skipped, and an error for each is added to the list `damage`.
    """
    damage = [] if damage is None else damage
    with decoding(path, "a video"), opened(path) as source:
        stream = video_stream(source, path)
        # With frame threads, damage in an AVI would be reported too late.
        stream.thread_type = "SLICE" if source.format.name == "avi" else "AUTO"
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        step = max(1, round(1 / (rate * stream.time_base)))
        clock = Clock(source, stream.time_base)
        frames = _timed(source, stream, damage)
        for frame in _deinterlaced(frames, stream) if deinterlace else frames:
            if frame.pts is not None:
                # A filter may have counted in other units.
                unit = (frame.time_base or stream.time_base) / stream.time_base
                frame.pts = round(frame.pts * unit)
                frame.duration = round(frame.duration * unit)
                frame.time_base = stream.time_base
            shape = (frame.height, frame.width)
            if shape[:: -1 if is_turned(frame) else 1] != size:
                raise ImageError(f"{path} changes its size on the way; cut it there")
            frame.pts = clock.time(frame.pts, step)
            yield frame


def _timed(source, stream, damage):
    """Decode frames with their times, also of AVI.

    AVI states when each packet is decoded, not when its frame is shown, and FFmpeg
    guesses wrongly where these differ: the frames take the times in turn.
    """
    import av

    times, is_avi = collections.deque(), source.format.name == "avi"
    for packet in packets_of(source, stream, damage):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError as error:
            damage.append(error)
            continue
        if packet.dts is not None:
            times.append(packet.dts)
        for frame in frames:
            if is_avi:
                frame.pts = times.popleft() if times else None
            yield frame


def packets_of(source, streams, damage):
    """Yield the packets of streams, to the end or to fatal damage."""
    import av

    try:
        yield from source.demux(streams)
    except av.error.InvalidDataError as error:
        damage.append(error)


def _deinterlaced(frames, stream):
    """Yield a whole frame for each interlaced one."""
    from av.filter import Graph

    graph = Graph()
    source = graph.add_buffer(template=stream)
    bwdif = graph.add("bwdif", "send_frame:auto:interlaced")
    sink = graph.add("buffersink")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    for frame in itertools.chain(frames, [None]):
        graph.push(frame)
        while True:
            try:
                yield graph.pull()
            except (BlockingIOError, EOFError):
                break


def to_rgb(frame: Any, colours: Colours) -> np.ndarray:
    """Convert an `av.VideoFrame` to upright RGB (height, width, 3).

    It is uint8, or uint16 if the frame has more than 8 bits.
    """
    own = _FULL if frame.format.is_rgb else colours.range
    rgb = _converted(frame, _rgb_format(colours), colours, own, _FULL).to_ndarray()
    transposed, down, across = _placing(frame)
    if transposed:
        rgb = rgb.swapaxes(0, 1)
    return np.ascontiguousarray(rgb[:: -1 if down else 1, :: -1 if across else 1])


def to_grey(frame: Any) -> np.ndarray:
    """Convert an `av.VideoFrame` to grey, uint8 (height, width), without turning it."""
    return frame.reformat(format="gray").to_ndarray()


def is_turned(frame: Any) -> bool:
    """Whether a frame is shown on its side."""
    return _placing(frame)[0]


def _placing(frame: Any) -> tuple[bool, bool, bool]:
    """Whether a frame is transposed, then flipped upside down, then from side to side.

    The display matrix maps (x, y), a row, to its place on the screen. Angles other than
    multiples of 90 degrees are ignored.
    """
    for data in _side_data(frame):
        if data.type.name == "DISPLAYMATRIX":
            matrix = np.frombuffer(bytes(data), np.int32).reshape(3, 3)[:2, :2]
            if not matrix[0, 0] and not matrix[1, 1] and matrix[0, 1] and matrix[1, 0]:
                return True, matrix[0, 1] < 0, matrix[1, 0] < 0
            if not matrix[0, 1] and not matrix[1, 0]:
                return False, matrix[1, 1] < 0, matrix[0, 0] < 0
    return False, False, False


def _side_data(frame: Any) -> list[Any]:
    # Iterating yields values in PyAV 18 and kinds in PyAV 19.
    return [frame.side_data[i] for i in range(len(frame.side_data))]


def lost_of(stream: Any, frame: Any) -> Iterator[str]:
    """Yield a sentence for each property that an enlarged video lacks."""
    kinds = {data.type.name for data in _side_data(frame)}
    if kinds & _HDR:
        yield "HDR metadata, such as the mastering display, is left out"
    alpha = any(part.is_alpha for part in frame.format.components)
    if alpha or stream.metadata.get("alpha_mode") == "1":
        yield "the transparency of a video is left out"


def from_rgb(rgb: np.ndarray, colours: Colours) -> Any:
    """Convert RGB levels, uint8 or uint16 (height, width, 3), to an `av.VideoFrame`."""
    import av

    frame = av.VideoFrame.from_ndarray(rgb, _rgb_format(colours))
    return _converted(frame, colours.pixel_format, colours, _FULL, colours.range)


def _rgb_format(colours: Colours) -> str:
    return "rgb48le" if colours.deep else "rgb24"


def _converted(frame: Any, form: str, colours: Colours, own: int, given: int) -> Any:
    """Convert a frame to a pixel format, and from its `own` range to the `given`."""
    from av.video.reformatter import Interpolation

    flags = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
    flags |= Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
    return frame.reformat(
        format=form,
        src_colorspace=_MATRICES[colours.matrix],
        dst_colorspace=_MATRICES[colours.matrix],
        src_color_range=own,
        dst_color_range=given,
        interpolation=flags,
    )
