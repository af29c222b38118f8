"""Near-copies: drawn defects that are, pixel for pixel, a shot's or an earlier drawing's.

Compared is what stands out from the surroundings, so that the same defect on another good part is
found too. A copy is what is no further away than resampling alone takes a defect from itself.

The mask that is recovered from a drawing is not the shot's annotated one, though the defect may be.
Therefore a drawing is laid over the shots at every offset, and what varies within both masks is
compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2

from anogen.placement.box import Box
from anogen.synthesis.canvas import FULL, GREY_LEVEL
from anogen.synthesis.contract import Image, Support

SIDE = 24
"""Side in pixels at which defects are compared."""

SHIFT = 0.5
"""Pixels, the farthest that a pixel's content is from a resampled image's nearest pixel."""

RING = 3
"""Pixels around the mask that are the surroundings."""

SAME_SIZE = 1.1
"""Copies' boxes differ by no more than this factor a side, or by two pixels."""

LEAST_COVERED, LEAST_INSIDE = 0.3, 0.5
"""Shares of the shot's and of the drawing's mask that both have where they are compared."""


LARGEST = 256
"""Pixels: drawings and shots with longer sides are shrunk by a whole factor before they are laid
over one another."""


@dataclass(frozen=True)
class Imprint:
    """What a defect looks like, wherever it lies.

    Attributes:
        height: of its box in pixels.
        width: of its box in pixels.
        relief: float32 ``(SIDE, SIDE, 3)``: difference to the surroundings as a share of white,
            zero beside the mask.
    """

    height: int
    width: int
    relief: NDArray[np.float32]


def imprint(image: Image, mask: NDArray[np.bool_]) -> Imprint:
    """The imprint of a defect.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``.
        mask: boolean ``(H, W)``, not empty.
    """
    box = Box.around(mask)
    rows = slice(max(box.y0 - RING, 0), box.y1 + RING)
    columns = slice(max(box.x0 - RING, 0), box.x1 + RING)
    part = image[rows, columns].astype(np.float32) / FULL[image.dtype]
    if part.ndim == 2:
        part = np.repeat(part[..., None], 3, axis=2)
    inside = mask[rows, columns]
    ring = cv2.dilate(inside.astype(np.uint8), np.ones((3, 3)), iterations=RING).astype(bool)
    ring &= ~inside
    level = np.median(part[ring], axis=0) if ring.any() else np.zeros(3)
    relief = np.where(inside[..., None], part - level, 0).astype(np.float32)
    y, x = box.y0 - rows.start, box.x0 - columns.start
    relief = relief[y : y + box.height, x : x + box.width]
    # Enlarged by linear interpolation, so that no pixel is skipped or doubled.
    method = cv2.INTER_AREA if min(relief.shape[:2]) > SIDE else cv2.INTER_LINEAR
    return Imprint(box.height, box.width, cv2.resize(relief, (SIDE, SIDE), interpolation=method))


def imprint_distance(one: Imprint, other: Imprint) -> float:
    """``|a - b| / (|a| + |b|)`` in [0, 1]; 1 for defects of different size."""
    for a, b in ((one.height, other.height), (one.width, other.width)):
        if abs(a - b) > 2 and max(a, b) > SAME_SIZE * min(a, b):
            return 1.0
    norms = float(np.linalg.norm(one.relief)) + float(np.linalg.norm(other.relief))
    return float(np.linalg.norm(one.relief - other.relief)) / norms if norms > 0 else 0.0


def nearest(one: Imprint, others: Sequence[Imprint]) -> float:
    """Distance to the nearest of some; 1 if there is none."""
    return min((imprint_distance(one, other) for other in others), default=1.0)


