"""The hand-drawn outlines of the support cells, and the masks that they make."""

from dataclasses import dataclass
from importlib import resources
from itertools import pairwise

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

_FRACTION_BITS = 4
"""Outlines are drawn at a sixteenth of a pixel, finer than anybody outlines by hand."""


@dataclass(frozen=True)
class Outline:
    """One defect of one support cell.

    Attributes:
        image: file name of the photograph in elpv-dataset.
        defect: ``"crack"`` or ``"inactive"``.
        points: ``(x, y)`` in pixels, whole numbers at pixel centres.
        width: width of the mask in pixels where the points are the middle of a line; None where
            they are the corners of a closed area.
    """

    image: str
    defect: str
    points: tuple[tuple[float, float], ...]
    width: int | None

    def mask(self, height: int, width: int) -> NDArray[np.uint8]:
        """The defect as an image of ``(height, width)``: 255 on the defect, 0 elsewhere."""
        mask = np.zeros((height, width), dtype=np.uint8)
        points = np.array(self.points)
        if self.width is None:
            fixed = np.rint(points * (1 << _FRACTION_BITS)).astype(np.int32)
            cv2.fillPoly(mask, [fixed], 255, lineType=cv2.LINE_8, shift=_FRACTION_BITS)
        else:
            for start, end in pairwise(points):
                _draw_stroke(mask, start, end, radius=self.width / 2)
        return mask


def _draw_stroke(
    mask: NDArray[np.uint8],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    *,
    radius: float,
) -> None:
    """Set every pixel of ``mask`` within ``radius`` of the segment from ``start`` to ``end``.

    OpenCV's thick lines come out up to two pixels wider than asked for: half of a crack's width.
    """
    low = np.maximum(np.floor(np.minimum(start, end) - radius), 0).astype(int)
    high = np.ceil(np.maximum(start, end) + radius).astype(int) + 1
    window = mask[low[1] : high[1], low[0] : high[0]]
    y, x = np.mgrid[: window.shape[0], : window.shape[1]]
    pixels = np.stack([x, y], axis=-1) + low
    along = end - start
    t = np.clip((pixels - start) @ along / (along @ along), 0.0, 1.0)
    distance = np.linalg.norm(pixels - start - t[..., None] * along, axis=-1)
    window[distance <= radius] = 255


def support_cells() -> tuple[Outline, ...]:
    """The outlines in the package, in the order of the file."""
    text = (resources.files("anogen.demo") / "support_cells.yaml").read_text(encoding="utf-8")
    entries = yaml.safe_load(text)
    return tuple(
        Outline(
            image=entry["image"],
            defect=entry["defect"],
            points=tuple((float(x), float(y)) for x, y in entry.get("line") or entry["polygon"]),
            width=entry.get("width"),
        )
        for entry in entries
    )
