"""Training data: folders and tar files of photographs, and the patches cut from them.

Photographs are decoded once and kept as uint8 in memory. A batch is a pure function of
(seed, step): the sampler draws position, flips and kernel in NumPy, so that a resumed
run sees the batches it would have seen, on every backend.
"""

import collections
import io
import itertools
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from srlite.errors import DataError, ImageError
from srlite.images import read_rgb

IMAGE_SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".avif")
)


def _is_picture(name):
    path = Path(name)
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def _files(source):
    """Yield (name, path or file object) for each picture in a folder or tar file."""
    source = Path(source)
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix == ".tar" and path.is_file():
                yield from _files(path)
            elif _is_picture(path) and path.is_file():
                yield str(path), path
        return
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                if member.isfile() and _is_picture(member.name):
                    data = archive.extractfile(member).read()
                    yield f"{source}:{member.name}", io.BytesIO(data)
    except FileNotFoundError:
        raise DataError(f"no such folder or tar file: {source}") from None
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(
            f"{source} is neither a folder nor a readable tar file: {error}"
        ) from None


def load_images(sources, min_size=1, warn=print):
    """Decode every picture of some folders (recursive) and tar files.

    Args:
        sources: a path or several; a folder may hold pictures and tar files.
        min_size: shortest side in pixels that is of use.
        warn: called with one sentence that names the pictures left out, if any.

    Returns:
        List of uint8 arrays (height, width, 3), ordered by source and name.

    Raises:
        DataError: a source cannot be read, or no usable picture is in them.
    """
    if isinstance(sources, str | Path):
        sources = [sources]

    def read(item):
        name, file = item
        try:
            image = read_rgb(file, name=name)
        except ImageError as error:
            return str(error)
        if min(image.shape[:2]) < min_size:
            return f"{name} is smaller than {min_size} pixels"
        return image

    with ThreadPoolExecutor() as pool:
        results = list(pool.map(read, (item for s in sources for item in _files(s))))
    images = [result for result in results if not isinstance(result, str)]
    bad = [result for result in results if isinstance(result, str)]
    where = ", ".join(str(source) for source in sources)
    if not images:
        reason = f" ({bad[0]})" if bad else ""
        raise DataError(f"no usable pictures in {where}{reason}")
    if bad:
        warn(f"left out {len(bad)} of {len(results)} pictures: {'; '.join(bad)}")
    return images


class PatchSampler:
    """Cuts batches of random HR patches; a pure function of (seed, step).

    A picture is chosen with odds in proportion to its pixels, so that every part of
    every picture is seen equally often.
    """

    def __init__(self, images, patch_size, batch_size, kernel_odds, seed):
        """Create a sampler.

        Args:
            images: uint8 arrays (height, width, 3), both sides >= `patch_size`.
            patch_size: HR pixels.
            batch_size: patches in a batch.
            kernel_odds: relative odds of each of `degradations.KERNELS`, in order.
            seed: int or sequence of ints.
        """
        odds = np.asarray(kernel_odds, np.float64)
        if odds.min() < 0 or not odds.sum() > 0:
            raise DataError(
                "kernel odds must be at least 0 and one of them above 0; "
                f"received {list(kernel_odds)}"
            )
        self._images = images
        self._patch_size = patch_size
        self._batch_size = batch_size
        self._kernel_odds = odds / odds.sum()
        pixels = np.array([image.shape[0] * image.shape[1] for image in images])
        self._image_odds = pixels / pixels.sum()
        self._seed = np.atleast_1d(seed).tolist()

    def batch(self, step):
        """Return the batch of a step.

        Returns:
            dict of `hr`, uint8 (batch, patch, patch, 3), and `kernel`, int32 (batch,).
        """
        random = np.random.default_rng([*self._seed, step])
        size, count = self._patch_size, self._batch_size
        chosen = random.choice(len(self._images), count, p=self._image_odds)
        corners = random.random((count, 2))
        turns = random.integers(0, 2, (count, 3), dtype=bool)
        kernel = random.choice(len(self._kernel_odds), count, p=self._kernel_odds)
        hr = np.empty((count, size, size, 3), np.uint8)
        for i, (index, corner, turn) in enumerate(
            zip(chosen, corners, turns, strict=True)
        ):
            image = self._images[index]
            y, x = (corner * (np.array(image.shape[:2]) - size + 1)).astype(int)
            hr[i] = _turned(image[y : y + size, x : x + size], *turn)
        return {"hr": hr, "kernel": kernel.astype(np.int32)}


def _turned(patch, flip_rows, flip_columns, transpose):
    """One of the eight symmetries of the square."""
    if transpose:
        patch = patch.transpose(1, 0, 2)
    return patch[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]


def prefetch(make, keys, workers=2, depth=4):
    """Yield (key, make(key)) for some keys in order, made ahead of time by threads.

    Args:
        make: function of a key, which several threads call at once; an exception of it
            is raised in its turn.
        keys: iterable, perhaps endless.
        workers: threads.
        depth: results kept ready or in the making.
    """
    keys = iter(keys)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="prefetch")
    try:
        coming = collections.deque()
        while True:
            for key in itertools.islice(keys, depth - len(coming)):
                coming.append((key, pool.submit(make, key)))
            if not coming:
                return
            key, result = coming.popleft()
            yield key, result.result()
    finally:
        pool.shutdown(cancel_futures=True)
