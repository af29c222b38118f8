"""A support defect bent until it fills a mask of any shape: the sketch of drawings into masks.

Every pixel of a connected part of the mask is sent to a pixel of a part of a support mask that lies
alike: as far along the part, on the same side, as deep under its outline (see
``part_coordinates``). Nearest neighbours in these coordinates, smoothed, are a map that keeps
texture together. Along a part that is much longer than the support's the map walks to and fro,
along a much shorter one it takes a piece, so that texture keeps its scale. What is carried over is
the support's difference to its own surface (see ``surface``), so that the tone follows the new one;
where a surface shows through defects (see ``seen_through``), the new one does too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.synthesis.blending import rounded, toned
from anogen.synthesis.canvas import FULL, as_kind, check
from anogen.synthesis.contract import Image, Support
from anogen.synthesis.part_coordinates import Part, blurred_within, parts_of
from anogen.synthesis.surface import surface_under

RIM = 3
"""Pixels around a support mask that are no surface for certain: masks are tight or loose."""

SMOOTH = 1.5
"""Pixels of the coarse part by which the map is smoothed."""

FEW = 200
"""Points on which the way to lay a part is chosen."""

LEAST_PART = 0.02
"""Share of the largest part below which a part of a support mask is a speck, not drawn from."""

MUCH_SHORTER = 0.67
"""Share of a support's slenderness from which a part takes all of it."""


@dataclass(frozen=True)
class _Source:
    """A support cut to its defect.

    Attributes:
        image: with the surroundings that its surface is told from.
        mask: boolean.
        hidden: boolean, the mask and its rim.
        parts: those that are drawn from, in the cut's pixels.
        seen: for each part how strongly each of its points differs from the surface, squared.
        through: what lay under the defect, as ``image``, where that shows through.
    """

    image: Image
    mask: NDArray[np.bool_]
    hidden: NDArray[np.bool_]
    parts: tuple[Part, ...]
    seen: tuple[NDArray[np.float64], ...]
    through: Image | None


