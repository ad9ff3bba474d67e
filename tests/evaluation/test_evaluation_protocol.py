"""What LR pictures go through, and what a model is told that knows it."""

import numpy as np
import pytest
from skimage import data

from srlite.data.damages import parse_damage, parse_damages
from srlite.data.kernels import KERNELS, shrink
from srlite.evaluation.measures import Measures
from srlite.evaluation.protocol import GIVEN, Condition, Protocol
from srlite.metrics.psnr_ssim import lr_error

ANY = [1 / 6] * 6
BICUBIC = [float(kernel == "bicubic") for kernel in KERNELS]


@pytest.mark.parametrize(
    ("damage", "vector"),
    [
        ("none", [*BICUBIC, 0, 0, 0, 0]),
        ("jpeg75", [*BICUBIC, 0.25, 0, 0, 0]),
        ("noise10", [*BICUBIC, 0, 10 / 16, 0, 0]),
        ("noise5jpeg75", [*BICUBIC, 0.25, 5 / 16, 0, 0]),
        ("blur", [*BICUBIC, 0, 0, 0.6, 0]),
        ("halfjpeg", [*BICUBIC, 0.25, 0, 0, 0]),
        ("sharpjpeg70", [*BICUBIC, 0.3, 0, 0, 0.8]),
        ("lanczos", [*ANY, 0, 0, 0, 0]),
        ("noise99", [*BICUBIC, 0, 1, 0, 0]),  # more than can be told
    ],
)
def test_the_truth(damage, vector):
    condition = Condition("bicubic", parse_damage(damage))
    np.testing.assert_allclose(condition.truth.vector, vector, atol=1e-7)
    assert condition.name == ("bicubic" if damage == "none" else f"bicubic+{damage}")


def test_the_truth_of_pairs_is_that_nobody_knows():
    told = Condition(GIVEN).truth.vector
    np.testing.assert_allclose(told, [*ANY, 0, 0, 0, 0], atol=1e-7)


def test_conditions():
    damages = parse_damages(["none", "blur"])
    protocol = Protocol(kernels=("area", "nearest"), damages=damages)
    names = [condition.name for condition in protocol.conditions]
    assert names == ["area", "nearest", "area+blur", "nearest+blur"]
    hr = data.astronaut()[:40, 100:148]
    clean, blurred = (
        protocol.make_lr(hr, protocol.conditions[place]) for place in (1, 3)
    )
    np.testing.assert_array_equal(clean, hr[2::4, 2::4])
    assert blurred.std() < clean.std()


def test_lr_error_is_against_what_the_model_was_given():
    hr = data.astronaut()[:40, 100:148]
    lr = Protocol().make_lr(hr, Condition("area", parse_damage("noise10")))
    measures = Measures(("lr_error", "grain"), {}, {})
    found = measures.of(hr, hr, lr, "area", 4, 1.0)
    clean = shrink(hr, "area", 4).astype(int)
    assert found["lr_error"] == pytest.approx(np.abs(clean - lr).mean())
    assert found["lr_error"] == lr_error(hr, lr, "area", 4) > 5
    assert found["grain"] == 1.0
    grey = np.full_like(hr, 50)
    assert "grain" not in measures.of(grey, grey, lr, "area", 4, 1.0)
