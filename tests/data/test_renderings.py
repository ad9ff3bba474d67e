"""Renderings: pictures that repeat, differ, have edges, and are a source."""

import numpy as np
import pytest

from srlite.data import renderings
from srlite.data.renderings import render
from srlite.data.sources import read_source
from srlite.errors import DataError


def test_a_picture_is_a_function_of_seed_and_number():
    first = render(96, 3, 5)
    assert first.shape == (96, 96, 3) and first.dtype == np.uint8
    np.testing.assert_array_equal(first, render(96, 3, 5))
    assert not np.array_equal(first, render(96, 3, 6))
    assert not np.array_equal(first, render(96, 4, 5))


@pytest.mark.parametrize("kind", range(4))
def test_every_kind_has_sharp_edges_on_flat_colours(kind):
    steps = []
    for number in range(kind, kind + 24, 4):
        grey = render(128, 0, number).astype(float).mean(-1)
        steps.append(np.abs(np.diff(grey, axis=1)))
    steps = np.stack(steps)
    assert steps.max() > 60  # levels from one pixel to the next
    assert np.mean(steps > 10) > 0.005
    assert np.mean(steps < 1) > 0.3


def test_the_command_writes_a_source(tmp_path, capsys):
    folder = tmp_path / "new" / "renderings"
    args = ["--output", str(folder), "--count", "4", "--size", "64"]
    assert renderings.main(args) == 0
    assert "4 of 64 x 64 pixels" in capsys.readouterr().out
    pictures = [photograph.hr for photograph in read_source(folder)]
    assert len(pictures) == 4
    for number, picture in enumerate(pictures):
        np.testing.assert_array_equal(picture, render(64, 0, number))


@pytest.mark.parametrize(
    ("option", "least"), [("--count", 1), ("--size", 1), ("--seed", 0)]
)
def test_impossible_numbers_are_errors(tmp_path, option, least):
    with pytest.raises(DataError, match=f"{option} must be at least {least}; rec"):
        renderings.main(["--output", str(tmp_path / "r"), option, str(least - 1)])
    assert not (tmp_path / "r").exists()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write"):
        renderings.main(["--output", str(tmp_path / "file"), "--count", "1"])


def test_pictures_that_no_memory_holds(tmp_path):
    with pytest.raises(DataError, match="--size 10000000 needs .* GB of memory"):
        renderings.main(["--output", str(tmp_path / "r"), "--size", "10000000"])
    assert not (tmp_path / "r").exists()
