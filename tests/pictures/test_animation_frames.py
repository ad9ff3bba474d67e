"""Animated PNG: frames as FFmpeg composes them, and the sum of the durations."""

import struct
import zlib

import av
import numpy as np
import pytest
from PIL import Image

from srlite.enhance.animations import enhance_animation
from srlite.errors import ImageError
from srlite.pictures.animation_frames import (
    composed_frames,
    composed_gif,
    read_animation,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind, data):
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def random_apng(seed):
    """Frames of any place, disposal and blending; soft, hard or no transparency."""
    rng = np.random.default_rng(seed)
    width, height, count = (int(n) for n in rng.integers(2, 12, 3))
    colours = {0: 1, 2: 3, 4: 2, 6: 4}
    kind = int(rng.choice(list(colours)))
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))]
    parts.append(chunk(b"acTL", struct.pack(">II", count, 0)))
    number = 0
    for n in range(count):
        w, h = (width, height) if n == 0 else rng.integers(1, (width + 1, height + 1))
        x, y = rng.integers(0, (width - w + 1, height - h + 1))
        dispose = int(rng.integers(0, 3)) if n else int(rng.integers(0, 2))
        # FFmpeg takes a whole frame that is cleared afterwards for a key frame.
        whole = (w, h) == (width, height) and dispose == 1
        blend = 0 if whole else int(rng.integers(0, 2))
        control = struct.pack(">IIIIIHHBB", number, w, h, x, y, 1, 25, dispose, blend)
        parts.append(chunk(b"fcTL", control))
        number += 1
        levels = rng.integers(0, 256, (h, w, colours[kind]), np.uint8)
        if kind in (4, 6) and rng.random() < 0.5:
            levels[..., -1] = np.where(levels[..., -1] > 127, 255, 0)
        lines = b"".join(b"\0" + line.tobytes() for line in levels)
        data = zlib.compress(lines)
        if n:
            parts.append(chunk(b"fdAT", struct.pack(">I", number) + data))
            number += 1
        else:
            parts.append(chunk(b"IDAT", data))
    return SIGNATURE + b"".join([*parts, chunk(b"IEND", b"")])


def test_frames_are_composed_as_by_ffmpeg(tmp_path):
    path = tmp_path / "random.png"
    for seed in range(200):
        path.write_bytes(random_apng(seed))
        ours = [rgba for rgba, _ in composed_frames(path.read_bytes())]
        with av.open(str(path), format="apng") as file:
            theirs = [f.to_ndarray(format="rgba") for f in file.decode(video=0)]
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            alpha = np.abs(one[..., 3].astype(int) - other[..., 3])
            colours = np.abs(one[..., :3].astype(int) - other[..., :3])
            # FFmpeg divides in whole numbers: what is faint differs by what that loses.
            seen = colours * (one[..., 3:] / 255)
            assert seen.max() <= 2, seed
            # Without transparency it shows black where there is nothing.
            assert alpha.max() <= 1 or path.read_bytes()[25] in (0, 2), seed


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("key", [None, 1])
def test_grey_of_every_depth(depth, key):
    levels = np.random.default_rng(depth).integers(0, 2**depth, (3, 5, 8))
    levels[:, 0, 0] = 1
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 5, depth, 0, 0, 0, 0))]
    parts.append(chunk(b"acTL", struct.pack(">II", 3, 0)))
    if key is not None:
        parts.append(chunk(b"tRNS", struct.pack(">H", key)))
    for n, frame in enumerate(levels):
        control = (max(0, 2 * n - 1), 8, 5, 0, 0, 1, 25, 0, 0)
        parts.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", *control)))
        bits = frame[..., None] >> np.arange(depth)[::-1] & 1
        lines = np.packbits(bits.reshape(5, -1), axis=1)
        data = zlib.compress(b"".join(b"\0" + line.tobytes() for line in lines))
        numbered = struct.pack(">I", 2 * n) + data
        parts.append(chunk(b"fdAT", numbered) if n else chunk(b"IDAT", data))
    content = SIGNATURE + b"".join([*parts, chunk(b"IEND", b"")])
    for (rgba, _), frame in zip(composed_frames(content), levels, strict=True):
        alpha = 255 * (frame != key)
        np.testing.assert_array_equal(rgba[..., 3], alpha)
        grey = np.rint(frame * (255 / (2**depth - 1)))
        difference = np.abs(rgba[..., :3] - grey[..., None])
        assert (difference * (alpha > 0)[..., None]).max() <= 0.5


