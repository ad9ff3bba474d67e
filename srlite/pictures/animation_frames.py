"""Read animated GIF, WebP, PNG and AVIF: whole frames, upright, and the metadata.

Pillow composes the frames of WebP and AVIF. This module composes those of PNG and GIF,
and lets Pillow decode each one as a small file: Pillow replaces pixels where it should
blend them, and errs after a frame that is taken back.

References: Portable Network Graphics, third edition (W3C 2025), section 13; Graphics
Interchange Format, version 89a (CompuServe 1990).
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from srlite.errors import ImageError
from srlite.files import StrPath
from srlite.pictures.decoding import MAX_PIXELS, count_frames, decoding, open_image
from srlite.pictures.encoders import PNG_SIGNATURE, png_chunk, png_chunks
from srlite.pictures.levels import round_to_uint8
from srlite.pictures.picture import Picture, picture_from_image

# Pixels of all frames together: 2 GB where they are gathered as RGBA.
MAX_ANIMATION_PIXELS = 500_000_000
ANIMATED = {".avif": "AVIF", ".gif": "GIF", ".png": "PNG", ".webp": "WEBP"}

_ORIENTATION = 0x0112  # EXIF tag
_BACKGROUND, _PREVIOUS = 1, 2  # what happens to a frame's area after it was shown
_OVER = 1
_GIF_BACKGROUND, _GIF_PREVIOUS = 2, 3
_GIF_IMAGE, _GIF_EXTENSION, _GIF_END = 0x2C, 0x21, 0x3B


@dataclass(frozen=True)
class Animation:
    """What the frames of a file have in common."""

    kind: str  # name of the format
    size: tuple[int, int]  # height, width, upright
    durations: tuple[float, ...]  # milliseconds of each frame
    plays: int  # how often the animation runs, 0 for endlessly
    transparent: bool  # any pixel of any frame
    said: Picture  # the metadata, with one pixel


def is_animation(path: StrPath) -> bool:
    """Whether a readable file is a GIF, WebP, PNG or AVIF of more than one frame."""
    try:
        with decoding(path), open_image(path, path) as image:
            count = count_frames(image)
            return image.format in ANIMATED.values() and count > 1
    except Exception:  # Whoever reads the file reports what is wrong.
        return False


def read_animation(path: StrPath) -> Animation:
    """Decode all frames once, to learn what the first written frame depends on."""
    with decoding(path), open_image(path, path) as image:
        check_pixels(path, count_frames(image), (image.height, image.width))
        kind = str(image.format)
        # A GIF counts repetitions, other formats count runs; a GIF without a count
        # runs once.
        loop = image.info.get("loop")
        if kind == "GIF":
            loop = 1 if loop is None else loop + 1 if loop else 0
        first = picture_from_image(image, path)
    notes, durations, transparent = first.notes, [], False
    if kind == "PNG" and Path(path).read_bytes()[24] == 16:
        notes += ("animations are written with 8 of the 16 bits",)
    for pixels, alpha, duration in frames_of(path):
        durations.append(duration)
        transparent |= bool((alpha < 255).any())
    # Frames are written as RGB of 8 bits.
    pixel = np.zeros((1, 1, 3), np.uint8)
    said = replace(first, pixels=pixel, alpha=None, grey=False, notes=notes)
    size = (pixels.shape[0], pixels.shape[1])
    return Animation(kind, size, tuple(durations), loop or 0, transparent, said)


def frames_of(path: StrPath) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """Yield (colours, alpha, milliseconds) of each frame: whole, upright, uint8."""
    with decoding(path), open_image(path, path) as image:
        orientation = image.getexif().get(_ORIENTATION, 1)
        for rgba, milliseconds in _composed(image, path):
            frame = Image.fromarray(rgba)
            frame.getexif()[_ORIENTATION] = orientation
            rgba = np.asarray(ImageOps.exif_transpose(frame))
            yield rgba[..., :3], rgba[..., 3], milliseconds


def _composed(image: Any, path: StrPath) -> Iterator[tuple[np.ndarray, float]]:
    composed = {"PNG": composed_frames, "GIF": composed_gif}.get(image.format)
    if composed is not None:
        yield from composed(Path(path).read_bytes())
        return
    for index in range(image.n_frames):
        image.seek(index)
        yield np.asarray(image.convert("RGBA")), image.info.get("duration", 0)


def check_pixels(path: object, count: int, size: tuple[int, int]) -> None:
    """Raise ImageError if `count` frames of (height, width) have too many pixels."""
    pixels = count * size[0] * size[1]
    if pixels > MAX_ANIMATION_PIXELS:
        raise ImageError(
            f"{path} has {count} frames of {size[1]} x {size[0]} pixels, more than the "
            f"limit of {MAX_ANIMATION_PIXELS // 10**6} megapixels for an animation; "
            "cut it into parts, or make a video of it"
        )


def composed_frames(content: bytes) -> Iterator[tuple[np.ndarray, float]]:
    """Yield (RGBA levels, milliseconds) for each frame, uint8 (height, width, 4).

    `content` is the whole PNG. Raises ValueError if it is damaged.
    """
    header, shared = b"", b""
    canvas, control = np.zeros((0, 0, 4), np.uint8), None
    data: list[bytes] = []
    for kind, chunk in png_chunks(content):
        if kind == b"IHDR":
            header = chunk
            width, height = struct.unpack(">II", chunk[:8])
            canvas = np.zeros((height, width, 4), np.uint8)
        elif kind in (b"fcTL", b"IEND"):
            if control is not None and data:
                frame = _small_png(header, shared, control, data)
                yield from _show(canvas, control, frame)
            control, data = chunk if kind == b"fcTL" else None, []
        elif kind == b"IDAT" and control is not None:
            data.append(chunk)
        elif kind == b"fdAT":
            data.append(chunk[4:])  # after its number
        elif kind in (b"PLTE", b"tRNS"):
            shared += png_chunk(kind, chunk)


def _small_png(
    header: bytes, shared: bytes, control: bytes, data: list[bytes]
) -> np.ndarray:
    """Decode the pixels of one frame: uint8 (height, width, 4)."""
    parts = (
        PNG_SIGNATURE,
        png_chunk(b"IHDR", control[4:12] + header[8:]),
        shared,
        png_chunk(b"IDAT", b"".join(data)),
        png_chunk(b"IEND"),
    )
    with Image.open(io.BytesIO(b"".join(parts)), formats=["PNG"]) as image:
        # Pillow has other rules for grey of 2, 4 and 16 bits.
        picture = picture_from_image(image)
    colours = round_to_uint8(picture.pixels)
    if picture.alpha is None:
        return np.dstack([colours, np.full(colours.shape[:2], 255, np.uint8)])
    return np.dstack([colours, round_to_uint8(picture.alpha)])


def _show(
    canvas: np.ndarray, control: bytes, frame: np.ndarray
) -> Iterator[tuple[np.ndarray, float]]:
    """Yield the canvas with a frame on it, then dispose of the frame."""
    x, y, above, below, dispose, blend = struct.unpack(">IIHHBB", control[12:26])
    place = canvas[y : y + frame.shape[0], x : x + frame.shape[1]]
    if place.shape != frame.shape:
        raise ValueError("a frame reaches over the edge")
    before = place.copy()
    place[...] = _over(frame, before) if blend == _OVER else frame
    yield canvas.copy(), 1000 * above / (below or 100)
    if dispose == _BACKGROUND:
        place[...] = 0
    elif dispose == _PREVIOUS:
        place[...] = before


def _over(frame: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Blend RGBA levels over others; neither is premultiplied."""
    alpha, beneath = (a[..., 3:].astype(np.float32) / 255 for a in (frame, below))
    beneath = beneath * (1 - alpha)
    total = alpha + beneath
    colours = frame[..., :3] * alpha + below[..., :3] * beneath
    colours /= np.maximum(total, np.float32(1e-6))
    mixed = np.concatenate([colours, 255 * total], axis=2)
    return np.rint(mixed).astype(np.uint8)


