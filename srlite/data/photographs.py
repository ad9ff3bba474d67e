"""Photographs of several sources, decoded once, in memory or in a pack."""

from pathlib import Path

import numpy as np

from srlite.errors import DataError
from srlite.data.packs import Photograph, PhotographStore
from srlite.data.sources import read_source, split_weight


def usable_photographs(min_sizes, scale, warn):
    """Decode the pictures of some sources one after the other.

    Args:
        min_sizes: dict of source, without weight, to the shortest side in HR pixels
            that is of use.
        scale: HR pixels per LR pixel of pairs.
        warn: called at the end with one sentence that names the pictures left out, if
            any.

    Yields:
        (source, `Photograph`), ordered by source and name.

    Raises:
        DataError: a source cannot be read, or has no usable picture.
    """
    bad, total = [], 0
    for source, min_size in min_sizes.items():
        usable, bad_before = 0, len(bad)
        for result in read_source(source, scale):
            total += 1
            if isinstance(result, Photograph) and min(result.hr.shape[:2]) < min_size:
                result = f"{result.name} is smaller than {min_size} pixels"
            if isinstance(result, str):
                bad.append(result)
                continue
            usable += 1
            yield source, result
        if not usable:
            reason = f" ({bad[bad_before]})" if len(bad) > bad_before else ""
            raise DataError(f"no usable pictures in {source}{reason}")
    if bad:
        warn(f"left out {len(bad)} of {total} pictures: {'; '.join(bad)}")


def load_photographs(min_sizes, *, scale=4, max_bytes=None, pack=None, warn=print):
    """Decode every picture of some sources.

    Args:
        min_sizes: as for `usable_photographs`.
        scale: HR pixels per LR pixel of pairs.
        max_bytes: what may stay in memory, pictures that come from a pack not counted;
            None for no limit.
        pack: path of a pack that takes all pictures when they are more.
        warn: called with one sentence that names the pictures left out, if any.

    Returns:
        dict of source to list of `Photograph`, ordered by name.

    Raises:
        DataError: a source cannot be read, or has no usable picture.
    """
    found = {source: [] for source in min_sizes}
    owners = []
    with PhotographStore(max_bytes, pack) as store:
        for source, photograph in usable_photographs(min_sizes, scale, warn):
            if source.endswith(".pack"):
                found[source].append(photograph)
            else:
                store.add(photograph)
                owners.append(source)
    for source, photograph in zip(owners, store.photographs(), strict=True):
        found[source].append(photograph)
    return found


def load_images(sources, min_size=1, warn=print):
    """Decode every picture of some sources into memory.

    Args:
        sources: one source or several, by the names of `sources`.
        min_size: shortest side in pixels that is of use.
        warn: called with one sentence that names the pictures left out, if any.

    Returns:
        List of uint8 HR arrays (height, width, 3), ordered by source and name.

    Raises:
        DataError: a source cannot be read, or has no usable picture.
    """
    if isinstance(sources, str | Path):
        sources = [sources]
    sources = [str(source) for source in sources]
    found = load_photographs(dict.fromkeys(sources, min_size), warn=warn)
    return [photograph.hr for source in sources for photograph in found[source]]


def training_set(sources, found):
    """Put the photographs of some sources side by side.

    Args:
        sources: strings, with or without weights.
        found: dict of source without weight to list of `Photograph`.

    Returns:
        (images, lr_images, odds) for `PatchSampler`. Without any weight all pixels have
        the same odds. With one, the odds of a source are in proportion to its weight
        (1 if it has none), those of a picture within it to its pixels.
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
