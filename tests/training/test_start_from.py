"""A stage begins with the weights of a model that fits, and refuses others."""

import keras
import numpy as np
import pytest

from srlite.config.presets import preset
from srlite.errors import ModelError
from srlite.models.model_files import load_generator
from srlite.training import stages

TINY = preset("tiny").updated(
    {
        "generator.filters": 8,
        "generator.num_dense_blocks": 1,
        "generator.num_convolutions": 2,
    }
)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folder with generators of `TINY`, told and not, whose weights are their own."""
    folder = tmp_path_factory.mktemp("models")
    random = np.random.default_rng(0)
    for name, conditional in (("told", True), ("plain", False)):
        config = TINY.updated({"generator.conditional": conditional})
        generator = stages.build_generator(config)
        generator.set_weights(
            [w + random.uniform(0.01, 0.1, w.shape) for w in generator.get_weights()]
        )
        generator.save(folder / f"{name}.keras")
    return folder


def test_a_told_generator_starts_where_one_that_is_not_ended(models):
    random = np.random.default_rng(1)
    lr = random.random((2, 6, 7, 3), np.float32)
    vector = random.random((2, 10), np.float32)
    told, plain = map(
        keras.saving.load_model, (models / "told.keras", models / "plain.keras")
    )
    generator = stages.build_generator(TINY)
    assert np.abs(np.asarray(told([lr, vector])) - told([lr, 0 * vector])).max() > 1e-3
    stages.start_from(generator, models / "plain.keras")
    np.testing.assert_allclose(generator([lr, vector]), plain(lr), rtol=1e-5, atol=1e-5)
    stages.start_from(generator, models / "told.keras")
    np.testing.assert_array_equal(generator([lr, vector]), told([lr, vector]))


@pytest.mark.parametrize(
    ("start", "changes"),
    [
        ("plain", {"generator.anchor": False}),
        ("told", {"generator.anchor": False}),
        ("told", {"generator.conditional": False}),
        ("plain", {"generator.filters": 12}),
        ("plain", {"generator.num_dense_blocks": 2}),
        ("plain", {"generator.batch_norm": False}),
        (
            "plain",
            {"generator.upsampling": "depth_to_space_x2", "generator.anchor": False},
        ),
        ("plain", {"scale": 2}),
        ("plain", {"channels": 1, "generator.conditional": False}),
        ("plain", {"generator.name": "srresnet"}),
    ],
)
def test_other_shapes_are_refused_and_change_nothing(models, start, changes):
    generator = stages.build_generator(TINY.updated(changes))
    before = generator.get_weights()
    with pytest.raises(ModelError, match=f"{start}.keras is of another shape than the"):
        stages.start_from(generator, models / f"{start}.keras")
    for one, other in zip(before, generator.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_that_mean_something_else_here_are_refused(tmp_path):
    """Of the same shapes, in a network that computes otherwise."""
    plain = TINY.updated({"generator.conditional": False})
    trained = stages.build_generator(plain)
    tail = trained.get_layer("tail").kernel
    tail.assign(0.1 * np.random.default_rng(0).standard_normal(tail.shape))
    trained.save(tmp_path / "trained.keras")
    for changes in ({"residual_scaling": 0.5}, {"num_convolutions": 2}):
        changes = {f"generator.{name}": value for name, value in changes.items()}
        generator = stages.build_generator(plain.updated(changes))
        before = generator.get_weights()
        if "generator.num_convolutions" in changes:  # what it has anyway
            stages.start_from(generator, tmp_path / "trained.keras")
            continue
        with pytest.raises(ModelError, match="makes other pictures of them"):
            stages.start_from(generator, tmp_path / "trained.keras")
        for one, other in zip(before, generator.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_shipped_weights_are_a_start_for_the_preset():
    generator = stages.build_generator(preset("light"))
    stages.start_from(generator, "light_psnr")
    kernel = load_generator("light_psnr").get_layer("rrdb1_dense6_conv4").kernel
    np.testing.assert_array_equal(
        generator.get_layer("rrdb1_dense6_conv4").kernel, kernel
    )
