"""Whole images seen small: is a drawing, normal and all, the copy of a support shot?"""

from collections.abc import Sequence
from math import gcd

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box
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
        image = _area(image, SHRUNK, SHRUNK)
    values = image.astype(np.float32) / FULL[image.dtype]
    grey = values if values.ndim == 2 else values.mean(axis=2)
    small: NDArray[np.float32] = cv2.resize(grey, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return small


class Overview:
    """The miniatures that an image has with changes: of a large one its changed part alone is
    looked at.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``.
    """

    def __init__(self, image: Image) -> None:
        self._image = image
        height, width = image.shape[:2]
        # A side that is shorter than its cells are many is interpolated, across all of them.
        large = height * width > LARGE and min(height, width) >= SHRUNK
        self._shrunk = _area(image, SHRUNK, SHRUNK) if large else None

    def miniature(self, part: Box, changed: Image) -> NDArray[np.float32]:
        """That of the image with ``changed``, of the part's size, in its place."""
        if self._shrunk is None:
            return miniature(_with(self._image, part, changed))
        height, width = self._image.shape[:2]
        rows, top, bottom = _cells(part.y0, part.y1, height)
        columns, left, right = _cells(part.x0, part.x1, width)
        around = Box(left, top, right, bottom)
        pixels = _with(self._image[around.slices], part.within(around), changed)
        shrunk = self._shrunk.copy()
        shrunk[rows, columns] = _area(pixels, rows.stop - rows.start, columns.stop - columns.start)
        return miniature(shrunk)


def _with(image: Image, part: Box, changed: Image) -> Image:
    """A copy of the image with another content of a part."""
    copied = image.copy()
    copied[part.slices] = changed
    return copied


def _cells(first: int, end: int, length: int) -> tuple[slice, int, int]:
    """Of the ``SHRUNK`` cells of a side those that pixels touch, and the pixels of these.

    Cells begin between pixels but for some; taken are those from one that begins on a pixel to
    another, so that they are shrunk by themselves to what they are in the whole image.
    """
    common = gcd(length, SHRUNK)
    pixels, cells = length // common, SHRUNK // common
    start, stop = first // pixels, -(-end // pixels)
    return slice(start * cells, stop * cells), start * pixels, stop * pixels


def _area(image: Image, height: int, width: int) -> Image:
    small: Image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return small


def distance_to(image: Image, miniatures: Sequence[NDArray[np.float32]]) -> float:
    """Mean difference of an image to the nearest of some miniatures, as a share of white.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``.
        miniatures: at least one.
    """
    return nearest_of(miniature(image), miniatures)


def nearest_of(small: NDArray[np.float32], miniatures: Sequence[NDArray[np.float32]]) -> float:
    """The same for an image that is a miniature already."""
    return min(float(np.abs(small - other).mean()) for other in miniatures)
