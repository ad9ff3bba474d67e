"""Training data: patches cut from photographs, and the batches of a stage.

A batch is a pure function of (seed, step), so that a resumed run sees the batches that
it would have seen, on every backend.
"""

import numpy as np

from srlite.data.draws import true_degradation
from srlite.pictures.levels import to_grey


class PatchSampler:
    """Cuts batches of random HR patches from uint8 photographs."""

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
            kernel_odds: relative odds of each of `kernels.KERNELS`, in order; at least
                0, and one of them above 0.
            seed: int or sequence of ints.
            scale: HR pixels per LR pixel.
            lr_images: for each image its real LR picture, or None.
            image_odds: relative odds of each image; by default its number of pixels, so
                that every part of every picture is seen equally often.
            augmentations: `draws.AugmentationDraws`, or None for none.
        """
        self._images = images
        self._lr_images = lr_images or [None] * len(images)
        self._any_pairs = any(lr is not None for lr in self._lr_images)
        self._patch_size = patch_size
        self._batch_size = batch_size
        self._scale = scale
        self._kernel_odds = np.array(kernel_odds, np.float64) / np.sum(kernel_odds)
        if image_odds is None:
            image_odds = [image.shape[0] * image.shape[1] for image in images]
        self._image_odds = np.array(image_odds) / np.sum(image_odds)
        self._augmentations = augmentations
        self._seed = np.atleast_1d(seed).tolist()

    def batch(self, step):
        """Return the batch of a step, a dict as for `degradations.degrade`."""
        random = np.random.default_rng([*self._seed, step])
        size, count = self._patch_size, self._batch_size
        chosen = random.choice(len(self._images), count, p=self._image_odds)
        corners = random.random((count, 2))
        turns = random.integers(0, 2, (count, 3), dtype=bool)
        kernel = random.choice(len(self._kernel_odds), count, p=self._kernel_odds)
        hr = np.empty((count, size, size, 3), np.uint8)
        lr_size = size // self._scale
        lr = np.zeros((count, lr_size, lr_size, 3), np.uint8)
        draws = zip(chosen, corners, turns, strict=True)
        for i, (index, corner, turn) in enumerate(draws):
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
            if (ways := batch.pop("shrinking", None)) is not None:
                batch["kernel"] = np.where(ways < 0, batch["kernel"], ways)
        return batch


class StageSampler:
    """Adds what a stage needs to batches: grey pictures, degradations, labels."""

    def __init__(
        self, samplers, seed, *, channels=3, fake_labels=None, told_truth=None, scale=4
    ):
        """Wrap samplers.

        Args:
            samplers: objects with `batch(step)` of RGB pictures, which take turns.
            seed: sequence of ints.
            channels: 3 leaves pictures as they are, 1 makes them grey.
            fake_labels: None, or (lowest, highest): adds `fake_label`, one for each
                picture, drawn evenly between them.
            told_truth: None, or a share: adds `degradation`, and `told_truth`, which is
                true for that share of the patches, but never for real LR pictures,
                whose degradation nobody knows.
            scale: HR pixels per LR pixel.
        """
        self._samplers = samplers
        self._seed = seed
        self._channels = channels
        self._fake_labels = fake_labels
        self._told_truth = told_truth
        self._scale = scale

    def batch(self, step):
        """Return the batch of a step."""
        batch = dict(self._samplers[step % len(self._samplers)].batch(step))
        count = len(batch["hr"])
        if self._channels == 1:
            for name, array in batch.items():
                if name == "noise":  # a mean of three channels would be weaker
                    batch[name] = array[..., :1]
                elif array.ndim == 4:
                    batch[name] = to_grey(array)[..., None]  # (B, P, P, 1)
        if self._fake_labels is not None:
            labels = self._random(step, 1).uniform(*self._fake_labels, (count, 1))
            batch["fake_label"] = labels.astype(np.float32)
        if self._told_truth is not None:
            batch["degradation"] = true_degradation(batch, self._scale)
            told = self._random(step, 2).random(count) < self._told_truth
            batch["told_truth"] = told & ~batch.get("paired", np.zeros(count, bool))
        return batch

    def _random(self, step, stream):
        return np.random.default_rng([*self._seed, step, stream])


def _turned(patch, flip_rows, flip_columns, transpose):
    """One of the eight symmetries of the square."""
    if transpose:
        patch = patch.transpose(1, 0, 2)
    return patch[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
