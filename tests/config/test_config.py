"""Config, presets: options in, options out, errors that name the option."""

import dataclasses
import json

import pytest

from srlite.config.config import RRDBNetConfig, SRResNetConfig
from srlite.config.options import flatten, parse_assignment, read_options
from srlite.config.presets import PRESETS, configure, preset
from srlite.errors import ConfigError


def changed(*assignments):
    return preset("light").updated(dict(map(parse_assignment, assignments)))


def test_what_an_estimator_looks_at():
    """The surroundings count, and of a generator that is told nothing nothing does."""
    changed("gan.patch_size=32", "gan.context_size=60").check()
    changed("gan.patch_size=32", "generator.conditional=false").check()
    with pytest.raises(ConfigError, match=r"gan\.patch_size must be at least 60"):
        changed("gan.patch_size=32", "gan.context_size=none").check()
    changed("channels=1", "generator.conditional=false").check()


def test_values_are_read_by_type():
    config = changed(
        "gan.steps=7",
        "gan.pixel=1",
        "gan.style=none",
        "pretrain.freeze_batch_norm_after=none",
        "generator.batch_norm=false",
        "generator.upsampling=nearest",
        'gan.content_loss.layers=["block1_conv1", "block2_conv1"]',
    )
    assert config.gan.steps == 7
    assert config.gan.pixel == 1.0 and isinstance(config.gan.pixel, float)
    assert config.gan.style is None
    assert config.pretrain.freeze_batch_norm_after is None
    assert config.generator.batch_norm is False
    assert config.generator.upsampling == "nearest"
    assert config.gan.content_loss.layers == ("block1_conv1", "block2_conv1")
    assert preset("light").gan.steps != 7  # the preset itself stays


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("gan.stepz=4", "gan.stepz; did you mean gan.steps"),
        ("generator.name=[]", "generator.name must be one of 'rrdb_net', 'srresnet'"),
        ("gan.pixel=inf", "gan.pixel must be a finite number; received inf"),
        ("steps=4", "gan.steps"),
        ("gan=4", "unknown option gan"),
        ("gan.steps.more=4", "gan.steps.more"),
        ("gan.steps=many", "gan.steps must be of type int; received 'many'"),
        ("gan.steps=1.5", "gan.steps must be of type int"),
        ("gan.steps=true", "gan.steps must be of type int"),
        ("generator.batch_norm=1", "generator.batch_norm must be of type bool"),
        ("gan.steps", "--set needs section.option=value"),
    ],
)
def test_bad_option_is_named(assignment, says):
    with pytest.raises(ConfigError, match=says.replace(".", r"\.")):
        changed(assignment)


