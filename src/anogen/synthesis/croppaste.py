"""Crop&Paste: real defects of the support shots, warped and blended onto good parts.

Lin et al., "Few-Shot Defect Segmentation Leveraging Abundant Normal Training Samples Through
Normal Background Regularization and Crop-and-Paste Operation", ICME 2021: a defect is cut out
along its mask, transformed and pasted onto a defect-free image. Here it is scaled, turned,
mirrored and slightly bent (``warping``), shifted to the level of its new surroundings, and faded
in (or blended by Poisson's equation). What is pasted into a box is also the sketch from which
AnoGen's synthesizer redraws.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.synthesis.blending import (
    faded_inside,
    feathered,
    matched,
    mixed,
    poisson,
    rounded,
)
from anogen.synthesis.canvas import as_kind, check, finished
from anogen.synthesis.contract import Anomaly, Image
from anogen.synthesis.paste import choose_corner, overlap
from anogen.synthesis.warping import WarpedSupport, warp_support

Support = tuple[Image, NDArray[np.bool_]]
"""An image with a defect, and its boolean mask ``(H, W)``."""

_TRIED, _FILLED, _SUITS = 8, 0.35, 0.7  # warps tried for a region; the share of its box, and of the
# defect's own pixels, that is enough

_RING = 3  # pixels around the defect whose level is matched, at least


@dataclass(frozen=True)
class CropPasteSynthesizer:
    """Pastes warped support defects.

    Attributes:
        supports: images with a defect and their masks; each is equally likely.
        blend: ``"feather"`` or ``"poisson"``.
        feather: pixels around the mask over which the paste fades out.
        match: whether the paste is shifted to the level of its new surroundings.
        scale: see :func:`warp_support`, as for ``turn``, ``mirror`` and ``bend``.

    Raises:
        InputError: if there is no support, or a mask is empty or not of its image's size.
    """

    supports: Sequence[Support]
    blend: Literal["feather", "poisson"] = "feather"
    feather: int = 2
    match: bool = True
    scale: tuple[float, float] = (0.8, 1.25)
    turn: float = 180.0
    mirror: bool = True
    bend: float = 0.03
    _cut: tuple[Support, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.supports:
            raise InputError("Crop&Paste needs at least one support image with its mask.")
        object.__setattr__(self, "_cut", tuple(_cut_out(*support) for support in self.supports))

    def __call__(
        self, normal: Image, region: NDArray[np.bool_] | None, rng: np.random.Generator
    ) -> Anomaly:
        """Paste a warped support defect, anywhere or inside the region, shrunk to fit its box.

        Raises:
            InputError: as :func:`anogen.synthesis.canvas.check`.
        """
        check(normal, region)
        height, width = normal.shape[:2]
        margin = max(self.feather, _RING)
        index, warped, corner = self._placed((height, width), region, rng, margin)
        here, there = overlap(corner, warped.mask.shape, normal.shape)
        patch_mask = warped.mask[here]
        opacity, patch_mask = self._opacity(patch_mask, None if region is None else region[there])
        below = normal[there].astype(np.float32)
        patch = as_kind(warped.image[here], normal).astype(np.float32)
        if self.match:
            ring = cv2.dilate(patch_mask.view(np.uint8), np.ones((3, 3)), iterations=margin)
            patch = matched(patch, below, ring.astype(bool) & ~warped.mask[here])
        if self.blend == "poisson":
            patch = poisson(below, patch, opacity > 0)
        image = normal.copy()
        image[there] = rounded(mixed(below, patch, opacity), normal)
        mask = np.zeros((height, width), dtype=bool)
        mask[there] = patch_mask
        touched = np.zeros_like(mask)
        touched[there] = opacity > 0
        provenance = {
            "synthesizer": "croppaste",
            "blend": self.blend,
            "support": index,
            "corner": [corner[1], corner[0]],
        }
        return finished(image, mask, touched, region, provenance)

    def _placed(
        self,
        shape: tuple[int, int],
        region: NDArray[np.bool_] | None,
        rng: np.random.Generator,
        margin: int,
    ) -> tuple[int, WarpedSupport, tuple[int, int]]:
        """A warped support, which it is, and its corner: of a few, one that suits the region.

        Boxes are as large as the defects of the shots. A small defect in the box of a large one,
        and a long one that is shrunk or cut off, would make all smaller than they are. A region
        that none of them could fill, such as the whole object, asks for no size.
        """
        if region is None:
            index, warped = self._warped(shape, rng, margin)
            return index, warped, choose_corner(warped.mask, shape, None, rng)
        box = Box.around(region)
        # The defect and its rim shall fit the room; the rest of its window need not.
        beyond = 2 * (margin - self.feather)
        largest = max(Box.around(mask).area for _, mask in self._cut) / box.area
        found: list[tuple[float, int, WarpedSupport, tuple[int, int]]] = []
        for _ in range(_TRIED):
            index, warped = self._warped((box.height + beyond, box.width + beyond), rng, margin)
            corner = self._corner(warped.mask, shape, region, rng)
            here, there = overlap(corner, warped.mask.shape, shape)
            shown = np.count_nonzero(warped.mask[here] & region[there])
            kept = shown / np.count_nonzero(self._cut[index][1])
            filled = Box.around(warped.mask).area / box.area
            suits = min(kept, 1.0)
            if largest >= _FILLED:
                suits *= min(filled / _FILLED, 1.0)
            found.append((suits, index, warped, corner))
            if suits >= _SUITS:
                break
        return max(found, key=lambda one: one[0])[1:]

    def _warped(
        self, limit: tuple[int, int], rng: np.random.Generator, margin: int
    ) -> tuple[int, WarpedSupport]:
        index = int(rng.integers(len(self._cut)))
        return index, warp_support(
            *self._cut[index],
            rng,
            scale=self.scale,
            turn=self.turn,
            mirror=self.mirror,
            bend=self.bend,
            margin=margin,
            limit=limit,
        )

    def _corner(
        self,
        mask: NDArray[np.bool_],
        shape: tuple[int, int],
        region: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> tuple[int, int]:
        """Where the window of a warped mask goes: its defect and rim in the region, if they can."""
        rim = cv2.dilate(mask.view(np.uint8), np.ones((3, 3)), iterations=self.feather) > 0
        for wanted in (rim, mask):
            within = Box.around(wanted)
            y, x = choose_corner(wanted[within.slices], shape, region, rng)
            corner = (y - within.y0, x - within.x0)
            here, there = overlap(corner, mask.shape, shape)
            if (mask[here] & region[there]).any():
                break
        return corner

    def _opacity(
        self, mask: NDArray[np.bool_], region: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """How strongly the paste shows, and the pixels of the mask where it mostly does."""
        opacity = feathered(mask, self.feather)
        if region is None:
            return opacity, mask
        faded = opacity * faded_inside(region, self.feather)
        visible = mask & (faded >= 0.5)
        if visible.any():
            return faded, visible
        return opacity * region, mask & region


def _cut_out(image: Image, mask: NDArray[np.bool_]) -> Support:
    """A support cropped to its defect and as much again around it, so that warping is cheap."""
    mask = np.asarray(mask, dtype=bool)
    if mask.shape != image.shape[:2] or not mask.any():
        raise InputError(
            f"a support mask must have its image's size and a defect; it has shape {mask.shape} "
            f"and {int(mask.sum())} defective pixels, the image {image.shape[:2]}."
        )
    box = Box.around(mask)
    window = box.grown(max(box.width, box.height) // 2 + 8, *mask.shape).slices
    cut: Image = image[window].copy()
    return cut, mask[window].copy()
