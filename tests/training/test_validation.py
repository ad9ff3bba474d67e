"""Pictures shrunk, enlarged and measured: crops and whole ones."""

import logging

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data

from srlite.data.kernels import KERNELS
from srlite.errors import ModelError
from srlite.metrics.psnr_ssim import centre_crop, psnr, ssim
from srlite.models.half_net import half_net
from srlite.training.losses import ContentLoss, StyleLoss
from srlite.training.validation import (
    DAMAGES,
    bicubic_psnr,
    cut,
    distance_model,
    restore,
    restore_pictures,
    told,
    validate,
    validate_estimator,
)


@pytest.fixture(scope="module")
def generator():
    """Repeats each LR pixel 4 x 4 times."""
    return keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.UpSampling2D(4)]
    )


def enlarged(hr):
    """The area-shrunk picture, each pixel repeated."""
    height, width = hr.shape[0] // 4, hr.shape[1] // 4
    means = np.rint(hr.reshape(height, 4, width, 4, 3).mean(axis=(1, 3)))
    return means.astype(np.uint8).repeat(4, axis=0).repeat(4, axis=1)


@pytest.mark.parametrize("crop", [64, 0])
def test_crop_and_whole(generator, crop):
    # The second is more than is enlarged at once with all kernels.
    images = [data.chelsea()[:130, :99], data.astronaut()[:259, :262]]
    scores, pictures = validate(generator, images, 4, crop=crop, num_pictures=1)
    kept = [(64, 64), (64, 64)] if crop else [(128, 96), (256, 260)]
    expected = []
    for image, size in zip(images, kept, strict=True):
        top, left = (
            (n - m) // 2 if crop else 0 for n, m in zip(image.shape, size, strict=False)
        )
        hr = image[top : top + size[0], left : left + size[1]]
        np.testing.assert_array_equal(centre_crop(image, 4, crop or None), hr)
        expected.append([f(enlarged(hr), hr, 4) for f in (psnr, ssim)])
    for number, name in enumerate(("psnr", "ssim")):
        mean = np.mean(expected, axis=0)[number]
        assert scores[f"{name}_area"] == pytest.approx(mean, rel=5e-4)
        by_kernel = [scores[f"{name}_{kernel}"] for kernel in KERNELS]
        assert scores[name] == pytest.approx(np.mean(by_kernel))
    assert len(scores) == 2 * (1 + len(KERNELS))
    assert pictures.keys() == {"0/lr", "0/sr", "0/hr"}
    assert pictures["0/hr"].shape[:2] == kept[0]


def test_pictures_of_many_sizes_are_no_mistake(generator):
    logger = logging.getLogger("tensorflow")
    for hidden in logger.filters[:]:
        logger.removeFilter(hidden)
    said = "5 out of the last 5 calls triggered tf.function retracing"
    record = logger.makeRecord("tensorflow", logging.WARNING, "", 0, said, (), None)
    assert logger.filter(record)
    validate(generator, [data.chelsea()[:64, :64]], 4, num_pictures=0)
    assert not logger.filter(record)


def test_large_pictures_are_restored_like_small_ones(generator):
    hr = data.astronaut()[:260, :264]
    lr, sr = restore(generator, hr, 4)
    assert lr.shape == (6, 65, 66, 3) and sr.shape == (6, 260, 264, 3)
    np.testing.assert_array_equal(sr, lr.repeat(4, axis=1).repeat(4, axis=2))


def test_pictures_without_measuring(generator):
    hr = data.chelsea()[:8, :12]  # too small to be measured
    pictures = restore_pictures(generator, [hr, hr], 4)
    assert set(pictures) == {
        f"{i}/{name}" for i in (0, 1) for name in ("lr", "sr", "hr")
    }
    np.testing.assert_array_equal(pictures["1/hr"], hr)
    _, sr = restore(generator, hr, 4)
    np.testing.assert_array_equal(pictures["1/sr"], sr[KERNELS.index("bicubic")])


