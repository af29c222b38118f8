"""Near-copies: drawn defects that are, pixel for pixel, a shot's or an earlier drawing's.

Compared is what stands out from the surroundings, so that the same defect on another good part is
found too. A copy is what is no further away than resampling alone takes a defect from itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box
from anogen.synthesis.canvas import FULL
from anogen.synthesis.contract import Image
from anogen.synthesis.croppaste import Support

SIDE = 24
"""Side in pixels at which defects are compared."""

SHIFT = 0.5
"""Pixels, the farthest that a pixel's content is from a resampled image's nearest pixel."""

RING = 3
"""Pixels around the mask that are the surroundings."""

SAME_SIZE = 1.1
"""Copies' boxes differ by no more than this factor a side, or by two pixels."""


@dataclass(frozen=True)
class Imprint:
    """What a defect looks like, wherever it lies.

    Attributes:
        height: of its box in pixels.
        width: of its box in pixels.
        relief: float32 ``(SIDE, SIDE, 3)``: difference to the surroundings as a share of white,
            zero beside the mask.
    """

    height: int
    width: int
    relief: NDArray[np.float32]


def imprint(image: Image, mask: NDArray[np.bool_]) -> Imprint:
    """The imprint of a defect.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``.
        mask: boolean ``(H, W)``, not empty.
    """
    box = Box.around(mask)
    rows = slice(max(box.y0 - RING, 0), box.y1 + RING)
    columns = slice(max(box.x0 - RING, 0), box.x1 + RING)
    part = image[rows, columns].astype(np.float32) / FULL[image.dtype]
    if part.ndim == 2:
        part = np.repeat(part[..., None], 3, axis=2)
    inside = mask[rows, columns]
    ring = cv2.dilate(inside.astype(np.uint8), np.ones((3, 3)), iterations=RING).astype(bool)
    ring &= ~inside
    level = np.median(part[ring], axis=0) if ring.any() else np.zeros(3)
    relief = np.where(inside[..., None], part - level, 0).astype(np.float32)
    y, x = box.y0 - rows.start, box.x0 - columns.start
    relief = relief[y : y + box.height, x : x + box.width]
    # Enlarged by linear interpolation, so that no pixel is skipped or doubled.
    method = cv2.INTER_AREA if min(relief.shape[:2]) > SIDE else cv2.INTER_LINEAR
    return Imprint(box.height, box.width, cv2.resize(relief, (SIDE, SIDE), interpolation=method))


def imprint_distance(one: Imprint, other: Imprint) -> float:
    """``|a - b| / (|a| + |b|)`` in [0, 1]; 1 for defects of different size."""
    for a, b in ((one.height, other.height), (one.width, other.width)):
        if abs(a - b) > 2 and max(a, b) > SAME_SIZE * min(a, b):
            return 1.0
    norms = float(np.linalg.norm(one.relief)) + float(np.linalg.norm(other.relief))
    return float(np.linalg.norm(one.relief - other.relief)) / norms if norms > 0 else 0.0


def nearest(one: Imprint, others: Sequence[Imprint]) -> float:
    """Distance to the nearest of some; 1 if there is none."""
    return min((imprint_distance(one, other) for other in others), default=1.0)


def copy_limit(supports: Sequence[Support]) -> float:
    """The distance below which a defect is a copy: the median of what resampling does to shots.

    At most half of the distance between two shots, of which none is a copy of another.
    """
    resampled = []
    for image, mask in supports:
        shift = np.array([[1, 0, SHIFT], [0, 1, SHIFT]], np.float32)
        size = (mask.shape[1], mask.shape[0])
        moved = cv2.warpAffine(image, shift, size, borderMode=cv2.BORDER_REFLECT_101)
        # The mask stays: it is the content that lies between the pixels.
        resampled.append(imprint_distance(imprint(image, mask), imprint(moved, mask)))
    shots = [imprint(image, mask) for image, mask in supports]
    between = [nearest(shot, shots[:number]) for number, shot in enumerate(shots)]
    return min(float(np.median(resampled)), min(between) / 2)
