"""How deep inside the part a place lies: a chipped edge and a pore are two places.

Three shots do not say from which to which depth a defect occurs, only at which it did, so what they
say is spread by a kernel and mixed with places of any depth, which count as :data:`FLAT` shots.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

SPREAD = 0.12
"""Deviation of the kernel, as a share of the object's pixels."""

FLAT = 2.0
"""As how many shots places of any depth count."""


def depth(object_: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What share of the object lies nearer to its edge than each pixel, in [0, 1).

    The image's border is an edge, too. Pixels beside the object have depth 0.

    Args:
        object_: uint8 ``(h, w)``, the object's share of each pixel.
    """
    inside = (object_ > 127).astype(np.uint8)
    edge = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    far = cv2.distanceTransform(edge, cv2.DIST_L2, 5)[1:-1, 1:-1]
    order = np.sort(far[far > 0])
    share: NDArray[np.float32] = np.searchsorted(order, far) / np.float32(max(1, len(order)))
    return share.astype(np.float32)


def depth_of(defect: NDArray[np.float32], object_: NDArray[np.uint8]) -> float:
    """The mean depth of a defect's pixels on the object; 0 if it has none there.

    Args:
        defect: float ``(h, w)``, its share of each pixel.
        object_: uint8 ``(h, w)``, the object's.
    """
    weight = defect * (object_ > 127)
    return float((depth(object_) * weight).sum() / max(float(weight.sum()), 1e-6))


def likely(depths: NDArray[np.float32], shots: Sequence[float]) -> NDArray[np.float32]:
    """How likely a defect is at each depth, in (0, 1]; 1 where it is most likely.

    Args:
        depths: of places, any shape, in [0, 1].
        shots: the depths of the shots' defects; at least one.
    """
    every = np.linspace(0, 1, 257, dtype=np.float32)
    density = np.full(every.shape, FLAT)
    for shot in shots:
        # Mirrored at both ends: no kernel reaches out of the part.
        for centre in (shot, -shot, 2 - shot):
            density += np.exp(-(((every - centre) / SPREAD) ** 2) / 2) / (
                SPREAD * np.sqrt(2 * np.pi)
            )
    density /= density.max()
    found: NDArray[np.float32] = np.interp(depths, every, density).astype(np.float32)
    return found
