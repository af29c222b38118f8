"""A contact sheet of places: boxes on good parts, to be looked at before anything is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.placement.boxes import Ground, Place

TILE = 256
"""Longer side of one picture in pixels."""

COLUMNS = 6
GAP, TEXT = 6, 18

OBJECT, LEGAL, FORBIDDEN = (60, 220, 60), (70, 150, 255), (255, 60, 60)
BOX, SHAPE = (255, 214, 10), (255, 140, 0)
PAPER, INK = 255, (20, 20, 20)


@dataclass(frozen=True)
class Tile:
    """One picture of the sheet.

    Attributes:
        image: uint8 ``(H, W)`` or ``(H, W, 3)`` RGB.
        ground: what is known of its pixels; its outlines are drawn.
        places: the boxes.
        caption: a short text below it; what is not ASCII is shown as a question mark.
    """

    image: NDArray[np.uint8]
    ground: Ground
    places: Sequence[Place]
    caption: str


def contact_sheet(tiles: Sequence[Tile]) -> NDArray[np.uint8]:
    """All tiles in rows, RGB uint8 ``(H, W, 3)``.

    The object is outlined green, the legal region blue, the forbidden one red; boxes are yellow,
    what is turned in them orange.

    Args:
        tiles: at least one.
    """
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    step_x, step_y = TILE + GAP, TILE + TEXT + GAP
    sheet = np.full((rows * step_y + GAP, columns * step_x + GAP, 3), PAPER, np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        y, x = GAP + row * step_y, GAP + column * step_x
        picture = _picture(tile)
        height, width = picture.shape[:2]
        top, left = y + (TILE - height) // 2, x + (TILE - width) // 2
        sheet[top : top + height, left : left + width] = picture
        caption = tile.caption.encode("ascii", "replace").decode()
        cv2.putText(
            sheet[y + TILE : y + TILE + TEXT, x : x + TILE],
            caption[:46],
            (2, TEXT - 6),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.36,
            INK,
            1,
            cv2.LINE_AA,
        )
    return sheet


def _picture(tile: Tile) -> NDArray[np.uint8]:
    """A tile's image with its lines, the longer side ``TILE`` pixels; small ones are enlarged."""
    height, width = tile.image.shape[:2]
    scale = TILE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    colour = tile.image if tile.image.ndim == 3 else cv2.cvtColor(tile.image, cv2.COLOR_GRAY2RGB)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    picture = np.ascontiguousarray(cv2.resize(colour, size, interpolation=method))
    ground = tile.ground
    for region, line in (
        (ground.object, OBJECT),
        (ground.legal, LEGAL),
        (ground.forbidden, FORBIDDEN),
    ):
        if region is not None:
            _outline(picture, region, line)
    for place in tile.places:
        if not place.shape.all():
            _outline(picture, place.mask(height, width), SHAPE)
        box = place.box
        corners = np.round(np.array([box.x0, box.y0, box.x1 - 1, box.y1 - 1]) * scale).astype(int)
        x0, y0, x1, y1 = corners.tolist()
        cv2.rectangle(picture, (x0, y0), (x1, y1), BOX, 1)
    return np.asarray(picture, dtype=np.uint8)


def _outline(
    picture: NDArray[np.uint8], region: NDArray[np.bool_], line: tuple[int, int, int]
) -> None:
    """Draw the border of a region of any size onto a picture, in place."""
    size = (picture.shape[1], picture.shape[0])
    small = cv2.resize(region.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(small, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, line, 1)
