"""What of a place is drawn in: defects are of the object, not of what it lies on."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.placement.boxes import Ground, Place
from anogen.synthesis.gate import overhang

_RIM = 1 / 128
"""How exactly an object's edge is known, as a share of the image's longer side."""


def bites(masks: Sequence[NDArray[np.bool_]], objects: Sequence[NDArray[np.bool_]]) -> bool:
    """Whether a defect takes away from its object: most of what is marked shows the background.

    A crack through a biscuit does, a bent tip or a stain does not.

    Args:
        masks: of the shots, boolean ``(H, W)``.
        objects: boolean, of the same sizes.
    """
    beside = sum(int((mask & ~object_).sum()) for mask, object_ in zip(masks, objects, strict=True))
    return 2 * beside > sum(int(mask.sum()) for mask in masks)


def near_object(place: Place, ground: Ground, *, biting: bool = False) -> Place | None:
    """What of a place is drawn in: where it is legal, and on the object or near it.

    Defects may stand out of the object a little, not hang beside it; those that take away from it
    end at its edge, as beside it there is nothing to take. Parts that lie beside it altogether are
    left out.

    Args:
        place: a box or a mask.
        ground: what is known of the image's pixels.
        biting: whether the defect takes away from its object.

    Returns:
        The rest; None if nothing is left.
    """
    box, allowed = place.box, ground.allowed
    reach = round(_RIM * max(allowed.shape)) if biting else overhang(box)
    around = box.grown(reach, *allowed.shape)
    near = cv2.dilate(
        allowed[around.slices].astype(np.uint8),
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)),
    )
    left = place.shape & (near[box.within(around).slices] > 0)
    if ground.legal is not None:
        left &= ground.legal[box.slices]
    _, parts = cv2.connectedComponents(left.astype(np.uint8))
    there = np.unique(parts[left & allowed[box.slices]])
    return place.cut(left & np.isin(parts, there))
