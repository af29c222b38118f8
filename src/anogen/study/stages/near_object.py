"""What of a place is drawn in: defects are of the object, not of what it lies on."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.placement.boxes import Ground, Place
from anogen.synthesis.blending import feathered, mixed, rounded
from anogen.synthesis.contract import Anomaly, Image
from anogen.synthesis.gate import grown, healed, overhang

_RIM = 1 / 128
"""How exactly an object's edge is known, as a share of the image's longer side."""

SHORT = 32
"""Longest reach in pixels for which nearness is told with an ellipse of pixels."""

_THROUGH = 1 / 3
"""Least share of the marked pixels through which the background shows."""


def bites(masks: Sequence[NDArray[np.bool_]], objects: Sequence[NDArray[np.bool_]]) -> bool:
    """Whether a defect takes away from its object: its shots show the background through it.

    A crack through a biscuit does (44 to 88 % of what is marked on eight of them), a tip that is
    bent away and a stain do not (at most 26 % of metal nuts, 8 % of screws).

    Args:
        masks: of the shots, boolean ``(H, W)``, not empty.
        objects: boolean, of the same sizes.
    """
    through = sum(
        int((mask & healed(object_, mask) & ~object_).sum())
        for mask, object_ in zip(masks, objects, strict=True)
    )
    return through > _THROUGH * sum(int(mask.sum()) for mask in masks)


def near_object(place: Place, ground: Ground, *, to_edge: bool = False) -> Place | None:
    """What of a place is drawn in: where it is legal, and on the object or near it.

    Defects may stand out of the object a little, not hang beside it. Parts that lie beside it
    altogether are left out.

    Args:
        place: a box or a mask.
        ground: what is known of the image's pixels.
        to_edge: whether it shall end at the object's edge: a mask of what takes away from the
            object, as beside it there is nothing to take.

    Returns:
        The rest; None if nothing is left.
    """
    box, allowed = place.box, ground.allowed
    reach = rim_of(allowed.shape) if to_edge else overhang(box)
    around = box.grown(reach, *allowed.shape)
    left = place.shape & _near(allowed[around.slices], reach)[box.within(around).slices]
    if ground.legal is not None:
        left &= ground.legal[box.slices]
    _, parts = cv2.connectedComponents(left.astype(np.uint8))
    there = np.unique(parts[left & allowed[box.slices]])
    return place.cut(left & np.isin(parts, there))


def trimmed(anomaly: Anomaly, normal: Image, object_: NDArray[np.bool_], *, rim: int) -> Anomaly:
    """What was drawn in a box, ended at the object's edge: for defects that take away from it.

    They are drawn beyond it nevertheless, so that a crack can be open there.

    Args:
        anomaly: drawn on ``normal``.
        normal: ``(H, W)`` or ``(H, W, 3)``.
        object_: boolean ``(H, W)``.
        rim: how exactly its edge is known, see :func:`rim_of`.
    """
    part = anomaly.box.slices
    opacity = feathered(object_, rim)[part]
    image, mask = anomaly.image.copy(), anomaly.mask.copy()
    below, drawn = (whole[part].astype(np.float32) for whole in (normal, image))
    image[part] = rounded(mixed(below, drawn, opacity), image)
    mask[part] *= opacity >= 0.5
    return replace(anomaly, image=image, mask=mask)


def _near(allowed: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """All pixels within about ``reach`` of what is allowed."""
    if reach > SHORT:  # what an ellipse costs grows with its area
        return grown(allowed, reach)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    near: NDArray[np.bool_] = cv2.dilate(allowed.astype(np.uint8), ellipse) > 0
    return near


def rim_of(shape: tuple[int, ...]) -> int:
    """Pixels within which an object's edge is known on a whole image of ``shape``."""
    return round(_RIM * max(shape[:2]))
