"""Whole images seen small: is a drawing, normal and all, the copy of a support shot?"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.synthesis.canvas import FULL
from anogen.synthesis.contract import Image

SIZE = 32
"""Side in pixels at which whole images are compared."""

LARGE, SHRUNK = 1 << 20, 8 * SIZE
"""Images of more pixels are first shrunk to this side in their own depth: their shares of white
are then off by less than a thousandth in any pixel of a miniature, and no frame is held as float.
"""


def miniature(image: Image) -> NDArray[np.float32]:
    """An image in grey, ``(SIZE, SIZE)``, each pixel the mean of its part, as a share of white."""
    if image.shape[0] * image.shape[1] > LARGE:
        image = cv2.resize(image, (SHRUNK, SHRUNK), interpolation=cv2.INTER_AREA)
    values = image.astype(np.float32) / FULL[image.dtype]
    grey = values if values.ndim == 2 else values.mean(axis=2)
    small: NDArray[np.float32] = cv2.resize(grey, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return small


def distance_to(image: Image, miniatures: Sequence[NDArray[np.float32]]) -> float:
    """Mean difference of an image to the nearest of some miniatures, as a share of white.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``.
        miniatures: at least one.
    """
    small = miniature(image)
    return min(float(np.abs(small - other).mean()) for other in miniatures)