@dataclass(frozen=True)
class MaskFill:
    """Fills masks with warped support defects.

    Attributes:
        supports: images with a defect and their masks; each is equally likely.
        surfaces: of each support what lay under its defect, an image as it is, where that shows
            through, else None.

    Raises:
        InputError: if there is no support, or a mask is empty or not of its image's size.
    """

    supports: Sequence[Support]
    surfaces: Sequence[Image | None] = ()
    _sources: tuple[_Source, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.supports:
            raise InputError("filling a mask needs at least one support image with its mask.")
        surfaces = self.surfaces or [None] * len(self.supports)
        sources = tuple(
            _source(image, mask, surface)
            for (image, mask), surface in zip(self.supports, surfaces, strict=True)
        )
        object.__setattr__(self, "_sources", sources)

    def __call__(self, normal: Image, region: NDArray[np.bool_], rng: np.random.Generator) -> Image:
        """The normal image with a defect all over the region; elsewhere it is the normal, byte for
        byte.

        Raises:
            InputError: as :func:`anogen.synthesis.canvas.check`.
        """
        check(normal, region)
        source = self._sources[int(rng.integers(len(self._sources)))]
        support = as_kind(source.image, normal).astype(np.float32)
        if source.through is None:
            below_support = surface_under(support, source.hidden)
        else:
            below_support = as_kind(source.through, normal).astype(np.float32)
        window = _grown(Box.around(region), region.shape)
        inside = region[window]
        below = normal[window].astype(np.float32)
        if source.through is None:
            below = surface_under(below, inside)
        points = np.zeros((*inside.shape, 2), np.float32)
        for part in parts_of(inside):
            likest = _likest(part, source.parts)
            middle = _middle(source.parts[likest], source.seen[likest], rng)
            _lay(points, part, source.parts[likest], middle)
        points = _kept_within(points, source.mask)
        defect, surface = (
            cv2.remap(one, points, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for one in (support, below_support)
        )
        image = normal.copy()
        drawn = rounded(toned(defect, surface, below, FULL[normal.dtype]), normal)
        image[window][inside] = drawn[inside]
        return image


def correspondence(target: Part, source: Part, middle: float) -> NDArray[np.float64]:
    """Points of the source's image, ``(n, 2)``, that the target's pixels show.

    Of the four ways to lay one part on the other (either end first, either side up) the one is
    taken that turns least, since light falls from where it fell.

    Args:
        target: the part to fill, with ``n`` points.
        source: the part to fill it with.
        middle: where, along the source, the piece is cut out of one that is too long.
    """
    ratio = target.slenderness / source.slenderness
    times = max(1, round(ratio))
    share = ratio if ratio < MUCH_SHORTER else 1.0
    begin = float(np.clip(middle - share / 2, 0, 1 - share))

    def found(backwards: bool, side: int, every: int) -> NDArray[np.float64]:
        # There and back again, so that both ends of the target are ends of the source.
        way = 1 - np.abs((target.along[::every] * times) % 2 - 1)
        way = begin + share * (1 - way if backwards else way)
        return source.nearest(
            way,
            side * target.across[::every],
            target.depth[::every],
            target.place[::every],
        )

    every = max(1, len(target.points) // FEW)
    centred = target.points[::every] - target.points[::every].mean(axis=0)
    ways = [(backwards, side) for backwards in (False, True) for side in (1, -1)]
    likeness = [float((centred * found(*way, every)).sum()) for way in ways]
    return found(*ways[int(np.argmax(likeness))], 1)


def _source(image: Image, mask: NDArray[np.bool_], surface: Image | None) -> _Source:
    mask = np.asarray(mask, dtype=bool)
    if mask.shape != image.shape[:2] or not mask.any():
        raise InputError(
            f"a support mask must have its image's size and a defect; it has shape {mask.shape} "
            f"and {int(mask.sum())} defective pixels, the image {image.shape[:2]}."
        )
    window = _grown(Box.around(mask), mask.shape)
    cut = mask[window].copy()
    parts = parts_of(cut)
    large = tuple(part for part in parts if part.mask.sum() >= LEAST_PART * parts[0].mask.sum())
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RIM + 1, 2 * RIM + 1))
    hidden = cv2.dilate(cut.astype(np.uint8), disc) > 0
    kept: Image = image[window].copy()
    shown = kept.astype(np.float32)
    change = np.square(shown - surface_under(shown, hidden)).reshape(*hidden.shape, -1).sum(axis=2)
    seen = []
    for part in large:
        x, y = np.rint(part.points).astype(int).T
        seen.append(change[y, x].astype(np.float64))
    through = None if surface is None else surface[window].copy()
    return _Source(kept, cut, hidden, large, tuple(seen), through)


def _grown(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The box with surroundings."""
    margin = max(box.width, box.height) // 4 + 4 * RIM
    return (
        slice(max(box.y0 - margin, 0), min(box.y1 + margin, shape[0])),
        slice(max(box.x0 - margin, 0), min(box.x1 + margin, shape[1])),
    )


def _likest(target: Part, parts: Sequence[Part]) -> int:
    """Number of the part that needs the least stretching along and across."""
    stretch = [
        abs(np.log(target.slenderness / part.slenderness)) + abs(np.log(target.width / part.width))
        for part in parts
    ]
    return int(np.argmin(stretch))


def _middle(part: Part, seen: NDArray[np.float64], rng: np.random.Generator) -> float:
    """Where along a part something is seen of the defect, at random."""
    total = np.cumsum(seen)
    return float(part.along[min(np.searchsorted(total, rng.random() * total[-1]), len(seen) - 1)])


def _lay(points: NDArray[np.float32], target: Part, source: Part, middle: float) -> None:
    """Write the source's points where the target is."""
    found = correspondence(target, source, middle)
    centre = target.points.mean(axis=0)
    affine = np.linalg.lstsq(_affine(target.points - centre), found, rcond=None)[0]
    # Only what bends is smoothed, so that shifts, turns and stretches stay exact to the border.
    bent = np.zeros((*target.coarse.shape, 2), np.float32)
    bent[target.coarse] = found - _affine(target.points - centre) @ affine
    bent = blurred_within(bent, target.coarse, SMOOTH)
    y, x = ndimage.distance_transform_edt(
        ~target.coarse, return_distances=False, return_indices=True
    )
    size = (target.box.width, target.box.height)
    bent = cv2.resize(bent[y, x], size, interpolation=cv2.INTER_LINEAR)
    pixels = np.argwhere(target.mask)[:, ::-1] + (target.box.x0, target.box.y0)
    points[target.box.slices][target.mask] = _affine(pixels - centre) @ affine + bent[target.mask]


def _affine(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([points, np.ones(len(points))])


def _kept_within(points: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The points, those off the mask moved to its nearest pixels."""
    x, y = (
        np.clip(np.rint(points[..., axis]).astype(int), 0, mask.shape[1 - axis] - 1)
        for axis in (0, 1)
    )
    near_y, near_x = ndimage.distance_transform_edt(
        ~mask, return_distances=False, return_indices=True
    )
    nearest = np.stack([near_x[y, x], near_y[y, x]], axis=2).astype(np.float32)
    return np.where(mask[y, x][..., None], points, nearest)
