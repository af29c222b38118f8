"""An axis-aligned box in pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Box:
    """Half-open box ``[x0, x1) x [y0, y1)`` in pixels; x runs right, y runs down."""

    x0: int
    y0: int
    x1: int
    y1: int

    def __post_init__(self) -> None:
        if not (self.x0 < self.x1 and self.y0 < self.y1):
            raise ValueError(f"empty box {self.as_list()}")

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.y1 - self.y0

    @property
    def area(self) -> int:
        """Area in pixels."""
        return self.width * self.height

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices: ``array[box.slices]`` is the box's content."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def within(self, part: "Box") -> "Box":
        """The same box in the pixels of a part of the image."""
        return Box(self.x0 - part.x0, self.y0 - part.y0, self.x1 - part.x0, self.y1 - part.y0)

    def outside(self, part: "Box") -> "Box":
        """The same box, given in the pixels of a part, in those of the image."""
        return Box(self.x0 + part.x0, self.y0 + part.y0, self.x1 + part.x0, self.y1 + part.y0)

    def grown(self, reach: int, height: int, width: int) -> "Box":
        """The box and ``reach`` pixels around it, in an image of ``(height, width)``."""
        return Box(
            max(self.x0 - reach, 0),
            max(self.y0 - reach, 0),
            min(self.x1 + reach, width),
            min(self.y1 + reach, height),
        )

    def as_list(self) -> list[int]:
        """``[x0, y0, x1, y1]``, the manifest's form."""
        return [self.x0, self.y0, self.x1, self.y1]

    def mask(self, height: int, width: int) -> NDArray[np.bool_]:
        """The box as a boolean image of ``(height, width)``."""
        mask = np.zeros((height, width), dtype=bool)
        mask[self.slices] = True
        return mask

    @staticmethod
    def holding(boxes: Sequence["Box"]) -> "Box":
        """The smallest box that holds all of some boxes, at least one."""
        return Box(
            min(box.x0 for box in boxes),
            min(box.y0 for box in boxes),
            max(box.x1 for box in boxes),
            max(box.y1 for box in boxes),
        )

    @staticmethod
    def around(mask: NDArray[np.bool_]) -> "Box":
        """The smallest box that holds every true pixel of ``mask`` of shape ``(H, W)``.

        Raises:
            ValueError: if the mask is empty.
        """
        rows = np.flatnonzero(mask.any(axis=1))
        if rows.size == 0:
            raise ValueError("an empty mask has no box")
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        columns = np.flatnonzero(mask[top:bottom].any(axis=0))
        return Box(int(columns[0]), top, int(columns[-1]) + 1, bottom)
