"""Segments of an enlarged video: written one by one, joined at the end.

They stand in a hidden folder beside the output, with a note of the work they belong to.
Joining copies packets: nothing is encoded twice. PyAV is imported by those who call.
"""

import contextlib
import hashlib
import heapq
import json
import os
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from srlite.files import remove_leftovers, replacing
from srlite.pictures.writing import writing
from srlite.enhance.video_frames import colours_of, from_rgb, quarter_turns


class Form:
    """What the result takes over from the source.

    Attributes:
        codec: name of the encoder.
        options: of the encoder.
        colours: `srlite.enhance.video_frames.Colours`.
        rounded: whether the encoder has not as many bits as the source.
        time_base: seconds of one unit of the time stamps.
        rate: frames per second, on average.
        aspect: width of a pixel by its height.
        count: frames in all, as far as the file tells; else 0.
    """

    def __init__(self, stream, frame, codec):
        """Read the form off an `av.VideoStream` and its first `av.VideoFrame`."""
        self.codec, self.options = codec
        self.colours = colours_of(frame)
        self.rounded = self.colours.deep and not _encodes(self.codec, self.colours)
        if self.rounded:
            self.colours = replace(self.colours, deep=False)
        self.time_base = stream.time_base
        self.rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        self.aspect = 1 / aspect if quarter_turns(frame) % 2 else aspect
        seconds = float((stream.duration or 0) * stream.time_base)
        self.count = stream.frames or round(seconds * self.rate)


def _encodes(codec, colours):
    import av

    formats = {form.name for form in av.Codec(codec, "w").video_formats}
    return colours.pixel_format in formats


class Encoder:
    """A segment while it is written; in NUT, which holds any time base exactly."""

    def __init__(self, path, form, size):
        """Begin a file, of frames of `size`, (height, width)."""
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
        context.bit_rate = 0  # else it would bound the quality of VP9
        # Segments can follow each other when decoding in the order of showing.
        context.max_b_frames = 0
        context.sample_aspect_ratio = form.aspect
        context.color_range = form.colours.range
        context.colorspace = form.colours.matrix
        context.color_primaries = form.colours.primaries
        context.color_trc = form.colours.transfer

    def add(self, sr, source):
        """Encode levels, (*size, 3), at the time of the frame they came from."""
        frame = from_rgb(sr, self._form.colours)
        frame.pts, frame.time_base = source.pts, self._form.time_base
        frame.duration = source.duration
        self._container.mux(self._stream.encode(frame))

    def finish(self):
        """Write what the encoder still holds, and close the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def abandon(self):
        """Close the file as it is."""
        with contextlib.suppress(Exception):
            self._container.close()


def identity_of(lr_path, size, codec, segment_frames, upscaler):
    """What must be the same for segments to be of use, as JSON."""
    status = os.stat(lr_path)
    pattern = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    work = {
        "source": os.path.realpath(lr_path),
        "source_bytes": status.st_size,
        "source_modified": status.st_mtime_ns,
        "size": size,
        "codec": codec,
        "segment_frames": segment_frames,
        # By what it does: the same name may stand for another model.
        "upscaler": hashlib.sha256(upscaler.upscale(pattern)).hexdigest(),
    }
    return json.dumps(work, indent=1)


def segment_folder(sr_path, identity):
    """Find the segments of the same work, or make a folder for new ones."""
    sr_path = Path(os.path.realpath(sr_path))
    folder = sr_path.with_name(f".{sr_path.name[:50]}.segments")
    note = folder / "work.json"
    with writing(sr_path):
        if folder.is_dir():
            remove_leftovers(folder)
            if note.is_file() and note.read_text(errors="replace") == identity:
                return folder
            shutil.rmtree(folder)
        folder.mkdir()
        with replacing(note) as temporary:
            temporary.write_text(identity)
    return folder


def segments_in(folder):
    """List the whole segments in a folder, in order."""
    return sorted(folder.glob("*.nut"))


def join(segments, source, sr_path, form):
    """Copy the packets of the segments and of the source's audio into one file."""
    import av

    with av.open(f"file:{sr_path}", "w") as result:
        with av.open(f"file:{segments[0]}") as segment:
            video = result.add_stream_from_template(segment.streams.video[0])
        video.time_base = form.time_base
        audio = {
            stream.index: result.add_stream_from_template(stream)
            for stream in source.streams.audio
        }
        copies = [_packets_of_segments(segments, video)]
        if audio:
            copies.append(_packets_of_audio(source, audio))
        for packet in heapq.merge(*copies, key=lambda p: p.dts * p.time_base):
            result.mux(packet)


def _packets_of_segments(segments, video):
    import av

    for path in segments:
        with av.open(f"file:{path}") as segment:
            for packet in segment.demux(video=0):
                if packet.dts is not None:  # None: the end
                    packet.stream = video
                    yield packet


def _packets_of_audio(source, copies):
    for packet in source.demux(source.streams.audio):
        if packet.dts is not None:
            packet.stream = copies[packet.stream.index]
            yield packet
