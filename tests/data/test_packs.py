"""Packs: decoded photographs in one file."""

import struct

import numpy as np
import pytest
from numbered_pictures import numbered

from srlite.data.packs import Photograph, keep, read_pack, writing_pack
from srlite.data.photographs import load_images
from srlite.errors import DataError


@pytest.fixture
def pack(tmp_path):
    with writing_pack(tmp_path / "some.pack") as add:
        add(Photograph("a", numbered(20, 30)))
        add(Photograph("b", numbered(12, 8), numbered(3, 2)))
    return tmp_path / "some.pack"


def test_pack_holds_what_was_put_in(pack):
    first, second = read_pack(pack)
    assert (first.name, first.lr, second.name) == ("a", None, "b")
    np.testing.assert_array_equal(first.hr, numbered(20, 30))
    np.testing.assert_array_equal(second.hr, numbered(12, 8))
    np.testing.assert_array_equal(second.lr, numbered(3, 2))
    content = pack.read_bytes()
    assert content.startswith(b"SRLPACK\0" + struct.pack("<I", 1))
    assert content[32 : 32 + 1800] == numbered(20, 30).tobytes()


def test_damaged_packs_are_refused(pack):
    good = pack.read_bytes()
    for damaged, says in (
        (b"", "is not a pack of srlite"),
        (b"PK" + good[2:], "is not a pack of srlite"),
        (good[:8] + b"\2" + good[9:], "is a pack of version 2, but 1 is expected"),
        (good[:-1], f"is damaged: it has {len(good) - 1:,} bytes instead of"),
        (good + b"x", "is damaged: it has"),
        (good[:-3] + b"9" + good[-2:], "its index does not match its CRC-32"),
    ):
        pack.write_bytes(damaged)
        with pytest.raises(DataError, match=f"some.pack.* {says}"):
            read_pack(pack)
    pack.unlink()
    with pytest.raises(DataError, match="no such pack: .*some.pack"):
        load_images(pack)


def test_failure_leaves_no_pack(tmp_path):
    def failing():
        yield Photograph("a", numbered(4, 4))
        raise RuntimeError

    with pytest.raises(RuntimeError), writing_pack(tmp_path / "x.pack") as add:
        for photograph in failing():
            add(photograph)
    with pytest.raises(RuntimeError):
        keep(failing(), 10, tmp_path / "y.pack")
    assert list(tmp_path.iterdir()) == []


def test_photographs_that_memory_does_not_hold_find_a_folder(tmp_path):
    """Made when it is needed: a worker has none of its own."""
    pack = tmp_path / "not" / "there" / "data.pack"
    photograph = Photograph("a", numbered(4, 4))
    assert keep([photograph], None, pack) == [photograph]
    assert not pack.parent.exists()
    (kept,) = keep([photograph], 0, pack)
    np.testing.assert_array_equal(kept.hr, photograph.hr)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot write .*file.x.pack"):
        keep([photograph], 0, tmp_path / "file" / "x.pack")
