"""A good image that is drawn on, and what is known of it whatever is drawn."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from anogen.placement.boxes import Ground
from anogen.synthesis.contract import Image
from anogen.synthesis.miniatures import Overview


@dataclass(frozen=True)
class Good:
    """A good image, and what its drawings share: all attempts at it, and all defects.

    Attributes:
        image: ``(H, W)`` or ``(H, W, 3)``.
        object: boolean ``(H, W)``: the part, told from its background.
        grounds: for each defect that was placed on it what is known of its pixels.
    """

    image: Image
    object: NDArray[np.bool_]
    grounds: dict[str, Ground] = field(default_factory=dict)

    @cached_property
    def overview(self) -> Overview:
        """The image seen small, with changes."""
        return Overview(self.image)
