"""Whether a drawn defect looks like the real ones of its type, or more like those of another.

A defect is described by what a network sees in it beyond what it sees around it. Nearest
neighbours among the support shots of all types of the product then tell its type.
"""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box

CROP = 128
"""Side in pixels at which defects are compared."""

AROUND, LEAST_SIDE = 1.5, 32
"""Side of the crop as a multiple of the defect's longer side, and its least in pixels."""

MOST_LIKE = 10.0
"""Likeness of a defect that is one of the shots, where the ratio has no bound."""


def crop_around(
    image: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The defect in the middle of a square, mirrored in where that leaves the image.

    Args:
        image: ``(H, W, 3)``.
        mask: boolean ``(H, W)``, not empty.

    Returns:
        uint8 ``(CROP, CROP, 3)``, and how much of each of its pixels is defective, in [0, 1].
    """
    box = Box.around(mask)
    side = max(round(AROUND * max(box.width, box.height)) + 8, LEAST_SIDE)
    y, x = (box.y0 + box.y1 - side) // 2, (box.x0 + box.x1 - side) // 2
    height, width = mask.shape
    beyond = max(0, -y, -x, y + side - height, x + side - width)
    rows, columns = slice(y + beyond, y + beyond + side), slice(x + beyond, x + beyond + side)
    # Symmetric, as it may reach further than the image is wide.
    part = np.pad(image, ((beyond, beyond), (beyond, beyond), (0, 0)), "symmetric")[rows, columns]
    inside = np.pad(mask, beyond)[rows, columns].astype(np.float32)
    method = cv2.INTER_AREA if side > CROP else cv2.INTER_LINEAR
    crop: NDArray[np.uint8] = cv2.resize(part, (CROP, CROP), interpolation=method)
    weight: NDArray[np.float32] = cv2.resize(inside, (CROP, CROP), interpolation=cv2.INTER_AREA)
    return crop, weight


def descriptor(features: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean features of the defect less those of its surroundings, in units of the former's length.

    Args:
        features: ``(C, h, w)`` of a crop.
        weight: ``(CROP, CROP)``, of :func:`crop_around`.

    Returns:
        float32 ``(C,)``.
    """
    shape = (features.shape[2], features.shape[1])
    share = cv2.resize(weight, shape, interpolation=cv2.INTER_AREA) + np.float32(1e-6)
    rest = np.clip(1 - share, np.float32(1e-6), None)
    defect = (features * share).sum(axis=(1, 2)) / share.sum()
    around = (features * rest).sum(axis=(1, 2)) / rest.sum()
    described: NDArray[np.float32] = (defect - around) / max(float(np.linalg.norm(defect)), 1e-12)
    return described


def likeness(
    drawn: NDArray[np.float32], shots: Mapping[str, NDArray[np.float32]], defect: str
) -> float | None:
    """How much nearer a defect lies to the shots of its own type than to those of all others.

    Args:
        drawn: ``(C,)``, its descriptor.
        shots: descriptors ``(N, C)`` of the shots of every type.
        defect: its type.

    Returns:
        Distance to the nearest shot of another type by that to the nearest of its own, at most
        :data:`MOST_LIKE`; above 1 the own type is nearer. None if there is no other type.
    """
    nearest = {
        name: float(np.sqrt(np.square(vectors - drawn).sum(axis=1)).min())
        for name, vectors in shots.items()
    }
    own = nearest.pop(defect)
    if not nearest:
        return None
    other = min(nearest.values())
    return MOST_LIKE if other >= MOST_LIKE * own else other / own
