"""Boxes for new defects: their sizes, their places, and what is said when there is none."""

import numpy as np
import pytest

from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.placement.boxes import SMALLEST_SIDE, BoxSizes, draw_box
from anogen.placement.settings import PlacementSettings

STEADY = PlacementSettings(size_jitter=0, turn=False)


def disc(height=100, width=160, radius=35):
    y, x = np.mgrid[:height, :width]
    return (y - height / 2) ** 2 + (x - width / 2) ** 2 < radius**2


def draws(legal, sizes, settings, count=150):
    rng = np.random.default_rng(0)
    return [draw_box(legal, sizes, rng, settings=settings, what="plate") for _ in range(count)]


def test_sizes_of_masks_by_hand():
    wide = np.zeros((50, 100), bool)
    wide[10:15, 20:40] = True
    wide[12, 30] = False
    everything = np.ones((10, 10), bool)
    sizes = BoxSizes.of_masks([wide, everything], margin=0.1)
    # 20 of 100 across and 5 of 50 down, each a tenth longer at both ends.
    assert sizes.sizes[0] == pytest.approx((0.2 * 1.2, 0.1 * 1.2))
    assert sizes.sizes[1] == (0.95, 0.95)


def test_without_jitter_boxes_have_the_given_size():
    boxes = draws(np.ones((100, 160), bool), BoxSizes(((0.25, 0.3), (0.1, 0.2))), STEADY)
    assert {(box.width, box.height) for box in boxes} == {(40, 30), (16, 20)}


def test_turned_boxes_keep_their_pixels():
    settings = PlacementSettings(size_jitter=0, turn=True)
    boxes = draws(np.ones((100, 160), bool), BoxSizes(((0.25, 0.1),)), settings)
    assert {(box.width, box.height) for box in boxes} == {(40, 10), (10, 40)}


def test_jitter_has_the_given_deviation():
    settings = PlacementSettings(size_jitter=0.3, turn=False, on_foreground=0)
    boxes = draws(np.ones((400, 400), bool), BoxSizes(((0.25, 0.25),)), settings, count=400)
    logarithms = np.log([box.width / 100 for box in boxes])
    assert abs(logarithms.mean()) < 0.05
    assert logarithms.std() == pytest.approx(0.3, abs=0.04)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 1.0])
def test_boxes_lie_on_the_foreground_by_the_share(share):
    legal = disc()
    settings = PlacementSettings(on_foreground=share)
    boxes = draws(legal, BoxSizes(((0.2, 0.25),)), settings)
    shares = [legal[box.slices].mean() for box in boxes]
    assert min(shares) >= share
    assert len({box.as_list()[0] for box in boxes}) > 20
    for box in boxes:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= 160
        assert box.y1 <= 100


def test_boxes_keep_away_from_the_border():
    settings = PlacementSettings(border=12)
    for box in draws(np.ones((100, 160), bool), BoxSizes(((0.3, 0.3),)), settings):
        assert box.x0 >= 12
        assert box.y0 >= 12
        assert box.x1 <= 148
        assert box.y1 <= 88


def test_boxes_shrink_rather_than_fail():
    legal = np.zeros((100, 100), bool)
    legal[40:60, 40:60] = True
    boxes = draws(
        legal, BoxSizes(((0.3, 0.3),)), STEADY.model_copy(update={"on_foreground": 0.99}), 20
    )
    for box in boxes:
        assert 15 <= box.width <= 20
        assert legal[box.slices].all()


def test_boxes_are_never_tiny():
    for box in draws(np.ones((100, 160), bool), BoxSizes(((0.001, 0.001),)), STEADY, 5):
        assert (box.width, box.height) == (SMALLEST_SIDE, SMALLEST_SIDE)


def test_the_same_generator_gives_the_same_boxes():
    assert draws(disc(), BoxSizes(((0.2, 0.2),)), PlacementSettings()) == draws(
        disc(), BoxSizes(((0.2, 0.2),)), PlacementSettings()
    )


def test_errors_name_the_rule_that_was_in_the_way():
    def fail(legal, sizes, **rules):
        with pytest.raises(InputError) as caught:
            draw_box(
                legal,
                BoxSizes((sizes,)),
                np.random.default_rng(0),
                settings=PlacementSettings(attempts=50, **rules),
                what="plate/001.png, scratch",
            )
        assert str(caught.value).startswith("plate/001.png, scratch: ")
        return str(caught.value)

    whole = np.ones((40, 40), bool)
    assert "placement.legal" in fail(np.zeros((40, 40), bool), (0.3, 0.3))
    message = fail(whole, (0.9, 0.9), border=15)
    assert "40 x 40" in message
    assert "placement.border" in message
    dots = np.zeros((40, 40), bool)
    dots[::10, ::10] = True
    message = fail(dots, (0.4, 0.4), on_foreground=0.5)
    assert "at least 50%" in message
    assert "placement.on_foreground" in message
    # The only legal pixels lie in the forbidden border: the border is not what is to be lowered
    # for the box's size, but no box can lie on the object.
    edge = np.zeros((40, 40), bool)
    edge[:2] = True
    message = fail(edge, (0.25, 0.25), border=5, size_jitter=0)
    assert "best 0%" in message


def test_a_box_around_a_mask():
    mask = np.zeros((7, 9), bool)
    mask[2, 5] = mask[4, 1] = True
    assert Box.around(mask) == Box(1, 2, 6, 5)
    with pytest.raises(ValueError, match="empty mask"):
        Box.around(np.zeros((3, 3), bool))
    with pytest.raises(ValueError, match="empty box"):
        Box(3, 0, 3, 5)
