"""Segments of an enlarged video, joined at the end.

They lie in a hidden folder next to the output, with a note of the work they belong to.
Joining copies packets: nothing is encoded twice. Callers import PyAV.
"""

import contextlib
import hashlib
import heapq
import itertools
import json
import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from srlite.enhance.video_frames import (
    Clock,
    colours_of,
    from_rgb,
    is_turned,
    packets_of,
)
from srlite.files import StrPath, locked, put_away, remove_leftovers, replacing
from srlite.pictures.writing import encoding
from srlite.runtime.telling import parts_of

# QuickTime's names, and FFmpeg's for the same elsewhere.
_NAMES = {
    "name": "title",
    "com.apple.quicktime.location.iso6709": "location",
    "com.apple.quicktime.creationdate": "date",
    "com.apple.quicktime.make": "make",
    "com.apple.quicktime.model": "model",
}
_OF_THE_PROGRAM = {
    *("encoder", "duration", "handler_name", "vendor_id", "major_brand"),
    *("minor_version", "compatible_brands", "alpha_mode", "rotate", "_statistics_tags"),
    *("bps", "number_of_frames", "number_of_bytes", "_statistics_writing_app"),
    *("_statistics_writing_date_utc", "timecode", "software"),
    *("com.apple.quicktime.software", "service_name", "service_provider"),
}
_LONG = 50  # letters of a file's name, of up to 4 bytes each
# Languages to which QuickTime gives older names.
_QUICKTIME = {"deu": "ger", "nld": "dut", "ell": "gre", "isl": "ice", "zho": "chi"}


class Form:
    """What the result takes over from the source."""

    def __init__(self, stream, frame, written_as, start):
        """Read the form off an `av.VideoStream` and its first `av.VideoFrame`.

        `written_as` is a container, the encoder's name and its options, `start` the
        time in seconds at which the source's clock starts.
        """
        import av

        self.container, self.codec, self.options = written_as
        self.colours = colours_of(frame)
        # The encoder may have fewer bits than the source.
        formats = [form.name for form in av.Codec(self.codec, "w").video_formats]
        self.rounded = self.colours.deep and self.colours.pixel_format not in formats
        if self.rounded:
            self.colours = replace(self.colours, deep=False)
        self.time_base, self.start = stream.time_base, start
        self.rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        aspect = stream.sample_aspect_ratio or Fraction(1)  # of a pixel
        self.aspect = 1 / aspect if is_turned(frame) else aspect
        seconds = float((stream.duration or 0) * stream.time_base)
        self.count = stream.frames or round(seconds * self.rate)  # 0 if unknown


class Encoder:
    """A segment being written; in NUT, which holds any time base exactly."""

    def __init__(self, path, form, size):
        """Begin a file of frames of `size`, (height, width)."""
        import av

        self._container = av.open(f"file:{path}", "w", format="nut")
        self._form = form
        self._stream = self._container.add_stream(
            form.codec, rate=form.rate, options=form.options
        )
        context = self._stream.codec_context
        context.height, context.width = size
        context.pix_fmt = form.colours.pixel_format
        context.time_base = form.time_base
        context.bit_rate = 0  # or it would limit the quality of VP9
        # Segments can be joined if frames are decoded in the order of showing.
        context.max_b_frames = 0
        context.sample_aspect_ratio = form.aspect
        context.color_range = form.colours.range
        context.colorspace = form.colours.matrix
        context.color_primaries = form.colours.primaries
        context.color_trc = form.colours.transfer

    def add(self, sr: np.ndarray, source: Any) -> None:
        """Encode levels, (*size, 3), at the time of their source frame."""
        frame = from_rgb(sr, self._form.colours)
        frame.pts, frame.time_base = source.pts, self._form.time_base
        frame.duration = source.duration
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds, and close the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def abandon(self) -> None:
        """Close the file as it is."""
        with contextlib.suppress(Exception):
            self._container.close()


def identity_of(lr_path, settings, upscaler, degradation, wrap):
    """Return, as JSON, what must be the same for segments to be reused."""
    status = os.stat(lr_path)
    pattern = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    sr = upscaler.upscale(pattern, degradation=degradation, wrap=wrap)
    work = settings | {
        "source": os.path.realpath(lr_path),
        "source_bytes": status.st_size,
        "source_modified": status.st_mtime_ns,
        # By what it does: the same name may stand for another model.
        "upscaler": hashlib.sha256(sr).hexdigest(),
        "estimator": upscaler.estimate(pattern).vector.tolist(),
        "degradation": parts_of(degradation),
        "ensemble": upscaler.ensemble,
    }
    return json.dumps(work, indent=1, default=float, sort_keys=True)


@contextlib.contextmanager
def segment_folder(sr_path: StrPath, identity: str) -> Iterator[Path]:
    """Yield the folder of a file's segments: those of the same work, or none yet.

    It is removed in the end, unless an error leaves segments in it. Raises ConfigError
    if another process has it.
    """
    sr_path = Path(os.path.realpath(sr_path))
    name = sr_path.name
    if len(name) > _LONG:  # It is cut, as file systems ask, and still of one file.
        name = f"{name[:_LONG]}.{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}"
    folder = sr_path.with_name(f".{name}.segments")
    with encoding(sr_path):
        folder.mkdir(exist_ok=True)
    # A folder with a file that is open, as the lock is, cannot be removed everywhere.
    with (
        contextlib.ExitStack() as unlocked,
        locked(folder, f"{sr_path} is in the making in"),
    ):
        succeeded = False
        try:
            with encoding(sr_path):
                remove_leftovers(folder)
                note = folder / "work.json"
                if not note.is_file() or note.read_text(errors="replace") != identity:
                    for path in (note, *segments_in(folder)):  # The note goes first.
                        path.unlink(missing_ok=True)
                    with replacing(note) as temporary:
                        temporary.write_text(identity)
            yield folder
            succeeded = True
        finally:
            if succeeded or not segments_in(folder):
                unlocked.callback(shutil.rmtree, put_away(folder))


