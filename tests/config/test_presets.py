"""The presets: their sizes, their numbers, and that each of them trains."""

import json

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data

from srlite.config.presets import PRESETS, preset
from srlite.training.recipe import train
from srlite.training.run_directory import STAGES
from srlite.training.stages import build_discriminator, build_estimator, build_generator

SMALL = {
    "generator.filters": 8,
    "discriminator.filters": [4, 8],
    "discriminator.dense_units": 4,
    "pretrain.steps": 3,
    "pretrain.batch_size": 2,
    "pretrain.patch_size": 32,
    "gan.steps": 3,
    "gan.batch_size": 2,
    "gan.patch_size": 32,
    "gan.style": None,
    "log.log_every": 1,
    "log.checkpoint_every": 3,
    "log.validate_every": 3,
}
SHALLOW = {
    "rrdb_net": {"generator.num_blocks": 1, "generator.num_dense_blocks": 2},
    "srresnet": {"generator.num_blocks": 1},
    "half_net": {"generator.num_convolutions": 2},
}
# Of presets whose generator is told what an estimator sees.
SMALL_TOLD = {
    "estimator.steps": 3,
    "estimator.batch_size": 2,
    "estimator.patch_sizes": [64],
    "estimator.hidden_units": 8,
    "pretrain.patch_size": 64,
    "pretrain.context_size": 64,
    "gan.patch_size": 64,
    "gan.context_size": None,
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(data.astronaut()[100:164, 200:264]).save(folder / "a.png")
    return folder


def trained(config, photos, run_dir):
    """Train; return the rows of losses, and check that the networks have moved."""
    config = config.updated(SMALL | SHALLOW[config.generator.name])
    stages = STAGES[1:]
    if config.generator.conditional:
        config, stages = config.updated(SMALL_TOLD), STAGES
    assert train(config, [photos], run_dir, val_dir=photos, vgg19_weights=None)
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").open()]
    rows = [row for row in rows if row.keys() & {"g_total", "e_total"}]
    assert [(r["stage"], r["step"]) for r in rows] == [
        (stage, step) for stage in stages for step in (1, 2, 3)
    ]
    numbers = [v for r in rows for v in r.values() if isinstance(v, float)]
    assert np.isfinite(numbers).all()
    before, after = (
        keras.saving.load_model(run_dir / name, compile=False).get_weights()
        for name in ("pretrain.keras", "generator.keras")
    )
    assert any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_trains(name, photos, tmp_path):
    rows = trained(preset(name), photos, tmp_path / "run")
    assert {"pixel", "content", "g_adversarial", "d_adversarial"} <= rows[-1].keys()
    told = {"kernels", "jpeg", "noise", "blur", "sharpening"} <= rows[0].keys()
    assert told == (name not in ("esrgan", "srgan"))


@pytest.mark.slow
def test_trains_on_grey_pictures_with_every_constraint(photos, tmp_path):
    options = {
        "channels": 1,
        "discriminator.spectral_norm": True,
        "gan.generator_optimizer.clip_norm": 1.0,
        "gan.discriminator_optimizer.clip_norm": 1.0,
    }
    trained(preset("srgan").updated(options), photos, tmp_path / "run")
    model = keras.saving.load_model(tmp_path / "run" / "generator.keras")
    assert model.output_shape == (None, None, None, 1)


def conv(size, inputs, outputs, bias=True):
    return size * size * inputs * outputs + bias * outputs


def test_light_has_its_size():
    def block(n=64, g=32):
        grown = sum(conv(3, n + i * g, g, bias=False) + 4 * g for i in range(3))
        return grown + conv(3, n + 3 * g, n)

    expected = conv(3, 3, 64) + 6 * block() + conv(3, 64, 64) + conv(3, 64, 48)
    light = preset("light")
    plain = light.updated({"generator.conditional": False})
    assert build_generator(plain).count_params() == expected == 1_119_728
    # Ten numbers to 64 units, and those to the features before each dense block.
    expected += 10 * 64 + 64 + 6 * (64 * 64 + 64)
    assert build_generator(light).count_params() == expected == 1_145_392
    # Both of its files together, as float32.
    assert 4 * (expected + build_estimator(light).count_params()) < 5_000_000
    assert build_discriminator(light).count_params() < 2_000_000


def test_light_rt_has_its_size():
    expected = conv(4, 3, 64) + 8 * conv(3, 64, 64) + conv(3, 64, 192)
    expected += conv(2, 3, 192, bias=False)  # the anchor
    expected += 10 * 64 + 64 + 64 * 64 + 64
    assert build_generator(preset("light_rt")).count_params() == expected == 416_512


def test_esrgan_has_its_published_size():
    def block(n=64, g=32):
        return sum(conv(3, n + i * g, g) for i in range(4)) + conv(3, n + 4 * g, n)

    def expected(blocks):
        tails = 4 * conv(3, 64, 64)  # fusion, two x2 steps, tail1
        return conv(3, 3, 64) + blocks * 3 * block() + tails + conv(3, 64, 3)

    esrgan = preset("esrgan")
    assert expected(esrgan.generator.num_blocks) == 16_697_987  # the authors' file
    two = build_generator(esrgan.updated({"generator.num_blocks": 2}))
    assert two.count_params() == expected(2)


def test_srgan_has_its_size():
    normalised = conv(3, 64, 64, bias=False) + 4 * 64
    expected = conv(9, 3, 64) + 64  # with a slope per channel
    expected += 16 * (2 * normalised + 64) + normalised
    expected += 2 * (conv(3, 64, 256) + 64) + conv(9, 64, 3)
    assert build_generator(preset("srgan")).count_params() == expected == 1_552_771


def test_published_discriminators():
    esrgan, srgan = (build_discriminator(preset(n)) for n in ("esrgan", "srgan"))
    assert esrgan.input_shape == (None, 128, 128, 3)
    assert esrgan.get_layer("dense").kernel.shape == (4 * 4 * 512, 100)
    assert srgan.input_shape == (None, 96, 96, 3)
    assert srgan.get_layer("dense").kernel.shape == (6 * 6 * 512, 1024)


@pytest.mark.parametrize("name", PRESETS)
def test_options_go_together(name):
    config = preset(name)
    config.check()
    assert config.updated(config.to_dict()) == config