@pytest.mark.parametrize("channels", [1, 3])
def test_distances(channels):
    """The losses of a stage on the centres, after one kernel for each picture."""
    picture = keras.Input((None, None, channels))
    generator = keras.Model(picture, keras.layers.UpSampling2D(4)(picture))
    brightness = keras.ops.mean(picture, axis=-1, keepdims=True)
    features = keras.Model(picture, [100.0 * brightness, 7.0 * picture])
    losses = {
        "content": ContentLoss(features, [0.25, 0.5], [100.0, 7.0]),
        "style": StyleLoss(keras.Model(picture, 3.0 * picture)),
    }
    images = [data.astronaut()[:140, 30:230], data.coffee()[10:180, :170]]
    if channels == 1:
        images = [image[..., :1] for image in images]
    distances = distance_model(losses, channels)
    scores, _ = validate(generator, images, 4, distances=distances)
    expected = []
    for number, image in enumerate(images):
        # 140 x 200 and 168 x 168 pixels are measured, of which 128 x 128 are seen.
        hr = centre_crop(image, 4, 256)
        _, sr = restore(generator, hr, 4)
        top, left = ((side - 128) // 2 for side in hr.shape[:2])
        place = slice(top, top + 128), slice(left, left + 128)
        difference = (hr[place] - sr[number][place].astype(float)) / 255
        content = 0.25 * np.abs(difference.mean(-1)).mean()
        expected.append(
            [content + 0.5 * abs(difference).mean(), 3 * abs(difference).mean()]
        )
    mean = np.mean(expected, axis=0)
    assert [scores["content"], scores["style"]] == pytest.approx(mean, rel=1e-4)
    assert mean[0] > 0.005


def answering(vector):
    """A network of any picture to one vector."""
    lr = keras.Input((None, None, 3))
    means = keras.ops.mean(lr, axis=(1, 2))  # (B, 3)
    dense = keras.layers.Dense(10, kernel_initializer="zeros", name="answer")
    model = keras.Model(lr, dense(means))
    model.get_layer("answer").set_weights([np.zeros((3, 10)), np.array(vector)])
    return model


@pytest.fixture(scope="module")
def told_generator():
    """Repeats LR, brighter by its tenth of what it is told last."""
    lr, vector = keras.Input((None, None, 3)), keras.Input((10,), name="degradation")
    brighter = keras.layers.Reshape((1, 1, 1))(vector[:, 9:] / 10.0)
    return keras.Model([lr, vector], keras.layers.UpSampling2D(4)(lr + brighter))


def test_a_told_generator_is_measured_on_damages_too(told_generator):
    hr = data.chelsea()[40:168, 100:228] // 2
    estimator = answering([0.0] * 9 + [0.5])
    scores, pictures = validate(told_generator, [hr], 4, estimator=estimator)
    kinds = (*KERNELS, *DAMAGES)
    assert scores.keys() == {
        f"{name}{kind}"
        for name in ("psnr", "ssim")
        for kind in ("", "_damaged", *(f"_{kind}" for kind in kinds))
    }
    lr, sr = restore(told_generator, hr, 4, estimator, DAMAGES)
    assert lr.shape == (11, 32, 32, 3) and sr.shape == (11, 128, 128, 3)
    enlarged = np.rint(lr + 255 * 0.05).repeat(4, axis=1).repeat(4, axis=2)
    assert np.abs(sr - enlarged).max() <= 1
    for number, kind in enumerate(kinds):
        value = psnr(sr[number], hr, 4)
        assert scores[f"psnr_{kind}"] == pytest.approx(value, rel=1e-6), kind
    by_damage = [scores[f"psnr_{kind}"] for kind in DAMAGES]
    assert scores["psnr_damaged"] == pytest.approx(np.mean(by_damage))
    assert scores["psnr"] == pytest.approx(
        np.mean([scores[f"psnr_{kernel}"] for kernel in KERNELS])
    )
    np.testing.assert_array_equal(pictures["0/sr"], sr[KERNELS.index("bicubic")])


def test_inputs_of_a_told_generator(told_generator, generator):
    lr = np.random.default_rng(0).random((2, 20, 33, 3), np.float32)
    taken, vector = told(told_generator, lr, answering(np.arange(10) / 10))
    np.testing.assert_array_equal(taken, lr)
    np.testing.assert_allclose(vector, [np.arange(10) / 10] * 2, rtol=1e-6)
    assert told(generator, lr, None) is lr
    with pytest.raises(
        ModelError, match="at least 15 x 15 LR pixels; received 14 x 33"
    ):
        told(told_generator, lr[:, :14], answering(np.zeros(10)))


def test_scores_of_an_estimator():
    """Shares of right kernels, and errors in the units that people know."""
    random = np.random.default_rng(0)

    class Sampler:
        def batch(self, step):
            truth = np.zeros((5, 10), np.float32)
            truth[np.arange(5), np.random.default_rng(step).integers(0, 6, 5)] = 1.0
            truth[:, 6:] = np.random.default_rng(step).random((5, 4))
            hr = random.integers(0, 256, (5, 64, 64, 3), np.uint8)
            kernel = np.zeros(5, np.int32)
            return {"hr": hr, "kernel": kernel, "degradation": truth}

    answer = np.array([0.1, 0.5, 0.1, 0.1, 0.1, 0.1, 0.3, 0.2, 0.6, 0.9])
    sampler = Sampler()
    scores = validate_estimator(answering(answer), {16: sampler}, 4, batches=3)
    truth = np.concatenate([sampler.batch(step)["degradation"] for step in range(3)])
    right = np.mean(truth[:, :6].argmax(axis=1) == 1)
    far = np.abs(truth - answer)[:, 6:].mean(axis=0) * [100, 16, 2, 1]
    names = ("kernel", "jpeg", "noise", "blur", "sharpening")
    expected = {f"{n}_16": v for n, v in zip(names, (right, *far), strict=True)}
    assert scores == pytest.approx(expected, rel=1e-5)
    assert 0 < right < 1 and validate_estimator(answering(answer), {}) == {}


def test_equal_pictures_leave_the_means_finite(generator):
    """Of a flat picture every answer is right, and its PSNR infinite."""
    flat = np.full((64, 64, 3), 40, np.uint8)
    scores, _ = validate(generator, [flat, data.chelsea()[:64, :64]], 4)
    assert np.isfinite(list(scores.values())).all()
    (alone, _), (photo, _) = (
        validate(generator, [image], 4) for image in (flat, data.chelsea()[:64, :64])
    )
    assert alone["psnr"] == 100.0
    assert scores["psnr"] == pytest.approx((100.0 + photo["psnr"]) / 2)


def test_real_lr_is_what_is_measured_on(generator):
    hr = data.chelsea()[100:164, 100:164]
    small = hr.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    green = np.zeros_like(small)
    green[..., 1] = 255
    for lr in (small, green):
        scores, pictures = validate(generator, [hr], 4, lr_images=[lr])
        sr = lr.repeat(4, axis=0).repeat(4, axis=1)
        assert scores == pytest.approx(
            {
                "psnr_paired": psnr(sr, hr, 4),
                "ssim_paired": ssim(sr, hr, 4),
                "psnr": psnr(sr, hr, 4),
                "ssim": ssim(sr, hr, 4),
            }
        )
        np.testing.assert_array_equal(pictures["0/lr"], lr)
    # Beside pictures without, which are shrunk.
    both, _ = validate(generator, [hr, hr], 4, lr_images=[None, small])
    alone, _ = validate(generator, [hr], 4)
    expected = validate(generator, [hr], 4, lr_images=[small])[0]["psnr_paired"]
    assert both == pytest.approx(
        alone | {"psnr_paired": expected, "ssim_paired": both["ssim_paired"]}
    )


def test_odd_sides_of_real_lr():
    """The half-resolution net makes more of them; untrained it repeats pixels."""
    lr = np.random.default_rng(0).integers(0, 256, (21, 23, 3), np.uint8)
    hr = data.chelsea()[:84, :92]
    scores, pictures = validate(half_net(filters=4), [hr], 4, lr_images=[lr])
    sr = lr.repeat(4, axis=0).repeat(4, axis=1)
    assert scores["psnr_paired"] == pytest.approx(psnr(sr, hr, 4))
    np.testing.assert_array_equal(pictures["0/sr"], sr)


def test_pairs_are_cut_along_lr_pixels():
    lr = np.random.default_rng(0).integers(0, 256, (31, 90, 3), np.uint8)
    hr = lr.repeat(4, axis=0).repeat(4, axis=1)
    small, large = cut(lr, hr, 200, 4)
    assert small.shape == (31, 50, 3)
    np.testing.assert_array_equal(large, small.repeat(4, axis=0).repeat(4, axis=1))
    np.testing.assert_array_equal(small, lr[:, 20:70])
    assert cut(lr, hr, 0, 4)[0].shape == lr.shape


def test_bicubic_enlargement_is_measured_likewise(generator):
    hr = data.chelsea()[:64, :64]
    lr, _ = restore(generator, hr, 4)
    scores = []
    for one in lr:
        large = Image.fromarray(one).resize((64, 64), Image.Resampling.BICUBIC)
        scores.append(psnr(np.asarray(large), hr, 4))
    assert bicubic_psnr([hr], 4) == pytest.approx(np.mean(scores), abs=0.02)
    real = lr[5]
    large = Image.fromarray(real).resize((64, 64), Image.Resampling.BICUBIC)
    expected = psnr(np.asarray(large), hr, 4)
    found = bicubic_psnr([hr], 4, lr_images=[real])
    assert found == pytest.approx(expected, abs=0.02)
