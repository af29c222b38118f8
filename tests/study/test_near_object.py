"""What of a mask is drawn in, at the edge of a disc on a table."""

import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box
from anogen.placement.boxes import Ground, Place
from anogen.study.stages.near_object import bites, near_object, rim_of, trimmed
from anogen.synthesis.contract import Anomaly

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


def kept(mask: NDArray[np.bool_], *, to_edge: bool = False) -> NDArray[np.bool_]:
    left = near_object(place_of(mask), Ground(DISC), to_edge=to_edge)
    return np.zeros_like(DISC) if left is None else left.mask(SIDE, SIDE)


def test_defects_stand_out_of_the_object_a_little_unless_they_take_away_from_it() -> None:
    mask = bar(60, 128)
    assert np.array_equal(kept(mask) & DISC, mask & DISC)
    assert np.array_equal(kept(mask, to_edge=True) & DISC, mask & DISC)
    out, bitten = (int((kept(mask, to_edge=b) & ~DISC).sum()) for b in (False, True))
    assert 0 < bitten < out / 2 < int((mask & ~DISC).sum())
    assert X[kept(mask, to_edge=True)].max() <= 42


def test_parts_beside_the_object_are_left_out() -> None:
    # The second ends two pixels from the edge: near, but with no pixel on the object.
    mask = bar(40, 80) | (bar(106, 120) & ~DISC & (np.hypot(Y, X) > 41.5))
    assert np.array_equal(kept(mask), bar(40, 80))
    assert near_object(place_of(bar(110, 120)), Ground(DISC)) is None


def test_a_defect_bites_when_the_background_shows_through_it() -> None:
    crack = bar(70, 104) & (np.abs(Y) < 4)
    cracked = DISC & ~crack
    assert bites([crack], [cracked])
    assert not bites([crack], [DISC])
    # Of several shots all pixels count.
    assert not bites([crack, bar(30, 100)], [cracked, DISC])


def test_what_stands_out_does_not_bite() -> None:
    tip = bar(100, 120) & (np.abs(Y) < 4)
    # Most of what is marked around the tip is background, but none of it was the object.
    marked = bar(96, 126)
    assert not bites([marked], [DISC | tip])


def test_what_is_not_legal_is_not_drawn() -> None:
    legal = X < 0
    left = near_object(place_of(bar(40, 80)), Ground(DISC, legal))
    assert left is not None and np.array_equal(left.mask(SIDE, SIDE), bar(40, 64))


def test_what_is_drawn_in_a_box_ends_at_the_edge_of_what_it_takes_away_from() -> None:
    normal = np.where(DISC, 180, 60).astype(np.uint8)
    box, region = Box(70, 50, 126, 78), np.zeros_like(DISC)
    region[box.slices] = True
    drawn, mask = normal.copy(), bar(80, 124)
    drawn[mask] = 10
    before = Anomaly(drawn, box, region, mask.astype(np.float32), {"steps": 2})
    after = trimmed(before, normal, DISC, rim=1)
    assert np.array_equal(after.image[DISC], drawn[DISC])
    far = np.hypot(Y, X) > 42.5
    assert np.array_equal(after.image[far], normal[far])
    assert np.array_equal(after.mask[DISC], before.mask[DISC]) and not after.mask[far].any()
    assert (after.box, after.provenance) == (box, {"steps": 2})
    assert np.array_equal(drawn[mask], np.full(int(mask.sum()), 10))  # the first is as it was


def test_the_rim_is_that_of_the_whole_image() -> None:
    assert rim_of((3000, 4000)) == 31
    assert rim_of((256, 256, 3)) == 2


def test_nearness_is_the_same_on_large_images() -> None:
    mask = bar(60, 128)
    wide = np.kron(mask, np.ones((40, 40), bool))
    box = Box.around(wide)
    left = near_object(Place(box, wide[box.slices]), Ground(np.kron(DISC, np.ones((40, 40), bool))))
    assert left is not None
    small, large = kept(mask), left.mask(40 * SIDE, 40 * SIDE)[20::40, 20::40]
    assert (small & large).sum() / (small | large).sum() > 0.95
