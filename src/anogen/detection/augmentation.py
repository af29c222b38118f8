"""Mirroring, turning and rotating of an image together with its label."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.detection.settings import MixtureSettings

Array = NDArray[np.uint8] | NDArray[np.float32]


class Augmentation:
    """One drawn augmentation, applied alike to images ``(S, S, 3)`` and masks ``(S, S)``."""

    def __init__(self, settings: MixtureSettings, rng: np.random.Generator) -> None:
        # Every number is drawn whatever the settings, so that one option never shifts another.
        left_right, top_bottom, rotate, share = rng.random(4)
        turns = int(rng.integers(4))
        self._flips = (
            settings.vertical_flip and top_bottom < 0.5,
            settings.horizontal_flip and left_right < 0.5,
        )
        self._turns = turns if settings.quarter_turns else 0
        rotated = rotate < settings.rotation_probability
        self._degrees = (2 * share - 1) * settings.rotation_degrees if rotated else 0.0
        self._fill = settings.rotation_fill

    def image(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The augmented image; corners uncovered by a rotation get the fill value."""
        return np.ascontiguousarray(self._apply(image, self._fill), dtype=np.uint8)

    def mask(self, mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """The augmented mask; corners uncovered by a rotation are normal."""
        return np.ascontiguousarray(self._apply(mask, 0), dtype=np.float32)

    def _apply(self, array: Array, fill: int) -> Array:
        vertical, horizontal = self._flips
        array = array[:: -1 if vertical else 1, :: -1 if horizontal else 1]
        array = np.rot90(array, self._turns)
        if math.isclose(self._degrees, 0.0):
            return array
        height, width = array.shape[:2]
        centre = ((width - 1) / 2, (height - 1) / 2)
        matrix = cv2.getRotationMatrix2D(centre, self._degrees, 1.0)
        rotated: Array = cv2.warpAffine(
            np.ascontiguousarray(array),
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(fill, fill, fill),
        )
        return rotated
