"""Depth inside a part, and how likely defects are at each."""

import numpy as np
import pytest
from numpy.typing import NDArray

from anogen.placement.context import Scene, context_of
from anogen.placement.depth import FLAT, depth, depth_of, likely

SIDE = 96


def disc(radius: float) -> NDArray[np.uint8]:
    y, x = np.indices((SIDE, SIDE)) - 47.5
    return (np.hypot(y, x) <= radius).astype(np.uint8) * np.uint8(255)


def test_depth_is_the_share_of_the_object_that_lies_nearer_to_its_edge() -> None:
    object_ = disc(40)
    deep = depth(object_)
    assert deep.dtype == np.float32 and deep.min() == 0 and deep.max() < 1
    assert (deep[object_ == 0] == 0).all()
    # 20 pixels from the middle: a quarter of the disc is still nearer to the middle.
    assert deep[47, 67] == pytest.approx(0.75, abs=0.05)
    assert np.sort(deep[object_ > 0]) == pytest.approx(
        np.linspace(0, 1, (object_ > 0).sum()), abs=0.08
    )


def test_the_border_of_the_image_is_an_edge() -> None:
    deep = depth(np.full((SIDE, SIDE), 255, np.uint8))
    assert deep[0, 50] == deep[50, 0] == deep[SIDE - 1, 50] == 0
    assert deep[48, 48] > 0.99


def test_an_image_without_an_object_has_no_depth() -> None:
    nothing = np.zeros((8, 8), np.uint8)
    assert not depth(nothing).any()
    assert depth_of(np.ones((8, 8), np.float32), nothing) == 0


def test_the_depth_of_a_defect_is_that_of_its_pixels_on_the_object() -> None:
    object_, defect = disc(40), np.zeros((SIDE, SIDE), np.float32)
    defect[44:52, 84:96] = 255  # from 4 pixels inside the edge to 8 beside it
    assert depth_of(defect, object_) < 0.2
    defect[:] = 0
    defect[44:52, 44:52] = 255
    assert depth_of(defect, object_) > 0.95


def test_shots_that_agree_tell_more_than_shots_that_do_not() -> None:
    at = np.array([0.02, 0.5, 0.98], np.float32)
    edge, middle, deep = likely(at, (0.0, 0.05, 0.1))
    assert edge > 0.95 and middle < 0.25 and deep < 0.25
    scattered = likely(at, (0.1, 0.5, 0.9))
    assert scattered.min() > 0.5
    # One shot of many: places of any depth keep their share.
    assert likely(at, (0.0,)).min() > 0.2
    assert likely(np.linspace(0, 1, 99, dtype=np.float32), (0.3,)).max() == pytest.approx(
        1, abs=1e-3
    )
    assert FLAT > 0


def test_chips_at_the_edge_are_expected_at_the_edge_of_plain_plates() -> None:
    def plate(seed: int) -> NDArray[np.uint8]:
        grey = np.random.default_rng(seed).normal(120, 6, (SIDE, SIDE, 1))
        return np.repeat(np.clip(grey, 0, 255).astype(np.uint8), 3, axis=2)

    whole, shots = np.ones((SIDE, SIDE), bool), []
    for seed, (y, x) in enumerate(((0, 30), (50, 88), (88, 12))):
        defect = np.zeros((SIDE, SIDE), bool)
        defect[y : y + 8, x : x + 8] = True
        shots.append(Scene(plate(seed), whole, defect))
    context = context_of(shots, [Scene(plate(seed), whole).small() for seed in range(5, 9)])
    likeness = context.likeness(Scene(plate(20), whole).small(), (SIDE, SIDE))
    edge = ~np.pad(np.ones((SIDE - 16, SIDE - 16), bool), 8)
    assert likeness[edge].mean() > 3 * likeness[~edge].mean()
