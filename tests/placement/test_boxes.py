"""Places for new defects: every rule that they keep, and what is said when there is none."""

import numpy as np
import pytest

from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.placement.boxes import SMALLEST_SIDE, Ground, Place, draw_places, rectangle
from anogen.placement.settings import PlacementSettings
from anogen.placement.sizes import LearnedSizes, Size


def disc(height=100, width=160, radius=35):
    y, x = np.mgrid[:height, :width]
    return (y - height / 2) ** 2 + (x - width / 2) ** 2 < radius**2


def steady(*sizes):
    return LearnedSizes(sizes)


def lively(*sizes):
    return LearnedSizes(sizes, jitter=0.2, turn=True)


def draws(ground, sizes, count=150, **rules):
    if not isinstance(ground, Ground):
        ground = Ground(ground)
    rng = np.random.default_rng(0)
    settings = PlacementSettings(**rules)
    return [draw_places(ground, sizes, rng, settings=settings, what="plate") for _ in range(count)]


def boxes_of(*arguments, **rules):
    return [place.box for places in draws(*arguments, **rules) for place in places]


WHOLE = np.ones((100, 160), bool)


def test_without_jitter_boxes_have_the_given_size():
    boxes = boxes_of(WHOLE, steady((0.25, 0.3), (0.1, 0.2)))
    assert {(box.width, box.height) for box in boxes} == {(40, 30), (16, 20)}


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 1.0])
def test_boxes_lie_on_the_object_by_the_share(share):
    object_ = disc()
    boxes = boxes_of(object_, lively((0.2, 0.25)), on_foreground=share)
    assert min(object_[box.slices].mean() for box in boxes) >= max(share, 1e-9)
    assert len({box.x0 for box in boxes}) > 20
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= 160 and box.y1 <= 100 for box in boxes)


def test_large_boxes_come_as_often_as_small_ones_where_they_fit():
    strip = np.zeros((100, 160), bool)
    strip[40:60] = True
    boxes = boxes_of(strip, steady((0.3, 0.15), (0.05, 0.08)), on_foreground=0.95)
    large = np.mean([box.width == 48 for box in boxes])
    assert 0.35 < large < 0.65  # 0.29 with a new size at every attempt


def test_boxes_keep_away_from_the_border():
    for box in boxes_of(WHOLE, lively((0.3, 0.3)), border=12):
        assert box.x0 >= 12
        assert box.y0 >= 12
        assert box.x1 <= 148
        assert box.y1 <= 88


def test_boxes_lie_in_the_legal_region_by_the_same_share():
    legal = np.zeros_like(WHOLE)
    legal[:, :60] = True
    boxes = boxes_of(Ground(disc(radius=45), legal=legal), steady((0.1, 0.1)), on_foreground=0.8)
    both = disc(radius=45) & legal
    assert min(both[box.slices].mean() for box in boxes) >= 0.8


def test_boxes_touch_no_forbidden_pixel():
    forbidden = np.zeros_like(WHOLE)
    forbidden[45:55, ::12] = True
    for box in boxes_of(Ground(WHOLE, forbidden=forbidden), steady((0.2, 0.2))):
        assert not forbidden[box.slices].any()


def test_boxes_shrink_rather_than_fail():
    object_ = np.zeros((100, 100), bool)
    object_[40:60, 40:60] = True
    for box in boxes_of(object_, steady((0.3, 0.3)), 4, on_foreground=0.99):
        assert 15 <= box.width <= 20
        assert object_[box.slices].all()


def test_boxes_are_never_tiny():
    for box in boxes_of(WHOLE, steady((0.001, 0.001)), 5):
        assert (box.width, box.height) == (SMALLEST_SIDE, SMALLEST_SIDE)


def test_several_boxes_of_an_image_lie_apart():
    for places in draws(disc(radius=45), lively((0.15, 0.2)), 50, defects=3):
        count = np.zeros((100, 160), int)
        for place in places:
            count[place.box.slices] += 1
        assert len(places) == 3
        assert count.max() == 1


def test_the_aspect_keeps_the_area():
    boxes = boxes_of(WHOLE, steady((0.25, 0.4)), 60, aspect=(0.5, 3.0))
    aspects = [box.width / box.height for box in boxes]
    assert min(aspects) < 0.7
    assert max(aspects) > 2.2
    # 40 x 40 pixels, of which rounding takes or gives half a pixel a side.
    assert all(box.area == pytest.approx(1600, rel=0.05) for box in boxes)
    assert min(aspects) >= 0.45
    assert max(aspects) <= 3.2


def test_a_turned_rectangle_fills_its_box():
    # 3-4-5: sides of 50 and 25 turned by atan(3/4) span 50*0.8+25*0.6 and 50*0.6+25*0.8 pixels.
    shape = rectangle(Size(50, 25, np.degrees(np.arctan2(3, 4))))
    assert shape.shape == pytest.approx((50, 55), abs=1)
    assert shape.sum() == pytest.approx(50 * 25, rel=0.03)
    assert Box.around(shape).as_list() == [0, 0, shape.shape[1], shape.shape[0]]
    # A turn by 180 degrees changes nothing, and no corner of the box is drawn in.
    assert np.array_equal(shape, shape[::-1, ::-1])
    assert not (shape[0, 0] or shape[0, -1] or shape[-1, 0] or shape[-1, -1])
    # Counted from the x axis towards y, which runs down: the lower right is filled.
    assert shape[35, 45]
    assert not shape[14, 45]
    assert rectangle(Size(30, 10, 90)).shape == (30, 10)
    assert rectangle(Size(30, 10, 180)).all()


