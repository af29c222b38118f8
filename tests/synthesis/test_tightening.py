"""Boxes tightened to recovered masks; the expected boxes are worked out by hand."""

from dataclasses import replace

import numpy as np

from anogen.placement.box import Box
from anogen.synthesis.contract import Anomaly
from anogen.synthesis.tightening import tightened, tightened_boxes


def test_the_box_keeps_a_margin_around_the_mask() -> None:
    mask = np.zeros((100, 120), np.float32)
    mask[30:50, 40:80] = 0.5  # 40 pixels long: a tenth is 4 a side
    mask[25, 45] = 0.49  # not defective
    assert tightened(mask, Box(10, 10, 110, 90)) == Box(36, 26, 84, 54)


def test_small_masks_keep_two_pixels() -> None:
    mask = np.zeros((40, 40), np.float32)
    mask[20, 10:14] = 1
    assert tightened(mask, Box(0, 0, 40, 40)) == Box(8, 18, 16, 23)


def test_the_box_never_leaves_the_one_that_was_drawn_in() -> None:
    mask = np.ones((40, 40), np.float32)
    assert tightened(mask, Box(3, 5, 20, 30)) == Box(3, 5, 20, 30)


def test_an_empty_mask_leaves_the_box() -> None:
    assert tightened(np.zeros((40, 40), np.float32), Box(3, 5, 20, 30)) == Box(3, 5, 20, 30)


def test_each_of_several_defects_has_its_own_box() -> None:
    mask = np.zeros((40, 80), np.float32)
    mask[10:14, 10:14] = mask[20:24, 60:64] = 1
    whole = Anomaly(np.zeros((40, 80), np.uint8), Box(0, 0, 80, 40), mask > 0, mask)
    several = replace(whole, boxes=(Box(0, 0, 40, 40), Box(40, 0, 80, 40)))
    assert tightened_boxes(several) == [Box(8, 8, 16, 16), Box(58, 18, 66, 26)]
    assert tightened_boxes(whole) == [Box(5, 5, 69, 29)]
