"""Config, presets: options in, options out, errors that name the option."""

import json

import pytest

from srlite.errors import ConfigError
from srlite.options import flatten, parse_assignment, read_toml
from srlite.presets import PRESETS, preset


def changed(*assignments):
    return preset("light").updated(dict(map(parse_assignment, assignments)))


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
        ("steps=4", "gan.steps"),
        ("gan=4", "unknown option gan"),
        ("gan.steps.more=4", "gan.steps.more"),
        ("gan.steps=many", "gan.steps must be of type int; received 'many'"),
        ("gan.steps=1.5", "gan.steps must be of type int"),
        ("gan.steps=true", "gan.steps must be of type int"),
        ("generator.batch_norm=1", "generator.batch_norm must be of type bool"),
        ("gan.steps", "--set wants section.option=value"),
    ],
)
def test_bad_option_is_named(assignment, says):
    with pytest.raises(ConfigError, match=says.replace(".", r"\.")):
        changed(assignment)


def test_toml_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("seed = 3\n[gan]\nsteps = 9\n[kernels]\nnearest = 0\n")
    config = preset("light").updated(read_toml(path))
    assert (config.seed, config.gan.steps, config.kernels.nearest) == (3, 9, 0.0)


@pytest.mark.parametrize("content", [None, "gan = {", b"\xff\xfe"])
def test_bad_toml_file(tmp_path, content):
    path = tmp_path / "run.toml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match="cannot read the options in .*run.toml"):
        read_toml(path)


@pytest.mark.parametrize("name", PRESETS)
def test_dict_of_a_preset_gives_it_back(name):
    options = preset(name).to_dict()
    assert preset("light").updated(json.loads(json.dumps(options))) == preset(name)
    assert flatten(options)["preset"] == name


def test_unknown_preset():
    with pytest.raises(ConfigError, match="unknown preset heavy; there are light"):
        preset("heavy")
