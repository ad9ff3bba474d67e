"""Pictures found and decoded, patches drawn as a pure function of seed and step."""

import io
import itertools
import tarfile
import threading

import numpy as np
import pytest
from PIL import Image

from srlite.data import PatchSampler, load_images, prefetch
from srlite.errors import DataError

ODDS = (1, 1, 1, 1, 1, 1)


def numbered(height, width):
    """A picture each of whose pixels differs: (row, column, 7)."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.full_like(rows, 7)], axis=-1).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    Image.fromarray(numbered(40, 50)).save(tmp_path / "a.png")
    Image.fromarray(numbered(30, 60)).convert("L").save(tmp_path / "deep" / "b.JPG")
    Image.fromarray(numbered(8, 90)).save(tmp_path / "small.bmp")
    (tmp_path / "broken.png").write_text("not a picture")
    (tmp_path / "notes.txt").write_text("no picture either")
    with tarfile.open(tmp_path / "more.tar", "w") as archive:
        buffer = io.BytesIO()
        Image.fromarray(numbered(33, 35)).save(buffer, "PNG")
        info = tarfile.TarInfo("inside/c.png")
        info.size = buffer.tell()
        buffer.seek(0)
        archive.addfile(info, buffer)
    return tmp_path


def test_folder_and_tar(folder):
    said = []
    images = load_images(folder, min_size=16, warn=said.append)
    assert sorted(image.shape for image in images) == [
        (30, 60, 3),
        (33, 35, 3),
        (40, 50, 3),
    ]
    (sentence,) = said
    assert sentence.startswith("left out 2 of 5 pictures")
    assert "broken.png" in sentence and "small.bmp is smaller than 16" in sentence
    (alone,) = load_images([folder / "more.tar"])
    np.testing.assert_array_equal(alone, numbered(33, 35))


def test_nothing_usable(tmp_path):
    with pytest.raises(DataError, match="no usable pictures in"):
        load_images(tmp_path)
    with pytest.raises(DataError, match="no such folder or tar file: .*gone"):
        load_images(tmp_path / "gone")
    (tmp_path / "x.png").write_text("text")
    with pytest.raises(DataError, match="no usable pictures in .*x.png"):
        load_images(tmp_path)
    (tmp_path / "bad.tar").write_text("text")
    with pytest.raises(DataError, match="neither a folder nor a readable tar"):
        load_images(tmp_path / "bad.tar")


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
    with pytest.raises(DataError, match="kernel odds"):
        PatchSampler([numbered(16, 16)], 16, 1, (0, 0, 0, 0, 0, 0), seed=0)


def test_prefetch_is_in_order_and_ends():
    sampler = PatchSampler([numbered(20, 20)], 8, 2, ODDS, seed=0)
    before = threading.active_count()
    steps = []
    for step, batch in prefetch(sampler.batch, range(3, 40)):
        np.testing.assert_array_equal(batch["hr"], sampler.batch(step)["hr"])
        steps.append(step)
    assert steps == list(range(3, 40))
    for step, _ in prefetch(sampler.batch, itertools.count(), workers=3):
        if step == 5:
            break
    assert threading.active_count() == before


def test_prefetch_hands_errors_on():
    def fail(step):
        if step > 2:
            raise RuntimeError(f"step {step}")
        return step

    made = prefetch(fail, range(2, 9))
    assert next(made) == (2, 2)
    with pytest.raises(RuntimeError, match="step 3"):
        next(made)
