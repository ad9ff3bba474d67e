"""Patches drawn as a pure function of seed and step, from memory or from a pack."""

import hashlib

import numpy as np
import pytest
from PIL import Image
from skimage import data

from srlite.data.draws import AugmentationDraws
from srlite.data.packs import read_pack
from srlite.data.patches import PatchSampler
from srlite.data.photographs import (
    load_images,
    load_photographs,
    main,
    training_set,
)
from srlite.errors import DataError

ODDS = (1, 1, 1, 1, 1, 1)


def numbered(height, width):
    """A picture each of whose pixels differs: (row, column, 7)."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.full_like(rows, 7)], axis=-1).astype(np.uint8)


def test_batch_is_a_function_of_seed_and_step():
    images = [numbered(40, 50), numbered(60, 32)]
    one, two = (PatchSampler(images, 16, 6, ODDS, seed=(3, 1)) for _ in range(2))
    batches = [one.batch(step) for step in (0, 5, 9)]
    again = [two.batch(step) for step in (9, 5, 0)][::-1]
    for a, b in zip(batches, again, strict=True):
        assert a["hr"].shape == (6, 16, 16, 3) and a["hr"].dtype == np.uint8
        assert a["kernel"].shape == (6,) and a["kernel"].dtype == np.int32
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
    assert not np.array_equal(batches[0]["hr"], batches[1]["hr"])
    other = PatchSampler(images, 16, 6, ODDS, seed=(3, 0)).batch(0)
    assert not np.array_equal(batches[0]["hr"], other["hr"])


def digest(batch):
    """SHA-256 over names, dtypes and bytes of a batch."""
    found = hashlib.sha256()
    for name in sorted(batch):
        found.update(name.encode())
        found.update(str(batch[name].dtype).encode())
        found.update(batch[name].tobytes())
    return found.hexdigest()


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, "287933602b3e518284e6a85b06147fbaec587a5233d7a84253652fd9d7393346"),
        (12345, "0008610f087a8317a5f85f22a92f4f61e656fe3093fa3ea58df42d60b2936866"),
    ],
)
def test_batches_of_former_versions_come_again(step, expected):
    """A run that was begun with an older srlite goes on with the same patches."""
    images = [numbered(40, 50), numbered(60, 32), numbered(17, 200)]
    odds = (1, 1.25, 1, 1.25, 1, 1.25)
    plain = PatchSampler(images, 16, 6, odds, seed=(0, 1))
    assert digest(plain.batch(step)) == expected
    off = AugmentationDraws()
    same = PatchSampler(images, 16, 6, odds, seed=(0, 1), augmentations=off)
    assert digest(same.batch(step)) == expected


def save(path, *pictures):
    path.mkdir()
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(path / f"{number}.png")
    return str(path)


def test_weights_are_the_odds_of_sources(tmp_path):
    """Colours tell pictures apart; two in one source share its odds by pixels."""
    pictures = [
        np.full((height, 32, 3), value, np.uint8)
        for height, value in ((32, 10), (96, 20), (320, 30))
    ]
    one, two = save(tmp_path / "one", *pictures[:2]), save(tmp_path / "b", pictures[2])
    found = load_photographs({one: 16, two: 16})

    def shares(*sources):
        images, lr_images, odds = training_set(sources, found)
        sampler = PatchSampler(
            images, 16, 4000, ODDS, 0, lr_images=lr_images, image_odds=odds
        )
        values = sampler.batch(0)["hr"][:, 0, 0, 0]
        return [np.mean(values == value) for value in (10, 20, 30)]

    total = 32 + 96 + 320
    for sources, expected in (
        ((one, two), (32 / total, 96 / total, 320 / total)),
        ((f"1@{one}", two), (0.125, 0.375, 0.5)),
        ((one, f"4@{two}"), (0.05, 0.15, 0.8)),
        ((f".5@{one}", f"1.5@{two}"), (0.0625, 0.1875, 0.75)),
    ):
        np.testing.assert_allclose(shares(*sources), expected, atol=0.025)


def test_pairs_give_their_own_lr(tmp_path):
    """LR holds the place of its pixel in HR, so that patches must fit exactly."""
    lr = numbered(15, 11)
    hr = lr.repeat(4, axis=0).repeat(4, axis=1)
    save(tmp_path / "lr", lr), save(tmp_path / "hr", hr)
    pairs = f"pairs:{tmp_path / 'lr'}:{tmp_path / 'hr'}"
    other = save(tmp_path / "other", np.full((50, 50, 3), 255, np.uint8))
    found = load_photographs({pairs: 16, other: 16})
    images, lr_images, odds = training_set([pairs, other], found)
    sampler = PatchSampler(images, 16, 500, ODDS, 0, lr_images=lr_images)
    batch = sampler.batch(0)
    real = batch["hr"][:, 0, 0, 2] == 7
    np.testing.assert_array_equal(batch["paired"], real)
    assert 0.3 < real.mean() < 0.7 and batch["lr"].shape == (500, 4, 4, 3)
    enlarged = batch["lr"].repeat(4, axis=1).repeat(4, axis=2)
    np.testing.assert_array_equal(enlarged[real], batch["hr"][real])
    places = batch["lr"][real]
    assert places[..., 0].min() == 0 and places[..., 0].max() == 14
    assert places[..., 1].min() == 0 and places[..., 1].max() == 10


def test_memory_and_pack_give_the_same_batches(tmp_path):
    photos = save(tmp_path / "a", data.astronaut()[:90, :70], data.coffee()[:40, :50])
    more = save(tmp_path / "b", data.chelsea()[:60, :64])
    sources, pack = {photos: 32, more: 32}, tmp_path / "data.pack"
    batches = []
    for limit in (None, 10**9, 20_000, 0):
        found = load_photographs(sources, max_bytes=limit, pack=pack)
        assert pack.exists() == (limit in (20_000, 0))
        images, _, _ = training_set([photos, more], found)
        batches.append(PatchSampler(images, 32, 5, ODDS, seed=3).batch(11))
    main([photos, more, "--output", str(tmp_path / "own.pack")])
    packed = load_images(tmp_path / "own.pack", min_size=32)
    batches.append(PatchSampler(packed, 32, 5, ODDS, seed=3).batch(11))
    assert len({digest(batch) for batch in batches}) == 1
    # A pack beside other sources stays where it is.
    mixed = {str(tmp_path / "own.pack"): 1, photos: 1}
    load_photographs(mixed, max_bytes=0, pack=pack)
    assert [p.hr.shape for p in read_pack(pack)] == [(90, 70, 3), (40, 50, 3)]


def test_pack_command(tmp_path, capsys):
    photos = save(tmp_path / "a", numbered(20, 30), numbered(8, 9))
    lr, hr = (
        save(tmp_path / "lr", numbered(5, 6)),
        save(tmp_path / "hr", numbered(20, 24)),
    )
    output = tmp_path / "all.pack"
    arguments = [photos, f"pairs:{lr}:{hr}", "--output", str(output)]
    assert main([*arguments, "--min-size", "16"]) == 0
    said = capsys.readouterr().out
    assert "read 2 pictures, left out 1 file: 1 smaller than 16 pixels (1.png)" in said
    assert f"{output}: 2 pictures" in said
    first, second = read_pack(output)
    np.testing.assert_array_equal(first.hr, numbered(20, 30))
    np.testing.assert_array_equal(second.hr, numbered(20, 24))
    np.testing.assert_array_equal(second.lr, numbered(5, 6))
    assert first.lr is None and first.name.endswith("0.png")
    with pytest.raises(DataError, match="a pack has no weights; received 2@"):
        main([f"2@{photos}", "--output", str(output)])
    with pytest.raises(DataError, match="--output must end in .pack"):
        main([photos, "--output", str(tmp_path / "x.bin")])
    with pytest.raises(DataError, match="cannot write"):
        main([photos, "--output", str(tmp_path / "gone" / "x.pack")])
    with pytest.raises(DataError, match="no usable pictures in"):
        main([photos, "--output", str(output), "--min-size", "99"])
    assert len(read_pack(output)) == 2  # the former one stays
    with pytest.raises(DataError, match="0.png is 24 x 20 pixels, but 2 times"):
        main([*arguments, "--scale", "2"])


def test_patches_are_turned_in_all_eight_ways_and_reach_the_borders():
    image = numbered(20, 24)
    sampler = PatchSampler([image], 16, 64, ODDS, seed=0)
    turns, rows, columns = set(), set(), set()
    for step in range(20):
        for patch in sampler.batch(step)["hr"].astype(int):
            down = tuple(patch[1, 0, :2] - patch[0, 0, :2])
            right = tuple(patch[0, 1, :2] - patch[0, 0, :2])
            turns.add((down, right))
            rows |= {patch[..., 0].min(), patch[..., 0].max()}
            columns |= {patch[..., 1].min(), patch[..., 1].max()}
            assert np.all(patch[..., 2] == 7)
    assert len(turns) == 8
    assert (min(rows), max(rows), min(columns), max(columns)) == (0, 19, 0, 23)


def test_kernels_follow_their_odds():
    sampler = PatchSampler([numbered(16, 16)], 16, 1000, (0, 3, 0, 1, 0, 0), seed=0)
    counts = np.bincount(sampler.batch(0)["kernel"], minlength=6)
    assert set(np.flatnonzero(counts)) == {1, 3}
    assert counts[1] / 1000 == pytest.approx(0.75, abs=0.05)
