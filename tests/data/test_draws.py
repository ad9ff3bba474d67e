"""Augmentations are drawn each from a stream of its own, and the truth is told."""

import itertools

import numpy as np
import pytest

from srlite.data.draws import AugmentationDraws, true_degradation
from srlite.data.kernels import KERNELS, SHRINKINGS, kernel_odds
from srlite.data.patches import PatchSampler
from srlite.errors import DataError

# The arrays of each augmentation.
ARRAYS = {
    "blur": {"blur_sigma"},
    "noise": {"noise", "noise_sigma", "noise_colour", "noise_shot"},
    "jpeg": {"jpeg_quality", "jpeg_phase", "jpeg_subsampled"},
    "cutout": {"cutout"},
    "hr_jpeg": {"hr_jpeg_quality", "hr_jpeg_phase", "hr_jpeg_subsampled"},
    "resize": {"shrinking"},
    "sharpening": {"sharpening"},
    "second_jpeg": {
        "second_jpeg_quality",
        "second_jpeg_phase",
        "second_jpeg_subsampled",
    },
}
ALL = dict.fromkeys(ARRAYS, 0.5) | {
    "noise_colour": (0.0, 1.2),
    "noise_shot": (0.0, 1.0),
    "jpeg_subsampled": 0.5,
}


def drawn(count=64, step=7, **options):
    return AugmentationDraws(**options).draw([0, 1], step, count, 8)


def differing(one, other):
    """Names of arrays that differ, or are in one of the two alone."""
    same = {
        name
        for name in one.keys() & other.keys()
        if np.array_equal(one[name], other[name])
    }
    return (one.keys() | other.keys()) - same


def chosen(arrays, name):
    """Which patches an augmentation changes, bool (count,)."""
    strength = {
        "blur": "blur_sigma",
        "noise": "noise_sigma",
        "cutout": "cutout",
        "resize": "shrinking",
        "sharpening": "sharpening",
    }.get(name, f"{name}_quality")
    values = arrays[strength]
    if name == "resize":
        return values >= 0
    return values.any(axis=1) if values.ndim > 1 else values > 0


