"""Boxes for new defects: sizes like those of the support masks, places on the object."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.placement.settings import PlacementSettings

SMALLEST_SIDE = 8
"""Pixels: a box needs room for a defect and its seam."""


@dataclass(frozen=True)
class BoxSizes:
    """Sizes of one defect's boxes as shares of the image's width and height."""

    sizes: tuple[tuple[float, float], ...]

    @staticmethod
    def of_masks(masks: Sequence[NDArray[np.bool_]], *, margin: float) -> "BoxSizes":
        """The bounding boxes of support masks, each grown by ``margin`` of its size a side.

        Args:
            masks: boolean ``(H, W)``, none empty.
            margin: share of the box's side that is added on each side.
        """
        sizes = []
        for mask in masks:
            box = Box.around(mask)
            height, width = mask.shape
            grow = 1 + 2 * margin
            sizes.append(
                (min(0.95, grow * box.width / width), min(0.95, grow * box.height / height))
            )
        return BoxSizes(tuple(sizes))


def draw_box(
    legal: NDArray[np.bool_],
    sizes: BoxSizes,
    rng: np.random.Generator,
    *,
    settings: PlacementSettings,
    what: str,
) -> Box:
    """A box with at least ``settings.on_foreground`` of its area on ``legal``.

    Rejection sampling with an end; when half of the attempts have failed, the box shrinks
    little by little down to half of its size, never below ``SMALLEST_SIDE`` pixels a side.

    Args:
        legal: boolean ``(H, W)``: the object, cut to where defects are allowed.
        sizes: sizes to draw from.
        rng: the source of randomness.
        settings: rules of placement.
        what: names image and defect in the error.

    Raises:
        InputError: if no box fits, naming the rule that made it impossible.
    """
    height, width = legal.shape
    if not legal.any():
        raise InputError(
            f"{what}: no pixel may carry a defect; check placement.legal and placement.foreground."
        )
    area = cv2.integral(np.ascontiguousarray(legal).view(np.uint8))
    border, best = settings.border, -1.0
    pixels = np.flatnonzero(legal)
    for attempt in range(settings.attempts):
        shrink = 1 - max(0.0, attempt / settings.attempts - 0.5)
        across, down = sizes.sizes[rng.integers(len(sizes.sizes))]
        if settings.turn and rng.random() < 0.5:
            across, down = down * height / width, across * width / height
        jitter = np.exp(rng.normal(0, settings.size_jitter, 2)) * shrink
        box_width = max(SMALLEST_SIDE, round(across * width * float(jitter[0])))
        box_height = max(SMALLEST_SIDE, round(down * height * float(jitter[1])))
        if box_width > width - 2 * border or box_height > height - 2 * border:
            continue
        # The centre lies on the object; a box near the image's border is moved inside.
        row, column = divmod(int(pixels[rng.integers(len(pixels))]), width)
        x0 = _inside(column - box_width // 2, box_width, width, border)
        y0 = _inside(row - box_height // 2, box_height, height, border)
        box = Box(x0, y0, x0 + box_width, y0 + box_height)
        covered = (
            int(area[box.y1, box.x1])
            - int(area[box.y0, box.x1])
            - int(area[box.y1, box.x0])
            + int(area[box.y0, box.x0])
        )
        share = covered / box.area
        if share >= settings.on_foreground:
            return box
        best = max(best, share)
    if best < 0:
        raise InputError(
            f"{what}: boxes of the support defects' size do not fit into {width} x {height} pixels "
            f"with a border of {border}; lower placement.border."
        )
    raise InputError(
        f"{what}: in {settings.attempts} attempts no box lay at least "
        f"{settings.on_foreground:.0%} on the object (best {best:.0%}); lower "
        "placement.on_foreground or change placement.foreground."
    )


def _inside(start: int, length: int, limit: int, border: int) -> int:
    return min(max(start, border), limit - border - length)
