"""Renderings: pictures of text and line art, drawn to train on beside photographs.

Photographs hold few letters and few drawn edges. These pictures hold nothing else:
pages of letters, drawings of flat colours and contours, bundles of stripes, and rows of
small signs. They are drawn at four times their size and averaged, so that edges are as
sharp as pixels allow. Every picture is a pure function of (seed, number).

    python -m srlite render --output renderings/ --count 120

writes a folder of PNG files that `train.py --data-dir 8@photos/ 1@renderings/` takes.
"""

import argparse
import math
import string
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from srlite.errors import DataError, arguments_of
from srlite.files import replacing, writing
from srlite.memory import available_memory

_FINER = 4  # drawn pixels along each side of a pixel
_BYTES = 28  # of memory for each of them, at most
_LETTERS = string.ascii_lowercase
_SIGNS = string.digits + ".,:;!?()[]+-=%&@#/*"


def render(size, seed, number):
    """Draw one picture, uint8 (size, size, 3); the number decides its kind."""
    random = np.random.default_rng([seed, number])
    kind = (_text, _drawing, _stripes, _signs)[number % 4]
    first, second = _colours(random)
    image = Image.new("RGB", (size * _FINER, size * _FINER), first)
    kind(image, random, size * _FINER, second)
    return np.asarray(image.reduce(_FINER))


def _colours(random):
    """Choose two colours well apart in brightness, often black and white."""
    dark, light = (0, 0, 0), (255, 255, 255)
    if random.random() >= 0.4:
        dark, light = _colour(random, 0, 110), _colour(random, 145, 256)
    return (light, dark) if random.random() < 0.7 else (dark, light)


def _colour(random, low=0, end=256):
    return tuple(map(int, random.integers(low, end, 3)))


