"""Crop&Paste: real defects of the support shots, warped and blended onto good parts.

Lin et al., "Few-Shot Defect Segmentation Leveraging Abundant Normal Training Samples Through
Normal Background Regularization and Crop-and-Paste Operation", ICME 2021: a defect is cut out
along its mask, transformed and pasted onto a defect-free image. Here it is scaled, turned,
mirrored and slightly bent (``warping``), shifted to the level of its new surroundings, and faded
in (or blended by Poisson's equation). What is pasted into a box is also the sketch from which
AnoGen's synthesizer redraws; there a defect that is thin, or lets its surface show through (see
``seen_through``), changes its new surface as it changed its own (``toned``): a crack that crosses a
dark line of the part leaves the line dark, where pasting would paint it over with what lay under
the crack in its shot.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.placement.sizes import with_room
from anogen.synthesis.blending import (
    faded_inside,
    feathered,
    matched,
    mixed,
    poisson,
    rounded,
    toned,
    with_rim,
)
from anogen.synthesis.canvas import FULL, as_kind, check, finished
from anogen.synthesis.contract import Anomaly, Image, Support
from anogen.synthesis.cutout import Cutout, cut_out
from anogen.synthesis.paste import choose_corner, overlap
from anogen.synthesis.warping import WarpedSupport, warp_support

_TRIED, _SUITS = 24, 0.85
"""Warps tried for a region, and the share of what a defect's pixels should be that is enough."""

_VAST = 3.0
"""How much larger than the boxes of all supports a region is that asks for no size."""

_MARGIN, _SPREAD = 0.15, 0.25
"""Room that boxes give a defect by default, and about the deviation of their sides' logarithms."""

_WIDE = 0.3
"""Surroundings by which a warp is compared with its new place, as a share of the region's longer
side."""

_LARGE = 300 * 300
"""Pixels of a box above which fewer warps are compared, so that all together cost as much."""

_RING = 3  # pixels around the defect whose level is matched, at least


@dataclass(frozen=True)
class _Try:
    """A warp in a region: how well it suits that, and its corner."""

    suits: float
    warped: WarpedSupport
    corner: tuple[int, int]


