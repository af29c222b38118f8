"""The defects of one image, told apart by the boxes that they were drawn in.

A defect is a thing that a detector shall find once, however many pieces its mask has. So pieces
are not what is counted, places are: each box of the manifest is a defect, and its part of the mask
belongs to it.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box


def instances(mask: NDArray[np.bool_], boxes: Sequence[Box]) -> list[NDArray[np.bool_]]:
    """The part of the mask that belongs to each box.

    A connected part (corners touch) goes as a whole to the one box that it touches, or else to
    the nearest; one that touches several is shared out, each pixel to the nearest box. Boxes that
    get nothing, as where a reviewer erased a defect, are left out.

    Args:
        mask: of all defects, bool ``(H, W)``, not empty.
        boxes: apart from each other; with fewer than two the mask stays whole.

    Returns:
        Masks ``(H, W)`` in the order of the boxes, which together are ``mask`` and do not overlap.
    """
    if len(boxes) < 2:
        return [mask]
    rows, columns = np.nonzero(mask)
    away = np.stack([_distance(rows, columns, box) for box in boxes])
    nearest = away.argmin(axis=0)
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    labels = labels[rows, columns]
    owner = np.empty_like(nearest)
    for label in range(1, int(labels.max()) + 1):
        part = labels == label
        least = away[:, part].min(axis=1)
        shared = np.count_nonzero(least == 0) > 1
        owner[part] = nearest[part] if shared else least.argmin()
    found = []
    for number in range(len(boxes)):
        own = owner == number
        if own.any():
            one = np.zeros_like(mask)
            one[rows[own], columns[own]] = True
            found.append(one)
    return found


def _distance(rows: NDArray[np.intp], columns: NDArray[np.intp], box: Box) -> NDArray[np.intp]:
    """Squared distance of pixels ``(N,)`` to the nearest pixel of a box; 0 within it."""
    down = np.maximum(np.maximum(box.y0 - rows, rows - (box.y1 - 1)), 0)
    right = np.maximum(np.maximum(box.x0 - columns, columns - (box.x1 - 1)), 0)
    squared: NDArray[np.intp] = down**2 + right**2
    return squared
