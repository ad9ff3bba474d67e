"""Training data: the patches cut from photographs, and a command that packs them.

Photographs (`photographs`, `sources`) are decoded once and kept as uint8. A batch is a
pure function of (seed, step): the sampler draws position, flips, kernel and
augmentations in NumPy, so that a resumed run sees the batches it would have seen, on
every backend, from memory or from a pack.

    python -m srlite.data.patches pack photos/ tfds:div2k/bicubic_x4 --output photos.pack

writes a pack, which is a source itself: decoded once, carried as one file.
"""

import argparse
import collections
import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from srlite.errors import DataError, run_command
from srlite.data.packs import writing_pack
from srlite.data.photographs import usable_photographs
from srlite.data.sources import split_weight


class PatchSampler:
    """Cuts batches of random HR patches; a pure function of (seed, step).

    Unless odds are given, a picture is chosen with odds in proportion to its pixels, so
    that every part of every picture is seen equally often.
    """

    def __init__(
        self,
        images,
        patch_size,
        batch_size,
        kernel_odds,
        seed,
        *,
        scale=4,
        lr_images=None,
        image_odds=None,
        augmentations=None,
    ):
        """Create a sampler.

        Args:
            images: uint8 arrays (height, width, 3), both sides >= `patch_size`.
            patch_size: HR pixels, a multiple of `scale`.
            batch_size: patches in a batch.
            kernel_odds: relative odds of each of `kernels.KERNELS`, in order.
            seed: int or sequence of ints.
            scale: HR pixels per LR pixel.
            lr_images: for each image its real LR picture, or None.
            image_odds: relative odds of each image.
            augmentations: `draws.AugmentationDraws`, or None for none.
        """
        odds = np.asarray(kernel_odds, np.float64)
        if odds.min() < 0 or not odds.sum() > 0:
            raise DataError(
                "kernel odds must be at least 0 and one of them above 0; "
                f"received {list(kernel_odds)}"
            )
        self._images = images
        self._lr_images = lr_images if lr_images is not None else [None] * len(images)
        self._any_pairs = any(lr is not None for lr in self._lr_images)
        self._patch_size = patch_size
        self._batch_size = batch_size
        self._scale = scale
        self._kernel_odds = odds / odds.sum()
        if image_odds is None:
            image_odds = [image.shape[0] * image.shape[1] for image in images]
        self._image_odds = np.array(image_odds) / np.sum(image_odds)
        self._augmentations = augmentations
        self._seed = np.atleast_1d(seed).tolist()

    def batch(self, step):
        """Return the batch of a step.

        Returns:
            dict of `hr`, uint8 (batch, patch, patch, 3), and `kernel`, int32 (batch,);
            with pairs among the images or augmentations also the optional arrays of
            `degradations.degrade`.
        """
        random = np.random.default_rng([*self._seed, step])
        size, count = self._patch_size, self._batch_size
        chosen = random.choice(len(self._images), count, p=self._image_odds)
        corners = random.random((count, 2))
        turns = random.integers(0, 2, (count, 3), dtype=bool)
        kernel = random.choice(len(self._kernel_odds), count, p=self._kernel_odds)
        hr = np.empty((count, size, size, 3), np.uint8)
        lr_size = size // self._scale
        lr = np.zeros((count, lr_size, lr_size, 3), np.uint8)
        for i, (index, corner, turn) in enumerate(
            zip(chosen, corners, turns, strict=True)
        ):
            image, lr_image = self._images[index], self._lr_images[index]
            # The patch of a pair begins with a whole LR pixel.
            grid = 1 if lr_image is None else self._scale
            places = (np.array(image.shape[:2]) - size) // grid + 1
            y, x = grid * (corner * places).astype(int)
            hr[i] = _turned(image[y : y + size, x : x + size], *turn)
            if lr_image is not None:
                y, x = y // grid, x // grid
                lr[i] = _turned(lr_image[y : y + lr_size, x : x + lr_size], *turn)
        batch = {"hr": hr, "kernel": kernel.astype(np.int32)}
        if self._any_pairs:
            paired = [self._lr_images[index] is not None for index in chosen]
            batch |= {"lr": lr, "paired": np.array(paired)}
        if self._augmentations:
            batch |= self._augmentations.draw(self._seed, step, count, lr_size)
        return batch


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


def main(argv=None):
    """Run the command `python -m srlite.data.patches`; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m srlite.data.patches", description="Prepare training data."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    pack = commands.add_parser("pack", help="decode photographs into one file")
    pack.add_argument("source", nargs="+", help="folder, tar file, tfds:NAME, pairs:..")
    pack.add_argument("--output", required=True, metavar="FILE.pack")
    pack.add_argument("--min-size", type=int, default=1, help="shortest side, pixels")
    pack.add_argument("--scale", type=int, default=4, help="of pairs")
    args = parser.parse_args(argv)
    if not args.output.endswith(".pack"):
        raise DataError(f"--output must end in .pack; received {args.output}")
    if weighted := [s for s in args.source if split_weight(s)[0] is not None]:
        raise DataError(
            f"a pack has no weights; received {weighted[0]}: write one pack for each "
            "weight, and give the weights to train.py"
        )
    count = 0
    with writing_pack(args.output) as writer:
        min_sizes = dict.fromkeys(args.source, args.min_size)
        for _, photograph in usable_photographs(min_sizes, args.scale, print):
            writer.add(photograph)
            count += 1
    print(f"{args.output}: {count} pictures")
    return 0


if __name__ == "__main__":
    run_command(main)
