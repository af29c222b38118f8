"""Boxes around what was drawn, where placement asked for more room than the defect took.

A detector that learns from boxes takes the pixels outside of them for good ones, so the box keeps a
margin around the recovered mask, which may end a little early.
"""

import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box
from anogen.synthesis.contract import Anomaly

MARGIN, LEAST_MARGIN = 0.1, 2
"""Room a side, as a share of the mask's longer side, and in pixels: see ``benchmarks/masks``."""


def tightened(mask: NDArray[np.float32], box: Box) -> Box:
    """The part of ``box`` around a recovered mask and its margin; all of it if the mask is empty.

    Args:
        mask: ``(H, W)`` in [0, 1]; 0.5 and more is defective.
        box: where the defect was drawn.
    """
    found = mask[box.slices] >= 0.5
    if not found.any():
        return box
    return with_margin(Box.around(found), box.height, box.width).outside(box)


def with_margin(box: Box, height: int, width: int) -> Box:
    """A defect's box and its margin, inside an image of this size."""
    margin = max(LEAST_MARGIN, round(MARGIN * max(box.width, box.height)))
    return box.grown(margin, height, width)


def tightened_boxes(anomaly: Anomaly) -> list[Box]:
    """The tightened box of each defect of an image, in their order."""
    return [tightened(anomaly.mask, box) for box in anomaly.boxes or (anomaly.box,)]