def test_turned_places_keep_the_rules_by_their_shape():
    object_ = disc()
    for places in draws(object_, steady((0.3, 0.12)), 60, rotation=(20, 70), on_foreground=0.7):
        (place,) = places
        mask = place.mask(100, 160)
        assert Box.around(mask) == place.box
        assert not place.shape.all()
        assert object_[mask].mean() >= 0.7


def test_the_same_generator_gives_the_same_places():
    rules = {"rotation": (0, 90), "defects": 2, "aspect": (0.5, 2)}
    one, other = (boxes_of(disc(), lively((0.15, 0.15)), 20, **rules) for _ in range(2))
    assert one == other


def sentence(ground, size, **rules):
    """What is said of a ground on which there is no place."""
    with pytest.raises(InputError) as caught:
        draw_places(
            ground if isinstance(ground, Ground) else Ground(ground),
            steady(size),
            np.random.default_rng(0),
            settings=PlacementSettings(**{"attempts": 60} | rules),
            what="plate/001.png, scratch",
        )
    text = str(caught.value)
    assert text.startswith("plate/001.png, scratch: ")
    assert text.endswith(".")
    return text


FIELD = np.ones((40, 40), bool)


def test_the_sentence_names_a_size_that_never_fits():
    # 40 x 40 pixels of aspect 9 are 120 x 13; shrunk to the half, 60 x 7.
    said = sentence(FIELD, (1.0, 1.0), aspect=(9, 9))
    assert "fits into 40 x 40 pixels" in said
    assert "placement.aspect" in said


def test_the_sentence_names_the_border():
    said = sentence(FIELD, (0.9, 0.9), border=15)
    assert "15 pixels from the border of 40 x 40 pixels" in said
    assert "placement.border" in said
    # The object lies in the margin; without it there would be room.
    edge = np.zeros_like(FIELD)
    edge[:12] = True
    assert "placement.border" in sentence(edge, (0.25, 0.25), border=13)


def test_the_sentence_names_the_object():
    dots = np.zeros_like(FIELD)
    dots[::10, ::10] = True
    said = sentence(dots, (0.4, 0.4))
    assert "at least 50% on the object (best " in said
    assert "placement.on_foreground" in said
    assert "placement.foreground" in sentence(np.zeros_like(FIELD), (0.4, 0.4))


def test_the_sentence_names_the_legal_region():
    line = np.zeros_like(FIELD)
    line[20] = True
    said = sentence(Ground(FIELD, legal=line), (0.4, 0.4))
    assert "placement.legal" in said
    assert "legal region" in said
    half = np.zeros_like(FIELD)
    half[:20] = True
    said = sentence(Ground(half, legal=~half), (0.4, 0.4))
    assert "does not touch the object" in said
    assert "placement.legal" in said


def test_the_sentence_names_the_forbidden_region():
    grid = np.zeros_like(FIELD)
    grid[::6] = True
    said = sentence(Ground(FIELD, forbidden=grid), (0.4, 0.4))
    assert "placement.forbidden" in said
    assert "every box" in said
    said = sentence(Ground(FIELD, forbidden=FIELD), (0.4, 0.4))
    assert "all of the object is forbidden" in said


def test_the_sentence_names_the_number_of_defects():
    said = sentence(FIELD, (0.8, 0.8), defects=4)
    assert "no room for another" in said
    assert "placement.defects" in said


def test_the_sentence_names_all_rules_that_only_fail_together():
    # Boxes of 16 pixels and more: on the object by a strip of 3, and that strip is forbidden but
    # for its middle line, so every box breaks both rules.
    strip = np.zeros_like(FIELD)
    strip[19:22] = True
    forbidden = strip.copy()
    forbidden[20] = False
    said = sentence(Ground(strip, forbidden=forbidden), (0.8, 0.8))
    assert "no box keeps all rules" in said
    assert "placement.on_foreground" in said
    assert "placement.forbidden" in said


def test_a_box_around_a_mask():
    mask = np.zeros((7, 9), bool)
    mask[2, 5] = mask[4, 1] = True
    assert Box.around(mask) == Box(1, 2, 6, 5)
    with pytest.raises(ValueError, match="empty mask"):
        Box.around(np.zeros((3, 3), bool))
    with pytest.raises(ValueError, match="empty box"):
        Box(3, 0, 3, 5)


def test_a_place_is_cut_to_the_box_of_what_is_left():
    shape = np.ones((4, 6), bool)
    shape[0, 0] = False
    place, left = Place(Box(10, 20, 16, 24), shape), np.zeros((4, 6), bool)
    assert place.cut(left) is None
    left[0, 0] = True
    assert place.cut(left) is None
    left[1:3, 2:5] = True
    cut = place.cut(left)
    assert cut.box == Box(12, 21, 15, 23)
    assert cut.shape.all()
    part = Box(11, 15, 30, 40)
    assert np.array_equal(cut.within(part), cut.mask(60, 60)[part.slices])