def composed_gif(content: bytes) -> Iterator[tuple[np.ndarray, float]]:
    """Yield (RGBA levels, milliseconds) for each frame of a GIF, as `composed_frames`.

    A cleared area gets the background colour, as in FFmpeg, or becomes transparent if
    the frame had a transparent colour.
    """
    width, height, flags, background = struct.unpack_from("<HHBB", content, 6)
    palette, start = _palette(content, 13, flags)
    canvas: np.ndarray | None = None
    delay, key, dispose = 0, None, 0
    while start < len(content) and content[start] != _GIF_END:
        if content[start] == _GIF_EXTENSION:
            if content[start + 1] == 0xF9:
                packed, delay, key = struct.unpack_from("<BHB", content, start + 3)
                dispose, key = packed >> 2 & 7, key if packed & 1 else None
            start = _after_blocks(content, start + 2)
            continue
        if content[start] != _GIF_IMAGE:
            raise ValueError("no block of a GIF begins where one should")
        x, y, across, down, packed = struct.unpack_from("<HHHHB", content, start + 1)
        colours, data = _palette(content, start + 10, packed)
        colours = palette if colours is None else colours
        end = _after_blocks(content, data + 1)
        if max(width, x + across) * max(height, y + down) > MAX_PIXELS:
            raise ValueError(f"more than {MAX_PIXELS / 10**6:g} megapixels")
        indices = _small_gif(content[start:end], across, down)
        if canvas is None:
            width, height = max(width, x + across), max(height, y + down)
            canvas = np.zeros((height, width, 4), np.uint8)
        place = canvas[y : y + down, x : x + across]
        indices = indices[: place.shape[0], : place.shape[1]]
        before = place.copy()
        shown = indices != (-1 if key is None else key)
        place[shown] = 0, 0, 0, 255
        if colours is not None:
            place[shown, :3] = colours[indices[shown]]
        yield canvas.copy(), 10 * delay
        if dispose == _GIF_BACKGROUND:
            place[...] = 0
            if palette is not None and key is None:
                place[...] = (*palette[background], 255)
        elif dispose == _GIF_PREVIOUS:
            place[...] = before
        delay, key, dispose, start = 0, None, 0, end


