import math

import numpy as np
import pytest

from anogen.demo.outlines import Outline, support_cells

CELLS = support_cells()


def test_there_are_five_cells_of_each_defect_and_none_twice():
    defects = [outline.defect for outline in CELLS]
    assert {name: defects.count(name) for name in defects} == {"crack": 5, "inactive": 5}
    assert len({outline.image for outline in CELLS}) == 10


@pytest.mark.parametrize("outline", CELLS, ids=lambda outline: outline.image)
def test_every_mask_holds_its_outline_and_little_else(outline):
    mask = outline.mask(300, 300)
    assert mask.shape == (300, 300)
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, 255}
    points = np.array(outline.points)
    area = np.count_nonzero(mask)
    if outline.width is None:
        x, y = points.T
        shoelace = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
        perimeter = np.linalg.norm(points - np.roll(points, -1, axis=0), axis=1).sum()
        # Pixels that the outline itself crosses belong to the area: half a pixel all around.
        assert shoelace <= area <= shoelace + perimeter
    else:
        length = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
        stadium = length * outline.width + math.pi * (outline.width / 2) ** 2
        assert area == pytest.approx(stadium, rel=0.05)
    for x, y in np.rint(points).astype(int):
        assert mask[y, x] == 255


def test_a_level_line_of_width_three_is_three_rows():
    line = Outline("a.png", "crack", ((2.0, 5.0), (7.0, 5.0)), 3)
    expected = np.zeros((10, 10), dtype=np.uint8)
    expected[4:7, 2:8] = 255  # the band itself
    expected[5, 1] = expected[5, 8] = 255  # round ends: 1 px beyond on the line, sqrt(2) at corners
    expected[[4, 6], 1] = expected[[4, 6], 8] = 255  # sqrt(2) < 1.5
    np.testing.assert_array_equal(line.mask(10, 10), expected)


def test_a_square_area_is_filled_with_its_border():
    square = Outline("a.png", "inactive", ((2.0, 3.0), (6.0, 3.0), (6.0, 8.0), (2.0, 8.0)), None)
    expected = np.zeros((10, 10), dtype=np.uint8)
    expected[3:9, 2:7] = 255
    np.testing.assert_array_equal(square.mask(10, 10), expected)