def distance_to_shots(image: Image, mask: NDArray[np.bool_], shots: Sequence[Support]) -> float:
    """Distance to the nearest shot, laid over it where the two are most alike.

    It is ``|a - b| / (|a| + |b|)`` of the grey values on the pixels of both masks, each less its
    mean; 1 where the masks have too little in common, or nothing varies.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``.
        mask: boolean ``(H, W)``, not empty.
        shots: images with their masks.
    """
    return min((_laid_over(image, mask, *shot) for shot in shots), default=1.0)


def _laid_over(
    image: Image, mask: NDArray[np.bool_], shot: Image, shot_mask: NDArray[np.bool_]
) -> float:
    boxes = Box.around(mask), Box.around(shot_mask)
    factor = -(-max(max(box.width, box.height) for box in boxes) // LARGEST)
    drawn, inside = _grey(image, mask, boxes[0], factor)
    real, covered = _grey(shot, shot_mask, boxes[1], factor)
    sides = [a + b - 1 for a, b in zip(inside.shape, covered.shape, strict=True)]
    shape = tuple(next_fast_len(side, real=True) for side in sides)

    def spectra(
        values: NDArray[np.float64], on: NDArray[np.float64]
    ) -> list[NDArray[np.complex128]]:
        return [rfft2(part, shape) for part in (on, values, values**2)]

    # Sums over the pixels of both masks, at every offset, as correlations.
    (one, a, aa), (two, b, bb) = spectra(drawn, inside), spectra(real, covered)
    count, of_a, of_b, of_aa, of_bb, of_ab = (
        irfft2(s * np.conj(t), shape)
        for s, t in ((two, one), (two, a), (b, one), (two, aa), (bb, one), (b, a))
    )
    enough = count > max(LEAST_COVERED * covered.sum(), LEAST_INSIDE * inside.sum(), 1.5) - 0.5
    if not enough.any():
        return 1.0
    count, of_a, of_b, of_aa, of_bb, of_ab = (
        sums[enough] for sums in (count, of_a, of_b, of_aa, of_bb, of_ab)
    )
    power_a = np.clip(of_aa - of_a**2 / count, 0, None)
    power_b = np.clip(of_bb - of_b**2 / count, 0, None)
    apart = np.clip(power_a + power_b - 2 * (of_ab - of_a * of_b / count), 0, None)
    norms = np.sqrt(power_a) + np.sqrt(power_b)
    # A hundredth of a grey level a pixel is rounding.
    varied = norms > GREY_LEVEL / 100 * np.sqrt(count)
    return float((np.sqrt(apart[varied]) / norms[varied]).min(initial=1.0))


def _grey(
    image: Image, mask: NDArray[np.bool_], box: Box, factor: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The grey values in the mask's box less their mean, zero beside the mask; and the mask."""
    part = image[box.slices].astype(np.float64) / FULL[image.dtype]
    grey = part if part.ndim == 2 else part.mean(axis=2)
    inside = mask[box.slices].astype(np.float64)
    if factor > 1:
        size = (-(-box.width // factor), -(-box.height // factor))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        share = cv2.resize(inside, size, interpolation=cv2.INTER_AREA)
        inside = (share >= min(0.5, share.max())).astype(np.float64)
    return (grey - grey[inside > 0].mean()) * inside, inside


def copy_limit(supports: Sequence[Support]) -> float:
    """The distance below which a defect is a copy: the median of what resampling does to shots.

    At most half of the distance between two shots, of which none is a copy of another.
    """
    resampled = []
    for image, mask in supports:
        shift = np.array([[1, 0, SHIFT], [0, 1, SHIFT]], np.float32)
        size = (mask.shape[1], mask.shape[0])
        moved = cv2.warpAffine(image, shift, size, borderMode=cv2.BORDER_REFLECT_101)
        # The mask stays: it is the content that lies between the pixels.
        resampled.append(imprint_distance(imprint(image, mask), imprint(moved, mask)))
    shots = [imprint(image, mask) for image, mask in supports]
    between = [nearest(shot, shots[:number]) for number, shot in enumerate(shots)]
    return min(float(np.median(resampled)), min(between) / 2)
