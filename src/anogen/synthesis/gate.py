"""The quality gate: is what was drawn a defect, seen, on the object, without a seam, and new?

How faint and how small a defect may be follows from the support shots, what counts as a seam from
the steps that the normal image itself shows, what counts as a copy from how much the normals
themselves differ from the shots. What few shots cannot tell is a constant here: how much fainter,
smaller or farther from the object than they a drawing may be.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box
from anogen.placement.sizes import with_room
from anogen.synthesis.canvas import FULL, GREY_LEVEL
from anogen.synthesis.contract import Anomaly, Image, Support
from anogen.synthesis.copies import copy_limit
from anogen.synthesis.miniatures import distance_to, miniature

LEAST_AREA = 6
"""Pixels that a person can still see."""

SLACK = 0.5
"""Drawn defects may be fainter than the faintest of a few shots, but not without end."""

OVERHANG = 0.1
"""How far a defect may stand out of the object, as a share of its box's shorter side."""

SMALLER = 0.1
"""The same for areas, which vary more, and are annotated loosely."""

LEAST_ON_OBJECT = 0.85
"""Of the share of a middling shot that lies on the object: real defects on good parts had 0.92 and
more, those moved half beside them 0.84 and less (``benchmarks/masks/on_object.md``)."""

RARE = 0.75
"""Quantile of the steps around a region above which a step on its rim counts."""

SEAM_TRIALS, SEAM_SHARE = 200, 0.99
"""Boxes laid on normals, and the share of them that must pass as having no seam."""

COARSE = 64
"""Half of the thickness of a defect, in pixels, up to which the object under it is closed at every
pixel, and in whole parts of which beyond."""

AROUND = 8
"""Pixels around a region in which the normal's own steps are looked at."""


@dataclass(frozen=True)
class Limits:
    """What a drawing must keep to; the defaults let everything pass.

    Attributes:
        least_change: mean difference on the mask, as a share of white.
        smallest_area: pixels of the mask.
        smallest_share: the same as a share of the whole image.
        most_filled: share of the region above which a drawing is a patch.
        least_on_object: share of the mask that must lie on the object, or hardly beside it.
        most_seam: share of the region's rim with a step that the normal hardly ever shows.
        least_distance: mean difference to the nearest support shot, as a share of white.
        least_likeness: how much more like its own type than any other, see ``likeness``.
        least_new: distance of defects below which one is a copy of the other, see ``copies``.
    """

    least_change: float = 0.0
    smallest_area: float = 0.0
    smallest_share: float = 0.0
    most_filled: float = 1.0
    least_on_object: float = 0.0
    most_seam: float = 1.0
    least_distance: float = 0.0
    least_likeness: float = 0.0
    least_new: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """Scores by name, and why the image is rejected; None accepts it."""

    scores: dict[str, float]
    reason: str | None

    @property
    def rank(self) -> float:
        """Of two accepted drawings, the one with the lower rank is the better."""
        return -self.scores.get("likeness", 0.0)


def judge(
    normal: Image,
    anomaly: Anomaly,
    limits: Limits,
    *,
    on_object: NDArray[np.bool_] | None = None,
    distance: float | None = None,
    likeness: float | None = None,
    frame: int | None = None,
) -> Verdict:
    """Judge one drawn defect by its box and a little around it, however large the image is.

    Args:
        normal: the image it was drawn on.
        anomaly: what was drawn.
        limits: see :func:`calibrated`.
        on_object: boolean ``(H, W)``: where a defect may lie; everywhere if not given.
        distance: of the whole image to the nearest support image, of which no copy is wanted; see
            ``miniatures``.
        likeness: of the defect to its type, where there are others to compare with.
        frame: pixels of the whole image, where ``normal`` is a part of it.

    Returns:
        Scores ``area`` (pixels), ``filled`` (share of the region), ``change`` (share of white),
        ``seam`` and ``on_object`` (shares), and ``distance`` and ``likeness`` where given.
    """
    reach = max(AROUND, overhang(anomaly.box))
    part = anomaly.box.grown(reach, *normal.shape[:2]).slices
    mask, region, below = anomaly.mask[part] >= 0.5, anomaly.region[part], normal[part]
    area = int(mask.sum())
    difference = _difference(anomaly.image[part], below)
    scores = {
        "area": float(area),
        "filled": area / max(1, int(region.sum())),
        "change": float(difference[mask].mean()) if area else 0.0,
        "seam": _seam(below, difference, region),
        "on_object": 1.0 if on_object is None or not area else share_on(on_object[part], mask),
    }
    if distance is not None:
        scores["distance"] = distance
    if likeness is not None:
        scores["likeness"] = likeness
    reason = None
    smallest = max(limits.smallest_area, limits.smallest_share * (frame or anomaly.mask.size))
    # Whatever the settings allow, no accepted image has an empty mask.
    if area < max(smallest, 1):
        reason = "nothing visible was drawn"
    elif scores["change"] < limits.least_change:
        reason = "the change is too faint to see"
    elif scores["filled"] > limits.most_filled:
        reason = "the drawing fills its region like a patch"
    elif scores["on_object"] < limits.least_on_object:
        reason = "the defect does not lie on the object"
    elif scores["seam"] > limits.most_seam:
        reason = "the border of its region shows as a seam"
    elif scores.get("distance", 1.0) < limits.least_distance:
        reason = "the image is a copy of a support shot"
    elif scores.get("likeness", 1.0) < limits.least_likeness:
        reason = "the defect looks like something else than the shots of its type"
    return Verdict({name: round(value, 5) for name, value in scores.items()}, reason)


