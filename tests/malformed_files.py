"""Small valid files of every format, and damage done to them by a fixed seed."""

import io

import numpy as np
from PIL import Image, ImageCms

from srlite.pictures.picture import Picture
from srlite.pictures.writing import write_picture

_LEVELS = np.random.default_rng(5).integers(0, 256, (9, 11, 4), dtype=np.uint8)
_DEEP = _LEVELS.astype(np.uint16) * 251 + 3


def valid_files(folder):
    """Write one small file of each kind to a folder; return them as name -> bytes."""
    colour = Image.fromarray(_LEVELS[..., :3])
    clear = Image.fromarray(_LEVELS)
    grey = Image.fromarray(_LEVELS[..., 0])
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "A. Photographer"
    exif[0x8769] = {0x9003: "2024:05:06 07:08:09"}
    said = {"exif": exif.tobytes(), "icc_profile": srgb}
    kinds = {
        "rgb.png": (colour, {**said, "dpi": (300, 300)}),
        "rgba.png": (clear, {}),
        "grey.png": (grey, {"transparency": 7}),
        "bits.png": (grey.convert("1"), {}),
        "palette.png": (colour.quantize(16), {"transparency": 3}),
        "rgb.jpg": (colour, {**said, "dpi": (300, 300)}),
        "grey.jpg": (grey, {}),
        "cmyk.jpg": (colour.convert("CMYK"), {}),
        "progressive.jpg": (colour, {"progressive": True}),
        "rgb.webp": (colour, said),
        "rgba.webp": (clear, {"lossless": True}),
        "rgb.tif": (colour, said),
        "lzw.tif": (clear, {"compression": "tiff_lzw"}),
        "jpeg.tif": (colour, {"compression": "jpeg"}),
        "palette.tif": (colour.quantize(16), {"compression": "tiff_adobe_deflate"}),
        "cmyk.tif": (colour.convert("CMYK"), {}),
        "rgb.bmp": (colour, {}),
        "grey.bmp": (grey, {}),
        "palette.gif": (colour.quantize(16), {"transparency": 3}),
        "rgb.avif": (colour, said),
        "rgba.avif": (clear, {}),
        "rgb.ppm": (colour, {}),
        "rgba.tga": (clear, {"compression": "tga_rle"}),
        "rgb.jp2": (colour, {}),
        "rgb.pcx": (colour, {}),
    }
    files = {}
    for name, (image, options) in kinds.items():
        encoded = io.BytesIO()
        ending = name.partition(".")[2]
        form = {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000"}.get(ending, ending)
        image.save(encoded, form, **options)
        files[name] = encoded.getvalue()
    for name in ("deep.png", "deep.tif"):
        for grey in (False, True):
            pixels = _DEEP[..., :1].repeat(3, axis=2) if grey else _DEEP[..., :3]
            path = folder / f"{'grey_' if grey else ''}{name}"
            write_picture(path, Picture(pixels, _DEEP[..., 3], grey))
            files[path.name] = path.read_bytes()
            path.unlink()
    return files


def damaged_files(files, count, seed=2024):
    """Yield (name, bytes) of files that were damaged, the kinds taking turns."""
    rng = np.random.default_rng(seed)
    names = sorted(files)
    for number in range(count):
        name = names[number % len(names)]
        yield f"{number}_{name}", _damage(files[name], rng)


def _damage(content, rng):
    """Change a file at one to three places, and cut some of them."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        if not changed:
            break
        # Half of the places are among the first bytes, where formats keep their sizes.
        reach = min(len(changed), 64) if rng.random() < 0.5 else len(changed)
        start = int(rng.integers(reach))
        length = int(rng.integers(1, 9))
        kind = rng.integers(5)
        if kind == 0:
            changed[start] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            changed[start : start + length] = rng.bytes(length)
        elif kind == 2:
            extreme = (b"\x00", b"\xff", b"\x7f", b"\x80")[rng.integers(4)]
            changed[start : start + length] = extreme * length
        elif kind == 3:
            del changed[start : start + length]
        else:
            changed[start:start] = changed[start : start + 8 * length]
    if rng.random() < 0.15:
        del changed[int(rng.integers(len(changed) + 1)) :]
    return bytes(changed)
