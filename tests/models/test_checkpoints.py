"""Checkpoints hold everything, and what is not whole is refused."""

import sys

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from srlite.errors import BackendError, CheckpointError, DamagedCheckpointError
from srlite.models import checkpoints


def make_parts(seed, units=3):
    """A network with BatchNorm and its optimizer after two updates."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4,))
    x = keras.layers.BatchNormalization(name="bn")(inputs)
    network = keras.Model(inputs, keras.layers.Dense(units, name="dense")(x))
    optimizer = keras.optimizers.Adam(0.1, name="adam")
    optimizer.build(network.trainable_variables)
    for _ in range(2):
        gradients = [np.random.rand(*v.shape) for v in network.trainable_variables]
        optimizer.apply(
            [keras.ops.convert_to_tensor(g, "float32") for g in gradients],
            network.trainable_variables,
        )
    return {"generator": network, "generator_optimizer": optimizer}


def values(parts):
    return [
        keras.ops.convert_to_numpy(v) for part in parts.values() for v in part.variables
    ]


def same(parts, others):
    pairs = zip(values(parts), values(others), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_round_trip(tmp_path):
    parts, others = make_parts(0), make_parts(1)
    assert not same(parts, others)
    config = {"gan": {"steps": 3}, "taps": ["a", "b"]}
    path = checkpoints.save(tmp_path / "new", "pretrain", 2, parts, config)
    assert path.name == "pretrain-00000002.safetensors"
    found = checkpoints.load(path, others)
    assert found == {"stage": "pretrain", "step": 2, "config": config}
    assert same(parts, others)
    assert int(others["generator_optimizer"].iterations) == 2


def test_last_n_of_a_stage_stay(tmp_path):
    parts = make_parts(0)
    checkpoints.save(tmp_path, "gan", 1, parts, {})
    for step in (9, 10, 200, 1000):
        checkpoints.save(tmp_path, "pretrain", step, parts, {}, keep=2)
    assert [step for step, _ in checkpoints.find(tmp_path, "pretrain")] == [200, 1000]
    assert [step for step, _ in checkpoints.find(tmp_path, "gan")] == [1]
    assert len(list(tmp_path.iterdir())) == 3


def test_leftover_of_a_kill_is_no_checkpoint(tmp_path):
    path = checkpoints.save(tmp_path, "gan", 4, make_parts(0), {})
    half = path.read_bytes()[:1000]
    (tmp_path / ".gan-00000008.abc.unfinished").mkdir()
    (tmp_path / ".gan-00000008.abc.unfinished" / path.name).write_bytes(half)
    assert [step for step, _ in checkpoints.find(tmp_path, "gan")] == [4]


def test_failed_save_changes_nothing(tmp_path, monkeypatch):
    parts = make_parts(0)
    checkpoints.save(tmp_path, "gan", 4, parts, {})

    def fail(tensors, name, metadata):
        name.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("safetensors.numpy.save_file", fail)
    with pytest.raises(CheckpointError, match="cannot write .*disk full"):
        checkpoints.save(tmp_path, "gan", 8, parts, {})
    assert [p.name for p in tmp_path.iterdir()] == ["gan-00000004.safetensors"]


def test_parts_in_small_files(tmp_path):
    """One logical checkpoint: found, loaded and pruned like one file."""
    parts, others = make_parts(0, units=30_000), make_parts(1, units=30_000)
    for step in (1, 2):
        checkpoints.save(tmp_path, "gan", step, parts, {"a": 1}, part_size=2**17)
    path = checkpoints.save(tmp_path, "gan", 2, parts, {}, keep=1, part_size=2**17)
    assert [p.name for p in tmp_path.iterdir()] == ["gan-00000002"]
    assert checkpoints.find(tmp_path, "gan") == [(2, path)]
    sizes = {p.name: p.stat().st_size for p in path.iterdir()}
    # Its kernel alone, 480,000 bytes, is more than three files hold.
    assert sum(name.startswith("generator-") for name in sizes) == 5
    assert sum(name.startswith("generator_optimizer-") for name in sizes) > 5
    assert max(sizes.values()) <= 2**17
    assert checkpoints.load(path, others) == {"stage": "gan", "step": 2, "config": {}}
    assert same(parts, others)
    whole = checkpoints.save(tmp_path, "gan", 3, parts, {}, keep=1)
    assert list(tmp_path.iterdir()) == [whole]


@pytest.mark.parametrize("harmed", ["generator-1.safetensors", "index.json"])
@pytest.mark.parametrize("lost", [True, False])
def test_damaged_parts_are_refused(tmp_path, harmed, lost):
    path = checkpoints.save(tmp_path, "gan", 4, make_parts(0), {}, part_size=2**16)
    if lost:
        (path / harmed).unlink()
    else:
        content = bytearray((path / harmed).read_bytes())
        content[-9 if "index" in harmed else -1] ^= 2
        (path / harmed).write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoints.load(path, make_parts(1))


def test_failed_parts_change_nothing(tmp_path, monkeypatch):
    path = checkpoints.save(tmp_path, "gan", 4, make_parts(0), {}, part_size=2**16)

    def fail(tensors, name):
        name.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("safetensors.numpy.save_file", fail)
    for step in (4, 8):
        with pytest.raises(CheckpointError, match="cannot write .*disk full"):
            checkpoints.save(tmp_path, "gan", step, make_parts(1), {}, part_size=2**16)
    assert list(tmp_path.iterdir()) == [path]
    others = make_parts(2)
    checkpoints.load(path, others)
    assert same(others, make_parts(0))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-10])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("not a checkpoint " * 50)


def foreign(path):
    save_file(load_file(path), path)


@pytest.mark.parametrize("harm", [truncate, flip_a_bit, empty, text, foreign])
def test_damaged_file_is_refused_and_loads_nothing(tmp_path, harm):
    path = checkpoints.save(tmp_path, "gan", 4, make_parts(0), {})
    harm(path)
    parts = make_parts(1)
    before = values(parts)
    with pytest.raises(CheckpointError, match="damaged|not a checkpoint"):
        checkpoints.load(path, parts)
    for a, b in zip(before, values(parts), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("part_size", [None, 2**16])
def test_any_harmed_byte_is_noticed(tmp_path, part_size):
    """Each byte of headers and index, and some of the tensors', is changed in turn.

    What is read then is either refused or just the same, as after a change of a blank.
    """
    path = checkpoints.save(tmp_path, "gan", 4, make_parts(0), {}, part_size=part_size)
    info, tensors = checkpoints.read(path)
    random = np.random.default_rng(0)
    refused = 0
    for file in [path] if part_size is None else sorted(path.iterdir()):
        content = file.read_bytes()
        header = 8 + int.from_bytes(content[:8], "little")
        places = [*range(min(header, len(content))), *range(header, len(content), 7)]
        for place in places:
            harmed = bytearray(content)
            harmed[place] ^= random.integers(1, 256)
            file.write_bytes(harmed)
            try:
                others = checkpoints.read(path)
            except DamagedCheckpointError:
                refused += 1
                continue
            assert others[0] == info
            assert others[1].keys() == tensors.keys()
            for name, tensor in tensors.items():
                np.testing.assert_array_equal(others[1][name], tensor, strict=True)
        file.write_bytes(content)
    assert refused > 1000
    assert checkpoints.read(path)[0] == info


def test_renamed_file_is_refused(tmp_path):
    path = checkpoints.save(tmp_path, "gan", 4, make_parts(0), {})
    renamed = path.rename(tmp_path / "gan-00000008.safetensors")
    with pytest.raises(DamagedCheckpointError, match="is of step 4 of stage gan, whi"):
        checkpoints.read(renamed)
    assert checkpoints.read(renamed.rename(tmp_path / "mine.safetensors"))


def test_missing_and_mismatched(tmp_path):
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        checkpoints.load(tmp_path / "x.safetensors", {})
    path = checkpoints.save(tmp_path, "gan", 4, make_parts(0), {})
    with pytest.raises(CheckpointError, match="another model: generator.*/dense/"):
        checkpoints.load(path, make_parts(0, units=5))
    parts = make_parts(0)
    del parts["generator_optimizer"]
    with pytest.raises(CheckpointError, match="another model: generator_optimizer/"):
        checkpoints.load(path, parts)


def test_every_kth_stays(tmp_path):
    parts = make_parts(0)
    for step in range(2, 15, 2):
        checkpoints.save(tmp_path, "gan", step, parts, {}, keep=2, store_every=4)
    assert [step for step, _ in checkpoints.find(tmp_path, "gan")] == [4, 8, 12, 14]


def test_best_stays_until_a_better_one_comes(tmp_path):
    parts = make_parts(0)
    checkpoints.save(tmp_path, "gan", 9, parts, {})
    for step, score, kept in ((1, -3.5, 1), (2, 7.0, 2), (3, 7.0, 2), (4, 6.9, 2)):
        path = checkpoints.save_best(tmp_path, "gan", step, parts, {"a": 1}, score)
        (best,) = tmp_path.glob("best-*")
        assert best.name == f"best-gan-{kept:08d}.safetensors"
        assert path == (best if step == kept else None)
    checkpoints.save_best(tmp_path, "pretrain", 1, parts, {}, 1.0)
    assert len(list(tmp_path.glob("best-*"))) == 2
    assert [step for step, _ in checkpoints.find(tmp_path, "gan")] == [9]
    others = make_parts(1)
    info = checkpoints.load(best, others)
    assert info == {"stage": "gan", "step": 2, "config": {"a": 1}}
    assert same(parts, others)
    checkpoints.save_best(tmp_path, "gan", 5, parts, {}, 7.1)
    assert not best.exists()
    truncate(tmp_path / "best-gan-00000005.safetensors")
    with pytest.raises(CheckpointError, match="best-gan-00000005.* is damaged"):
        checkpoints.save_best(tmp_path, "gan", 6, parts, {}, 8.0)


@pytest.mark.parametrize("part_size", [None, 2**16])
def test_without_safetensors_it_says_what_to_install(tmp_path, monkeypatch, part_size):
    made = make_parts(0)
    path = checkpoints.save(tmp_path, "gan", 1, made, {}, part_size=part_size)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for attempt in (
        lambda: checkpoints.read(path),
        lambda: checkpoints.save(tmp_path, "gan", 2, made, {}),
    ):
        with pytest.raises(BackendError, match=r"pip install 'srlite\[train\]'"):
            attempt()