def segments_in(folder: Path) -> list[Path]:
    """List the whole segments in a folder, in order."""
    return sorted(folder.glob("*.nut"))


def join(
    segments: list[Path],
    source: Any,
    sr_path: StrPath,
    form: Form,
    last: int,
    sound: bool = True,
) -> None:
    """Copy the packets of the segments and of the source's audio into one file.

    `last` is the last frame's duration in units of `form.time_base`; 0 if unknown.
    """
    import av

    with av.open(f"file:{sr_path}", "w", format=form.container) as result:
        with av.open(f"file:{segments[0]}") as segment:
            video = result.add_stream_from_template(segment.streams.video[0])
        video.time_base = form.time_base
        # A player must not be told a rate that the frames do not keep.
        constant = _is_constant(segments, form.rate, form.time_base)
        video.codec_context.framerate = form.rate if constant else Fraction(0)
        _describe(video, source.streams.best("video"), form.container)
        audio = {}
        for stream in whole_audio(source) if sound else ():
            audio[stream.index] = result.add_stream_from_template(stream)
            _describe(audio[stream.index], stream, form.container)
        result.metadata.update(_said(source))
        if source.chapters():
            result.set_chapters([_moved(c, form.start) for c in source.chapters()])
        copies = [_ended(_packets_of_segments(segments, video), last * form.time_base)]
        if audio:
            copies.append(_packets_of_audio(source, audio))
        for packet in heapq.merge(*copies, key=lambda p: p.dts * p.time_base):
            result.mux(packet)


def whole_audio(source: Any) -> list[Any]:
    """Return the audio streams of an open file that a decoder can open.

    No player could open a copy of the others.
    """
    import av

    whole = []
    for stream in source.streams.audio:
        with contextlib.suppress(av.error.FFmpegError, ValueError):
            if stream.codec_context is not None:
                stream.codec_context.open(strict=False)
                whole.append(stream)
    return whole


def _said(source):
    """Return the metadata of a file or stream, except which program wrote it."""
    said = {}
    for key, value in source.metadata.items():
        key = _NAMES.get(key.lower(), key.lower())
        if key not in _OF_THE_PROGRAM and (key, value) != ("language", "und"):
            said[key] = value
    return said


def lost_words(source: Any, path: StrPath) -> Iterator[str]:
    """Yield sentences about metadata of an open file that its copy at `path` lacks.

    Languages, titles, flags, chapters, dates and places count.
    """
    import av

    with av.open(f"file:{path}") as result:
        lost = _said(source).keys() - _said(result).keys()
        if lost:
            yield f"the video's {', '.join(sorted(lost))} left out"
        if len(result.chapters()) < len(source.chapters()):
            yield "the video's chapters left out"
        streams = [source.streams.best("video"), *whole_audio(source)]
        flags, words = set(), set()
        for stream, copy in zip(streams, result.streams):
            words |= _said(stream).keys() - _said(copy).keys() - {"creation_time"}
            missing = stream.disposition & ~copy.disposition
            flags |= {flag.name for flag in type(missing) if missing & flag}
        if words or flags:
            yield f"of its streams, {', '.join(sorted(words | flags))} left out"


def _describe(copy, stream, container):
    """Copy the language, the title and the flags of a stream to another."""
    said = _said(stream)
    if container == "mov" and said.get("language") in _QUICKTIME:
        said["language"] = _QUICKTIME[said["language"]]
    copy.metadata.update(said)
    copy.disposition = stream.disposition


def _moved(chapter, start):
    ticks = round(start / chapter["time_base"])
    moved = {side: chapter[side] - ticks for side in ("start", "end")}
    return {**chapter, **moved}


def _is_constant(segments, rate, unit):
    """Whether frames come at a constant rate, as far as the clock's unit can tell."""
    slack = unit if 4 * rate * unit < 1 else 0
    times = [p.pts * p.time_base for p in _packets_of_segments(segments)]
    return all(abs(t - times[0] - n / rate) <= slack for n, t in enumerate(times))


def _packets_of_segments(segments, video=None):
    """Yield packets with times, as packets of another stream if one is given."""
    import av

    for path in segments:
        with av.open(f"file:{path}") as segment:
            for packet in segment.demux(video=0):
                if packet.pts is not None:  # None: the end
                    if packet.dts is None:  # FFmpeg may not know the order so soon.
                        packet.dts = packet.pts
                    if video is not None:
                        packet.stream = video
                    yield packet


def _ended(packets, seconds):
    """Set the duration of the last packet, which NUT does not store, unless it is 0."""
    for packet, following in itertools.pairwise(itertools.chain(packets, [None])):
        if following is None and seconds:
            packet.duration = round(seconds / packet.time_base)
        yield packet


def _packets_of_audio(source, copies):
    streams = [source.streams[index] for index in copies]
    # Some containers count in samples, and two packets at one sample are refused.
    clocks = {
        s.index: Clock(
            source, s.time_base, max(1, math.ceil(1 / (s.rate * s.time_base)))
        )
        for s in streams
    }
    for packet in packets_of(source, streams, []):
        if packet.dts is not None:
            before, index = packet.dts, packet.stream.index
            packet.dts = clocks[index].time(before, packet.duration or 1)
            later = packet.dts - before
            packet.pts = packet.dts if packet.pts is None else packet.pts + later
            packet.stream = copies[index]
            yield packet
