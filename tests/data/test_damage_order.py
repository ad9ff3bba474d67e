"""What `degrade` does to a batch: in which order, and to which of its pictures."""

import io

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

from srlite.data.degradations import degrade
from srlite.data.kernels import KERNELS, SHRINKINGS


def levels(picture):
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def blurred(picture, sigma):
    picture = picture.astype(np.float64)
    return gaussian_filter(picture, (sigma, sigma, 0), mode="reflect", truncate=8)


def through_pillow(picture, quality, subsampling):
    buffer = io.BytesIO()
    Image.fromarray(levels(picture)).save(
        buffer, "JPEG", quality=quality, subsampling=subsampling
    )
    return np.asarray(Image.open(buffer))


NORMAL = np.random.default_rng(0).standard_normal((24, 26, 3)).astype(np.float32)


def shrunk(picture):
    small = Image.fromarray(levels(picture)).resize((26, 24), Image.Resampling.LANCZOS)
    return np.asarray(small)


def with_hole(picture):
    picture = picture.copy()
    picture[2:9, 3:12] = 0
    return picture


# As `draws` lists them; each a function of a picture.
STEPS = {
    "blur": lambda x: blurred(x, 1.1),
    "hr_jpeg": lambda x: through_pillow(x, 45, 0),
    "shrink": shrunk,
    "noise": lambda x: levels(x + 12.0 * NORMAL),
    "sharpening": lambda x: levels(x + 0.9 * (x - blurred(x, 1.0))),
    "jpeg": lambda x: through_pillow(x, 40, 2),
    "second_jpeg": lambda x: through_pillow(x, 70, 0),
    "cutout": with_hole,
}


@pytest.fixture(scope="module")
def hr():
    return data.astronaut()[40:136, 150:254]  # (96, 104, 3)


@pytest.fixture(scope="module")
def everything(hr):
    """A batch of one picture to which all of it happens."""
    return {
        "hr": hr[None],
        "kernel": np.array([SHRINKINGS.index("lanczos")], np.int32),
        "blur_sigma": np.array([1.1], np.float32),
        "hr_jpeg_quality": np.array([45], np.int32),
        "noise": NORMAL[None],
        "noise_sigma": np.array([12.0], np.float32),
        "sharpening": np.array([0.9], np.float32),
        "jpeg_quality": np.array([40], np.int32),
        "jpeg_subsampled": np.array([True]),
        "second_jpeg_quality": np.array([70], np.int32),
        "second_jpeg_subsampled": np.array([False]),
        "cutout": np.array([[2, 3, 9, 12]], np.int32),
    }


def computed(batch):
    lr, hr = map(keras.ops.convert_to_numpy, degrade(batch, 4))
    np.testing.assert_allclose(hr * 255, batch["hr"], atol=1e-4)  # it stays clean
    np.testing.assert_allclose(lr * 255, np.rint(lr * 255), atol=1e-4)
    return np.rint(lr * 255)


def composed(hr, names):
    picture = hr
    for name in names:
        picture = STEPS[name](picture)
    return picture.astype(float)


def test_order_is_that_of_pillow_scipy_and_numpy(hr, everything):
    (lr,) = computed(everything)
    right = np.abs(lr - composed(hr, STEPS)).mean()
    # Roundings spread through two files.
    assert right < 1.0
    names = list(STEPS)
    for i, (first, second) in enumerate(zip(names, names[1:], strict=False)):
        if "shrink" in (first, second):  # arrays of another size
            continue
        swapped = [*names[:i], second, first, *names[i + 2 :]]
        wrong = np.abs(lr - composed(hr, swapped)).mean()
        assert wrong > 2 * right, f"{second} before {first}"
    for name in names:
        if name != "shrink":
            others = [other for other in names if other != name]
            assert np.abs(lr - composed(hr, others)).mean() > 2 * right, name


@pytest.mark.parametrize("name", ["blur", "hr_jpeg", "jpeg", "second_jpeg"])
def test_only_the_chosen_pictures_change(hr, everything, name):
    """Each by its own strength; the others are as if nothing had been asked for."""
    count, bicubic = 5, KERNELS.index("bicubic")
    pictures = np.stack([np.roll(hr, 7 * i, axis=1) for i in range(count)])
    batch = {"hr": pictures, "kernel": np.full(count, bicubic, np.int32)}
    clean = computed(batch)
    none = computed(batch | {option(name): np.zeros(count, np.int32)})
    np.testing.assert_array_equal(none, clean)
    strengths = np.array([0, 2, 0, 0, 1]) if name == "blur" else [0, 30, 0, 0, 80]
    changes = {option(name): np.array(strengths, everything[option(name)].dtype)}
    if name != "blur":
        changes[f"{name}_phase"] = np.arange(10, dtype=np.int32).reshape(5, 2)
        changes[f"{name}_subsampled"] = np.arange(5) % 2 == 1
    changed = computed(batch | changes)
    for i in range(count):
        alone = {k: v[i : i + 1] for k, v in (batch | changes).items()}
        np.testing.assert_array_equal(changed[i], computed(alone)[0])
        assert np.array_equal(changed[i], clean[i]) == (strengths[i] == 0)


def option(name):
    return "blur_sigma" if name == "blur" else f"{name}_quality"


def test_real_lr_is_taken_as_it_is(hr, everything):
    batch = {name: np.repeat(x, 2, axis=0) for name, x in everything.items()}
    real = hr[:24, :26]
    batch |= {"lr": np.stack([real] * 2), "paired": np.array([False, True])}
    lr = computed(batch)
    np.testing.assert_array_equal(lr[1], real)
    np.testing.assert_array_equal(lr[0], computed(everything)[0])


def test_grey_pictures_go_through_all_of_it(everything):
    """As three equal channels do, which are a file without colour."""
    grey = dict(everything)
    for name in ("hr", "noise"):
        grey[name] = grey[name][..., :1]
    rgb = everything | {n: np.repeat(grey[n], 3, axis=-1) for n in ("hr", "noise")}
    (one,), (three,) = computed(grey), computed(rgb)
    assert one.shape == (24, 26, 1)
    np.testing.assert_allclose(one, three[..., :1], atol=1)
    np.testing.assert_allclose(three, np.repeat(one, 3, axis=-1), atol=1)
