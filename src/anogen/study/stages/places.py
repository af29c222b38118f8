"""Where the defects of a run go: on which pixels of which good image."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.data.images import read_image, read_mask, to_rgb8
from anogen.data.sample import Category
from anogen.files import inside
from anogen.placement.boxes import BoxSizes, draw_box
from anogen.placement.foreground import choose_method, foreground
from anogen.placement.settings import ForegroundMethod
from anogen.seeds import rng_of
from anogen.study.settings import RunSettings
from anogen.study.stages.planned import Planned
from anogen.synthesis.contract import Image
from anogen.synthesis.croppaste import Support

OVERHANG = 0.1
"""How far a defect may stand out of the object, as a share of its box's shorter side."""


class Places:
    """Finds the places of one category's defects; keeps what they share.

    Args:
        category: its good images and the root of its masks.
        supports: the support images of each defect with their masks.
        settings: of the run.
    """

    def __init__(
        self,
        category: Category,
        supports: Mapping[str, Sequence[Support]],
        settings: RunSettings,
    ) -> None:
        self.category = category
        self.settings = settings
        margin = settings.placement.margin
        self.sizes = {
            defect: BoxSizes.of_masks([mask for _, mask in shots], margin=margin)
            for defect, shots in supports.items()
        }
        self.method: ForegroundMethod = settings.placement.foreground
        if self.method == "auto":
            probes = category.train[:: max(1, len(category.train) // 12)][:12]
            self.method = choose_method([to_rgb8(read_image(s.image)) for s in probes])
        self.median = self._median() if self.method == "median" else None

    def place(self, item: Planned, attempt: int) -> tuple[Image, NDArray[np.bool_]]:
        """A planned image's normal, and the region ``(H, W)`` in which its defect is drawn."""
        normal = read_image(item.normal.image, name=item.normal.key)
        # The box belongs to the spot, so that its samples share it; drawn again, it may move.
        legal = self.legal(normal)
        box = draw_box(
            legal,
            self.sizes[item.defect],
            rng_of(self.settings.seed, self.category.name, item.spot, attempt, "box"),
            settings=self.settings.placement,
            what=f"{item.normal.key}, {item.defect}",
        )
        # Defects are of the object: they may stand out of it a little, not hang beside it.
        reach = round(OVERHANG * min(box.width, box.height)) + 1
        near = cv2.dilate(
            legal.astype(np.uint8),
            cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)),
        )
        return normal, box.mask(*normal.shape[:2]) & (near > 0)

    def legal(self, normal: Image) -> NDArray[np.bool_]:
        """Boolean ``(H, W)``: where on a good image a defect may lie."""
        legal = foreground(to_rgb8(normal), self.method, median=self.median)
        if self.settings.placement.legal is not None:
            path = inside(self.category.root, self.settings.placement.legal)
            legal &= read_mask(path, normal.shape[:2], name=self.settings.placement.legal)
        return legal

    def _median(self) -> NDArray[np.uint8]:
        images = [to_rgb8(read_image(s.image)) for s in self.category.train[:25]]
        same = [image for image in images if image.shape == images[0].shape]
        median: NDArray[np.uint8] = np.median(np.stack(same), axis=0).astype(np.uint8)
        return median
