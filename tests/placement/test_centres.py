"""Centres of places: every allowed pixel by its share, in cells where an image is large."""

import numpy as np
import pytest

from anogen.placement.centres import MOST_CELLS, Centres, cell_side, cells_of

LARGE = (1100, 2003)
"""More pixels than cells; no multiple of a cell's side."""


@pytest.mark.parametrize(
    ("shape", "side", "cells"),
    [
        ((1024, 1024), 1, (1024, 1024)),
        ((1025, 1024), 2, (513, 512)),
        (LARGE, 2, (550, 1002)),
        ((3000, 4000), 4, (750, 1000)),
    ],
)
def test_only_images_of_more_than_a_megapixel_have_cells_of_several_pixels(shape, side, cells):
    assert shape[0] * shape[1] > MOST_CELLS or side == 1
    assert cell_side(shape) == side
    assert cells_of(shape) == cells


def drawn(allowed, likeness, count):
    centres = Centres(allowed, likeness)
    rng = np.random.default_rng(0)
    return np.array([centres.draw(rng) for _ in range(count)])


def test_every_allowed_pixel_of_a_large_image_is_as_likely():
    allowed = np.zeros(LARGE, bool)
    # Pixels of full cells, of a cell with one pixel, and of one that the border cuts off.
    pixels = {(10, 20), (10, 21), (11, 20), (11, 21), (501, 777), (1099, 2002), (1098, 2002)}
    for pixel in pixels:
        allowed[pixel] = True
    found, counts = np.unique(drawn(allowed, None, 7000), axis=0, return_counts=True)
    assert {tuple(pixel) for pixel in found.tolist()} == pixels
    assert counts.min() > 880 and counts.max() < 1120  # 1000 each, deviation 29


def test_cells_are_drawn_by_likeness_and_by_how_many_pixels_they_have():
    allowed = np.zeros(LARGE, bool)
    allowed[0:2, 0:2] = allowed[100, 100] = allowed[101, 101] = allowed[300, 300] = True
    likeness = np.zeros(cells_of(LARGE), np.float32)
    likeness[0, 0], likeness[50, 50] = 0.25, 1.0
    found = drawn(allowed, likeness, 6000)
    share = {row: float((found[:, 0] // 2 == row).mean()) for row in (0, 50, 150)}
    # Nine tenths by 4 x 0.25 against 2 x 1.0 and nothing, a tenth by 4 : 2 : 1.
    assert share[0] == pytest.approx(0.9 / 3 + 0.1 * 4 / 7, abs=0.025)
    assert share[50] == pytest.approx(0.9 * 2 / 3 + 0.1 * 2 / 7, abs=0.025)
    assert share[150] == pytest.approx(0.1 / 7, abs=0.008)


def test_likeness_of_another_grid_is_refused():
    with pytest.raises(ValueError, match="cells"):
        Centres(np.ones(LARGE, bool), np.ones(LARGE, np.float32))
