"""What a run trains on: sources with weights, pairs, packs."""

import numpy as np
import pytest
from PIL import Image
from skimage import data
from small_runs import CONFIG, JPEG, tensors

from srlite.config.presets import preset
from srlite.errors import DataError, SrliteError
from srlite.training.preparation import load_validation, smallest_sizes
from srlite.training.recipe import train


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
        ({"augmentation.jpeg": 2.0}, [photos], "the odds of jpeg must be 0 to 1"),
        ({"pretrain.sources": [f"0@{photos}"]}, [photos], "must be above 0"),
    ):
        with pytest.raises(SrliteError, match=says):
            train(CONFIG.updated(changes), data_dirs, run)
        assert not run.exists()


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
    (black / "c.png").unlink()
    with pytest.raises(DataError, match="nothing to validate on but pictures of one"):
        load_validation(config, ["pretrain"], black, tmp_path, said.append)
