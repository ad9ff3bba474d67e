"""What a run trains on: sources with weights, pairs, packs."""

import numpy as np
import pytest
from PIL import Image
from skimage import data
from small_runs import CONFIG, JPEG, TOLD, tensors

from srlite.config.presets import preset
from srlite.data.photographs import main as write_pack
from srlite.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    ModelError,
    SrliteError,
)
from srlite.training.preparation import load_validation, smallest_sizes
from srlite.training.recipe import train
from srlite.training.stages import find_estimator_file
from srlite.training.trainer import room_for_steps


def test_own_sources_worn_patches_and_a_pack(photos, tmp_path):
    """Pairs and photos by weight, noise and holes; from memory as from a pack."""
    lr = data.astronaut()[100:125, 200:230]
    (tmp_path / "lr").mkdir(), (tmp_path / "hr").mkdir()
    Image.fromarray(lr).save(tmp_path / "lr" / "c.png")
    hr = lr.repeat(4, axis=0).repeat(4, axis=1)
    Image.fromarray(hr).save(tmp_path / "hr" / "c.png")
    pairs = f"2@pairs:{tmp_path / 'lr'}:{tmp_path / 'hr'}"
    odds = {f"augmentation.{name}": 0.0 for name in ("blur", *JPEG)}
    odds |= {f"augmentation.{name}": 0.5 for name in ("damaged", "noise", "cutout")}
    config = CONFIG.updated(
        {"pretrain.steps": 3, "pretrain.sources": [str(photos), pairs], **odds}
    )
    results = []
    for name, memory, pack in (
        ("memory", None, None),
        ("own", 0, tmp_path / "own.pack"),
        ("packed", 0, None),
    ):
        run_dir = tmp_path / name
        train(
            config.updated({"data.memory_gb": memory}),
            [tmp_path / "not used"],
            run_dir,
            stages=["pretrain"],
            val_dir=[photos, tmp_path / "hr"],
            pack=pack,
        )
        assert (run_dir / "data.pack").exists() == (name == "packed")
        results.append(tensors(run_dir, "pretrain"))
    assert (tmp_path / "own.pack").exists()
    for other in results[1:]:
        for tensor in other:
            np.testing.assert_array_equal(results[0][tensor], other[tensor])


def test_bad_data_options(photos, tmp_path):
    run = tmp_path / "run"
    for changes, data_dirs, says in (
        ({"gan.sources": [str(photos)]}, [], "stage pretrain has no photographs"),
        ({"data.validation_crop": 8}, [photos], "validation_crop must be 0 or at"),
        ({"augmentation.jpeg": 2.0}, [photos], "augmentation.jpeg must be odds, 0"),
        ({"pretrain.sources": [f"0@{photos}"]}, [photos], "number above 0"),
    ):
        with pytest.raises(SrliteError, match=says):
            train(CONFIG.updated(changes), data_dirs, run)
        assert not run.exists()


@pytest.mark.parametrize("name", ["run_dir", "val_dir"])
def test_an_empty_path_is_not_the_current_folder(name, photos, tmp_path, monkeypatch):
    """Such as that of a variable that is not set, in a notebook."""
    monkeypatch.chdir(tmp_path)
    given = {"data_dirs": photos, "run_dir": "run", "val_dir": photos, name: ""}
    with pytest.raises(SrliteError, match="empty"):
        train(CONFIG, **given, stages=["pretrain"])
    assert not (tmp_path / "config.json").exists() and not (tmp_path / "run").exists()


def test_photographs_must_hold_what_is_looked_at():
    """The patch; of a generator that is told, what the estimator sees around it too."""
    sizes = {"pretrain.patch_size": 32, "pretrain.context_size": 256}
    sizes |= {"gan.patch_size": 64, "gan.context_size": None}
    for conditional, expected in (
        (False, {"a": 32, "b": 64}),
        (True, {"a": 256, "b": 64}),
    ):
        config = preset("light").updated(sizes | {"generator.conditional": conditional})
        sources = {"pretrain": ["a"], "gan": ["2@b"]}
        assert smallest_sizes(config, sources) == expected
        if conditional:
            sources = {"estimator": ["a"], "gan": ["a"]}
            assert smallest_sizes(config, sources) == {"a": 512}


