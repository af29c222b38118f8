"""A support cut to its defect, so that warping it is cheap, with what the defect lay on."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.synthesis.blending import rounded, with_rim
from anogen.synthesis.contract import Image
from anogen.synthesis.surface import surface_under

THIN = 0.1
"""Thickness of a defect as a share of its length, up to which what it crosses shows through."""

_LOOSE = 2  # pixels around a mask that may hold some of the defect


@dataclass(frozen=True)
class Cutout:
    """A support cropped to its defect and as much again around it.

    Attributes:
        image: ``(h, w)`` or ``(h, w, 3)``.
        mask: boolean ``(h, w)``.
        surface: as ``image``, what lay under the defect; None of one that hides it.
    """

    image: Image
    mask: NDArray[np.bool_]
    surface: Image | None


def cut_out(image: Image, mask: NDArray[np.bool_], surface: Image | None, *, toned: bool) -> Cutout:
    """Cut a support to its defect.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``.
        mask: boolean ``(H, W)``.
        surface: as ``image``, what lay under its defect, where that shows through.
        toned: whether the surface is wanted; a thin defect then has one, even where none is known.

    Raises:
        InputError: if the mask is empty or not of the image's size.
    """
    mask = np.asarray(mask, dtype=bool)
    if mask.shape != image.shape[:2] or not mask.any():
        raise InputError(
            f"a support mask must have its image's size and a defect; it has shape {mask.shape} "
            f"and {int(mask.sum())} defective pixels, the image {image.shape[:2]}."
        )
    box = Box.around(mask)
    window = box.grown(max(box.width, box.height) // 2 + 8, *mask.shape).slices
    kept: Image = image[window].copy()
    inside = mask[window].copy()
    below: Image | None = None
    if toned and surface is not None:
        below = surface[window].copy()
    elif toned and _thickness(inside) <= THIN * max(box.width, box.height):
        below = rounded(surface_under(kept.astype(np.float32), with_rim(inside, _LOOSE)), image)
    return Cutout(kept, inside, below)


def _thickness(mask: NDArray[np.bool_]) -> float:
    """Pixels from side to side, a mean: in a band depths go up to half of that, a quarter in
    the mean."""
    depth = cv2.distanceTransform(np.pad(mask, 1).view(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    return float(4 * depth[mask].mean())