def _palette(content: bytes, start: int, flags: int) -> tuple[np.ndarray | None, int]:
    """Read a palette of a GIF: uint8 (256, 3), or None, and where it ends."""
    if not flags & 0x80:
        return None, start
    length = 3 * 2 ** ((flags & 7) + 1)
    colours = np.zeros((256, 3), np.uint8)
    stored = np.frombuffer(content, np.uint8, length, start).reshape(-1, 3)
    colours[: len(stored)] = stored
    return colours, start + length


def _after_blocks(content: bytes, start: int) -> int:
    """Return the place after a series of data blocks."""
    while start < len(content) and content[start]:
        start += 1 + content[start]
    if start >= len(content):
        raise ValueError("it ends within a block")
    return start + 1


def _small_gif(block: bytes, width: int, height: int) -> np.ndarray:
    """Decode the indices of one frame: uint8 (height, width)."""
    # At the corner, with a grey ramp as its palette, so that grey is the index.
    flags = block[9] & 0x40 | 0x87
    data = 10 + (3 * 2 ** ((block[9] & 7) + 1) if block[9] & 0x80 else 0)
    parts = (
        b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0),
        b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, flags),
        np.arange(256, dtype=np.uint8).repeat(3).tobytes(),
        block[data:] + b";",
    )
    with Image.open(io.BytesIO(b"".join(parts)), formats=["GIF"]) as image:
        return np.asarray(image.convert("L"))
