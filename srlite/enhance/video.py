"""Video files, enlarged frame by frame with PyAV, which is FFmpeg.

Decoding, enlarging and encoding run at the same time, each in a thread, with a few
frames waiting in between. Enlarged frames are encoded into segments in a hidden folder
next to the output; at the end the segments and the source's audio are copied into one
file. Stopped work goes on after the last whole segment. Time stamps stay, and so does a
variable frame rate.
"""

import contextlib
import functools
import io
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from srlite.enhance.scenes import told_by_scene
from srlite.enhance.video_frames import (
    decode,
    first_frame,
    is_turned,
    lost_of,
    opened,
    start_of,
    stated_frames,
    to_grey,
    to_rgb,
    video_stream,
)
from srlite.enhance.video_segments import (
    Encoder,
    Form,
    identity_of,
    join,
    lost_words,
    segment_folder,
    segments_in,
    whole_audio,
)
from srlite.errors import ConfigError, ImageError
from srlite.files import replacing, writing
from srlite.memory import ahead
from srlite.pictures.writing import check_place, encoding
from srlite.runtime.sizes import target_size
from srlite.runtime.telling import Told

SEGMENT_FRAMES = 100  # at most as many are lost when the work is stopped
_WAITING = 2  # frames before each step, and in it

# The default preset takes longer than `light_rt_int8`; this one makes files up to a
# tenth larger.
_X264 = "libx264", {"crf": "18", "preset": "veryfast"}
# Scales of quality differ: 24 of VP9's 63 is near 18 of 51.
_VP9 = "libvpx-vp9", {"crf": "24", "row-mt": "1", "cpu-used": "4"}
# Container, and encoder with its options.
_FORMATS = {
    ".m4v": ("mp4", *_X264),
    ".mkv": ("matroska", *_X264),
    ".mov": ("mov", *_X264),
    ".mp4": ("mp4", *_X264),
    ".webm": ("webm", *_VP9),
}
_INTERLACED = "the video is interlaced, and the result shows it; use --deinterlace"
_MAX_SIDE = 16384  # pixels that both encoders take


def can_write_video(ending: str) -> bool:
    """Whether videos with this ending, such as ".mp4", can be written."""
    return ending.lower() in _FORMATS


def enhance_video(
    lr_path,
    sr_path,
    upscaler,
    progress: Callable[[int, int], object] | None = None,
    segment_frames: int = SEGMENT_FRAMES,
    warn: Callable[[str], object] = lambda note: None,
    degradation: Told = "auto",
    say: Callable[[str], object] | None = None,
    wrap: bool = False,
    deinterlace: bool = False,
    **size_options,
):
    """Enlarge a video file; audio is copied, subtitles are not.

    Sides are rounded down to even numbers, as the encoders demand, and frames are
    upright. Until the result is whole, a hidden folder next to it holds segments of
    `segment_frames`, which stay after an error. `deinterlace` makes whole frames of
    interlaced ones. The other arguments are those of
    `srlite.enhance.animations.enhance_animation`, but `sr_path` is a .mp4, .m4v, .mkv,
    .mov (H.264) or .webm (VP9), and `progress` receives the number of frames that the
    file claims to have.

    Returns:
        (height, width) of the result.

    Raises:
        ImageError: the file cannot be read, or the result not be written.
        ConfigError: PyAV is missing, or an impossible size or degradation.
    """
    plan = _plan(lr_path, sr_path, upscaler, deinterlace, size_options)
    for note in plan.notes:
        warn(note)
    if max(plan.size) > _MAX_SIDE:
        height, width = plan.size
        raise ImageError(
            f"cannot write {sr_path}: a video has at most {_MAX_SIDE} pixels along a "
            f"side, this one will have {width} x {height}; ask for a smaller size"
        )
    form = plan.form
    settings = {
        "size": plan.size,
        "codec": (form.codec, form.options, deinterlace),
        "segment_frames": segment_frames,
    }
    work = identity_of(lr_path, settings, upscaler, degradation, wrap)
    with segment_folder(sr_path, work) as folder:
        done = segment_frames * len(segments_in(folder))
        lines: list[str] = []
        told = told_by_scene(
            ((f, f.pts * form.time_base) for f in plan.decode()),
            upscaler,
            degradation,
            lambda frame: to_rgb(frame, form.colours),
            to_grey,
            done,
            say and lines.append,
        )
        damage: list[Exception] = []
        later = False  # whether frames are interlaced, but not the first
        last = 0  # duration of the last frame

        def all_frames():
            nonlocal last
            for frame in plan.decode(damage):
                last = frame.duration
                yield frame

        def decoded():
            nonlocal later
            frames = itertools.islice(all_frames(), done, None)
            for frame, known in zip(frames, told):
                said = lines[:]
                lines.clear()
                later |= frame.interlaced_frame and not plan.interlaced
                yield frame, to_rgb(frame, form.colours), known, said

        def enlarged(items):
            for frame, lr, known, said in items:
                sr = upscaler.upscale(lr, size=plan.size, degradation=known, wrap=wrap)
                yield sr, frame, said

        def shown(items):
            nonlocal done
            for sr, frame, said in items:
                for line in said:
                    say(line)
                yield sr, frame
                done += 1
                if progress is not None:
                    progress(done, max(done, form.count))

        sources = ahead(decoded(), _WAITING)
        results = ahead(enlarged(sources), _WAITING)
        with contextlib.closing(sources), contextlib.closing(results):
            for first in results:
                rest = itertools.islice(results, segment_frames - 1)
                path = folder / f"{done // segment_frames:06d}.nut"
                with writing(sr_path, ImageError), replacing(path) as temporary:
                    segment = shown(itertools.chain([first], rest))
                    _encode(temporary, sr_path, form, plan.size, segment)
        if later and not deinterlace:
            warn(_INTERLACED)
        if done < plan.stated:
            warn(f"{lr_path}: only {done} of {plan.stated} frames could be decoded")
        elif damage:
            warn(f"{lr_path}: the video is damaged, and {len(damage)} parts left out")
        _join(plan, segments_in(folder), last, lr_path, sr_path, warn)
    return plan.size


