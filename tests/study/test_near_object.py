"""What of a mask is drawn in, at the edge of a disc on a table."""

import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box
from anogen.placement.boxes import Ground, Place
from anogen.study.stages.near_object import bites, near_object

SIDE = 128
Y, X = np.indices((SIDE, SIDE)) - 63.5
DISC = np.hypot(Y, X) <= 40


def bar(first: int, last: int) -> NDArray[np.bool_]:
    """From the column ``first`` to ``last``, 20 pixels wide, through the middle."""
    column = X + 63.5
    return (np.abs(Y) < 10) & (column >= first) & (column < last)


def place_of(mask: NDArray[np.bool_]) -> Place:
    box = Box.around(mask)
    return Place(box, mask[box.slices])


def kept(mask: NDArray[np.bool_], *, biting: bool = False) -> NDArray[np.bool_]:
    left = near_object(place_of(mask), Ground(DISC), biting=biting)
    return np.zeros_like(DISC) if left is None else left.mask(SIDE, SIDE)


def test_defects_stand_out_of_the_object_a_little_unless_they_take_away_from_it() -> None:
    mask = bar(60, 128)
    assert np.array_equal(kept(mask) & DISC, mask & DISC)
    assert np.array_equal(kept(mask, biting=True) & DISC, mask & DISC)
    out, bitten = (int((kept(mask, biting=b) & ~DISC).sum()) for b in (False, True))
    assert 0 < bitten < out / 2 < int((mask & ~DISC).sum())
    assert X[kept(mask, biting=True)].max() <= 42


def test_parts_beside_the_object_are_left_out() -> None:
    # The second ends two pixels from the edge: near, but with no pixel on the object.
    mask = bar(40, 80) | (bar(106, 120) & ~DISC & (np.hypot(Y, X) > 41.5))
    assert np.array_equal(kept(mask), bar(40, 80))
    assert near_object(place_of(bar(110, 120)), Ground(DISC)) is None


def test_a_defect_bites_when_most_of_it_shows_the_background() -> None:
    cracked = DISC & ~bar(64, 128)
    assert bites([bar(64, 100)], [cracked])
    assert not bites([bar(64, 100)], [DISC])
    # Of several shots all pixels count.
    assert not bites([bar(64, 70), bar(10, 60)], [cracked, DISC])


def test_what_is_not_legal_is_not_drawn() -> None:
    legal = X < 0
    left = near_object(place_of(bar(40, 80)), Ground(DISC, legal))
    assert left is not None and np.array_equal(left.mask(SIDE, SIDE), bar(40, 64))