@pytest.mark.parametrize("name", ARRAYS)
def test_turning_one_on_leaves_the_others_as_they_were(name):
    everything = drawn(**ALL)
    assert everything.keys() == set().union(*ARRAYS.values())
    without = drawn(**ALL | {name: 0.0})
    # A second file is made of what got the first.
    expected = ARRAYS[name] | ({"second_jpeg_quality"} if name == "jpeg" else set())
    assert differing(everything, without) == expected
    if name != "second_jpeg":
        options = {k: v for k, v in ALL.items() if k in (name, "jpeg_subsampled")}
        options |= {k: v for k, v in ALL.items() if k.startswith(f"{name}_")}
        alone = drawn(**options)
        assert alone.keys() == ARRAYS[name]
        assert differing(everything, alone) == everything.keys() - ARRAYS[name]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"blur": 0.9}, {"blur_sigma"}),
        ({"blur_sigma": (0.1, 1.0)}, {"blur_sigma"}),
        ({"noise": 0.9}, {"noise_sigma"}),
        ({"noise_sigma": (1.0, 3.0)}, {"noise_sigma"}),
        ({"noise_colour": (0.0, 0.5)}, {"noise_colour"}),
        ({"noise_colour": (1.0, 1.0)}, {"noise_colour"}),
        ({"noise_shot": (0.0, 0.5)}, {"noise_shot"}),
        ({"jpeg": 0.9}, {"jpeg_quality", "second_jpeg_quality"}),
        ({"jpeg_quality": (80, 90)}, {"jpeg_quality"}),
        ({"second_jpeg": 0.9}, {"second_jpeg_quality"}),
        ({"second_jpeg_quality": (80, 90)}, {"second_jpeg_quality"}),
        ({"hr_jpeg": 0.9}, {"hr_jpeg_quality"}),
        ({"hr_jpeg_quality": (80, 90)}, {"hr_jpeg_quality"}),
        ({"resize": 0.9}, {"shrinking"}),
        ({"sharpening": 0.9}, {"sharpening"}),
        ({"sharpening_amount": (0.5, 0.6)}, {"sharpening"}),
        ({"cutout": 0.9}, {"cutout"}),
        ({"cutout_size": (0.5, 0.6)}, {"cutout"}),
        (
            {"jpeg_subsampled": 0.9},
            {f"{n}jpeg_subsampled" for n in ("", "hr_", "second_")},
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_an_option_changes_what_it_is_an_option_of(changes, expected):
    assert differing(drawn(**ALL), drawn(**ALL | changes)) == expected


def test_no_two_augmentations_choose_together():
    """As they would from streams of one number."""
    count = 4000
    arrays = drawn(count, **ALL | {"second_jpeg": 0.0})
    names = [name for name in ARRAYS if name != "second_jpeg"]
    masks = {name: chosen(arrays, name) for name in names}
    # All patches got a first file, so that the second's choice is its own.
    arrays = drawn(count, jpeg=1.0, second_jpeg=0.5)
    masks["second_jpeg"] = chosen(arrays, "second_jpeg")
    sampler = PatchSampler([np.zeros((16, 16, 3), np.uint8)], 16, count, ODDS, (0, 1))
    masks["kernel"] = sampler.batch(7)["kernel"] < 3
    damaged = AugmentationDraws(damaged=0.5, blur=1.0).draw([0, 1], 7, count, 8)
    masks["damaged"] = chosen(damaged, "blur")
    for one, other in itertools.combinations(masks, 2):
        # Of independent coins the correlation has a deviation of 0.016.
        together = np.corrcoef(masks[one], masks[other])[0, 1]
        assert abs(together) < 0.07, (one, other)
    strengths = [arrays["jpeg_quality"], arrays["second_jpeg_quality"]]
    both = masks["second_jpeg"]
    assert abs(np.corrcoef(*(s[both] for s in strengths))[0, 1]) < 0.1


ODDS = (1,) * 6


def test_patches_and_kernels_stay_as_they_were():
    image = np.random.default_rng(0).integers(0, 256, (60, 70, 3), np.uint8)

    def batch(**options):
        draws = AugmentationDraws(**options)
        sampler = PatchSampler([image], 32, 200, ODDS, (0, 1), augmentations=draws)
        return sampler.batch(7)

    plain, everything = batch(), batch(**ALL)
    np.testing.assert_array_equal(plain["hr"], everything["hr"])
    ways = drawn(200, **ALL)["shrinking"]
    assert "shrinking" not in everything and (ways >= 6).any()
    expected = np.where(ways < 0, plain["kernel"], ways)
    np.testing.assert_array_equal(everything["kernel"], expected)


def test_shares_and_ranges():
    arrays = drawn(2000, **ALL | {"jpeg": 0.3, "jpeg_subsampled": 0.8})
    for name, low, high, share in (
        ("blur_sigma", 0.2, 2.0, 0.5),
        ("noise_sigma", 1.0, 15.0, 0.5),
        ("jpeg_quality", 50, 95, 0.3),
        ("second_jpeg_quality", 50, 95, 0.15),
        ("sharpening", 0.0, 1.0, 0.5),
    ):
        used = arrays[name][arrays[name] != 0]
        assert len(used) / 2000 == pytest.approx(share, abs=0.04), name
        assert low <= used.min() and used.max() <= high
        assert len(np.unique(used)) > 40
        middle = (low + high) / 2
        assert used.mean() == pytest.approx(middle, abs=0.1 * (high - low))
    assert arrays["jpeg_subsampled"].mean() == pytest.approx(0.8, abs=0.04)
    for axis in (0, 1):
        counts = np.bincount(arrays["jpeg_phase"][:, axis], minlength=16)
        assert len(counts) == 16 and counts.min() > 80
    assert arrays["noise"].std() == pytest.approx(1.0, abs=0.01)
    assert arrays["noise"].shape == (2000, 8, 8, 3)
    # Half of the noise is plain.
    for name, plain in (("noise_colour", 1.0), ("noise_shot", 0.0)):
        assert np.mean(arrays[name] == plain) == pytest.approx(0.5, abs=0.04)
    ways = arrays["shrinking"][arrays["shrinking"] >= 0]
    lanczos = SHRINKINGS.index("lanczos")
    assert set(ways) == set(range(len(KERNELS), len(SHRINKINGS)))
    assert np.mean(ways == lanczos) == pytest.approx(0.52, abs=0.04)
    boxes = arrays["cutout"][arrays["cutout"].any(axis=1)]
    assert boxes.min() >= 0 and boxes.max() <= 8  # LR pixels
    sides = boxes[:, 2:] - boxes[:, :2]
    assert sides.min() == 1 and sides.max() == 3  # rounded 0.1 * 8 to 0.4 * 8


def test_what_is_not_damaged_is_clean():
    whole, third = drawn(3000, **ALL), drawn(3000, damaged=1 / 3, **ALL)
    masks = [chosen(third, name) for name in ARRAYS]
    certain = dict.fromkeys(ARRAYS, 1.0)
    damaged = chosen(drawn(3000, damaged=1 / 3, **certain), "blur")
    assert damaged.mean() == pytest.approx(1 / 3, abs=0.03)
    for name, mask in zip(ARRAYS, masks, strict=True):
        # What is damaged is so as it would be with all of the others.
        np.testing.assert_array_equal(mask, chosen(whole, name) & damaged, name)
        certainly = drawn(3000, damaged=1 / 3, **certain)
        np.testing.assert_array_equal(chosen(certainly, name), damaged)
    assert not any(mask.any() for mask in map(np.logical_and, masks, [~damaged] * 8))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"blur": 1.5}, "blur must be odds, 0 to 1; received 1.5"),
        ({"damaged": -0.1}, "damaged must be odds, 0 to 1; received -0.1"),
        ({"jpeg_subsampled": 2.0}, "jpeg_subsampled must be odds, 0 to 1; received"),
        (
            {"jpeg_quality": (0, 90)},
            r"jpeg_quality must be .* from 1 to 100; .*\(0, 90",
        ),
        ({"noise_sigma": (9.0, 3.0)}, r"noise_sigma must be a lowest and a highest"),
        ({"noise_colour": (0.0, 1.3)}, r"noise_colour must be .* from 0.0 to 1.2; rec"),
        ({"noise_shot": (0.0, 1.3)}, r"noise_shot must be .* from 0.0 to 1.0; rec"),
        ({"cutout_size": (0.5,)}, r"cutout_size must be a lowest and a highest"),
        ({"sharpness": 0.5}, "unknown augmentation option sharpness"),
    ],
)
def test_impossible_augmentations(options, says):
    with pytest.raises(DataError, match=says):
        AugmentationDraws(**options)


