"""Video files, enlarged frame by frame with PyAV, which is FFmpeg.

Frames are streamed. The enlarged ones are encoded into segments in a hidden folder
beside the output; at the end the segments and the audio of the source are copied into
one file, without encoding again. What stops on the way goes on after the last whole
segment when the same work is asked for again. Time stamps stay as they are, so a
variable frame rate does too.
"""

import hashlib
import heapq
import itertools
import json
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import numpy as np

from srlite.decoding import MAX_PIXELS, decoding
from srlite.errors import ConfigError, ImageError
from srlite.files import remove_folder, remove_leftovers, replacing
from srlite.image_writing import check_place, writing
from srlite.sizes import target_size
from srlite.video_frames import colours_of, from_rgb, quarter_turns, to_rgb

ENDINGS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm")
# Frames that are lost at most when the work is stopped.
SEGMENT_FRAMES = 100

_X264 = ("libx264", {"crf": "18"})
_CODECS = {
    ".mkv": _X264,
    ".mov": _X264,
    ".mp4": _X264,
    # Scales of quality differ: 24 of VP9's 63 is near 18 of 51.
    ".webm": ("libvpx-vp9", {"crf": "24", "row-mt": "1", "cpu-used": "4"}),
}
_MAX_SIDE = 16384  # pixels that both encoders take
# Files may name other files and addresses: no other is opened, no playlist is read.
_TRUSTING_NOBODY = {
    "protocol_whitelist": "file",
    "format_whitelist": "avi,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mpeg,mpegts",
}


def enhance_video(
    lr_path,
    sr_path,
    upscaler,
    progress: Callable[[int, int], object] | None = None,
    segment_frames: int = SEGMENT_FRAMES,
    **size_options,
):
    """Enlarge a video file; audio is copied, subtitles are not.

    Sides are rounded down to even numbers, which the encoders ask for. A rotation that
    the file prescribes is carried out.

    Args:
        lr_path: the video file.
        sr_path: where to write the result: .mp4, .mkv, .mov (H.264) or .webm (VP9).
            Until it is whole, a hidden folder beside it holds its segments.
        upscaler: `srlite.upscaler.Upscaler`.
        progress: function (frames done, frames in all as far as the file tells). What
            it raises comes out; the segments stay.
        segment_frames: frames in a segment.
        **size_options: as `srlite.sizes.target_size`.

    Returns:
        (height, width) of the result.

    Raises:
        ImageError: the file cannot be read, or the result not be written.
        ConfigError: PyAV is missing, or an impossible size.
    """
    av = _load_av()
    kind = Path(sr_path).suffix.lower()
    if kind not in _CODECS:
        raise ImageError(
            f"cannot write {sr_path}: {lr_path} is a video, so the ending must be one "
            f"of {', '.join(_CODECS)}"
        )
    codec = _CODECS[kind]
    if codec[0] not in av.codecs_available:
        raise ConfigError(
            f"PyAV {av.__version__} as installed here has no {codec[0]}; install the "
            "one of PyPI"
        )
    check_place(sr_path)
    with _opened(lr_path) as source:
        stream = _video_stream(source, lr_path)
        _check_audio(source, sr_path)
        first = _first_frame(source, stream, lr_path)
        form = _Form(stream, first, codec)
    lr_size = (first.height, first.width)[:: -1 if quarter_turns(first) % 2 else 1]
    size = tuple(
        max(2, side - side % 2)
        for side in target_size(lr_size, upscaler.scale, **size_options)
    )
    if max(size) > _MAX_SIDE:
        raise ImageError(
            f"cannot write {sr_path}: a video has at most {_MAX_SIDE} pixels along a "
            f"side, this one will have {size[1]} x {size[0]}; ask for a smaller size"
        )
    folder = _segment_folder(
        sr_path, _identity(lr_path, size, codec, segment_frames, upscaler)
    )
    done = segment_frames * len(_segments(folder))
    frames = itertools.islice(_decode(lr_path, lr_size), done, None)
    for first in frames:
        segment = itertools.chain([first], itertools.islice(frames, segment_frames - 1))
        path = folder / f"{done // segment_frames:06d}.nut"
        with replacing(path) as temporary, ExitStack() as stack:
            with writing(path):
                encoder = stack.enter_context(_Encoder(temporary, form, size))
            for frame in segment:
                sr = upscaler.upscale(to_rgb(frame, form.colours), size=size)
                with writing(path):
                    encoder.add(sr, frame)
                done += 1
                if progress is not None:
                    progress(done, max(done, form.count))
    with writing(sr_path), replacing(sr_path) as temporary:
        _join(_segments(folder), lr_path, temporary, form)
    remove_folder(folder)
    return size