@dataclass(frozen=True)
class _Plan:
    """What is known of a video before its first frame is enlarged."""

    form: Form
    size: tuple[int, int]  # of the result: height, width
    stated: int  # frames, as the file says
    interlaced: bool  # the first frame
    notes: tuple[str, ...]  # for the user
    decode: Callable[..., Iterator]  # `video_frames.decode`; takes its list `damage`


def _plan(lr_path, sr_path, upscaler, deinterlace, size_options):
    """Look at a video and at the options; raises as `enhance_video` does."""
    av = _load_av()
    kind = Path(sr_path).suffix.lower()
    if kind not in _FORMATS:
        raise ImageError(
            f"cannot write {sr_path}: {lr_path} is a video, so the ending must be one "
            f"of {', '.join(_FORMATS)}"
        )
    container, codec, _ = _FORMATS[kind]
    if codec not in av.codecs_available:
        raise ConfigError(
            f"PyAV {av.__version__} as installed here has no {codec}; install the one "
            "of PyPI"
        )
    check_place(sr_path)
    with opened(lr_path) as source:
        stream = video_stream(source, lr_path)
        _check_audio(source, sr_path, container)
        first = first_frame(source, stream, lr_path)
        form = Form(stream, first, _FORMATS[kind], start_of(source))
        stated = stated_frames(source, stream)
        notes = [*_lost_streams(source, lr_path), *lost_of(stream, first)]
        if source.format.name.startswith("matroska") and _is_cut(lr_path):
            notes.append(f"{lr_path} ends too early, and so does its video")
    interlaced = bool(first.interlaced_frame)
    if interlaced and not deinterlace:
        notes.append(_INTERLACED)
    if form.rounded:
        notes.append(f"{sr_path}: {form.codec} as installed here writes 8 bits, not 10")
    elif form.colours.deep and upscaler.network.eight_bit:
        notes.append(f"{lr_path}: the model keeps 8 bits of its colours")
    lr_size = (first.height, first.width)[:: -1 if is_turned(first) else 1]
    asked = target_size(lr_size, upscaler.scale, **size_options)
    height, width = (max(2, side - side % 2) for side in asked)
    if (height, width) != asked:
        notes.append(
            f"{sr_path}: {width} x {height} pixels instead of {asked[1]} x "
            f"{asked[0]}; videos have even sides"
        )
    frames = functools.partial(decode, lr_path, lr_size, deinterlace)
    return _Plan(form, (height, width), stated, interlaced, tuple(notes), frames)


def _join(plan, segments, last, lr_path, sr_path, warn):
    """Write the result of its segments and the source's sound."""
    with opened(lr_path) as source, encoding(sr_path), replacing(sr_path) as temporary:
        whole = (segments, source, temporary, plan.form, last)
        try:
            join(*whole)
        except ValueError:  # what FFmpeg's refusal of a packet is, and a full disk not
            join(*whole, sound=False)
            warn(f"{lr_path}: its sound is damaged, and left out")
        for note in lost_words(source, temporary):
            warn(f"{sr_path}: {note}")


def _lost_streams(source, path):
    """Yield a sentence about subtitles and the like, and one about damaged sound."""
    audio, data = source.streams.audio, source.streams.data
    # The chapters of an MP4 are a track of text too, which FFmpeg leaves unread.
    unread = [
        s for s in data if getattr(s, "discard", None) and s.discard.name == "all"
    ]
    count = len(source.streams) - len(unread if source.chapters() else [])
    if others := count - len(audio) - 1:
        yield (
            f"{path}: of {count} streams, the video and the audio are kept; {others} "
            "left out, such as subtitles"
        )
    if damaged := len(audio) - len(whole_audio(source)):
        yield f"{path}: {damaged} of its sound tracks damaged, and left out"


def _is_cut(path):
    """Whether a Matroska or WebM is shorter than its head states."""
    with open(path, "rb") as file:
        head = file.read(4096)
    before, segment, rest = head.partition(b"\x18\x53\x80\x67")
    if not rest or not rest[0]:
        return False
    # The first bit that is set gives the number of bytes; all set: unknown.
    length = 9 - rest[0].bit_length()
    mask = (1 << 7 * length) - 1
    size = int.from_bytes(rest[:length]) & mask
    start = len(before) + len(segment) + length
    return size != mask and start + size > os.path.getsize(path)


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
    with encoding(sr_path):
        encoder = Encoder(path, form, size)
    try:
        for sr, frame in frames:
            with encoding(sr_path):
                encoder.add(sr, frame)
        with encoding(sr_path):
            encoder.finish()
    except BaseException:
        encoder.abandon()
        raise


def _check_audio(source, sr_path, container):
    """Write a header, and raise ImageError for audio that the container cannot hold."""
    import av

    for stream in whole_audio(source):
        try:
            with av.open(io.BytesIO(), "w", format=container) as scratch:
                scratch.add_stream_from_template(stream)
                scratch.start_encoding()
        except Exception as error:  # The kind is not documented.
            raise ImageError(
                f"cannot write {sr_path}: {Path(sr_path).suffix} does not hold "
                f"{stream.codec_context.name} audio, which is copied as it is; use .mkv"
            ) from error
