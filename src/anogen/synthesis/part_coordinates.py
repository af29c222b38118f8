"""Coordinates along, across and into a connected part of a mask, alike for parts of any shape.

Cracks, rings and spots have an end and another end, a left and a right side, and a middle. In these
coordinates a pixel of one part has a counterpart in any other, see ``mask_fill``.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from anogen.placement.box import Box

MOST_PIXELS = 2500
"""Coordinates are smooth: parts of more pixels are shrunk to as many."""

PLACE = 0.05
"""Half-widths that a deviation of the place counts."""


@dataclass(frozen=True)
class Part:
    """A connected part of a mask.

    Attributes:
        box: its box in the mask's image.
        mask: boolean, of the box's size.
        coarse: the same, perhaps shrunk, with ``n`` pixels.
        points: float64 ``(n, 2)``, x and y in the image of the coarse pixels.
        along: ``(n,)`` in [0, 1], the way from one end to the other.
        across: ``(n,)`` in (-1, 1), 0 in the middle, negative on one side.
        depth: ``(n,)`` in (0, 1], 1 in the middle.
        place: ``(n, 2)``, the points about their mean, as a share of their deviation.
        length: from end to end, in pixels of the image.
        width: half of the typical width, in pixels of the image.
    """

    box: Box
    mask: NDArray[np.bool_]
    coarse: NDArray[np.bool_]
    points: NDArray[np.float64]
    along: NDArray[np.float64]
    across: NDArray[np.float64]
    depth: NDArray[np.float64]
    place: NDArray[np.float64]
    length: float
    width: float

    @property
    def slenderness(self) -> float:
        """Length in half-widths."""
        return self.length / self.width

    def nearest(
        self,
        along: NDArray[np.float64],
        across: NDArray[np.float64],
        depth: NDArray[np.float64],
        place: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The points ``(m, 2)`` whose coordinates are nearest to those given, ``m`` of each."""
        _, index = self._tree.query(self._joined(along, across, depth, place))
        found: NDArray[np.float64] = self.points[index]
        return found

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self._joined(self.along, self.across, self.depth, self.place))

    def _joined(
        self,
        along: NDArray[np.float64],
        across: NDArray[np.float64],
        depth: NDArray[np.float64],
        place: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Coordinates in half-widths; the place decides between branches alone."""
        return np.column_stack([along * self.slenderness, across, depth, PLACE * place])


def parts_of(mask: NDArray[np.bool_]) -> list[Part]:
    """The 8-connected parts of a mask ``(H, W)``, largest first; none of an empty one."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    order = sorted(range(1, count), key=lambda index: -int(stats[index, cv2.CC_STAT_AREA]))
    parts = []
    for index in order:
        x, y, width, height = (int(value) for value in stats[index, :4])
        box = Box(x, y, x + width, y + height)
        parts.append(_part(labels[box.slices] == index, box))
    return parts


def _part(mask: NDArray[np.bool_], box: Box) -> Part:
    coarse = _shrunk(mask)
    scale = np.array([box.width / coarse.shape[1], box.height / coarse.shape[0]])
    step = float(np.sqrt(scale.prod()))
    along, length = _along(coarse)
    padded = np.pad(coarse, 4)
    inside = _distance(padded)
    signed = np.where(padded, inside - 0.5, 0.5 - _distance(~padded))
    half = _half_widths(inside, padded)[padded]
    # From the outline to the middle of the deepest pixel, so that thin parts have a rim, too.
    depth = (inside[padded] - 0.5) / (half - 0.5)
    towards = _gradient(_spread(along, padded))[padded]
    inwards = _gradient(cv2.GaussianBlur(signed, (0, 0), 1.0))[padded]
    # The side is lost at both ends of a part, where the way in is the way along.
    side = towards[:, 0] * inwards[:, 1] - towards[:, 1] * inwards[:, 0]
    points = (np.argwhere(coarse)[:, ::-1] + 0.5) * scale - 0.5 + (box.x0, box.y0)
    centred = points - points.mean(axis=0)
    return Part(
        box=box,
        mask=mask,
        coarse=coarse,
        points=points,
        along=along,
        across=side * (1 - depth),
        depth=depth,
        place=centred / max(float(centred.std()), 1e-6),
        length=(length + 1) * step,
        width=float(np.median(half)) * step,
    )


def _shrunk(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask in one part of about ``MOST_PIXELS`` at most."""
    step = np.sqrt(mask.sum() / MOST_PIXELS)
    if step <= 1:
        return mask
    size = [max(1, round(side / step)) for side in mask.shape]
    share = cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)
    small: NDArray[np.bool_] = share >= 0.5
    if cv2.connectedComponents(small.astype(np.uint8), connectivity=8)[0] == 2:
        return small
    # It breaks where it is thinner than a pixel; then any trace counts.
    return np.asarray(share > 0)


def _distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance to the nearest false pixel, 1 beside it."""
    distance: NDArray[np.float32] = cv2.distanceTransform(
        mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    return distance


def _half_widths(inside: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """At each pixel the depth of the ridge nearest to it, smoothed along the part."""
    ridge = mask & (inside >= cv2.dilate(inside, np.ones((3, 3), np.uint8)) - 1e-3)
    y, x = ndimage.distance_transform_edt(~ridge, return_distances=False, return_indices=True)
    return np.maximum(blurred_within(inside[y, x], mask, 1.5), inside)


def _along(mask: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """Position of each pixel between the two ends of a part, and the way between them in pixels.

    The ends are the two pixels that are farthest from each other on ways through the part.
    """
    index = np.full(np.add(mask.shape, 4), -1)
    index[2:-2, 2:-2][mask] = np.arange(mask.sum())
    here = np.argwhere(mask) + 2
    rows, columns, ways = [], [], []
    # Knight's moves make ways of any direction nearly as long as they are.
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1)):
        to = index[here[:, 0] + dy, here[:, 1] + dx]
        linked = np.flatnonzero(to >= 0)
        rows.append(linked)
        columns.append(to[linked])
        ways.append(np.full(len(linked), np.hypot(dx, dy)))
    graph = coo_array(
        (np.concatenate(ways), (np.concatenate(rows), np.concatenate(columns))),
        shape=(len(here), len(here)),
    ).tocsr()

    def away(pixel: int) -> NDArray[np.float64]:
        way: NDArray[np.float64] = dijkstra(graph, directed=False, indices=pixel)
        return way

    first = away(int(np.argmax(away(0))))
    length = float(first.max())
    if length == 0:
        return np.full(1, 0.5), 0.0
    last = away(int(np.argmax(first)))
    return (first - last + length) / (2 * length), length


def blurred_within(
    values: NDArray[np.float32], mask: NDArray[np.bool_], sigma: float
) -> NDArray[np.float32]:
    """Values ``(h, w)`` or ``(h, w, C)`` of the mask's pixels, smoothed over ``sigma`` pixels among
    themselves; says nothing outside the mask."""
    weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)
    each = mask if values.ndim == 2 else mask[..., None]
    total = cv2.GaussianBlur(np.where(each, values, 0).astype(np.float32), (0, 0), sigma)
    share: NDArray[np.float32] = total / np.maximum(
        weight if values.ndim == 2 else weight[..., None], 1e-6
    )
    return share


def _spread(values: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values of the mask's pixels smoothed, and carried on outside it."""
    field = np.zeros(mask.shape, np.float32)
    field[mask] = values
    y, x = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    spread: NDArray[np.float32] = cv2.GaussianBlur(field[y, x], (0, 0), 1.5)
    return spread


def _gradient(field: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors ``(h, w, 2)``, x and y, up the field; 0 where it is flat."""
    y, x = np.gradient(field)
    length = np.maximum(np.hypot(x, y), 1e-6)
    return np.stack([x / length, y / length], axis=2)
