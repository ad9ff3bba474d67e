"""The random choices of the augmentations, drawn in NumPy for the graph to apply.

What each does is in `augmentations`. Its odds are the share of patches that get it;
odds of 0 leave its arrays out of the batch altogether. Each augmentation has a random
stream of its own, so that turning one on leaves patches, kernels and the others as they
were.
"""

import numpy as np

from srlite.errors import DataError


class AugmentationDraws:
    """Draws strengths for a batch; a pure function of (seed, step)."""

    def __init__(
        self,
        *,
        blur=0.0,
        blur_sigma=(0.2, 2.0),
        noise=0.0,
        noise_sigma=(1.0, 15.0),
        jpeg=0.0,
        jpeg_quality=(50, 95),
        cutout=0.0,
        cutout_size=(0.1, 0.4),
    ):
        """Each pair is the lowest and the highest value of a uniform draw.

        Args:
            blur: odds, 0 to 1, of a Gaussian blur of the HR patch before it is shrunk.
            blur_sigma: its standard deviation in HR pixels.
            noise: odds of Gaussian noise on LR.
            noise_sigma: its standard deviation in levels.
            jpeg: odds of JPEG compression of LR.
            jpeg_quality: whole numbers from 1 to 100, as in libjpeg.
            cutout: odds of a black rectangle in LR.
            cutout_size: its sides, each as a share of LR's side.

        Raises:
            DataError: odds or a range that cannot be.
        """
        self._odds = {"blur": blur, "noise": noise, "jpeg": jpeg, "cutout": cutout}
        self._ranges = {
            "blur": blur_sigma,
            "noise": noise_sigma,
            "jpeg": jpeg_quality,
            "cutout": cutout_size,
        }
        for name, odds in self._odds.items():
            if not 0.0 <= odds <= 1.0:
                raise DataError(f"the odds of {name} must be 0 to 1; received {odds}")
        for name, option, low, high in (
            ("blur", "blur_sigma", 0.0, 20.0),
            ("noise", "noise_sigma", 0.0, 255.0),
            ("jpeg", "jpeg_quality", 1, 100),
            ("cutout", "cutout_size", 0.0, 1.0),
        ):
            given = self._ranges[name]
            if len(given) != 2 or not low <= given[0] <= given[1] <= high:
                raise DataError(
                    f"{option} must be a lowest and a highest value from {low} to "
                    f"{high}; received {given}"
                )

    def draw(self, seed, step, count, lr_size):
        """Draw for one batch.

        Args:
            seed: list of ints.
            step: int.
            count: patches in the batch.
            lr_size: height and width of LR.

        Returns:
            dict of the optional arrays of `degradations.degrade`, but no pairs.
        """
        arrays = {}
        for stream, (name, odds) in enumerate(self._odds.items()):
            if not odds:
                continue
            entropy = np.random.SeedSequence([*seed, step], spawn_key=(stream,))
            random = np.random.default_rng(entropy)
            chosen = random.random(count) < odds
            low, high = self._ranges[name]
            if name == "jpeg":
                quality = random.integers(low, high, count, endpoint=True)
                arrays["jpeg_quality"] = np.where(chosen, quality, 0).astype(np.int32)
            elif name == "cutout":
                arrays["cutout"] = _boxes(random, chosen, low, high, lr_size)
            else:
                sigma = np.where(chosen, random.uniform(low, high, count), 0.0)
                arrays[f"{name}_sigma"] = sigma.astype(np.float32)
            if name == "noise":
                shape = (count, lr_size, lr_size, 3)
                arrays["noise"] = random.standard_normal(shape, np.float32)
        return arrays


def _boxes(random, chosen, low, high, size):
    """Rectangles (top, left, bottom, right), int32 (count, 4); empty if not chosen."""
    sides = np.rint(random.uniform(low, high, (len(chosen), 2)) * size).astype(int)
    corners = (random.random((len(chosen), 2)) * (size - sides + 1)).astype(int)
    boxes = np.concatenate([corners, corners + sides], axis=1)
    return np.where(chosen[:, None], boxes, 0).astype(np.int32)
