"""Photographs of several sources, decoded once, in memory or in a pack.

`srlite pack photos/ tfds:div2k/bicubic_x4 --output photos.pack` decodes them into one
file, which is a source itself.
"""

import argparse
from pathlib import Path

import numpy as np

from srlite.data.packs import Photograph, keep, writing_pack
from srlite.data.sources import LeftOut, check_source, listed, read_source, split_weight
from srlite.errors import DataError, arguments_of, one_line
from srlite.files import replacing


def usable_photographs(min_sizes, scale, say, names=None):
    """Decode the pictures of sources one after the other.

    Args:
        min_sizes: dict of source, without weight, to its shortest usable side in HR
            pixels.
        scale: HR pixels per LR pixel of pairs.
        say: function, called at the end, of a sentence that counts pictures and, by
            reason, files left out.
        names: path of a text file for the names of files left out; None for none.

    Yields:
        (source, `Photograph`), ordered by source and name.

    Raises:
        DataError: a source cannot be read, or has no usable picture.
    """
    for source in min_sizes:  # before hours of decoding others
        check_source(source)
    bad, total = [], 0
    for source, min_size in min_sizes.items():
        usable, bad_before = 0, len(bad)
        for result in read_source(source, scale):
            if isinstance(result, Photograph) and min(result.hr.shape[:2]) < min_size:
                result = LeftOut(result.name, f"smaller than {min_size} pixels")
            if isinstance(result, LeftOut):
                bad.append(result)
                continue
            usable += 1
            yield source, result
        if not usable:
            of = f" ({_reasons(bad[bad_before:])})" if len(bad) > bad_before else ""
            raise DataError(f"no usable pictures in {source}{of}")
        total += usable
    text = f"read {_count(total, 'picture')}"
    if bad:
        text += f", left out {_count(len(bad), 'file')}: {_reasons(bad)}"
        if names is not None:
            lines = [one_line(f"{x.name}: {x.reason} {x.detail}".rstrip()) for x in bad]
            with replacing(names) as temporary:
                temporary.write_text("\n".join(lines) + "\n", "utf-8")
            text += f"; names in {names}"
    say(one_line(text))


def _count(number, noun):
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _reasons(bad):
    """Count by reason, with a name for each."""
    groups = {}
    for left_out in bad:
        groups.setdefault(left_out.reason, []).append(left_out)
    return ", ".join(
        f"{len(group):,} {reason} ({Path(group[0].name).name}"
        f"{' and others' if len(group) > 1 else ''})"
        for reason, group in groups.items()
    )


def load_photographs(
    min_sizes, *, scale=4, max_bytes=None, pack=None, say=print, names=None
):
    """Decode every picture of sources: dict of source to list of `Photograph`.

    `packs.keep` says where they stay. Sources that are packs do not count. The other
    arguments are those of `usable_photographs`.
    """
    found = {source: [] for source in min_sizes}
    owners = []

    def decoded():
        for source, photograph in usable_photographs(min_sizes, scale, say, names):
            if source.endswith(".pack"):
                found[source].append(photograph)
            else:
                owners.append(source)
                yield photograph

    kept = keep(decoded(), max_bytes, pack)
    for source, photograph in zip(owners, kept, strict=True):
        found[source].append(photograph)
    return found


def load_images(sources, min_size=1, warn=print):
    """Decode the HR pictures of one source or several into memory.

    `min_size` is the shortest usable side in pixels; `warn` is a function of a
    sentence, called if files are left out. Returns a list of uint8 arrays (height,
    width, 3), ordered by source and name; raises as `usable_photographs`.
    """
    sources = listed(sources)
    found = load_photographs(
        dict.fromkeys(sources, min_size),
        say=lambda text: warn(text) if "left out" in text else None,
    )
    return [photograph.hr for source in sources for photograph in found[source]]


def training_set(sources, found):
    """Return the (images, lr_images, image_odds) of sources for `PatchSampler`.

    `found` is as returned by `load_photographs`. Odds are None if no source has a
    weight. Else those of a source are proportional to its weight (1 by default), and
    those of a picture within it to its pixels.
    """
    weighted = [split_weight(source) for source in sources]
    photographs = [p for _, source in weighted for p in found[source]]
    odds = None
    if any(weight is not None for weight, _ in weighted):
        shares = []
        for weight, source in weighted:
            pixels = np.array([p.hr.shape[0] * p.hr.shape[1] for p in found[source]])
            shares.append((1.0 if weight is None else weight) * pixels / pixels.sum())
        odds = np.concatenate(shares)
    return [p.hr for p in photographs], [p.lr for p in photographs], odds


def main(argv=None, prog="python -m srlite pack"):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog=prog, description="Decode photographs once, into one file to train on."
    )
    parser.add_argument("source", nargs="+", help="folder, tar, tfds:NAME, pairs:..")
    parser.add_argument("--output", required=True, metavar="FILE.pack")
    parser.add_argument("--min-size", type=int, default=1, help="shortest side, pixels")
    parser.add_argument(
        "--scale",
        type=int,
        default=4,
        help="HR pixels per LR pixel of pairs (default: 4)",
    )
    args = parser.parse_args(arguments_of(argv))
    if not args.output.endswith(".pack"):
        raise DataError(f"--output must end in .pack; received {args.output}")
    if weighted := [s for s in args.source if split_weight(s)[0] is not None]:
        raise DataError(
            f"a pack has no weights; received {weighted[0]}: write one pack for each "
            "weight, and give the weights to train.py"
        )
    count = 0
    with writing_pack(args.output) as add:
        min_sizes = dict.fromkeys(args.source, args.min_size)
        for _, photograph in usable_photographs(min_sizes, args.scale, print):
            add(photograph)
            count += 1
    print(f"{args.output}: {_count(count, 'picture')}")
    return 0