def test_truth_by_hand():
    """Odds, then strengths over what they are measured in; the stronger file counts."""
    lanczos = SHRINKINGS.index("lanczos")
    batch = {
        "hr": np.zeros((4, 64, 64, 3), np.uint8),
        "kernel": np.array([3, 0, lanczos, 5], np.int32),
        "jpeg_quality": np.array([0, 75, 40, 90], np.int32),
        "second_jpeg_quality": np.array([0, 0, 80, 55], np.int32),
        "noise_sigma": np.array([0, 4, 16, 1], np.float32),
        "blur_sigma": np.array([0, 0.5, 2.0, 0], np.float32),
        "sharpening": np.array([0, 0.25, 1.5, 0.7], np.float32),
        # No part of it.
        "hr_jpeg_quality": np.array([10, 20, 30, 40], np.int32),
        "cutout": np.ones((4, 4), np.int32),
    }
    vectors = true_degradation(batch, 4)
    assert vectors.dtype == np.float32
    expected = [
        [0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 0.25, 0.25, 0.25, 0.25],
        [*kernel_odds(4)[lanczos], 0.6, 1, 1, 1],
        [0, 0, 0, 0, 0, 1, 0.45, 1 / 16, 0, 0.7],
    ]
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    clean = {name: batch[name] for name in ("hr", "kernel")}
    np.testing.assert_array_equal(true_degradation(clean, 4)[:, 6:], 0)
    np.testing.assert_array_equal(true_degradation(clean, 4)[:, :6], vectors[:, :6])
