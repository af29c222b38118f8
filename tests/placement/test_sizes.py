"""Sizes of boxes: learned, given, and those of the released code."""

import numpy as np
import pytest
from pydantic import ValidationError

from anogen.errors import InputError
from anogen.placement.official import OFFICIAL, official_range
from anogen.placement.settings import PlacementSettings, SizeRange
from anogen.placement.sizes import LearnedSizes, RangedSizes, Size, sizes_of


def drawn(sizes, count=400, height=100, width=160):
    rng = np.random.default_rng(0)
    return [sizes.draw(height, width, rng) for _ in range(count)]


def test_sizes_of_masks_by_hand():
    wide = np.zeros((50, 100), bool)
    wide[10:15, 20:60] = True
    wide[12, 30] = False
    everything = np.ones((10, 10), bool)
    sizes = LearnedSizes.of_masks([wide, everything], margin=0.1, jitter=0, turn=False)
    # 40 of 100 across, a tenth longer at both ends; 5 of 50 down, where a tenth is too little room.
    assert sizes.sizes[0] == pytest.approx((0.4 * 1.2, (5 + 2 * 3) / 50))
    assert sizes.sizes[1] == (0.95, 0.95)


def test_without_a_margin_there_is_no_room():
    mask = np.zeros((50, 100), bool)
    mask[10:15, 20:60] = True
    sizes = LearnedSizes.of_masks([mask], margin=0, jitter=0, turn=False)
    assert sizes.sizes == ((0.4, 0.1),)


def test_turned_sizes_keep_their_pixels():
    found = drawn(LearnedSizes(((0.25, 0.1),), turn=True))
    assert {(size.width, size.height) for size in found} == {(40, 10), (10, 40)}
    assert {size.angle for size in found} == {0}


def test_jitter_has_the_given_deviation():
    found = drawn(LearnedSizes(((0.25, 0.25),), jitter=0.3))
    logarithms = np.log([size.width / 40 for size in found])
    assert abs(logarithms.mean()) < 0.05
    assert logarithms.std() == pytest.approx(0.3, abs=0.04)
    assert [size.width / size.height for size in found] == pytest.approx([1.6] * len(found))


def test_ranges_are_drawn_evenly_and_turned_where_they_say():
    found = drawn(RangedSizes(SizeRange(width=(0.1, 0.2), height=(0.5, 0.5), rotate=True)), 2000)
    widths = np.array([size.width for size in found])
    assert widths.min() >= 16
    assert widths.max() <= 32
    # The quartiles of an even distribution over 16 to 32.
    assert np.quantile(widths, [0.25, 0.5, 0.75]) == pytest.approx([20, 24, 28], abs=0.7)
    assert {size.height for size in found} == {50}
    assert np.mean([size.angle for size in found]) == pytest.approx(90, abs=4)
    still = RangedSizes(SizeRange(width=(0.5, 0.5), height=(0.2, 0.2)))
    assert drawn(still, 1) == [Size(80, 20)]


def test_the_official_table():
    # 15 categories of MVTec AD have 73 defects, VisA 12 categories of one.
    assert sum(defect != "bad" for _, defect in OFFICIAL) == 73
    assert sum(defect == "bad" for _, defect in OFFICIAL) == 12
    assert official_range("hazelnut", "hole") == SizeRange(width=(0.1, 0.15), height=(0.1, 0.15))
    assert official_range("bottle", "broken_large") == SizeRange(
        width=(0.2, 0.25), height=(0.25, 0.8), rotate=True
    )
    assert official_range("tile", "crack").height == (0.2, 1.0)
    assert official_range("zipper", "squeezed_teeth").height == (0.1, 0.2)
    assert official_range("screw", "thread_top") == SizeRange(width=(0.05, 0.1), height=(0.05, 0.1))
    assert official_range("pcb4", "bad").rotate
    with pytest.raises(InputError, match="of hazelnut it has crack, cut, hole, print"):
        official_range("hazelnut", "mould")
    with pytest.raises(InputError, match=r"it has no walnut.*placement.sizes=learned"):
        official_range("walnut", "hole")


def test_where_sizes_come_from():
    mask = np.zeros((100, 100), bool)
    mask[:10, :20] = True
    rules = {"margin": 0, "size_jitter": 0, "turn": False}
    learned = sizes_of("tile", "crack", [mask], settings=PlacementSettings(**rules))
    assert drawn(learned, 1, 200, 200) == [Size(40, 20)]
    official = sizes_of("tile", "crack", [], settings=PlacementSettings(sizes="official"))
    assert official == RangedSizes(official_range("tile", "crack"))
    wide = {"width": (0.5, 0.6), "height": (0.1, 0.1)}
    narrow = {"width": (0.1, 0.1), "height": (0.1, 0.1)}
    given = PlacementSettings(sizes="given", ranges={"crack": wide, "tile/crack": narrow})
    assert sizes_of("tile", "crack", [], settings=given) == RangedSizes(SizeRange(**narrow))
    assert sizes_of("wood", "crack", [], settings=given) == RangedSizes(SizeRange(**wide))
    with pytest.raises(InputError, match=r"no sizes of oil.*placement.ranges.oil="):
        sizes_of("tile", "oil", [], settings=given)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ranges", {"hole": {"width": [0.3, 0.2], "height": [0.1, 0.1]}}),
        ("ranges", {"hole": {"width": [0.0, 0.2], "height": [0.1, 0.1]}}),
        ("ranges", {"hole": {"width": [0.1, 1.2], "height": [0.1, 0.1]}}),
        ("ranges", {"hole": {"width": [0.1, 0.2]}}),
        ("aspect", [2.0, 1.0]),
        ("aspect", [0.0, 1.0]),
        ("rotation", [90, 0]),
        ("defects", 0),
    ],
)
def test_impossible_rules_are_refused(field, value):
    with pytest.raises(ValidationError, match=field):
        PlacementSettings(**{field: value})
