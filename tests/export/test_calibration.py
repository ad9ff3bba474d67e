"""What is calibrated on: pictures of each kernel, and of damages, as told."""

import numpy as np
from PIL import Image
from skimage import data

from srlite.data.degradation_vector import Degradation
from srlite.export.calibration import calibration_samples


def test_calibration_samples(photo_dir, tmp_path):
    samples, photos = calibration_samples(photo_dir, 4, (16, 24))
    pictures = [sample.lr for sample in samples]
    assert {picture.shape for picture in pictures} == {(16, 24, 3)}
    assert [photo.shape for photo in photos] == [(64, 96, 3)]
    # Five photos are left; each is shrunk with all six kernels.
    assert len(pictures) == 30
    assert len({picture.tobytes() for picture in pictures}) == 30
    again, _ = calibration_samples(photo_dir, 4, (16, 24))
    np.testing.assert_array_equal([sample.lr for sample in again], pictures)
    # Each is told the kernel that it was shrunk with, and no damage.
    told = np.array([sample.degradation for sample in samples])
    assert told[:, :6].sum() == 30 and not told[:, 6:].any()
    assert sorted(told[:, :6].argmax(axis=1)) == sorted([0, 1, 2, 3, 4, 5] * 5)
    # One photo, smaller than what is cut.
    Image.fromarray(data.coffee()[:40, :50]).save(tmp_path / "small.png")
    samples, photos = calibration_samples(tmp_path, 4, (16, 24))
    assert len(samples) == 6 and len(photos) == 1


def test_calibration_spreads_damages(photo_dir):
    clean, _ = calibration_samples(photo_dir, 4, (32, 32))
    samples, _ = calibration_samples(photo_dir, 4, (32, 32), damage="spread")
    told = np.array([sample.degradation for sample in samples])
    assert ((told >= 0) & (told <= 1)).all() and np.allclose(told[:, :6].sum(axis=1), 1)
    damaged = told[:, 6:].any(axis=1)
    assert damaged.sum() == len(samples) // 2
    # Every strength is told, up to near its end, and most are not told every damage.
    assert (told[:, 6:].max(axis=0) > 0.7).all()
    assert 0.2 < (told[damaged, 6:] > 0).mean() < 0.8
    # Half of what is told of damage has it; all else is as without damages.
    same = [np.array_equal(a.lr, b.lr) for a, b in zip(samples, clean, strict=True)]
    assert sum(damaged & ~np.array(same)) >= len(samples) // 4 - 1
    assert all(np.array(same)[~damaged])
    again, _ = calibration_samples(photo_dir, 4, (32, 32), damage="spread")
    np.testing.assert_array_equal([s.degradation for s in again], told)
    np.testing.assert_array_equal([s.lr for s in again], [s.lr for s in samples])


def test_a_file_of_few_pixels_is_tried_on_more(photo_dir):
    samples, tried = calibration_samples(photo_dir, 4, (1, 5))
    assert {sample.lr.shape for sample in samples} == {(1, 5, 3)}
    assert {hr.shape for hr in tried} == {(12, 20, 3)}  # PSNR leaves out a border of 4


def test_a_file_is_tried_on_no_picture_of_one_colour(tmp_path):
    for name in ("0", "9"):
        Image.new("RGB", (99, 99), "white").save(tmp_path / f"{name}.png")
    samples, tried = calibration_samples(tmp_path, 4, (16, 24))
    assert len(samples) == 12 and not tried
    Image.fromarray(data.coffee()[:64, :96]).save(tmp_path / "5.png")
    _, (tried,) = calibration_samples(tmp_path, 4, (16, 24))
    np.testing.assert_array_equal(tried, data.coffee()[:64, :96])


def test_calibration_for_one_damage(photo_dir):
    noisy = Degradation(noise=10.0)
    clean, _ = calibration_samples(photo_dir, 4, (32, 32))
    samples, _ = calibration_samples(photo_dir, 4, (32, 32), damage=noisy)
    for one, other in zip(samples, clean, strict=True):
        difference = one.lr.astype(float) - other.lr
        # Some noise is cut off at black and white.
        assert 7.0 < difference.std() < 11.0
        np.testing.assert_allclose(one.degradation[7], 10 / 16)
        np.testing.assert_array_equal(one.degradation[:6], other.degradation[:6])
