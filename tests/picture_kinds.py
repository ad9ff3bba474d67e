"""Pictures of every mode as files, made without srlite, and how to read them back."""

import numpy as np
import tifffile
from PIL import Image, ImageCms

SIZE = (9, 12)  # height, width
LEVELS = np.random.default_rng(3).integers(40, 216, (*SIZE, 4), dtype=np.uint8)
LEVELS[:4, :, 3] = 0
LEVELS[4:6, :, 3] = 255
DEEP = LEVELS.astype(np.uint16) * 257 + 5
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
CHANNELS = {"L": [0], "LA": [0, 3], "RGB": [0, 1, 2], "RGBA": [0, 1, 2, 3]}

# Endings of the files that people have, and the modes in them. "16" after a mode says
# 16 bits a channel, "+key" a colour that stands for transparent.
KINDS = {
    ".png": "1 L LA P P+key L+key RGB+key RGB RGBA L16 LA16 RGB16 RGBA16 L16+key",
    ".jpg": "L RGB CMYK",
    ".tif": "1 L LA P RGB RGBA CMYK L16 LA16 RGB16 RGBA16",
    ".webp": "RGB RGBA",
    ".bmp": "1 L P RGB",
    ".gif": "P P+key",
    ".avif": "RGB RGBA",
    ".ppm": "RGB",
}
ALL_KINDS = [
    (ending, mode) for ending, modes in KINDS.items() for mode in modes.split()
]


def write_kind(path, mode, **options):
    """Write a picture file of one mode by Pillow, TensorFlow or tifffile."""
    base, key = mode.removesuffix("+key"), mode.endswith("+key")
    if base.endswith("16"):
        levels = DEEP[..., CHANNELS[base[:-2]]]
        if key:
            Image.fromarray(levels[..., 0]).save(
                path, transparency=int(levels[0, 0, 0])
            )
        elif path.suffix == ".png":
            import tensorflow as tf

            path.write_bytes(tf.io.encode_png(levels).numpy())
        else:
            tifffile.imwrite(
                path,
                levels if levels.shape[-1] > 1 else levels[..., 0],
                photometric="rgb" if base.startswith("RGB") else "minisblack",
                planarconfig="contig" if levels.shape[-1] > 1 else None,
                extrasamples=["unassalpha"] if base[-3] == "A" else None,
            )
        return
    colour = Image.fromarray(LEVELS[..., :3])
    if base == "P":
        image = colour.quantize(16)
    elif base in CHANNELS:
        levels = LEVELS[..., CHANNELS[base]]
        image = Image.fromarray(levels[..., 0] if base == "L" else levels)
    else:
        image = colour.convert(base)
    if key:
        options["transparency"] = image.getpixel((0, 0))
    image.save(path, **options)


def read_back(path):
    """Read a written file by Pillow, or if it has 16 bits by another library.

    Returns:
        Array (height, width, channels), uint8 or uint16.
    """
    if path.suffix in (".tif", ".tiff") and tifffile.imread(path).dtype == np.uint16:
        levels = tifffile.imread(path)
    elif path.suffix == ".png" and path.read_bytes()[24] == 16:  # bit depth in IHDR
        import tensorflow as tf

        levels = tf.io.decode_png(path.read_bytes(), dtype=tf.uint16).numpy()
    else:
        levels = np.asarray(Image.open(path))
    return levels.reshape(*levels.shape[:2], -1)