@pytest.mark.parametrize(
    ("assignments", "says"),
    [
        (["gan.steps=0"], "gan.steps must be from 1 to 99999999; received 0"),
        (["gan.steps=-1"], "gan.steps must be from 1 to 99999999; received -1"),
        (["scale=3"], "scale must be a power of two, at least 2; received 3"),
        (["channels=2"], "channels must be 1 or 3; received 2"),
        (["channels=true"], "channels must be 1 or 3; received True"),
        (["pretrain.ema_decay=1"], "pretrain.ema_decay must be at least 0 and below 1"),
        (["gan.content=-1"], "gan.content must be at least 0; received -1.0"),
        (["gan.content=nan"], "gan.content must be a finite number; received nan"),
        (["kernels.area=-1"], "kernels.area must be at least 0"),
        (["pretrain.pixel_criterion=l3"], "pixel_criterion must be 'l1' or 'l2'; rec"),
        ([f"seed={2**32}"], "seed must be from 0 to 4294967295; received 4294967296"),
        (["gan.steps=100000000"], "gan.steps must be from 1 to 99999999; received"),
        ([f"gan.pixel={10**400}"], "gan.pixel must be of type float; received 1000"),
        (
            ["generator.name=unet"],
            "generator.name must be one of 'rrdb_net', 'srresnet', 'half_net'; "
            "received 'unet'",
        ),
        (
            ["generator.name=srresnet", "generator.growth_channels=8"],
            "unknown option generator.growth_channels; there are generator.name, gen",
        ),
        (["generator.upsampling=linear"], "generator.upsampling must be 'depth_to_sp"),
        (
            ["generator.upsampling=nearest"],
            "generator.anchor must be false unless generator.upsampling is",
        ),
        (
            ["gan.context_size=128", "gan.patch_size=8"],
            "patch_size must be at least 16",
        ),
        (
            ["gan.context_size=128", "gan.patch_size=8", "gan.content=none"],
            "gan.patch_size must be at least 16 with the spectrum loss; received 8",
        ),
        (
            ["gan.content_loss.patch_size=129"],
            "gan.content_loss.patch_size must be none, or from 16 (block 5) to the pat",
        ),
        (["gan.content_loss.patch_size=15"], "to the patch_size 128; received 15"),
        (["discriminator.filters=[]"], "discriminator.filters must name the channels"),
        (["discriminator.filters=[8, 0]"], "filters must be at least 1; received 0"),
        (
            ["gan.discriminator_optimizer.schedule=linear"],
            "gan.discriminator_optimizer.schedule must be 'constant' or 'step' or ",
        ),
        (
            ["pretrain.generator_optimizer.schedule=step"],
            "pretrain.generator_optimizer.decay_every must be given with schedule",
        ),
        (
            ["pretrain.generator_optimizer.schedule=multi_step"],
            "pretrain.generator_optimizer.boundaries must be given with schedule",
        ),
        (
            [
                "gan.generator_optimizer.schedule=multi_step",
                "gan.generator_optimizer.boundaries=[5, 5]",
            ],
            "gan.generator_optimizer.boundaries must increase; received [5, 5]",
        ),
        (
            ["gan.generator_optimizer.final_learning_rate=1"],
            "final_learning_rate must be at most the learning_rate 0.0002",
        ),
        (
            ["gan.generator_optimizer.clip_norm=0"],
            "gan.generator_optimizer.clip_norm must be above 0; received 0",
        ),
        (
            ["gan.content_loss.network=vgg13"],
            "gan.content_loss.network must be 'vgg16' or 'vgg19'; received 'vgg13'",
        ),
        (
            ["gan.content_loss.layer_scales=[1, 2]"],
            "gan.content_loss.layer_scales must hold one value per layer (3); rec",
        ),
        (
            [
                "gan.content_loss.normalization=weights",
                "gan.content_loss.layer_weights=[1, -1, 0]",
            ],
            "gan.content_loss.layer_weights must have a sum above 0 with normal",
        ),
        (
            ["gan.adversarial_loss.fake_labels=[0.1, 0.2]"],
            "gan.adversarial_loss.fake_labels must be [0, 0] unless the kind is 'stan",
        ),
        (
            ["gan.adversarial_loss.fake_labels=0.1"],
            "gan.adversarial_loss.fake_labels must hold 2 values; received 0.1",
        ),
        (
            [
                "gan.adversarial_loss.kind=standard",
                "gan.adversarial_loss.fake_labels=[0.2, 0.1]",
            ],
            "gan.adversarial_loss.fake_labels must be lowest, highest",
        ),
        (["gan.patch_size=30"], "gan.patch_size must be a multiple of the scale 4; re"),
        (
            ["generator.name=half_net", "gan.patch_size=100"],
            "gan.patch_size must be a multiple of 8 with the generator half_net; rece",
        ),
        (
            ["pretrain.context_size=210"],
            "pretrain.context_size must be a multiple of the scale 4; received 210",
        ),
        (
            ["pretrain.context_size=64"],
            "pretrain.context_size must be none or at least patch_size 192; rec",
        ),
        (
            ["pretrain.patch_size=56", "pretrain.context_size=none"],
            "pretrain.patch_size must be at least 60 (15 LR",
        ),
        (
            ["scale=8", "gan.patch_size=112", "gan.context_size=none"],
            "gan.patch_size must be at least 120 (15 LR",
        ),
        (["gan.told_truth=1.5"], "gan.told_truth must be between 0 and 1; received 1"),
        (["estimator.patch_sizes=[]"], "estimator.patch_sizes must name at least one"),
        (["estimator.patch_sizes=[64, 66]"], "must be a multiple of the scale 4; re"),
        (["estimator.patch_sizes=[64, 32]"], "estimator.patch_sizes must be at least"),
        (
            ["estimator.steps=0"],
            "estimator.steps must be from 1 to 99999999; received 0",
        ),
        (["estimator.optimizer.beta_1=1"], "estimator.optimizer.beta_1 must be at l"),
        (["channels=1"], "generator.conditional must be false with channels=1; rec"),
        (
            ["augmentation.jpeg_quality=[97, 30]"],
            "augmentation.jpeg_quality must be a lowest and a highest value from 1 to",
        ),
        (["augmentation.jpeg=2.0"], "augmentation.jpeg must be odds, 0 to 1; receiv"),
    ],
)
def test_bad_value_is_named(assignments, says):
    with pytest.raises(ConfigError) as error:
        changed(*assignments).check()
    assert says in str(error.value) and "\n" not in str(error.value)


