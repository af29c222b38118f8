"""The contract of everything that draws a defect on a normal image."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box
from anogen.registry import Registry

Image = NDArray[np.uint8] | NDArray[np.uint16]
"""``(H, W)`` grey or ``(H, W, 3)`` RGB, 8 or 16 bit with its full range."""

Support = tuple[Image, NDArray[np.bool_]]
"""An image with a defect, and its boolean mask ``(H, W)``."""


@dataclass(frozen=True)
class Anomaly:
    """A drawn defect.

    Attributes:
        image: same shape and type as the normal image; equal to it outside ``box``.
        box: the box in which the image may differ from the normal one.
        region: boolean ``(H, W)``: where the defect was asked for (the box, or a mask in it).
        mask: float32 ``(H, W)`` in [0, 1], zero outside the box: which pixels became defective.
        provenance: what is needed to draw it again (synthesizer, settings, sources).
        boxes: of several defects on one image each one's box, apart from the others; ``box`` is
            then the smallest around all. Empty where there is one defect.
    """

    image: Image
    box: Box
    region: NDArray[np.bool_]
    mask: NDArray[np.float32]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    boxes: tuple[Box, ...] = ()

    @property
    def defective(self) -> NDArray[np.bool_]:
        """Boolean ``(H, W)``: where the mask is 0.5 and more."""
        found = np.zeros(self.mask.shape, dtype=bool)
        found[self.box.slices] = self.mask[self.box.slices] >= 0.5
        return found


class Synthesizer(Protocol):
    """Draws one defect; the same inputs and generator state give the same bytes."""

    def __call__(
        self, normal: Image, region: NDArray[np.bool_] | None, rng: np.random.Generator
    ) -> Anomaly:
        """Draw a defect on ``normal``.

        Args:
            normal: the image to draw on; not changed.
            region: boolean ``(H, W)``, not empty: where to draw; None lets the synthesizer
                choose a place (procedural ones do).
            rng: the only source of randomness.
        """
        ...


synthesizers: Registry[Synthesizer] = Registry(
    "synthesizer",
    {
        "draem": "anogen.synthesis.draem:DraemSynthesizer",
        "cutpaste": "anogen.synthesis.cutpaste:CutPasteSynthesizer",
        "croppaste": "anogen.synthesis.croppaste:CropPasteSynthesizer",
        "anogen": "anogen.synthesis.anogen:AnoGenSynthesizer",
        "anomalydiffusion": "anogen.synthesis.anomalydiffusion:AnomalyDiffusionSynthesizer",
    },
)
