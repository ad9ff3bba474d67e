"""Draw the README's picture: four samples as LR, by bicubic and by `light`.

python docs/images/front.py docs/images/front.jpg

The photos are those of scikit-image: `astronaut` by NASA, `coffee` by Rachel Michetti,
`chelsea` by Stefan van der Walt; public domain or CC0. The text is drawn here.
"""

import io
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from srlite import Upscaler

SCALE = 4
CELL = (64, 44)  # LR pixels: width, height
GAP, LINE = 8, 30  # pixels of the result
SIDE = 76  # pixels that the names of the rows take
INK, PAPER = "#1f2327", "white"
TEXT = "Read the small\nprint, before it\nis four times\nas large."


def shrink(hr, quality=None):
    """Shrink a picture by bicubic, and save it as JPEG if so asked; uint8 RGB."""
    lr = Image.fromarray(hr).convert("RGB")
    lr = lr.resize([side // SCALE for side in lr.size], Image.Resampling.BICUBIC)
    if quality is None:
        return lr
    file = io.BytesIO()
    lr.save(file, "jpeg", quality=quality)
    return Image.open(file).convert("RGB")


def text():
    """Draw some lines of text; uint8 (height, width, 3)."""
    page = Image.new("RGB", (SCALE * 80, SCALE * 60), "#f7f3e8")
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(28)
    draw.multiline_text((36, 32), TEXT, "#26221c", font, spacing=9)
    return np.asarray(page)


def main(path):
    """Draw the picture and save it."""
    upscaler = Upscaler.from_preset("light")
    # Name: the LR picture, and where the cell's top left corner is in it.
    rows = {
        "photo": (shrink(data.chelsea()), (26, 14)),
        "JPEG 50": (shrink(data.coffee(), quality=50), (40, 28)),
        "face": (shrink(data.astronaut()), (26, 8)),
        "text": (shrink(text()), (7, 7)),
    }
    width, height = (SCALE * side for side in CELL)
    sheet = Image.new(
        "RGB", (SIDE + 3 * (width + GAP), LINE + len(rows) * (height + GAP)), PAPER
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(17)
    columns = [SIDE + i * (width + GAP) for i in range(3)]
    for left, name in zip(columns, ("LR", "bicubic", "srlite")):
        draw.text((left + width / 2, LINE / 2), name, INK, font, "mm")
    for i, (name, (lr, (x, y))) in enumerate(rows.items()):
        top = LINE + i * (height + GAP)
        draw.text((SIDE - GAP, top + height / 2), name, INK, font, "rm")
        large = [SCALE * side for side in lr.size]
        cells = (
            lr.resize(large, Image.Resampling.NEAREST),
            lr.resize(large, Image.Resampling.BICUBIC),
            Image.fromarray(upscaler.upscale(np.asarray(lr))),
        )
        for left, cell in zip(columns, cells):
            corner = SCALE * x, SCALE * y
            box = (*corner, corner[0] + width, corner[1] + height)
            sheet.paste(cell.crop(box), (left, top))
    sheet.save(path, quality=92, subsampling=0)


if __name__ == "__main__":
    main(*sys.argv[1:])