def test_an_estimator_that_is_not_trained_has_no_say():
    changed("generator.conditional=false", "scale=32").check()


def test_kernels_without_odds():
    names = dataclasses.asdict(preset("light").kernels)
    with pytest.raises(ConfigError, match=r"^one of the kernels\.\* must be above 0"):
        changed(*(f"kernels.{name}=0" for name in names)).check()


def test_another_generator_comes_with_its_own_options():
    config = changed("generator.filters=32", "generator.name=srresnet")
    assert config.generator == SRResNetConfig(filters=32)
    assert config.updated({"generator.num_blocks": 2}).generator.filters == 32
    back = config.updated({"generator.name": "rrdb_net"})
    assert back.generator == RRDBNetConfig()


def test_toml_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("seed = 3\n[gan]\nsteps = 9\n[kernels]\nnearest = 0\n")
    config = preset("light").updated(read_options(path))
    assert (config.seed, config.gan.steps, config.kernels.nearest) == (3, 9, 0.0)


def test_file_of_an_editor_on_windows(tmp_path):
    path = tmp_path / "run.toml"
    path.write_bytes(b'\xef\xbb\xbf[gan]\nsources = ["fotos/\xc3\xa9"]\n')
    assert read_options(path) == {"gan": {"sources": ["fotos/é"]}}


@pytest.mark.parametrize("content", [None, "gan = {", b"\xff\xfe"])
def test_bad_toml_file(tmp_path, content):
    path = tmp_path / "run.toml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match="cannot read the options in .*run.toml"):
        read_options(path)


@pytest.mark.parametrize("name", PRESETS)
def test_dict_of_a_preset_gives_it_back(name):
    options = preset(name).to_dict()
    assert preset("light").updated(json.loads(json.dumps(options))) == preset(name)
    assert flatten(options)["preset"] == name


def test_a_preset_may_be_named_among_the_options():
    assert configure(None) == preset("light")
    assert configure("srgan") == configure(None, {"preset": "srgan"}) == preset("srgan")
    written = preset("tiny").updated({"seed": 3}).to_dict()
    changed = configure(None, written, {"gan.steps": 7})
    assert changed == preset("tiny").updated({"seed": 3, "gan.steps": 7})
    assert configure("tiny", written) == preset("tiny").updated({"seed": 3})
    # Another name is one for the record, beside a preset to begin with.
    mine = configure("tiny", {"preset": "mine"})
    assert mine == preset("tiny").updated({"preset": "mine"})
    with pytest.raises(ConfigError, match="unknown preset tinny; there are light"):
        configure(None, {"preset": "tinny"})
    with pytest.raises(ConfigError, match="name one preset; received light and tiny"):
        configure("light", written)
    with pytest.raises(ConfigError, match="preset must be of type str"):
        configure(None, {"preset": [3]})


def test_unknown_preset():
    with pytest.raises(ConfigError, match="unknown preset heavy; there are light"):
        preset("heavy")


def test_options_of_another_run(tmp_path):
    """Its config.json gives the same config again, whatever else it holds."""
    config = preset("esrgan").updated({"gan.steps": 7, "gan.pixel": None})
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config.to_dict() | {"inputs": {"val_dir": "x"}}))
    assert preset("light").updated(read_options(path)) == config
    for text in ("[1]", "{", "5"):
        path.write_text(text)
        with pytest.raises(ConfigError, match="cannot read the options in .*json"):
            read_options(path)
