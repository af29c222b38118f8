"""AnoGen's synthesizer: a learned concept drawn into a box of a normal image.

Gui et al., "Few-shot anomaly-driven generation" (AnoGen), ECCV 2024, section 4.2. Departures: a
square window around the box is drawn in, not the whole frame; the defect may start from a noised
sketch instead of pure noise, a support defect pasted into the region; pixels outside the box are
those of the normal image, byte for byte; and the mask is recovered from what was drawn, within
the outline of the sketch if there is one.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from anogen.placement.window import Window
from anogen.synthesis.contract import Image, Support
from anogen.synthesis.croppaste import CropPasteSynthesizer
from anogen.synthesis.diffusion import DiffusionSynthesizer, Sketcher
from anogen.synthesis.outline import outlined

TURNS = 16
"""Warps of a support that are tried in a box."""


class AnoGenSynthesizer(DiffusionSynthesizer):
    """See :class:`DiffusionSynthesizer`; the region tells where, the concept what."""

    name = "anogen"

    def _sketcher(self, supports: Sequence[Support], surfaces: Sequence[Image | None]) -> Sketcher:
        """Supports pasted into the region: it says where, it is not the shape of a defect."""
        paste = CropPasteSynthesizer(supports, blend="toned", turns=TURNS, surfaces=surfaces)

        def sketch(
            normal: Image, region: NDArray[np.bool_], rng: np.random.Generator
        ) -> tuple[Image, NDArray[np.bool_]]:
            pasted = paste(normal, region, rng)
            return pasted.image, pasted.mask >= 0.5

        return sketch

    def _strength(self, window: Window, outline: NDArray[np.bool_] | None) -> float:
        """Of thin sketches less in a window that is larger than the prior's images.

        A crack in a large box is finer there than what the prior draws, and would fade. A defect of
        a latent cell's thickness is none.
        """
        strength = super()._strength(window, outline)
        shrunk = self.prior.image_size / window.side
        if outline is None or not outline.any() or shrunk >= 1:
            return strength
        padded = np.pad(outline, 1).view(np.uint8)
        thickness = 2 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max())
        cells = thickness * self.prior.latent_size / window.side
        if cells >= 1:
            return strength
        steps = self.settings.steps
        return max(1, round(steps * strength * max(shrunk, cells))) / steps

    def _tokens(self, mask: Tensor) -> Tensor:
        return self.concept.tokens.expand(len(mask), -1, -1)

    def _mask(
        self,
        recovered: NDArray[np.float32],
        asked: NDArray[np.bool_],  # noqa: ARG002
        outline: NDArray[np.bool_] | None,
    ) -> NDArray[np.float32]:
        return recovered if outline is None else outlined(recovered, outline)
