"""Sizes of the result, and the runs of the model that lead to them."""

from fractions import Fraction

import pytest

from srlite.errors import ConfigError, ImageError
from srlite.runtime.sizes import MAX_SR_PIXELS, plan_runs, target_size


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({}, (120, 200)),
        ({"outscale": 2.5}, (75, 125)),
        ({"outscale": 1.01}, (30, 51)),  # 30.3 and 50.5
        ({"outscale": 0.001}, (1, 1)),
        ({"width": 333}, (200, 333)),  # 199.8
        ({"height": 100}, (100, 167)),  # 166.7
        ({"width": 7, "height": 900}, (900, 7)),
        ({"max_side": 101}, (61, 101)),  # 60.6
        ({"max_side": 3}, (2, 3)),  # 1.8
    ],
)
def test_target_sizes(asked, size):
    assert target_size((30, 50), 4, **asked) == size


def test_the_longer_side_may_be_the_height():
    assert target_size((50, 30), 4, max_side=101) == (101, 61)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"outscale": 2, "width": 9}, "more than one way"),
        ({"outscale": 2, "max_side": 9}, "more than one way"),
        ({"height": 2, "max_side": 9}, "more than one way"),
        ({"outscale": 0}, "outscale must be a number above 0; received 0"),
        ({"outscale": "2"}, "a number above 0; received '2'"),
        ({"outscale": True}, "a number above 0; received True"),
        ({"outscale": [2]}, "a number above 0; received"),
        ({"outscale": float("nan")}, "above 0; received nan"),
        ({"outscale": float("inf")}, "above 0; received inf"),
        ({"outscale": 1e300}, "outscale is far too large; received 1e[+]300$"),
        ({"width": 0}, "width must be 1 or more whole pixels; received 0"),
        ({"height": -3}, "height must be 1 or more whole pixels; received -3"),
        ({"max_side": 0}, "max_side must be 1 or more whole pixels; received 0"),
    ],
)
def test_impossible_sizes(asked, message):
    with pytest.raises(ConfigError, match=message):
        target_size((30, 50), 4, **asked)


def test_too_many_pixels():
    side = int(MAX_SR_PIXELS**0.5)
    assert target_size((10, 10), 4, max_side=side) == (side, side)
    with pytest.raises(ImageError, match="40001 x 40001 pixels, more than the limit"):
        target_size((10, 10), 4, max_side=40001)


def test_runs():
    four = (Fraction(4),) * 2
    assert plan_runs((30, 50), (120, 200), 4) == [((120, 200), four)]
    assert plan_runs((30, 50), (75, 125), 4) == [((75, 125), (Fraction(5, 2),) * 2)]
    # Nothing larger anywhere: no run. Larger along one side: one.
    assert plan_runs((30, 50), (30, 50), 4) == []
    assert plan_runs((30, 50), (30, 51), 4) == [((30, 51), (1, Fraction(51, 50)))]
    # One pixel more than four times: a second run, which ends with that pixel cut off
    # from 31 * 4 and 51 * 4.
    first = ((31, 51), (Fraction(121, 120), Fraction(201, 200)))
    assert plan_runs((30, 50), (121, 201), 4) == [first, ((121, 201), four)]
    third = plan_runs((1, 1), (17, 17), 4)
    assert [size for size, _ in third] == [(2, 2), (5, 5), (17, 17)]
    # Stretched: the width waits, and is reduced by the later runs.
    assert plan_runs((40, 48), (700, 90), 4) == [
        ((44, 48), (Fraction(35, 32), 1)),
        ((175, 48), (4, 1)),
        ((700, 90), (4, Fraction(15, 8))),
    ]
    # A model that does not enlarge runs once.
    assert plan_runs((30, 50), (30, 50), 1) == [((30, 50), (1, 1))]
    assert len(plan_runs((30, 50), (60, 100), 1)) == 1
