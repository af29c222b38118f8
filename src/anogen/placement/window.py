"""Crop to the box: the square window that a prior works in, cut out of an image of any size.

Frame size costs nothing and small defects get all the latents: the window's side follows the box,
not the image.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box


@dataclass(frozen=True)
class Window:
    """A square of ``side`` pixels with its top left corner at ``(x, y)``; may leave the image.

    Only a window larger than the image leaves it; what lies outside is mirrored in.
    """

    x: int
    y: int
    side: int

    def within(self, part: Box) -> "Window":
        """The same window in the pixels of a part of the image."""
        return Window(self.x - part.x0, self.y - part.y0, self.side)

    def cut(self, image: NDArray[Any], size: int) -> NDArray[np.float32]:
        """The window of ``image`` ``(H, W)`` or ``(H, W, C)``, resized to ``size``, float32."""
        height, width = image.shape[:2]
        rows = slice(max(self.y, 0), min(self.y + self.side, height))
        columns = slice(max(self.x, 0), min(self.x + self.side, width))
        part = image[rows, columns].astype(np.float32)
        above, left = rows.start - self.y, columns.start - self.x
        below, right = self.y + self.side - rows.stop, self.x + self.side - columns.stop
        if above or left or below or right:
            part = cv2.copyMakeBorder(part, above, below, left, right, cv2.BORDER_REFLECT_101)
        if self.side == size:
            return part
        method = cv2.INTER_AREA if self.side > size else cv2.INTER_CUBIC
        resized: NDArray[np.float32] = cv2.resize(part, (size, size), interpolation=method)
        return resized

    def box_of(self, content: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
        """The part of ``content`` (``(size, size)`` or with channels) that covers ``box``.

        Args:
            content: what lies in the window, at any size.
            box: in pixels of the image.

        Returns:
            float32 ``(box.height, box.width)`` or with channels, at the image's resolution.
        """
        size = content.shape[0]
        if size != self.side:
            method = cv2.INTER_AREA if size > self.side else cv2.INTER_CUBIC
            content = cv2.resize(content, (self.side, self.side), interpolation=method)
        return content[box.y0 - self.y : box.y1 - self.y, box.x0 - self.x : box.x1 - self.x]


def window_around(box: Box, height: int, width: int, *, size: int, context: float) -> Window:
    """The window in which a defect is drawn.

    Its side is the box's longer side times ``context``, at least ``size`` (the prior's own), at
    most the image's shorter side unless the box itself is longer; it is centred on the box and
    moved to lie inside the image where it can.
    """
    longest = max(box.width, box.height)
    side = max(round(longest * context), size)
    side = max(min(side, height, width), longest)
    return Window(
        x=_place((box.x0 + box.x1 - side) // 2, side, width),
        y=_place((box.y0 + box.y1 - side) // 2, side, height),
        side=side,
    )


def _place(start: int, side: int, limit: int) -> int:
    if side >= limit:
        return (limit - side) // 2
    return min(max(start, 0), limit - side)
