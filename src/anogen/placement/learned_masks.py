"""Places for masks that were sampled with a mask embedding.

What AnomalyDiffusion (Hu et al., AAAI 2024, Eq. 9) leaves open: its masks lie where they were
sampled, whether or not that is on the object. Here a sampled mask keeps its shape and its size, and
is put where the support masks lie or anywhere on the object.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box
from anogen.placement.masks import LARGER, LEAST_AREA, SMALLER, MaskVariation, is_copy, scaled
from anogen.placement.settings import PlacementSettings

MOST_BORDER = 1 / 3
"""Share of a border line of its square that a mask may cover (``check_mask`` of the released code);
more is cut off by it."""

PROBLEMS = {
    "empty": "were empty",
    "border": "were cut off by their square's border",
    "size": "were smaller or larger than the support masks allow",
    "copy": "were copies of a support mask",
}
"""What is said of sampled masks that broke a rule."""


class LearnedMasks(MaskVariation):
    """Draws one of the sampled masks; see :class:`MaskVariation` for places and rules.

    Args:
        masks: support masks, boolean ``(H, W)``, none empty.
        sampled: masks to choose from, boolean ``(n, S, S)``, none empty.
        side: of the squares ``(S, S)``, as a share of the square root of an image's pixels.
        objects: the object in each support image; see :class:`MaskVariation`.
        settings: rules of placement; ``turn`` and ``size_jitter`` have no say.

    Raises:
        ValueError: without a mask of either kind, or with another number of objects.
    """

    kind = "learned"
    broken: Mapping[str, str] = {
        **MaskVariation.broken,
        "size": "were smaller or larger than the support masks allow; learn them for more steps "
        "(masks.steps), or set masks.source=varied",
        "copy": "were copies of a support mask; learn them for fewer steps (masks.steps), or set "
        "masks.source=varied",
    }

    def __init__(
        self,
        masks: Sequence[NDArray[np.bool_]],
        sampled: NDArray[np.bool_],
        *,
        side: float,
        objects: Sequence[NDArray[np.bool_]] = (),
        settings: PlacementSettings,
    ) -> None:
        super().__init__(masks, objects=objects, settings=settings)
        if not len(sampled):
            raise ValueError("no sampled mask")
        self._sampled = [mask[Box.around(mask).slices] for mask in sampled]
        self._pixel = side / len(sampled[0])

    def _new(self, scale: float, shrink: float, rng: np.random.Generator) -> NDArray[np.bool_]:
        """A sampled shape for an image of ``scale`` squared pixels, cut to its box."""
        mask = self._sampled[int(rng.integers(len(self._sampled)))]
        found = scaled(mask, shrink * scale * self._pixel)
        return found[Box.around(found).slices]


class Rules:
    """Which sampled masks are legal.

    Args:
        masks: support masks, boolean ``(H, W)``, none empty.
        side: of the squares, as a share of the square root of an image's pixels.
        size: pixels of a square's side.
    """

    def __init__(self, masks: Sequence[NDArray[np.bool_]], *, side: float, size: int) -> None:
        areas = [float(mask.mean()) for mask in masks]
        self._least, self._most = SMALLER * min(areas), LARGER * max(areas)
        self._pixel = side / size
        self._known = [
            np.rot90(one, turn)
            for mask in masks
            for cut in [scaled(mask[Box.around(mask).slices], size / side / np.sqrt(mask.size))]
            for one in (cut, cut.T)
            for turn in range(4)
        ]

    def problem(self, mask: NDArray[np.bool_]) -> str | None:
        """The rule that a sampled mask ``(S, S)`` breaks, a key of ``PROBLEMS``, or None.

        A support mask turned or mirrored is a copy, too, since masks are learned in all positions.
        """
        if mask.sum() < LEAST_AREA:
            return "empty"
        if any(line.mean() > MOST_BORDER for line in (mask[0], mask[-1], mask[:, 0], mask[:, -1])):
            return "border"
        if not self._least <= mask.sum() * self._pixel**2 <= self._most:
            return "size"
        cut = mask[Box.around(mask).slices]
        return "copy" if any(is_copy(cut, one) for one in self._known) else None
