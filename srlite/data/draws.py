"""The random choices of the augmentations, drawn in NumPy for the graph to apply.

`degradations.degrade` applies them in its order, and `augmentations` describes each.
The odds of an augmentation are the share of the damaged patches that get it; odds of 0
leave its arrays out of the batch. Each has a random stream of its own, so turning one
on changes nothing else.

`resize` shrinks in another way than the six kernels (`kernels.SHRINKINGS`), and
`second_jpeg` follows a first one. Every range is the lowest and the highest value of a
uniform draw.
"""

import functools

import numpy as np

from srlite.data.degradation_vector import MAX_BLUR, MAX_NOISE
from srlite.data.kernels import KERNELS, SHRINKINGS, kernel_odds
from srlite.errors import DataError

# Every augmentation. Its place is the number of its random stream.
_AUGMENTATIONS = (
    "blur",
    "noise",
    "jpeg",
    "cutout",
    "hr_jpeg",
    "resize",
    "sharpening",
    "second_jpeg",
)
# Option: (default, lowest possible, highest possible).
_RANGES = {
    "blur_sigma": ((0.2, 2.0), 0.0, 20.0),
    "noise_sigma": ((1.0, 15.0), 0.0, 255.0),
    "noise_colour": ((1.0, 1.0), 0.0, 1.2),
    "noise_shot": ((0.0, 0.0), 0.0, 1.0),
    "jpeg_quality": ((50, 95), 1, 100),
    "cutout_size": ((0.1, 0.4), 0.0, 1.0),
    "hr_jpeg_quality": ((60, 95), 1, 100),
    "sharpening_amount": ((0.0, 1.0), 0.0, 10.0),
    "second_jpeg_quality": ((50, 95), 1, 100),
}


