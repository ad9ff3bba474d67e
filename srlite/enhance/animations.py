"""Animated GIF, WebP, PNG and AVIF, enlarged frame by frame.

Pillow gathers the enlarged frames before it writes the file, so the pixels of all
frames together are limited.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srlite.enhance.scenes import told_by_scene
from srlite.errors import ConfigError, ImageError
from srlite.files import StrPath, replacing
from srlite.pictures.animation_frames import (
    ANIMATED,
    Animation,
    check_pixels,
    frames_of,
    read_animation,
)
from srlite.pictures.levels import join_channels, to_grey
from srlite.pictures.metadata import fit_metadata, save_options
from srlite.pictures.picture import Picture
from srlite.pictures.transparency import extend_colours
from srlite.pictures.writing import (
    check_place,
    check_writable,
    encoder_options,
    encoding,
    fit_to_format,
)
from srlite.runtime.layers import upscale_picture
from srlite.runtime.sizes import target_size
from srlite.runtime.telling import Told
from srlite.runtime.upscaler import Upscaler

_MAX_GIF_SIDE = 65535  # pixels
_CLEAR = 255  # the palette's entry for a transparent pixel
_UNTIMED = 100  # milliseconds that players show a frame without a duration
# Milliseconds: unit of a GIF, and the least that browsers obey.
_GIF_STEP, _GIF_LEAST = 10, 20
# What a format cannot count beyond: runs, and milliseconds of a frame.
_MOST_PLAYS = {"AVIF": 0, "GIF": 2**16, "WEBP": 2**16 - 1}
_MOST_TIME = {"GIF": 10 * (2**16 - 1), "WEBP": 2**24 - 1}
_OPAQUE_FROM = 128  # of 255: a GIF's pixels are transparent or not


def enhance_animation(
    lr_path: StrPath,
    sr_path: StrPath,
    upscaler: Upscaler,
    progress: Callable[[int, int], object] | None = None,
    quality: int | None = None,
    degradation: Told = "auto",
    say: Callable[[str], object] | None = None,
    alpha: str = "model",
    keep_hidden_colours: bool = False,
    wrap: bool = False,
    warn: Callable[[str], object] = lambda note: None,
    **size_options: Any,
) -> tuple[int, int]:
    """Enlarge an animation, with its durations, loop count and transparency.

    Other metadata is kept where the format holds it, and frames are upright. Equal
    successive frames may be joined; the time stays.

    Args:
        lr_path: a file for which `is_animation` is true.
        sr_path: the result: .gif (up to 255 colours in each frame, each pixel
            transparent or not), .png, .webp or .avif.
        upscaler: `srlite.runtime.upscaler.Upscaler`.
        progress: function (frames done, frames in all). If it raises, nothing is
            written.
        quality: 1 to 100, for WebP and AVIF; `DEFAULT_QUALITY` when None; 100 is
            lossless WebP.
        degradation: as in `Upscaler.upscale`; the rest is estimated for each scene.
        say: function (line) for what was seen in each scene, and told.
        alpha: as in `runtime.layers.upscale_picture`, like the next two.
        keep_hidden_colours: see there.
        wrap: see there.
        warn: function (sentence) for what is left out.
        **size_options: as for `runtime.sizes.target_size`.

    Returns:
        (height, width) of the result.

    Raises:
        ImageError: the file cannot be read, or the result not be written.
        ConfigError: impossible size, quality or degradation.
    """
    kind = ANIMATED.get(Path(sr_path).suffix.lower())
    if kind is None:
        raise ImageError(
            f"cannot write {sr_path}: {lr_path} is an animation, so the ending must be "
            f"one of {', '.join(ANIMATED)}"
        )
    animation = read_animation(lr_path)
    size = target_size(animation.size, upscaler.scale, **size_options)
    check_pixels(sr_path, len(animation.durations), size)
    timing = _timing(animation.durations, kind == "GIF" and animation.kind != "GIF")
    _check_output(sr_path, kind, size, quality, timing)
    if kind == "GIF":
        said = fit_metadata(animation.said, kind, ("comment",), grey=False)
    else:
        said = fit_to_format(sr_path, animation.said)
    for note in (*said.notes, *_notes(animation, timing, kind)):
        warn(note)
    told_of_frames = told_by_scene(
        _timed(lr_path),
        upscaler,
        degradation,
        lambda frame: extend_colours(*frame),
        lambda frame: to_grey(frame[0]),
        say=say,
    )
    frames = []
    for frame, told in zip(frames_of(lr_path), told_of_frames):
        picture = Picture(frame[0], frame[1] if animation.transparent else None)
        enlarged = upscale_picture(
            upscaler,
            picture,
            None,
            size,
            told,
            alpha=alpha,
            keep_hidden_colours=keep_hidden_colours,
            wrap=wrap,
        )
        sr = join_channels(enlarged.pixels, enlarged.alpha)
        frames.append(_as_palette(sr) if kind == "GIF" else Image.fromarray(sr))
        if progress is not None:
            progress(len(frames), len(animation.durations))
    frames = [frames[index] for index, _ in timing]
    options = save_options(said, kind, dpi=kind == "PNG")
    options |= _encoding(animation, kind, quality)
    least = _UNTIMED if kind == "AVIF" else 0  # A frame of an AVIF has some time.
    options["duration"] = [milliseconds or least for _, milliseconds in timing]
    with encoding(sr_path), replacing(sr_path) as temporary:
        frames[0].save(temporary, kind, append_images=frames[1:], **options)
    return size


def _notes(
    animation: Animation, timing: list[tuple[int, int]], kind: str
) -> Iterator[str]:
    """Yield a sentence about lost frames, and one about a lost count of runs."""
    if animation.plays > _MOST_PLAYS.get(kind, animation.plays):
        yield (
            f"{kind} does not store that an animation runs {animation.plays} times, so "
            "it runs endlessly"
        )
    lost = len(animation.durations) - len(timing)
    if lost:
        yield (
            f"browsers show no frame of a GIF for less than {_GIF_LEAST} ms, so {lost} "
            f"of {len(animation.durations)} are left out"
        )


def _timing(durations: Sequence[float], for_gif: bool) -> list[tuple[int, int]]:
    """Round the ends of frames, not their durations, so that the sum stays.

    `durations` are milliseconds, with fractions. For a GIF, frames too short for
    browsers are dropped. Returns (index, milliseconds) of each frame that is kept.
    """
    step, least = (_GIF_STEP, _GIF_LEAST) if for_gif else (1, 0)
    kept, end, time = [], 0, 0.0
    for index, duration in enumerate(durations):
        time += duration
        reached = step * round(time / step)
        if not duration or reached - end >= least:
            kept.append((index, reached - end))
            end = reached
    if end < reached:
        index, duration = kept.pop() if kept else (0, 0)
        kept.append((index, max(least, duration + reached - end)))
    return kept


def _check_output(
    path: StrPath,
    kind: str,
    size: tuple[int, int],
    quality: int | None,
    timing: list[tuple[int, int]],
) -> None:
    longest = max(milliseconds for _, milliseconds in timing)
    most = _MOST_TIME.get(kind, longest)
    if longest > most:
        raise ImageError(
            f"cannot write {path}: {kind} shows no frame for more than {most / 1000:g} "
            f"s, and one lasts {longest / 1000:g} s; use .png"
        )
    if kind != "GIF":
        check_writable(path, *size, quality=quality)
        return
    if quality is not None:
        raise ConfigError(
            f"quality is for .webp and .avif; received {quality} for {path}"
        )
    if max(size) > _MAX_GIF_SIDE:
        raise ImageError(
            f"cannot write {path}: GIF holds at most {_MAX_GIF_SIDE} pixels along a "
            f"side, the animation will have {size[1]} x {size[0]}; use .png"
        )
    check_place(path)


def _timed(path: StrPath) -> Iterator[tuple[tuple[np.ndarray, np.ndarray], float]]:
    """Yield (frame, seconds) for `scenes_of`."""
    milliseconds = 0.0
    for pixels, alpha, duration in frames_of(path):
        yield (pixels, alpha), milliseconds / 1000
        milliseconds += duration or _UNTIMED


def _as_palette(sr: np.ndarray) -> Image.Image:
    """Choose up to 255 colours for a frame, and one more for no colour.

    There is no dithering: its pattern would flicker from frame to frame.
    """
    frame = Image.fromarray(np.ascontiguousarray(sr[..., :3]))
    frame = frame.quantize(_CLEAR, Image.Quantize.MEDIANCUT)
    if sr.shape[2] == 3:
        return frame
    indices = np.array(frame)
    indices[sr[..., 3] < _OPAQUE_FROM] = _CLEAR
    palette = frame.getpalette() or []
    frame = Image.fromarray(indices)
    frame.putpalette(palette + [0] * (768 - len(palette)))
    frame.info["transparency"] = _CLEAR
    return frame


def _encoding(animation: Animation, kind: str, quality: int | None) -> dict[str, Any]:
    plays = animation.plays
    if plays > _MOST_PLAYS.get(kind, plays):
        plays = 0
    options = {"save_all": True, "loop": plays} | encoder_options(kind, quality)
    if kind == "GIF":
        if animation.transparent:
            # The frame before must not show through a clear pixel. Pillow would take
            # the transparent colour from frames that do not use it, and decoders
            # other than browsers would then clear them to an opaque colour.
            options |= {"disposal": 2, "optimize": False}
        else:
            options["disposal"] = 1
        # A GIF counts repetitions, and has no count if it runs once.
        options["loop"] = None if plays == 1 else max(0, plays - 1)
    return options
