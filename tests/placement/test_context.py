"""Plates of two halves: the left one smooth, the right one striped; defects are on one of them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from anogen.placement.boxes import Ground, draw_places
from anogen.placement.centres import ELSEWHERE
from anogen.placement.context import LESS, Context, Scene, context_of
from anogen.placement.settings import PlacementSettings
from anogen.placement.sizes import LearnedSizes

SIDE = 160
OBJECT = np.zeros((SIDE, SIDE), bool)
OBJECT[40:120, 10:150] = True


def plate(seed: int, *, turned: bool = False, light: int = 0) -> NDArray[np.uint8]:
    """Grey on white; the right half has bright stripes."""
    rng = np.random.default_rng(seed)
    image = np.full((SIDE, SIDE), 230.0)
    image[OBJECT] = 90 + light
    stripes = np.zeros_like(OBJECT)
    stripes[:, 80::6] = stripes[:, 81::6] = True
    image[OBJECT & stripes] = 150 + light
    image += rng.normal(0, 2, image.shape)
    grey = np.clip(image, 0, 255).astype(np.uint8)
    return np.repeat((np.rot90(grey, 2) if turned else grey)[..., None], 3, axis=2)


def shot(seed: int, x: int) -> Scene:
    """A black square of 12 pixels around the column ``x``."""
    image, defect = plate(seed), np.zeros((SIDE, SIDE), bool)
    defect[74:86, x - 6 : x + 6] = True
    image[defect] = 0
    return Scene(image, OBJECT, defect)


def striped() -> Context:
    goods = [Scene(plate(seed), OBJECT).small() for seed in range(4)]
    return context_of([shot(10, 105), shot(11, 120), shot(12, 130)], goods)


@pytest.mark.parametrize("light", [0, 40])
@pytest.mark.parametrize("turned", [False, True])
def test_surroundings_are_found_again_in_any_position_and_light(turned: bool, light: int) -> None:
    object_ = np.rot90(OBJECT, 2) if turned else OBJECT
    scene = Scene(plate(20, turned=turned, light=light), object_)
    likeness = striped().likeness(scene.small(), object_.shape)
    assert likeness.shape == OBJECT.shape
    assert likeness.min() >= 0 and likeness.max() <= 1
    right = likeness[60:100, 100:135]
    left = likeness[60:100, 25:60]
    there, elsewhere = (left, right) if turned else (right, left)
    assert there.mean() > 4 * elsewhere.mean()


def test_a_defect_is_not_its_own_surroundings() -> None:
    # Black defects on stripes are like good stripes, not like nothing at all.
    likeness = striped().likeness(Scene(plate(21), OBJECT).small(), OBJECT.shape)
    assert likeness[70:90, 110:130].mean() > 0.5


def test_places_go_where_shots_have_them_and_now_and_then_elsewhere() -> None:
    likeness = striped().likeness(Scene(plate(22), OBJECT).small(), OBJECT.shape)
    ground = Ground(OBJECT, likeness=likeness)
    sizes = LearnedSizes.of_masks([shot(10, 105).defect], margin=0, jitter=0, turn=False)  # type: ignore[list-item]
    settings = PlacementSettings(where="alike")
    columns = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        (place,) = draw_places(ground, sizes, rng, settings=settings, what="plate")
        columns.append((place.box.x0 + place.box.x1) / 2)
    there = float(np.mean(np.array(columns) > 80))
    assert 0.8 < there < 1
    assert there < 1 - ELSEWHERE / 8  # the other half gets its share of those


def test_without_likeness_every_pixel_is_as_good() -> None:
    sizes = LearnedSizes(((0.05, 0.05),), jitter=0, turn=False)
    even = np.ones(OBJECT.shape, np.float32)
    for likeness in (None, even):
        columns = []
        for seed in range(200):
            rng = np.random.default_rng(seed)
            ground = Ground(OBJECT, likeness=likeness)
            (place,) = draw_places(ground, sizes, rng, settings=PlacementSettings(), what="plate")
            columns.append((place.box.x0 + place.box.x1) / 2)
        assert 0.38 < np.mean(np.array(columns) > 80) < 0.62


def test_defects_of_a_corner_may_stand_out_as_far_as_those_of_the_shots() -> None:
    defect = np.zeros((SIDE, SIDE), bool)
    defect[110:130, 140:160] = True  # a quarter of it on the plate's corner
    context = context_of([Scene(plate(30), OBJECT, defect)], [Scene(plate(0), OBJECT).small()])
    assert context.on_object == pytest.approx(LESS * 0.25)
    corner = np.zeros(OBJECT.shape, np.float32)
    corner[118:120, 148:150] = 1
    sizes = LearnedSizes.of_masks([defect], margin=0, jitter=0, turn=False)

    def at_the_corner(on_object: float) -> float:
        ground = Ground(OBJECT, likeness=corner, on_object=on_object)
        found = []
        for seed in range(60):
            rng = np.random.default_rng(seed)
            (place,) = draw_places(
                ground, sizes, rng, settings=PlacementSettings(where="alike"), what="plate"
            )
            found.append(place.box.x1 > 150 and place.box.y1 > 120)
        return float(np.mean(found))

    assert at_the_corner(context.on_object) > 0.8
    assert at_the_corner(1.0) < 0.1  # half of the box is asked for: found elsewhere
