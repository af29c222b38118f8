"""Pins with a head: the place along them is told in any position; other shapes have no ends."""

import numpy as np
import pytest
from numpy.typing import NDArray

from anogen.placement.context import Scene, context_of
from anogen.placement.lengthwise import has_unlike_ends, lengthwise

SIDE = 96


def pin(turns: int = 0) -> NDArray[np.uint8]:
    """A pin, its head at the left, before it is turned by right angles."""
    object_ = np.zeros((SIDE, SIDE), np.uint8)
    object_[45:51, 8:88] = 255
    object_[38:58, 8:20] = 255
    return np.rot90(object_, turns).copy()


@pytest.mark.parametrize("turns", range(4))
def test_the_thin_end_is_ahead_whatever_the_position(turns: int) -> None:
    place = np.rot90(lengthwise(pin(turns)), -turns)
    assert place.dtype == np.float32
    assert place[48, 87] > 1 > 0 > place[48, 8]
    assert abs(float(np.average(place, weights=pin()))) < 1e-4
    assert np.average(place**2, weights=pin()) == pytest.approx(1, abs=1e-4)


def test_what_has_no_unlike_ends() -> None:
    rod, disc = np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    rod[45:51, 8:88] = 255
    y, x = np.indices(disc.shape)
    disc[np.hypot(y - 48, x - 48) < 30] = 255
    short = np.zeros_like(rod)
    short[20:70, 20:80] = 255
    short[20:70, 20:40] = 0
    dot, nothing = np.zeros_like(rod), np.zeros_like(rod)
    dot[5, 5] = 255
    for object_ in (rod, disc, short, dot, nothing, np.full_like(rod, 255)):
        assert not has_unlike_ends([object_])
    assert not has_unlike_ends([])
    assert has_unlike_ends([pin(), pin(1), pin(2)])
    assert has_unlike_ends([pin(), pin(1), rod, nothing])  # one that was not found well
    assert not lengthwise(nothing).any()


@pytest.mark.parametrize("turns", range(4))
def test_two_ends_that_look_alike_are_two_places(turns: int) -> None:
    def scene(turns: int, defect: NDArray[np.bool_] | None = None) -> Scene:
        rng = np.random.default_rng(turns)
        image = np.where(pin(turns)[..., None] > 0, 80, 230) + rng.normal(0, 2, (SIDE, SIDE, 3))
        return Scene(image.astype(np.uint8), pin(turns) > 0, defect)

    defect = np.zeros((SIDE, SIDE), bool)
    defect[47:50, 70:73] = True
    context = context_of([scene(0, defect)] * 3, [scene(n).small() for n in range(4)])
    assert context.along
    likeness = np.rot90(context.likeness(scene(turns).small(), (SIDE, SIDE)), -turns)
    # The shank looks the same from end to end.
    there, elsewhere = likeness[47:50, 69:74].mean(), likeness[47:50, 34:39].mean()
    assert there > 5 * elsewhere
