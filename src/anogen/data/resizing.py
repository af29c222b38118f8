"""Resizing images and masks to the square that a network works at."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def resize_image(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """``(size, size, 3)`` uint8 of an RGB image; the aspect ratio is not kept, as in the field.

    Each axis is averaged over areas where it shrinks (no aliasing) and interpolated by cubics
    where it grows.
    """
    resized: Any = image
    height, width = image.shape[:2]
    if width != size:
        method = cv2.INTER_AREA if width > size else cv2.INTER_CUBIC
        resized = cv2.resize(resized, (size, height), interpolation=method)
    if height != size:
        method = cv2.INTER_AREA if height > size else cv2.INTER_CUBIC
        resized = cv2.resize(resized, (size, size), interpolation=method)
    return np.ascontiguousarray(resized, dtype=np.uint8)


def resize_mask(mask: NDArray[np.bool_], size: int, *, official: bool = False) -> NDArray[np.uint8]:
    """``(size, size)`` uint8 of 0 and 1 from a boolean mask.

    By default the mask is averaged over areas in float32 and a pixel is defective from one half
    on, so the defective area is kept as well as pixels can. Defects narrower than half a pixel
    of the new size can vanish.

    ``official`` does what DRAEM's released evaluation does: bilinear samples of the 8-bit mask,
    and only those that are exactly 1 count; it erodes masks when it shrinks them.
    """
    height, width = mask.shape
    if official:
        bilinear: Any = cv2.resize(
            mask.astype(np.uint8) * 255, (size, size), interpolation=cv2.INTER_LINEAR
        )
        exact: NDArray[np.uint8] = (bilinear == 255).astype(np.uint8)
        return exact
    resized: Any = mask.astype(np.float32)
    if width != size:
        method = cv2.INTER_AREA if width > size else cv2.INTER_LINEAR
        resized = cv2.resize(resized, (size, height), interpolation=method)
    if height != size:
        method = cv2.INTER_AREA if height > size else cv2.INTER_LINEAR
        resized = cv2.resize(resized, (size, size), interpolation=method)
    halved: NDArray[np.uint8] = (resized >= 0.5).astype(np.uint8)
    return halved