def calibrated(
    supports: Sequence[Support],
    normals: Sequence[Image],
    *,
    margin: float,
    objects: Sequence[NDArray[np.bool_]] = (),
) -> Limits:
    """Limits from the support shots of one defect and some normals.

    Args:
        supports: images with masks, none empty.
        normals: a few good images.
        margin: room around a defect in its box, as placement adds it, as a share of its size.
        objects: the object in each support image, boolean ``(H, W)``; none: no limit on it.
    """
    changes, areas, filled = [], [], []
    for image, mask in supports:
        seen = _visible(image, mask)
        changes += [] if seen is None else [seen]
        areas.append(int(mask.sum()) / mask.size)
        box = Box.around(mask)
        filled.append(
            int(mask.sum()) / (with_room(box.width, margin) * with_room(box.height, margin))
        )
    smallest = min(int(mask.sum()) for _, mask in supports)
    limits = Limits(
        least_change=max(2 * GREY_LEVEL, SLACK * min(changes, default=0.0)),
        smallest_area=min(LEAST_AREA, smallest),
        smallest_share=SMALLER * min(areas),
        # A defect that fills its box, such as a round one, leaves the corners of it free.
        most_filled=max(0.9, max(filled)),
        least_new=copy_limit(supports),
    )
    if objects:
        shares = [
            share_on(healed(inside, mask), mask)
            for inside, (_, mask) in zip(objects, supports, strict=True)
        ]
        # Of the middle one: where a defect changes the object's outline, it may not be found.
        limits = replace(limits, least_on_object=LEAST_ON_OBJECT * float(np.median(shares)))
    if normals:
        sizes = [Box.around(mask) for _, mask in supports]
        shots = [miniature(image) for image, _ in supports]
        limits = replace(
            limits,
            most_seam=_natural_seam(normals, sizes),
            least_distance=SLACK * min(distance_to(normal, shots) for normal in normals),
        )
    return limits


def share_on(on_object: NDArray[np.bool_], mask: NDArray[np.bool_]) -> float:
    """Share of a mask that lies on the object, or stands out of it no more than placement allows.

    Args:
        on_object: boolean ``(H, W)``.
        mask: boolean ``(H, W)``, not empty.
    """
    box = Box.around(mask)
    part = box.grown(overhang(box), *mask.shape).slices
    return float(grown(on_object[part], overhang(box))[mask[part]].mean())


def overhang(box: Box) -> int:
    """Pixels that a defect in a box may stand out of the object."""
    return round(OVERHANG * min(box.width, box.height)) + 1