def packed_indices(indices):
    """LZW of two bits that never makes a table: a clear code before each index."""
    codes = [code for index in indices for code in (4, int(index))] + [5]
    number = sum(code << (3 * place) for place, code in enumerate(codes))
    data = number.to_bytes((3 * len(codes) + 7) // 8, "little")
    blocks = (data[n : n + 255] for n in range(0, len(data), 255))
    return b"\2" + b"".join(bytes([len(b)]) + b for b in blocks) + b"\0"


def random_gif(seed):
    """Frames of any place and disposal, with palettes of their own, or clear pixels."""
    rng = np.random.default_rng(seed)
    width, height, count = (int(n) for n in rng.integers(3, 12, 3))
    parts = [b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF1, 2, 0)]
    parts.append(rng.bytes(12))
    for n in range(count):
        w, h = (width, height) if n == 0 else rng.integers(1, (width + 1, height + 1))
        x, y = rng.integers(0, (width - w + 1, height - h + 1))
        # FFmpeg keeps nothing to go back to before the first frame.
        dispose = int(rng.integers(0, 4)) if n else int(rng.integers(0, 3))
        packed = dispose << 2 | int(n > 0 and rng.random() < 0.5)
        key = int(rng.integers(0, 4))
        parts.append(b"\x21\xf9\4" + struct.pack("<BHBB", packed, 4, key, 0))
        own = int(rng.random() < 0.4)
        parts.append(b"\x2c" + struct.pack("<HHHHB", x, y, w, h, own and 0x81))
        parts.append(rng.bytes(12) * own + packed_indices(rng.integers(0, 4, w * h)))
    return b"".join(parts) + b";"


def test_frames_of_a_gif_are_composed_as_by_ffmpeg(tmp_path):
    path = tmp_path / "random.gif"
    for seed in range(200):
        path.write_bytes(random_gif(seed))
        ours = [rgba for rgba, _ in composed_gif(path.read_bytes())]
        with av.open(str(path)) as file:
            theirs = [f.to_ndarray(format="rgba") for f in file.decode(video=0)]
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one[..., 3], other[..., 3], str(seed))
            seen = one[..., 3] > 0
            np.testing.assert_array_equal(one[seen], other[seen], str(seed))


def test_frames_of_a_gif_as_pillow_writes_them(tmp_path):
    """Interlaced, with several palettes, and tables that grow."""
    rng = np.random.default_rng(0)
    frames = [
        Image.fromarray(rng.integers(0, 256, (20, 30), np.uint8)).convert("RGB")
        for _ in range(3)
    ]
    frames[1] = Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8))
    path = tmp_path / "a.gif"
    frames = [frame.quantize(200) for frame in frames]
    for interlace in (0, 1):
        frames[0].save(
            path, save_all=True, append_images=frames[1:], interlace=interlace
        )
        composed = [rgba for rgba, _ in composed_gif(path.read_bytes())]
        for rgba, frame in zip(composed, frames, strict=True):
            np.testing.assert_array_equal(rgba[..., :3], frame.convert("RGB"))


def test_a_gif_whose_frames_lie_far_away_is_refused():
    content = random_gif(3)
    at = content.index(b"\x2c", 25)
    far = struct.pack("<HHHH", 65535, 65535, 65535, 65535)
    with pytest.raises(ValueError, match="more than 100 megapixels"):
        list(composed_gif(content[: at + 1] + far + content[at + 9 :]))


@pytest.mark.parametrize("cut", range(0, 100, 7))
def test_a_gif_that_ends_early_is_refused(cut, tmp_path):
    """Unless it ends between two frames."""
    path = tmp_path / "a.gif"
    content = random_gif(3)
    path.write_bytes(content[: len(content) * cut // 100])
    count = len(list(composed_gif(content)))
    try:
        assert 0 < len(read_animation(path).durations) < count
    except ImageError as error:
        assert "cannot read" in str(error)


def test_the_picture_for_others_is_no_frame(tmp_path):
    frames = [Image.new("RGBA", (6, 5), colour) for colour in ("red", "lime", "blue")]
    path = tmp_path / "a.png"
    frames[0].save(
        path, save_all=True, append_images=frames[1:], default_image=True, duration=40
    )
    colours = [rgba[0, 0].tolist() for rgba, _ in composed_frames(path.read_bytes())]
    assert colours == [[0, 255, 0, 255], [0, 0, 255, 255]]


@pytest.mark.parametrize("ending", [".png", ".webp", ".gif"])
def test_the_sum_of_durations_stays(ending, tmp_path, repeating_upscaler):
    levels = np.random.default_rng(0).integers(0, 256, (6, 5, 6, 3), np.uint8)
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", 6, 5, 8, 2, 0, 0, 0))]
    parts.append(chunk(b"acTL", struct.pack(">II", 6, 0)))
    for n, frame in enumerate(levels):
        control = (max(0, 2 * n - 1), 6, 5, 0, 0, 1, 60, 0, 0)
        parts.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", *control)))
        data = zlib.compress(b"".join(b"\0" + line.tobytes() for line in frame))
        numbered = struct.pack(">I", 2 * n) + data
        parts.append(chunk(b"fdAT", numbered) if n else chunk(b"IDAT", data))
    path = tmp_path / "lr.png"
    path.write_bytes(SIGNATURE + b"".join([*parts, chunk(b"IEND", b"")]))
    said = []
    sr_path = tmp_path / f"sr{ending}"
    enhance_animation(path, sr_path, repeating_upscaler, warn=said.append)
    assert sum(read_animation(path).durations) == pytest.approx(100)
    durations = read_animation(sr_path).durations
    assert sum(durations) == 100
    if ending == ".gif":
        assert min(durations) >= 20
        assert "2 of 6 are left out" in said[0]
    else:
        assert len(durations) == 6 and not said
