"""Which end of a long part a place is near: a screw's tip and its head are two places.

The axis is that along which the object's pixels spread most, and it points to the end that reaches
further from their mean (the sign of their skewness), so that no rotation matters. A part whose ends
are alike, or that is as wide as long, has no such axis.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LONG = 1.5
"""Least ratio of the deviations along and across of a long part."""

UNLIKE = 0.12
"""Least skewness along the axis of a part with unlike ends: screws have 0.18 to 0.27, capsules 0.03
to 0.10."""


def has_unlike_ends(objects: Sequence[NDArray[np.uint8]]) -> bool:
    """Whether most of a product's parts are long and have two ends that can be told apart.

    Args:
        objects: uint8 ``(h, w)``, the object's share of each pixel of some good images.
    """
    told = []
    for object_ in objects:
        if object_.any():
            _, along, across, third = _moments(object_)
            told.append(along >= LONG * across and third >= UNLIKE * along**3 > 0)
    return 2 * sum(told) > len(told)


def lengthwise(object_: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How far along the object each pixel lies: 0 in the middle, in deviations of its pixels.

    Args:
        object_: uint8 ``(h, w)``, the object's share of each pixel.

    Returns:
        float32 ``(h, w)``; zeros without an object.
    """
    if not object_.any():
        return np.zeros(object_.shape, np.float32)
    axis, along, _, _ = _moments(object_)
    return (axis / max(along, 1e-6)).astype(np.float32)


def _moments(object_: NDArray[np.uint8]) -> tuple[NDArray[np.float64], float, float, float]:
    """Places along the axis ``(h, w)`` in pixels, deviations along and across, third moment."""
    weight = object_ / object_.sum(dtype=np.float64)
    y, x = np.indices(object_.shape, dtype=np.float64)
    x -= (weight * x).sum()
    y -= (weight * y).sum()
    mixed = (weight * x * y).sum()
    spread = np.array([[(weight * x * x).sum(), mixed], [mixed, (weight * y * y).sum()]])
    values, vectors = np.linalg.eigh(spread)
    axis = x * vectors[0, 1] + y * vectors[1, 1]
    third = float((weight * axis**3).sum())
    if third < 0:
        axis, third = -axis, -third
    across, along = np.sqrt(np.maximum(values, 0))
    return axis, float(along), float(across), third