def _load_av():
    try:
        import av
    except ImportError as error:
        raise ConfigError(
            "video files need PyAV; install it with: pip install 'av>=18'"
        ) from error
    av.logging.set_level(None)
    return av


class _Form:
    """What the result takes over from the source."""

    def __init__(self, stream, frame, codec):
        self.codec, self.options = codec
        self.colours = colours_of(frame)
        self.time_base = stream.time_base
        self.rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        self.aspect = 1 / aspect if quarter_turns(frame) % 2 else aspect
        seconds = float((stream.duration or 0) * stream.time_base)
        self.count = stream.frames or round(seconds * self.rate)


class _Encoder:
    """A segment while it is written; in NUT, whose time base is any."""

    def __init__(self, path, form, size):
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
        frame = from_rgb(sr, self._form.colours)
        frame.pts, frame.time_base = source.pts, self._form.time_base
        frame.duration = source.duration
        self._container.mux(self._stream.encode(frame))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self._container.mux(self._stream.encode(None))
        self._container.close()


def _opened(path):
    import av

    # A name with a colon is no protocol.
    with decoding(path):
        if not os.path.isfile(path):
            raise ImageError(f"cannot read {path} as a video: there is no such file")
        return av.open(f"file:{path}", options=_TRUSTING_NOBODY)


def _video_stream(source, path):
    stream = source.streams.best("video")
    if stream is None:
        raise ImageError(f"{path} holds no video")
    if stream.width * stream.height > MAX_PIXELS:
        raise ImageError(
            f"{path} has {stream.width} x {stream.height} pixels, more than the limit "
            f"of {MAX_PIXELS / 10**6:g} megapixels"
        )
    return stream


def _check_audio(source, sr_path):
    """Refuse audio that the kind of the output does not hold."""
    import av

    scratch = Path(sr_path).suffix.lower().removeprefix(".")
    known = {".webm": {"opus", "vorbis"}}.get(f".{scratch}")
    for stream in source.streams.audio:
        name = av.Codec(stream.codec_context.name, "r").canonical_name
        if known is not None and name not in known:
            raise ImageError(
                f"cannot write {sr_path}: its kind does not hold {name} audio, and "
                "audio is copied as it is; use .mkv"
            )


def _first_frame(source, stream, path):
    with decoding(path):
        for frame in source.decode(stream):
            return frame
    raise ImageError(f"{path} holds no frame that can be decoded")


def _decode(path, size):
    """Yield the frames in the order of showing, each with a later time stamp."""
    with decoding(path), _opened(path) as source:
        stream = _video_stream(source, path)
        stream.thread_type = "AUTO"
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        step = max(1, round(1 / (rate * stream.time_base)))
        last = None
        for frame in source.decode(stream):
            shape = (frame.height, frame.width)
            if shape[:: -1 if quarter_turns(frame) % 2 else 1] != size:
                raise ImageError(f"{path} changes its size on the way; cut it there")
            if frame.pts is None or (last is not None and frame.pts <= last):
                frame.pts = 0 if last is None else last + step
            last = frame.pts
            yield frame


def _identity(lr_path, size, codec, segment_frames, upscaler):
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


def _segment_folder(sr_path, identity):
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


def _segments(folder):
    return sorted(folder.glob("*.nut"))


def _join(segments, lr_path, sr_path, form):
    """Copy the packets of the segments and of the source's audio into one file."""
    import av

    with _opened(lr_path) as source, av.open(f"file:{sr_path}", "w") as result:
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
