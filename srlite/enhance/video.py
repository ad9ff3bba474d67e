"""Video files, enlarged frame by frame with PyAV, which is FFmpeg.

Frames are streamed. The enlarged ones are encoded into segments in a hidden folder
beside the output; at the end the segments and the audio of the source are copied into
one file, without encoding again. What stops on the way goes on after the last whole
segment when the same work is asked for again. Time stamps stay as they are, so a
variable frame rate does too.
"""

import io
import itertools
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from srlite.pictures.decoding import MAX_PIXELS, decoding, error_reason
from srlite.errors import ConfigError, ImageError
from srlite.files import remove_folder, replacing
from srlite.pictures.writing import check_place, writing
from srlite.runtime.sizes import target_size
from srlite.enhance.video_frames import quarter_turns, to_rgb
from srlite.enhance.video_segments import (
    Encoder,
    Form,
    identity_of,
    join,
    segment_folder,
    segments_in,
)

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
_CONTAINERS = {".mkv": "matroska", ".mov": "mov", ".mp4": "mp4", ".webm": "webm"}
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
    warn: Callable[[str], object] | None = None,
    **size_options,
):
    """Enlarge a video file; audio is copied, subtitles are not.

    Sides are rounded down to even numbers, which the encoders ask for. A rotation that
    the file prescribes is carried out.

    Args:
        lr_path: the video file.
        sr_path: where to write the result: .mp4, .mkv, .mov (H.264) or .webm (VP9).
            Until it is whole, a hidden folder beside it holds its segments.
        upscaler: `srlite.runtime.upscaler.Upscaler`.
        progress: function (frames done, frames in all as far as the file tells). What
            it raises comes out; the segments stay.
        segment_frames: frames in a segment.
        warn: function (sentence) for what is left out or changed.
        **size_options: as `srlite.runtime.sizes.target_size`.

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
        others = len(source.streams) - len(source.streams.audio) - 1
        if others and warn is not None:
            warn(
                f"{lr_path}: of {len(source.streams)} streams, the video and the audio "
                f"are kept; {others} left out, such as subtitles"
            )
        first = _first_frame(source, stream, lr_path)
        form = Form(stream, first, codec)
        stated = stream.frames
    if form.rounded and warn is not None:
        warn(f"{sr_path}: {form.codec} as installed here writes 8 bits, not 10")
    elif form.colours.deep and upscaler.network.eight_bit and warn is not None:
        warn(f"{lr_path}: the model keeps 8 bits of its colours")
    lr_size = (first.height, first.width)[:: -1 if quarter_turns(first) % 2 else 1]
    asked = target_size(lr_size, upscaler.scale, **size_options)
    size = tuple(max(2, side - side % 2) for side in asked)
    if size != asked and warn is not None:
        warn(
            f"{sr_path}: {size[1]} x {size[0]} pixels instead of {asked[1]} x "
            f"{asked[0]}; videos have even sides"
        )
    if max(size) > _MAX_SIDE:
        raise ImageError(
            f"cannot write {sr_path}: a video has at most {_MAX_SIDE} pixels along a "
            f"side, this one will have {size[1]} x {size[0]}; ask for a smaller size"
        )
    folder = segment_folder(
        sr_path, identity_of(lr_path, size, codec, segment_frames, upscaler)
    )
    done = segment_frames * len(segments_in(folder))
    frames = itertools.islice(_decode(lr_path, lr_size), done, None)

    def enlarged(segment):
        nonlocal done
        for frame in segment:
            yield upscaler.upscale(to_rgb(frame, form.colours), size=size), frame
            done += 1
            if progress is not None:
                progress(done, max(done, form.count))

    try:
        for first in frames:
            rest = itertools.islice(frames, segment_frames - 1)
            path = folder / f"{done // segment_frames:06d}.nut"
            with replacing(path) as temporary:
                segment = enlarged(itertools.chain([first], rest))
                _encode(temporary, sr_path, form, size, segment)
    except OSError as error:
        raise ImageError(f"cannot write {sr_path}: {error_reason(error)}") from error
    finally:
        if not segments_in(folder):
            remove_folder(folder)  # There is nothing to go on with.
    if done < stated and warn is not None:
        warn(f"{lr_path}: only {done} of {stated} frames could be decoded")
    with (
        _opened(lr_path) as source,
        writing(sr_path),
        replacing(sr_path) as temporary,
    ):
        join(segments_in(folder), source, temporary, form)
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


def _encode(path, sr_path, form, size, frames):
    with writing(sr_path):
        encoder = Encoder(path, form, size)
    try:
        for sr, frame in frames:
            with writing(sr_path):
                encoder.add(sr, frame)
        with writing(sr_path):
            encoder.finish()
    except BaseException:
        encoder.abandon()
        raise


def _opened(path):
    import av

    # A name with a colon is no protocol.
    with decoding(path, "a video"):
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
    """Refuse audio that the kind of the output does not hold, by writing a header."""
    import av

    kind = _CONTAINERS[Path(sr_path).suffix.lower()]
    for stream in source.streams.audio:
        try:
            with av.open(io.BytesIO(), "w", format=kind) as scratch:
                scratch.add_stream_from_template(stream)
                scratch.start_encoding()
        except Exception as error:  # Which kind, is not documented.
            raise ImageError(
                f"cannot write {sr_path}: its kind does not hold "
                f"{stream.codec_context.name} audio, and audio is copied as it is; use "
                ".mkv"
            ) from error


def _first_frame(source, stream, path):
    with decoding(path, "a video"):
        for frame in source.decode(stream):
            return frame
    raise ImageError(f"{path} holds no frame that can be decoded")


def _decode(path, size):
    """Yield the frames in the order of showing, each with a later time stamp."""
    with decoding(path, "a video"), _opened(path) as source:
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
