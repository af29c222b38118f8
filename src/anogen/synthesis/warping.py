"""A support defect cut out and warped: scaled, turned, mirrored and slightly bent."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.synthesis.contract import Image

_TURNS, _NEARLY = 8, 0.9  # turns tried to fit a room, and the share of the size that is enough


@dataclass(frozen=True)
class WarpedSupport:
    """A defect cut out and warped.

    Attributes:
        image: ``(h, w)`` or ``(h, w, 3)`` of the support image's type: the defect with the
            surroundings it had.
        mask: boolean ``(h, w)``, not empty.
        surface: as ``image``, what lay under the defect, if that was given.
    """

    image: Image
    mask: NDArray[np.bool_]
    surface: Image | None = None


def warp_support(
    image: Image,
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    scale: tuple[float, float] = (0.8, 1.25),
    turn: float = 180.0,
    mirror: bool = True,
    bend: float = 0.03,
    margin: int = 0,
    limit: tuple[int, int] | None = None,
    surface: Image | None = None,
) -> WarpedSupport:
    """Cut a defect out and warp it.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``, uint8 or uint16.
        mask: boolean ``(H, W)``, not empty.
        rng: the source of randomness.
        scale: range of the factor by which it grows, drawn evenly in its logarithm.
        turn: it is turned by up to so many degrees either way.
        mirror: whether it is mirrored half of the time.
        bend: strength of the smooth random displacement, as a share of the defect's size.
        margin: pixels of surroundings kept on each side of the warped mask.
        limit: ``(height, width)`` in pixels; the result, margin included, is shrunk to fit.
        surface: as ``image``, without the defect; it is warped along.

    Returns:
        The defect in the smallest window that holds the warped mask and the margin.

    Raises:
        InputError: if the mask is empty or not of the image's size.
    """
    if mask.shape != image.shape[:2] or not mask.any():
        raise InputError(
            f"a support mask must have its image's size and a defect; it has shape {mask.shape} "
            f"and {int(mask.sum())} defective pixels, the image {image.shape[:2]}."
        )
    factor = float(np.exp(rng.uniform(*np.log(scale))))
    flip = -1.0 if mirror and rng.random() < 0.5 else 1.0
    hull = cv2.convexHull(cv2.findNonZero(mask.view(np.uint8)))[:, 0].astype(np.float64)
    room = None
    if limit is not None:
        room = np.maximum(np.array([limit[1], limit[0]]) - 2 * margin - 1, 1)
    linear, shrink = _turned_to_fit(hull, factor, flip, turn, room, rng)
    factor *= shrink
    extent = _extent(hull @ linear.T)
    amplitude = bend * float(extent.max())
    border = margin + int(np.ceil(2 * amplitude)) + 1
    columns, rows = (int(np.ceil(side - 1e-6)) + 1 + 2 * border for side in extent)
    moved = hull @ linear.T
    shift = np.array([columns - 1, rows - 1]) / 2 - (moved.min(axis=0) + moved.max(axis=0)) / 2
    inverse = np.linalg.inv(linear).astype(np.float64)
    map_x, map_y = _sources(inverse, shift, (rows, columns))
    if bend > 0:
        map_x, map_y = (
            grid + _displacement((rows, columns), rng) * np.float32(amplitude / factor)
            for grid in (map_x, map_y)
        )

    def moved_along(picture: Image) -> Image:
        warped: Image = cv2.remap(
            picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        return warped[window.slices].copy()

    cover = cv2.remap(mask.astype(np.float32), map_x, map_y, cv2.INTER_LINEAR)
    warped_mask = cover >= 0.5
    if not warped_mask.any():
        # A defect thinner than a pixel after shrinking still has one.
        x, y = np.rint(moved[0] + shift).astype(int)
        warped_mask[y, x] = True
    window = Box.around(warped_mask).grown(margin, *warped_mask.shape)
    if limit is not None:
        window = _at_most(window, *limit)
    kept = warped_mask[window.slices].copy()
    if not kept.any():
        # A limit of a pixel or two may have cut all of a slanted defect off.
        kept[kept.shape[0] // 2, kept.shape[1] // 2] = True
    return WarpedSupport(
        moved_along(image), kept, None if surface is None else moved_along(surface)
    )


def _at_most(box: Box, height: int, width: int) -> Box:
    """The middle of a box that is higher or wider than this."""
    rows, columns = max(box.height - height, 0), max(box.width - width, 0)
    x0, y0 = box.x0 + columns // 2, box.y0 + rows // 2
    return Box(x0, y0, x0 + box.width - columns, y0 + box.height - rows)


def _turned_to_fit(
    hull: NDArray[np.float64],
    factor: float,
    flip: float,
    turn: float,
    room: NDArray[np.int64] | None,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], float]:
    """The linear map of a random turn, and how much it was shrunk to fit the room.

    A long crack laid across a narrow room would shrink to a dot, so of a few turns the first is
    taken that nearly keeps the size, else the one that keeps most of it.
    """
    best, most = np.eye(2), -1.0
    for _ in range(1 if room is None else _TURNS):
        angle = np.deg2rad(rng.uniform(-turn, turn))
        linear = factor * np.array(
            [[np.cos(angle) * flip, -np.sin(angle)], [np.sin(angle) * flip, np.cos(angle)]]
        )
        if room is None:
            return linear, 1.0
        shrink = min(1.0, float((room / np.maximum(_extent(hull @ linear.T), 1e-6)).min()))
        if shrink > most:
            best, most = linear * shrink, shrink
        if shrink >= _NEARLY:
            break
    return best, most


def _extent(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Width and height of the points' bounding box."""
    extent: NDArray[np.float64] = np.ptp(points, axis=0)
    return extent


def _sources(
    inverse: NDArray[np.float64], shift: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For each pixel of the result, the x and y in the source that it shows."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    y, x = y - shift[1], x - shift[0]
    return (
        (inverse[0, 0] * x + inverse[0, 1] * y).astype(np.float32),
        (inverse[1, 0] * x + inverse[1, 1] * y).astype(np.float32),
    )


def _displacement(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """A smooth random field with values of about one: 4 x 4 random values, interpolated."""
    coarse = rng.uniform(-1, 1, (4, 4)).astype(np.float32)
    field_: NDArray[np.float32] = cv2.resize(
        coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC
    )
    return field_