def test_pictures_to_validate_on(tmp_path):
    """Cut to what is measured, on the disk if they are many, none of one colour."""
    hr, lr = tmp_path / "hr", tmp_path / "lr"
    hr.mkdir(), lr.mkdir()
    photo = data.astronaut()[:300, :400]
    Image.fromarray(photo).save(hr / "a.png")
    Image.fromarray(photo[::4, ::4]).save(lr / "a.png")
    black = tmp_path / "black"
    black.mkdir()
    Image.new("RGB", (300, 300)).save(black / "b.png")
    Image.fromarray(photo).save(black / "c.png")
    config = CONFIG.updated({"data.validation_crop": 64})
    sources, said = [f"pairs:{lr}:{hr}", black], []
    for memory in (None, 0):
        config = config.updated({"data.memory_gb": memory})
        pair, alone = load_validation(
            config, ["pretrain"], sources, tmp_path, said.append
        )
        assert (pair.hr.shape, alone.hr.shape) == ((64, 64, 3), (64, 64, 3))
        np.testing.assert_array_equal(pair.hr[::4, ::4], pair.lr)
        np.testing.assert_array_equal(alone.hr, photo[118:182, 168:232])
        assert "pictures of one colour (1, such as" in said[-1]
        assert (tmp_path / "validation.pack").exists() == (memory == 0)
    # The estimator is measured on any part of a picture.
    found = load_validation(config, ["estimator"], sources, tmp_path, said.append)
    assert [p.hr.shape for p in found] == [(300, 400, 3)] * 2
    # The generator's stages leave out the same pictures with and without it.
    framed = photo.copy()
    framed[118:182, 168:232] = 0
    Image.fromarray(framed).save(black / "d.png")
    for stages in (["pretrain"], ["estimator", "pretrain"]):
        found = load_validation(config, stages, sources, tmp_path, said.append)
        assert len(found) == 2
        assert "pictures of one colour (2, such as" in said[-1]
    assert len(load_validation(config, ["estimator"], sources, tmp_path, print)) == 3
    for name in "cd":
        (black / f"{name}.png").unlink()
    with pytest.raises(DataError, match="nothing to validate on but pictures of one"):
        load_validation(config, ["pretrain"], black, tmp_path, said.append)


def test_packs_that_are_sources_stay(photos, tmp_path):
    """Those of pictures to validate on too, in the run directory or not."""
    run = tmp_path / "run"
    run.mkdir()
    packs = [tmp_path / "own.pack", run / "data.pack", run / "validation.pack"]
    for path in packs:
        assert write_pack([str(photos), "--output", str(path)]) == 0
    before = [path.read_bytes() for path in packs]
    config = CONFIG.updated({"data.memory_gb": 0})
    for data_dirs, val_dir, own in (
        (photos, packs[0], packs[0]),
        (photos, packs[1], None),
        (photos, packs[2], None),
        (packs[2], photos, None),
        ([photos, packs[1]], None, None),
    ):
        with pytest.raises(ConfigError, match="is a source, and pictures that do not"):
            train(config, data_dirs, run, val_dir=val_dir, pack=own)
    assert [path.read_bytes() for path in packs] == before
    photo = next(photos.iterdir())
    with pytest.raises(ConfigError, match="--pack must end in .pack; received"):
        train(config, photos, run, pack=photo)


@pytest.mark.parametrize("channels", [1, 3])
def test_no_estimator_without_a_conditional_generator(channels, photos, tmp_path):
    config = CONFIG.updated({"channels": channels})
    with pytest.raises(ConfigError, match="stage is for a conditional generator; lea"):
        train(config, photos, tmp_path / "run", stages=["estimator"])


@pytest.mark.parametrize("weight", [0, None])
def test_the_pixel_stage_has_a_loss(photos, tmp_path, weight):
    config = CONFIG.updated({"pretrain.pixel": weight})
    with pytest.raises(ConfigError, match="pretrain.pixel must be above 0, as it is"):
        train(config, photos, tmp_path / "run")


def test_batches_that_no_memory_holds(photos, tmp_path):
    config = CONFIG.updated({"pretrain.batch_size": 10**15})
    with pytest.raises(ConfigError, match="not enough memory for a step of stage pre"):
        train(config, photos, tmp_path / "run")


@pytest.mark.parametrize("words", ["RESOURCE_EXHAUSTED: Out of memory", "else"])
def test_memory_of_a_device(words):
    """What JAX says of it; other errors stay as they are."""
    expected = ConfigError if words != "else" else RuntimeError
    with pytest.raises(expected), room_for_steps("gan"):
        raise RuntimeError(words)


def test_options_that_do_not_fit_are_not_written_down(photos, tmp_path):
    """A refused --override leaves the record of the run as it was."""
    run = tmp_path / "run"
    config = CONFIG.updated({"pretrain.steps": 2})
    train(config, photos, run, stages=["pretrain"])
    (run / "pretrain.keras").unlink()
    before = (run / "config.json").read_text()
    other = config.updated({"generator.filters": 12})
    with pytest.raises(CheckpointError, match="of another model"):
        train(other, photos, run, stages=["pretrain"], override=True)
    assert (run / "config.json").read_text() == before
    assert train(config, photos, run, stages=["pretrain"])


def test_models_to_begin_with_are_looked_for_first(photos, tmp_path):
    """Not after photographs were decoded, of which there are none here."""
    (tmp_path / "empty").mkdir()
    judged = {"estimator.generator": "gone.keras"}
    judged |= {"estimator.generator_patch_size": 64}
    for stage, config, start, says in (
        ("pretrain", CONFIG, "gone.keras", "no model file .*gone.keras"),
        ("gan", CONFIG, None, "pretrain.keras, which does not exist"),
        ("estimator", TOLD, "gone.keras", "no estimator .*gone.keras"),
        ("estimator", TOLD.updated(judged), None, "no model file"),
    ):
        run = tmp_path / "run"
        with pytest.raises(ModelError, match=says):
            train(
                config,
                tmp_path / "empty",
                run,
                stages=[stage],
                init_from=start and tmp_path / start,
            )
        assert not run.exists()


def test_no_folder_hides_a_shipped_estimator(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "light").mkdir()
    assert find_estimator_file("light").name == "light_estimator.keras"
    with pytest.raises(ModelError, match="there is no estimator .*light"):
        find_estimator_file("./light")