def _font(random, size):
    """Choose one of the fonts that come with Matplotlib."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    families = sorted([*folder.glob("DejaVuS*.ttf"), *folder.glob("STIXGeneral*.ttf")])
    return ImageFont.truetype(families[random.integers(len(families))], size)


def _word(random):
    pool = _SIGNS if random.random() < 0.15 else _LETTERS
    word = "".join(random.choice(list(pool), random.integers(1, 11)))
    return random.choice([word, word, word.capitalize(), word.upper()])


def _text(image, random, size, colour):
    """Draw rows of words, a few of one font and height; turn some pages."""
    draw = ImageDraw.Draw(image)
    y = 0
    while y < size:
        height = int(_FINER * random.choice([9, 11, 13, 16, 20, 26, 36, 56, 90]))
        font = _font(random, height)
        if random.random() < 0.3:
            colour = _contrasting(image, random, y)
        for _ in range(random.integers(1, 7)):
            x = int(random.uniform(-height, height))
            while x < size:
                word = _word(random)
                draw.text((x, y), word, colour, font)
                x += int(draw.textlength(word + " ", font))
            y += int(1.25 * height)
    if random.random() < 0.3:
        background = image.getpixel((0, 0))
        angle = random.uniform(-20, 20)
        image.paste(image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=background))


def _contrasting(image, random, y):
    """Choose a colour that contrasts with the left edge at height y."""
    dark = sum(image.getpixel((0, min(y, image.height - 1)))) < 382
    return _colour(random, 150, 256) if dark else _colour(random, 0, 106)


def _drawing(image, random, size, contour):
    """Draw flat shapes over each other, with contours, and loose curves."""
    draw = ImageDraw.Draw(image)
    for _ in range(random.integers(20, 60)):
        centre = random.uniform(0, size, 2)
        radius = size * random.uniform(0.02, 0.25)
        width = int(_FINER * random.uniform(0.7, 6))
        outline = contour if random.random() < 0.7 else None
        fill = _colour(random)
        shape = random.integers(4)
        if shape == 0:
            box = [*(centre - radius), *(centre + radius * random.uniform(0.3, 1, 2))]
            draw.ellipse(box, fill, outline, width)
        elif shape == 1:
            turns = np.sort(random.uniform(0, 2 * math.pi, random.integers(3, 9)))
            reach = radius * random.uniform(0.4, 1.0, (len(turns), 1))
            corners = centre + reach * np.stack([np.cos(turns), np.sin(turns)], 1)
            points = [tuple(p) for p in corners]
            draw.polygon(points, fill)
            if outline:
                draw.line([*points, points[0]], outline, width, joint="curve")
        else:
            curve = _curve(random, centre, radius * 2)
            draw.line(curve, contour if shape == 2 else fill, width, joint="curve")


def _curve(random, centre, reach):
    """Return points of a Bezier curve of four control points."""
    a, b, c, d = centre + random.uniform(-reach, reach, (4, 2))
    t = np.linspace(0, 1, 60)[:, None]
    points = (
        (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
    )
    return [tuple(p) for p in points]


def _stripes(image, random, size, colour):
    """Draw parallel stripes, straight or bent, in each part of the picture."""
    parts = int(random.integers(1, 4))
    step = size // parts
    y, x = np.mgrid[:step, :step].astype(np.float32)
    for top in range(0, parts * step, step):
        for left in range(0, parts * step, step):
            period = _FINER * math.exp(random.uniform(math.log(3), math.log(40)))
            angle = random.uniform(0, math.pi)
            phase = x * math.cos(angle) + y * math.sin(angle)
            bend = random.uniform(0, 0.15) * step
            across = x * math.sin(angle) - y * math.cos(angle)
            phase += bend * np.sin(across * (2 * math.pi / (step * 0.5)))
            share = random.uniform(0.2, 0.8)
            mask = (phase / period) % 1 < share
            if random.random() < 0.25:  # crossed: a grid
                mask ^= (across / period) % 1 < share
            image.paste(colour, (left, top), Image.fromarray(mask))
            if random.random() < 0.5:
                colour = _contrasting(image, random, 0)


def _signs(image, random, size, colour):
    """Draw rows of small rectangles, rings, crosses or windows, as on a facade."""
    draw = ImageDraw.Draw(image)
    pitch = _FINER * random.uniform(7, 40)
    width = max(1, int(pitch * random.uniform(0.05, 0.2)))
    shape = random.integers(4)
    slant = random.uniform(-0.3, 0.3)
    for row in range(int(size / pitch) + 1):
        for column in range(-int(size / pitch), 2 * int(size / pitch)):
            x = column * pitch + slant * row * pitch
            y = row * pitch + slant * column * pitch * 0.5
            box = [x, y, x + 0.7 * pitch, y + 0.6 * pitch]
            if shape == 0:
                draw.rectangle(box, colour)
            elif shape == 1:
                draw.ellipse(box, None, colour, width)
            elif shape == 2:
                draw.line(box, colour, width)
                draw.line([box[0], box[3], box[2], box[1]], colour, width)
            else:
                draw.rectangle(box, None, colour, width)
                draw.line([box[0], y + 0.3 * pitch, box[2], y + 0.3 * pitch], colour)
        if random.random() < 0.1:
            colour = _contrasting(image, random, 0)


def main(argv=None, prog="python -m srlite render"):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog=prog, description="Draw pictures of text and line art to train on."
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="folder to write PNG files to"
    )
    parser.add_argument(
        "--count", type=int, default=120, help="number of pictures (default: 120)"
    )
    parser.add_argument(
        "--size", type=int, default=768, help="pixels along each side (default: 768)"
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments_of(argv))
    for name, least in (("count", 1), ("size", 1), ("seed", 0)):
        if (given := getattr(args, name)) < least:
            raise DataError(f"--{name} must be at least {least}; received {given}")
    if (needed := _BYTES * (_FINER * args.size) ** 2) > available_memory():
        raise DataError(
            f"a picture of --size {args.size} needs {needed / 1e9:,.0f} GB of memory"
        )
    with writing(args.output, DataError):
        args.output.mkdir(parents=True, exist_ok=True)
        for number in range(args.count):
            path = args.output / f"rendering_{args.seed}_{number:05d}.png"
            with replacing(path) as temporary:
                Image.fromarray(render(args.size, args.seed, number)).save(temporary)
    print(f"{args.output}: {args.count} of {args.size} x {args.size} pixels")
    return 0