def healed(on_object: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The object as it was before a defect bit into it: closed by a disc twice as wide as it.

    A hole or a missing edge shows the background, and looks as if it lay beside the object.

    Args:
        on_object: boolean ``(H, W)``, as it is told from the background of a defective image.
        mask: boolean ``(H, W)``, not empty: the defect.
    """
    box = Box.around(mask)
    inside = np.pad(mask[box.slices], 1).view(np.uint8)
    thickest = float(cv2.distanceTransform(inside, cv2.DIST_L2, 5).max())
    # Wide defects are closed at a coarser grid: what it costs grows with the radius squared.
    step = max(1, int(thickest) // COARSE)
    radius = 2 * int(np.ceil(thickest / step))  # a notch in a straight edge closes nearly flush
    part = box.grown(2 * radius * step, *mask.shape).slices
    wide = np.pad(on_object[part][::step, ::step], 2 * radius, mode="edge")
    closed = ~grown(~grown(wide, radius), radius)[
        2 * radius : -2 * radius, 2 * radius : -2 * radius
    ]
    height, width = mask[part].shape
    closed = closed.repeat(step, axis=0).repeat(step, axis=1)[:height, :width]
    whole = on_object.copy()
    whole[part] |= closed & mask[part]
    return whole


def grown(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """All pixels no more than ``reach`` from the mask; none where the mask is empty.

    By distances, which takes as long for a long reach as for a short one.
    """
    if not mask.any():
        return mask
    away = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near: NDArray[np.bool_] = away <= reach
    return near


def _difference(image: Image, other: Image) -> NDArray[np.float32]:
    """``(H, W)`` share of white, of the channel that differs most."""
    difference = cv2.absdiff(image.astype(np.float32), other.astype(np.float32))
    widest = difference if difference.ndim == 2 else difference.max(axis=2)
    return np.asarray(widest / FULL[other.dtype], np.float32)


def _visible(image: Image, mask: NDArray[np.bool_]) -> float | None:
    """Mean change of a real defect against its surroundings grown over it, as a share of white.

    None where it leaves no surroundings.
    """
    box = Box.around(mask)
    reach = max(box.width, box.height) // 2 + 8
    rows = slice(max(box.y0 - reach, 0), box.y1 + reach)
    columns = slice(max(box.x0 - reach, 0), box.x1 + reach)
    part = (image[rows, columns].astype(np.float32) / FULL[image.dtype] * 255).astype(np.uint8)
    inner = mask[rows, columns].astype(np.uint8)
    hidden = cv2.dilate(inner, np.ones((3, 3)))
    if hidden.all():
        return None
    under = cv2.inpaint(part, hidden, 3, cv2.INPAINT_TELEA)
    return float(_difference(part, under)[inner > 0].mean())


def _steps(image: Image) -> NDArray[np.float32]:
    """``(H, W)`` largest difference of a pixel to its right and lower neighbour, share of white."""
    steps = np.zeros(image.shape[:2], np.float32)
    np.maximum(steps[:-1], _difference(image[1:], image[:-1]), out=steps[:-1])
    np.maximum(steps[:, :-1], _difference(image[:, 1:], image[:, :-1]), out=steps[:, :-1])
    return steps


def _rim(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The region's outermost pixels, without those at the image's border."""
    inner = cv2.erode(region.astype(np.uint8), np.ones((3, 3)), borderValue=1)
    rim: NDArray[np.bool_] = region & (inner == 0)
    return rim


def _seam(normal: Image, difference: NDArray[np.float32], region: NDArray[np.bool_]) -> float:
    """Share of the rim whose step from the unchanged outside is rare on the normal nearby.

    Rare is what only a quarter of the normal's own steps around the region exceed: a whole rim of
    such steps is unnatural, though each one is not.
    """
    rim = _rim(region)
    if not rim.any():
        return 0.0
    around = normal[Box.around(region).grown(AROUND, *region.shape).slices]
    rare = max(float(np.quantile(_steps(around), RARE)), 3 * GREY_LEVEL)
    return float((difference[rim] > rare).mean())


def _natural_seam(normals: Sequence[Image], boxes: Sequence[Box]) -> float:
    """Share of a box's rim with steps that count as a seam where nothing was drawn at all."""
    rng = np.random.default_rng(0)  # a calibration, not a drawing: the same for every run
    found = []
    for trial in range(SEAM_TRIALS):
        normal, box = normals[trial % len(normals)], boxes[trial % len(boxes)]
        height, width = normal.shape[:2]
        y = int(rng.integers(max(1, height - box.height)))
        x = int(rng.integers(max(1, width - box.width)))
        place = Box(x, y, min(x + box.width, width), min(y + box.height, height))
        part = place.grown(AROUND, height, width)
        region = place.within(part).mask(*normal[part.slices].shape[:2])
        found.append(_seam(normal[part.slices], _steps(normal[part.slices]), region))
    return float(np.quantile(found, SEAM_SHARE))