class AugmentationDraws:
    """Draws strengths for batches."""

    def __init__(self, damaged=1.0, jpeg_subsampled=0.0, **options):
        """Choose what happens, and how often.

        Args:
            damaged: share of the patches, 0 to 1, that augmentations may change.
            jpeg_subsampled: share of the JPEG files whose chroma is halved (4:2:0).
            **options: odds and ranges by name, see the module; DataError for others.
        """
        shares = {"damaged": damaged, "jpeg_subsampled": jpeg_subsampled}
        shares |= {name: options.pop(name, 0.0) for name in _AUGMENTATIONS}
        for name, odds in shares.items():
            if not 0.0 <= odds <= 1.0:
                raise DataError(f"{name} must be odds, 0 to 1; received {odds}")
        self._damaged = shares.pop("damaged")
        self._subsampled = shares.pop("jpeg_subsampled")
        self._odds = shares
        self._ranges = {}
        for name, (default, low, high) in _RANGES.items():
            given = options.pop(name, default)
            if len(given) != 2 or not low <= given[0] <= given[1] <= high:
                raise DataError(
                    f"{name} must be a lowest and a highest value from {low} to "
                    f"{high}; received {given}"
                )
            self._ranges[name] = given
        if options:
            raise DataError(f"unknown augmentation option {next(iter(options))}")

    def draw(self, seed, step, count, lr_size):
        """Draw for a batch of `count` patches of `lr_size` LR pixels a side.

        Returns dict of the optional arrays of `degradations.degrade` except pairs, and
        of `shrinking`, int32 (batch,), indices into `kernels.SHRINKINGS`, or -1 where
        the kernel stays: a pure function of (seed, step).
        """
        arrays = {}
        damaged = self._stream(seed, step, len(_AUGMENTATIONS)).random(count)
        for stream, (name, odds) in enumerate(self._odds.items()):
            if odds and self._damaged:
                random = self._stream(seed, step, stream)
                chosen = random.random(count) < odds
                chosen &= damaged < self._damaged
                if name == "second_jpeg":
                    chosen &= arrays.get("jpeg_quality", np.zeros(count)) > 0
                arrays |= getattr(self, f"_{name}")(random, chosen, lr_size)
        return arrays

    @staticmethod
    def _stream(seed, step, number):
        entropy = np.random.SeedSequence([*seed, step], spawn_key=(number,))
        return np.random.default_rng(entropy)

    def _uniform(self, random, name, chosen):
        """Draw from a range where chosen, else 0, float32 (count,)."""
        values = random.uniform(*self._ranges[name], len(chosen))
        return np.where(chosen, values, 0.0).astype(np.float32)

    def _quality(self, random, name, chosen):
        values = random.integers(*self._ranges[name], len(chosen), endpoint=True)
        return np.where(chosen, values, 0).astype(np.int32)

    def _blur(self, random, chosen, _):
        return {"blur_sigma": self._uniform(random, "blur_sigma", chosen)}

    def _noise(self, random, chosen, size):
        sigma = self._uniform(random, "noise_sigma", chosen)
        shape = (len(chosen), size, size, 3)
        arrays = {
            "noise_sigma": sigma,
            "noise": random.standard_normal(shape, np.float32),
        }
        # Half of the noise is plain: the same at every level, free in each channel.
        special = random.random((2, len(chosen))) < 0.5
        for name, plain, which in zip(
            ("noise_colour", "noise_shot"), (1.0, 0.0), special, strict=True
        ):
            values = random.uniform(*self._ranges[name], len(chosen))
            if self._ranges[name] != (plain, plain):
                arrays[name] = np.where(which, values, plain).astype(np.float32)
        return arrays

    def _jpeg(self, random, chosen, _, name="jpeg"):
        count = len(chosen)
        arrays = {
            f"{name}_quality": self._quality(random, f"{name}_quality", chosen),
            f"{name}_phase": random.integers(0, 16, (count, 2), np.int32),
        }
        if self._subsampled:
            arrays[f"{name}_subsampled"] = random.random(count) < self._subsampled
        return arrays

    _hr_jpeg = functools.partialmethod(_jpeg, name="hr_jpeg")
    _second_jpeg = functools.partialmethod(_jpeg, name="second_jpeg")

    def _resize(self, random, chosen, _):
        ways = random.integers(len(KERNELS), len(SHRINKINGS), len(chosen))
        # Lanczos is as common as all ways in two steps together.
        ways = np.where(random.random(len(chosen)) < 0.5, len(KERNELS), ways)
        return {"shrinking": np.where(chosen, ways, -1).astype(np.int32)}

    def _sharpening(self, random, chosen, _):
        return {"sharpening": self._uniform(random, "sharpening_amount", chosen)}

    def _cutout(self, random, chosen, size):
        shape = (len(chosen), 2)
        shares = random.uniform(*self._ranges["cutout_size"], shape)
        sides = np.rint(shares * size).astype(int)
        corners = (random.random(shape) * (size - sides + 1)).astype(int)
        boxes = np.concatenate([corners, corners + sides], axis=1)  # (count, 4)
        return {"cutout": np.where(chosen[:, None], boxes, 0).astype(np.int32)}


def true_degradation(batch, scale):
    """Return the vectors of `degradation_vector` of a batch, float32 (batch, 10).

    JPEG of HR and holes do not count; of two JPEG passes the stronger one counts.
    """
    count = len(batch["kernel"])
    none = np.zeros(count, np.float32)
    qualities = [batch.get(f"{n}_quality", none) for n in ("jpeg", "second_jpeg")]
    strengths = [np.where(q > 0, 1.0 - q / 100.0, 0.0) for q in qualities]
    damages = (
        np.maximum(*strengths),
        batch.get("noise_sigma", none) / MAX_NOISE,
        batch.get("blur_sigma", none) / MAX_BLUR,
        batch.get("sharpening", none),
    )
    odds = kernel_odds(scale)[batch["kernel"]]
    vectors = np.concatenate([odds, np.stack(damages, axis=1)], axis=1)
    return np.clip(vectors, 0.0, 1.0).astype(np.float32)
