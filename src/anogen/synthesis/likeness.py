"""Whether a drawn defect looks like the real ones of its type, or more like those of another.

A defect is described by what a network sees in it, and by how that differs from what it sees around
it, turned and mirrored in eight ways, since which way a defect lies is chance. The nearest among
the support shots of all types of the product then tell its type.
"""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.data.images import to_rgb8
from anogen.placement.box import Box
from anogen.synthesis.contract import Image

CROP = 128
"""Side in pixels at which defects are compared."""

AROUND, LEAST_SIDE = 1.5, 32
"""Side of the crop as a multiple of the defect's longer side, and its least in pixels."""

VIEWS = 8
"""Quarter turns, mirrored and not."""

NEAREST = (0.7, 0.3)
"""Weights of the distances to the nearest shot of a type and to the next."""

LEAST, MOST = 0.8, 0.87
"""Bounds of :func:`least_likeness`: where types look alike, little is asked; and on another part a
defect looks a little less like its type than the shots like one another (``benchmarks/masks``)."""

MOST_LIKE = 10.0
"""Likeness of a defect that is one of the shots, where the ratio has no bound."""


def crop_around(
    image: Image, mask: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The defect in the middle of a square, mirrored in where that leaves the image.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``.
        mask: boolean ``(H, W)``, not empty.

    Returns:
        uint8 ``(CROP, CROP, 3)``, and how much of each of its pixels is defective, in [0, 1].
    """
    box = Box.around(mask)
    side = max(round(AROUND * max(box.width, box.height)) + 8, LEAST_SIDE)
    y, x = (box.y0 + box.y1 - side) // 2, (box.x0 + box.x1 - side) // 2
    height, width = mask.shape
    rows = slice(max(y, 0), min(y + side, height))
    columns = slice(max(x, 0), min(x + side, width))
    beyond = (rows.start - y, y + side - rows.stop), (columns.start - x, x + side - columns.stop)
    # Symmetric, as it may reach further than the image is wide.
    part = np.pad(to_rgb8(image[rows, columns]), (*beyond, (0, 0)), "symmetric")
    inside = np.pad(mask[rows, columns], beyond).astype(np.float32)
    method = cv2.INTER_AREA if side > CROP else cv2.INTER_LINEAR
    crop: NDArray[np.uint8] = cv2.resize(part, (CROP, CROP), interpolation=method)
    weight: NDArray[np.float32] = cv2.resize(inside, (CROP, CROP), interpolation=cv2.INTER_AREA)
    return crop, weight


def descriptor(
    fine: NDArray[np.float32], coarse: NDArray[np.float32], weight: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What the defect is made of, and how it differs from its surroundings.

    Args:
        fine: features ``(C, h, w)`` of a crop, at a small stride: their mean over the defect, of
            length 1.
        coarse: ``(D, h', w')``, at a larger stride: their mean over the defect less that around
            it, in units of the former's length.
        weight: ``(CROP, CROP)``, of :func:`crop_around`.

    Returns:
        float32 ``(C + D,)``.
    """
    made_of, _ = _means(fine, weight)
    defect, around = _means(coarse, weight)
    step = (defect - around) / max(float(np.linalg.norm(defect)), 1e-12)
    return np.concatenate([made_of / max(float(np.linalg.norm(made_of)), 1e-12), step])


def _means(
    features: NDArray[np.float32], weight: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Means of features over the defect and over the rest of the crop."""
    shape = (features.shape[2], features.shape[1])
    share = cv2.resize(np.ascontiguousarray(weight), shape, interpolation=cv2.INTER_AREA)
    share = share + np.float32(1e-6)
    rest = np.clip(1 - share, np.float32(1e-6), None)
    return (
        (features * share).sum(axis=(1, 2)) / share.sum(),
        (features * rest).sum(axis=(1, 2)) / rest.sum(),
    )


def views(
    crop: NDArray[np.uint8], weight: NDArray[np.float32]
) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """A crop and its weight in all :data:`VIEWS`, the one that was given first."""
    return [
        (np.rot90(crop[:, ::way], turns), np.rot90(weight[:, ::way], turns))
        for way in (1, -1)
        for turns in range(4)
    ]


def likeness(
    drawn: NDArray[np.float32], shots: Mapping[str, NDArray[np.float32]], defect: str
) -> float | None:
    """How much nearer a defect lies to the shots of its own type than to those of any other.

    Args:
        drawn: ``(VIEWS, C)``, its descriptors.
        shots: descriptors ``(N, VIEWS, C)`` of the shots of every type; a type without any counts
            for nothing.
        defect: its type.

    Returns:
        Distance to the nearest other type by that to its own, at most :data:`MOST_LIKE`; above 1
        the own type is nearer. None if there is nothing to compare.
    """
    distances = {name: _distance(drawn, found) for name, found in shots.items() if len(found)}
    if defect not in distances or len(distances) < 2:
        return None
    own = distances.pop(defect)
    other = min(distances.values())
    return MOST_LIKE if other >= MOST_LIKE * own else other / own


def least_likeness(shots: Mapping[str, NDArray[np.float32]]) -> float:
    """The likeness that every shot has to the rest of its own type, within its bounds.

    0 where no shot can be compared. Arguments as for :func:`likeness`.
    """
    found = []
    for defect, own in shots.items():
        for left_out in range(len(own)):
            rest = {**shots, defect: np.delete(own, left_out, axis=0)}
            value = likeness(own[left_out], rest, defect)
            found += [] if value is None else [value]
    return float(np.clip(min(found), LEAST, MOST)) if found else 0.0


def _distance(drawn: NDArray[np.float32], shots: NDArray[np.float32]) -> float:
    """From the best view of a defect to the nearest shots of a type."""
    steps = drawn[None] - shots[:, :1]
    ranked = np.sort(np.sqrt(np.square(steps).sum(axis=2)).min(axis=1))[: len(NEAREST)]
    return float(np.average(ranked, weights=NEAREST[: len(ranked)]))
