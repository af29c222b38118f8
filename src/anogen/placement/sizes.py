"""Sizes of boxes: learned from the support masks, or drawn from ranges that people set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.placement.official import official_range
from anogen.placement.settings import PlacementSettings, SizeRange

LARGEST = 0.95
"""Share of the image's side that a learned box has at most."""

LEAST_ROOM = 3.0
"""Pixels between a defect and the sides of its box, at least: its rim fades there, and a small
defect in a box without them would be shrunk."""

HALF_TURN = 180.0
"""Degrees: a rectangle turned so far is itself again."""


@dataclass(frozen=True)
class Size:
    """A rectangle before it has a place: sides in pixels, turned by ``angle`` degrees."""

    width: float
    height: float
    angle: float = 0.0


def with_room(side: float, margin: float) -> float:
    """The side of the box, in pixels, of a defect whose side that is.

    Args:
        side: of the defect's bounding box, in pixels.
        margin: room on each side as a share of ``side``; but for 0, :data:`LEAST_ROOM` at least.
    """
    return side + 2 * max(margin * side, LEAST_ROOM) if margin > 0 else side


class Sizes(Protocol):
    """Draws sizes of one defect's boxes."""

    def draw(self, height: int, width: int, rng: np.random.Generator) -> Size:
        """A size for an image of ``(height, width)`` pixels."""
        ...


@dataclass(frozen=True)
class LearnedSizes:
    """Sizes like those of the support masks' bounding boxes.

    Attributes:
        sizes: width and height as shares of the image's.
        jitter: deviation of the logarithm of the size; the shape stays.
        turn: whether width and height change places half of the time.
    """

    sizes: tuple[tuple[float, float], ...]
    jitter: float = 0.0
    turn: bool = False

    @staticmethod
    def of_masks(
        masks: Sequence[NDArray[np.bool_]], *, margin: float, jitter: float, turn: bool
    ) -> "LearnedSizes":
        """The bounding boxes of support masks, each grown by ``margin`` as :func:`with_room` says.

        Args:
            masks: boolean ``(H, W)``, none empty.
            margin: share of the defect's side that is added on each side.
            jitter: see the class.
            turn: see the class.
        """
        sizes = []
        for mask in masks:
            box = Box.around(mask)
            height, width = mask.shape
            sizes.append(
                (
                    min(LARGEST, with_room(box.width, margin) / width),
                    min(LARGEST, with_room(box.height, margin) / height),
                )
            )
        return LearnedSizes(tuple(sizes), jitter=jitter, turn=turn)

    def draw(self, height: int, width: int, rng: np.random.Generator) -> Size:
        """A support mask's size, turned and jittered; turned, it keeps its pixels."""
        across, down = self.sizes[rng.integers(len(self.sizes))]
        sides = across * width, down * height
        if self.turn and rng.random() < 0.5:
            sides = sides[1], sides[0]
        jitter = float(np.exp(rng.normal(0, self.jitter)))
        return Size(sides[0] * jitter, sides[1] * jitter)


@dataclass(frozen=True)
class RangedSizes:
    """Sizes drawn evenly from a range, turned by any angle where it says so."""

    range: SizeRange

    def draw(self, height: int, width: int, rng: np.random.Generator) -> Size:
        """Width, height and angle, each drawn by itself."""
        return Size(
            float(rng.uniform(*self.range.width)) * width,
            float(rng.uniform(*self.range.height)) * height,
            float(rng.uniform(0, HALF_TURN)) if self.range.rotate else 0.0,
        )


def sizes_of(
    category: str,
    defect: str,
    masks: Sequence[NDArray[np.bool_]],
    *,
    settings: PlacementSettings,
) -> Sizes:
    """The sizes of one defect's boxes, from where the settings say.

    Args:
        category: the product's name.
        defect: the defect's name.
        masks: support masks, boolean ``(H, W)``, none empty; for learned sizes only.
        settings: rules of placement.

    Raises:
        InputError: if the official table or the given ranges lack the defect.
    """
    if settings.sizes == "official":
        return RangedSizes(official_range(category, defect))
    if settings.sizes == "given":
        for name in (f"{category}/{defect}", defect):
            if name in settings.ranges:
                return RangedSizes(settings.ranges[name])
        raise InputError(
            f"placement.ranges has no sizes of {defect}; give them, as in --set "
            f"'placement.ranges.{defect}={{width: [0.1, 0.2], height: [0.1, 0.2]}}'."
        )
    return LearnedSizes.of_masks(
        masks, margin=settings.margin, jitter=settings.size_jitter, turn=settings.turn
    )


def shaped(size: Size, rng: np.random.Generator, *, settings: PlacementSettings) -> Size:
    """``size`` with the aspect and the angle that the settings ask for, of the same area."""
    width, height, angle = size.width, size.height, size.angle
    if settings.aspect is not None:
        aspect = float(np.exp(rng.uniform(*np.log(settings.aspect))))
        side = float(np.sqrt(width * height))
        width, height = side * aspect**0.5, side / aspect**0.5
    if settings.rotation is not None:
        angle = float(rng.uniform(*settings.rotation))
    return Size(width, height, angle)