@dataclass(frozen=True)
class CropPasteSynthesizer:
    """Pastes warped support defects.

    Attributes:
        supports: images with a defect and their masks; each is equally likely.
        blend: ``"feather"``, ``"poisson"``, or ``"toned"``: defects that let their surface show
            through change what is below them as they changed the surface of their shot; the others
            are feathered.
        feather: pixels around the mask over which the paste fades out.
        match: whether the paste is shifted to the level of its new surroundings.
        scale: see :func:`warp_support`, as for ``turn``, ``mirror`` and ``bend``.
        turns: warps of a support that are tried in a region, for the one whose surroundings agree
            best with those of the region: threads lie along threads. 0: the first that suits.
        surfaces: of each support what lay under its defect, an image as it is, where that shows
            through (see ``seen_through``), else None; thin defects need none. For ``"toned"``.

    Raises:
        InputError: if there is no support, or a mask is empty or not of its image's size.
    """

    supports: Sequence[Support]
    blend: Literal["feather", "poisson", "toned"] = "feather"
    feather: int = 2
    match: bool = True
    scale: tuple[float, float] = (0.8, 1.25)
    turn: float = 180.0
    mirror: bool = True
    bend: float = 0.03
    turns: int = 0
    surfaces: Sequence[Image | None] = ()
    _cut: tuple[Cutout, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.supports:
            raise InputError("Crop&Paste needs at least one support image with its mask.")
        surfaces = self.surfaces or [None] * len(self.supports)
        cut = tuple(
            cut_out(image, mask, surface, toned=self.blend == "toned")
            for (image, mask), surface in zip(self.supports, surfaces, strict=True)
        )
        object.__setattr__(self, "_cut", cut)

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
        index, warped, corner = self._placed(normal, region, rng, margin)
        here, there = overlap(corner, warped.mask.shape, normal.shape)
        patch_mask = warped.mask[here]
        opacity, patch_mask = self._opacity(patch_mask, None if region is None else region[there])
        below = normal[there].astype(np.float32)
        patch = as_kind(warped.image[here], normal).astype(np.float32)
        if warped.surface is not None:
            surface = as_kind(warped.surface[here], normal).astype(np.float32)
            patch = toned(patch, surface, below, FULL[normal.dtype])
        elif self.match:
            patch = matched(patch, below, with_rim(patch_mask, margin) & ~warped.mask[here])
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
        normal: Image,
        region: NDArray[np.bool_] | None,
        rng: np.random.Generator,
        margin: int,
    ) -> tuple[int, WarpedSupport, tuple[int, int]]:
        """A warped support, which it is, and its corner: of a few, one that suits the region.

        Boxes are as large as the defects of the shots, so the support is drawn by how likely the
        region has its size: a small one in the box of a large one, and a long one that is shrunk or
        cut off, would make all smaller than they are. A region that none of them could fill, such
        as the whole object, asks for no size.
        """
        if region is None:
            index = int(rng.integers(len(self._cut)))
            warped = self._warped(index, normal.shape[:2], rng, margin, self.scale)
            return index, warped, choose_corner(warped.mask, normal.shape[:2], None, rng)
        turns = 0
        if self.turns:
            box = Box.around(region)
            turns = min(self.turns, max(1, self.turns * _LARGE // box.area))
            margin = max(margin, round(_WIDE * max(box.width, box.height)))
        likely, sizes = self._sizes(region)
        index = int(rng.choice(len(self._cut), p=likely))
        size = None if sizes is None else float(sizes[index])

        def tried() -> _Try:
            return self._tried(index, size, normal, region, rng, margin)

        chosen = tried()
        for _ in range(_TRIED - 1):
            if chosen.suits >= _SUITS:
                break
            chosen = max(chosen, tried(), key=lambda one: one.suits)
        if turns:
            # Of one support, so that none wins because its surroundings are plain.
            chosen = max(
                (chosen, *(tried() for _ in range(turns))),
                key=lambda one: (one.suits, -self._strangeness(one, normal, margin)),
            )
        return index, chosen.warped, chosen.corner

    def _sizes(
        self, region: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """How likely each support is the one whose size a region has, and its size beside that.

        Returns:
            ``(N,)``, sum 1; and ``(N,)``: the region's size over what the support asks for, within
            ``scale``; None where no support could fill the region, so that it asks for no size.
        """
        box = Box.around(region)
        own = [Box.around(cut.mask) for cut in self._cut]
        sides = [(with_room(b.height, _MARGIN), with_room(b.width, _MARGIN)) for b in own]
        if box.area > _VAST * max(down * across for down, across in sides):
            return np.full(len(own), 1 / len(own)), None
        turned = np.log([[(down, across), (across, down)] for down, across in sides])
        apart = np.log([box.height, box.width]) - turned
        fits = -np.square(apart / _SPREAD).sum(axis=2).min(axis=1) / 2
        weights = np.exp(fits - fits.max())
        return weights / weights.sum(), np.clip(np.exp(apart[:, 0].mean(axis=1)), *self.scale)

    def _tried(
        self,
        index: int,
        size: float | None,
        normal: Image,
        region: NDArray[np.bool_],
        rng: np.random.Generator,
        margin: int,
    ) -> _Try:
        """A warp of a support somewhere in the region, grown by ``size``, or as ``scale`` says."""
        box = Box.around(region)
        # The defect and its rim shall fit the room; the rest of its window need not.
        beyond = 2 * (margin - self.feather)
        limit = box.height + beyond, box.width + beyond
        scale = self.scale if size is None else (size, size)
        warped = self._warped(index, limit, rng, margin, scale)
        corner = self._corner(warped.mask, normal.shape[:2], region, rng)
        here, there = overlap(corner, warped.mask.shape, normal.shape)
        shown = np.count_nonzero(warped.mask[here] & region[there])
        suits = min(shown / (np.count_nonzero(self._cut[index].mask) * (size or 1.0) ** 2), 1.0)
        return _Try(min(suits, _SUITS), warped, corner)

    def _strangeness(self, one: _Try, normal: Image, margin: int) -> float:
        """How much a warp's surroundings differ from those of its place, in grey levels."""
        here, there = overlap(one.corner, one.warped.mask.shape, normal.shape)
        below = normal[there].astype(np.float32)
        patch = as_kind(one.warped.image[here], normal).astype(np.float32)
        mask = one.warped.mask[here]
        around = with_rim(mask, margin) & ~with_rim(mask, self.feather)
        if not around.any():
            return float("inf")
        return float(np.abs(matched(patch, below, around) - below)[around].mean())

    def _warped(
        self,
        index: int,
        limit: tuple[int, int],
        rng: np.random.Generator,
        margin: int,
        scale: tuple[float, float],
    ) -> WarpedSupport:
        cut = self._cut[index]
        return warp_support(
            cut.image,
            cut.mask,
            rng,
            scale=scale,
            turn=self.turn,
            mirror=self.mirror,
            bend=self.bend,
            margin=margin,
            limit=limit,
            surface=cut.surface,
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
