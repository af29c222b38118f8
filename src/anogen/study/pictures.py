"""Small pictures for the report: cropped, scaled, compressed, with outlines drawn on top."""

import base64
import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from anogen.placement.box import Box

# Side of the window around a box relative to the box: enough to see what the defect sits on.
CONTEXT = 2.2
# A window of nearly the whole frame shows the frame instead; the eye gains nothing by cropping.
WHOLE = 0.75
QUALITY = 80


@dataclass(frozen=True)
class Outline:
    """A line drawn over a picture.

    Attributes:
        kind: ``box`` or ``truth``.
        path: SVG path data in the picture's view box.
    """

    kind: str
    path: str


@dataclass(frozen=True)
class Picture:
    """One picture of the report.

    Attributes:
        uri: the image as a ``data:`` URI.
        width: width of the view box that the outlines refer to.
        height: its height.
        alt: what it shows, for those who do not see it.
        caption: a short title.
        note: what is to be said about it, on a line of its own.
        outlines: lines over it.
        inset: a small picture of the whole frame where this one shows a part of it.
    """

    uri: str
    width: float
    height: float
    alt: str
    caption: str
    outlines: tuple[Outline, ...] = ()
    inset: "Picture | None" = None
    note: str = ""


def eight_bit(image: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint8]:
    """An 8 or 16 bit image ``(H, W)`` or ``(H, W, 3)`` with 8 bits."""
    if image.dtype == np.uint16:
        return np.asarray(image >> 8, dtype=np.uint8)
    return np.asarray(image, dtype=np.uint8)


def scaled(image: NDArray[np.uint8], edge: int) -> NDArray[np.uint8]:
    """The image with its longer side at most ``edge`` pixels; never enlarged."""
    height, width = image.shape[:2]
    factor = edge / max(height, width)
    if factor >= 1:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def data_uri(image: NDArray[np.uint8], *, edge: int) -> str:
    """The image ``(H, W)`` or ``(H, W, 3)`` as a WebP ``data:`` URI of at most ``edge`` pixels."""
    buffer = io.BytesIO()
    PillowImage.fromarray(np.ascontiguousarray(scaled(image, edge))).save(
        buffer, "WEBP", quality=QUALITY, method=4
    )
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def window_around(box: Box, height: int, width: int) -> Box:
    """A square window around ``box``, moved into the frame; the whole frame if nearly as large."""
    side = round(CONTEXT * max(box.width, box.height, 24))
    if side >= WHOLE * min(height, width):
        return Box(0, 0, width, height)
    x0 = min(max(0, (box.x0 + box.x1 - side) // 2), width - side)
    y0 = min(max(0, (box.y0 + box.y1 - side) // 2), height - side)
    return Box(x0, y0, x0 + side, y0 + side)


def box_outline(box: Box, window: Box) -> Outline:
    """The box's border in the coordinates of ``window``."""
    x, y = box.x0 - window.x0, box.y0 - window.y0
    return Outline("box", f"M{x} {y}h{box.width}v{box.height}h{-box.width}z")


def truth_outline(mask: NDArray[np.bool_]) -> tuple[Outline, ...]:
    """The border of a mask ``(H, W)`` in its own coordinates; nothing for an empty mask.

    It runs a percent of the frame outside of the mask, so that it hides no defect.
    """
    if not mask.any():
        return ()
    margin = max(1, round(0.012 * max(mask.shape)))
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), dtype=np.uint8)
    grown = cv2.dilate(mask.astype(np.uint8), kernel)
    contours, _ = cv2.findContours(grown, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    path = "".join(_path(cv2.approxPolyDP(contour, 0.6, True)) for contour in contours)
    return (Outline("truth", path),)


def _path(contour: NDArray[np.int32]) -> str:
    points = contour.reshape(-1, 2)
    # cv2 gives centres of pixels, the view box counts their borders.
    return "M" + "L".join(f"{x + 0.5:g} {y + 0.5:g}" for x, y in points.tolist()) + "z"


def heat(
    image: NDArray[np.uint8], scores: NDArray[np.floating], *, low: float, high: float
) -> NDArray[np.uint8]:
    """Scores as colour over the darkened grey image.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``.
        scores: ``(S, S)``, stretched over the image.
        low: score of no colour.
        high: score of full colour.
    """
    height, width = image.shape[:2]
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    level = np.clip((scores.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1)
    level = cv2.resize(level, (width, height), interpolation=cv2.INTER_LINEAR)
    # From purple to yellow; the black start of the map would look like no score at all.
    shade = (80 + level * 175).astype(np.uint8)
    colour = cv2.applyColorMap(shade, cv2.COLORMAP_INFERNO)[:, :, ::-1]
    weight = np.sqrt(level)[:, :, None]
    dark = np.repeat(grey[:, :, None], 3, axis=2).astype(np.float32) * 0.55
    return np.asarray(dark * (1 - weight) + colour * weight, dtype=np.uint8)
