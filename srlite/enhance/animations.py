"""Animated GIF, WebP and PNG, enlarged frame by frame.

Pillow composes every frame from the ones before it, whatever their disposal, so each is
a whole picture here. It gathers the enlarged frames before it writes the file, which is
why the pixels of all frames together have a limit, beside that of one frame.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from srlite.pictures.decoding import decoding, open_image
from srlite.errors import ConfigError, ImageError
from srlite.files import replacing
from srlite.pictures.writing import DEFAULT_QUALITY, check_place, check_writable, writing
from srlite.pictures.levels import resize, to_grey
from srlite.runtime.sizes import target_size
from srlite.pictures.transparency import extend_colours

# Pixels of all frames together: 2 GB where they are gathered as RGBA.
MAX_ANIMATION_PIXELS = 500_000_000

_FORMATS = {".gif": "GIF", ".png": "PNG", ".webp": "WEBP"}
_MAX_GIF_SIDE = 65535  # pixels
_CLEAR = 255  # the palette's entry for a transparent pixel
_OPAQUE_FROM = 128  # of 255: a GIF's pixels are transparent or not


@dataclass(frozen=True)
class Animation:
    """What the frames of a file have in common.

    Attributes:
        size: (height, width) in pixels.
        durations: milliseconds that each frame is shown.
        plays: how often the animation runs, 0 for without end.
        transparent: whether any frame has a pixel that is not opaque.
        grey: whether no frame has a colour.
        icc_profile: bytes of the ICC profile, or None.
    """

    size: tuple[int, int]
    durations: tuple[float, ...]
    plays: int
    transparent: bool
    grey: bool
    icc_profile: bytes | None


def is_animation(path):
    """Whether a file is a GIF, WebP or PNG of more than one frame.

    Args:
        path: any file; one that cannot be read is no animation.
    """
    try:
        with open_image(path, path) as image:
            return image.format in _FORMATS.values() and image.n_frames > 1
    except Exception:  # Whoever reads the file says what is wrong with it.
        return False


def read_animation(path):
    """Decode all frames once, for what must be known before the first is written.

    Args:
        path: a file for which `is_animation` holds.

    Returns:
        `Animation`.

    Raises:
        ImageError: the file is damaged, or its frames together have more than
            `MAX_ANIMATION_PIXELS` pixels.
    """
    durations, transparent, grey = [], False, True
    with decoding(path), open_image(path, path) as image:
        size = (image.height, image.width)
        _check_pixels(path, image.n_frames, size)
        # A GIF counts the repetitions, the others the runs; without a count a GIF
        # runs once.
        loop = image.info.get("loop")
        if image.format == "GIF":
            loop = 1 if loop is None else loop + 1 if loop else 0
        profile = image.info.get("icc_profile")
        for pixels, alpha, duration in _frames(image):
            durations.append(duration)
            transparent |= bool((alpha < 255).any())
            grey = grey and bool((pixels == pixels[..., :1]).all())
    return Animation(size, tuple(durations), loop or 0, transparent, grey, profile)


def enhance_animation(
    lr_path,
    sr_path,
    upscaler,
    progress: Callable[[int, int], object] | None = None,
    quality: int | None = None,
    **size_options,
):
    """Enlarge an animation, with its durations, loop count and transparency.

    A frame that equals the one before it may be joined with it: the time is the same.

    Args:
        lr_path: a file for which `is_animation` holds.
        sr_path: where to write the result: .gif (up to 256 colours in each frame, each
            pixel transparent or not), .png or .webp.
        upscaler: `srlite.runtime.upscaler.Upscaler`.
        progress: function (frames done, frames in all). What it raises comes out, and
            nothing is written.
        quality: 1 to 100, of a WebP; `DEFAULT_QUALITY` when None; 100 is lossless.
        **size_options: as `srlite.runtime.sizes.target_size`.

    Returns:
        (height, width) of the result.

    Raises:
        ImageError: the file cannot be read, or the result not be written.
        ConfigError: impossible size or quality.
    """
    kind = _FORMATS.get(Path(sr_path).suffix.lower())
    if kind is None:
        raise ImageError(
            f"cannot write {sr_path}: {lr_path} is an animation, so the ending must be "
            f"one of {', '.join(_FORMATS)}"
        )
    animation = read_animation(lr_path)
    size = target_size(animation.size, upscaler.scale, **size_options)
    _check_pixels(sr_path, len(animation.durations), size)
    _check_output(sr_path, kind, size, quality)
    frames = []
    for pixels, alpha in _read_again(lr_path):
        sr = _enlarge(pixels, alpha, upscaler, size, animation)
        frames.append(_as_palette(sr) if kind == "GIF" else Image.fromarray(sr))
        if progress is not None:
            progress(len(frames), len(animation.durations))
    options = _encoding(animation, kind, quality)
    with writing(sr_path), replacing(sr_path) as temporary:
        frames[0].save(temporary, kind, append_images=frames[1:], **options)
    return size


def _check_pixels(path, count, size):
    pixels = count * size[0] * size[1]
    if pixels > MAX_ANIMATION_PIXELS:
        raise ImageError(
            f"{path} has {count} frames of {size[1]} x {size[0]} pixels, more than the "
            f"limit of {MAX_ANIMATION_PIXELS // 10**6} megapixels for an animation; "
            "cut it into parts, or make a video of it"
        )


def _check_output(path, kind, size, quality):
    if kind != "GIF":
        check_writable(path, *size, quality=quality)
        return
    if quality is not None:
        raise ConfigError(f"quality is for .webp; received {quality} for {path}")
    if max(size) > _MAX_GIF_SIDE:
        raise ImageError(
            f"cannot write {path}: GIF holds at most {_MAX_GIF_SIDE} pixels along a "
            f"side, the animation will have {size[1]} x {size[0]}; use .png"
        )
    check_place(path)


def _read_again(path):
    with decoding(path), open_image(path, path) as image:
        for pixels, alpha, _ in _frames(image):
            yield pixels, alpha


def _frames(image):
    """Yield (colours, alpha, milliseconds) of each composed frame, uint8."""
    # The picture of a PNG that is shown where animations are not.
    first = 1 if image.info.get("default_image") else 0
    for index in range(first, image.n_frames):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.seek(index)
            rgba = np.asarray(image.convert("RGBA"))
        yield rgba[..., :3], rgba[..., 3], image.info.get("duration", 0)


def _enlarge(pixels, alpha, upscaler, size, animation):
    """Enlarge colours by the model and alpha by bicubic, to (*size, 3 or 4)."""
    sr = upscaler.upscale(extend_colours(pixels, alpha), size=size)
    if animation.grey:
        sr = np.stack([to_grey(sr)] * 3, axis=-1)
    if not animation.transparent:
        return sr
    return np.dstack([sr, resize(alpha, size, resample=Image.Resampling.BICUBIC)])


def _as_palette(sr):
    """Choose up to 255 colours for a frame, and one more for no colour.

    Without dithering, whose pattern would flicker from frame to frame.
    """
    frame = Image.fromarray(np.ascontiguousarray(sr[..., :3]))
    frame = frame.quantize(_CLEAR, Image.Quantize.MEDIANCUT)
    if sr.shape[2] == 3:
        return frame
    indices = np.array(frame)
    indices[sr[..., 3] < _OPAQUE_FROM] = _CLEAR
    palette = frame.getpalette()
    frame = Image.fromarray(indices)
    frame.putpalette(palette + [0] * (768 - len(palette)))
    frame.info["transparency"] = _CLEAR
    return frame


def _encoding(animation, kind, quality):
    plays = animation.plays
    options = {"save_all": True, "duration": list(animation.durations)}
    if kind == "GIF":
        # Where a frame can be clear, none of the frame before it may stay.
        options["disposal"] = 2 if animation.transparent else 1
        return options if plays == 1 else {**options, "loop": max(0, plays - 1)}
    options["loop"] = plays
    if animation.icc_profile:
        options["icc_profile"] = animation.icc_profile
    if kind == "WEBP":
        quality = DEFAULT_QUALITY if quality is None else int(quality)
        options.update(quality=quality, lossless=quality == 100)
    return options
