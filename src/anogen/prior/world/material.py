"""What the light needs to know of a surface."""

from dataclasses import dataclass

import numpy as np

from anogen.prior.world.noise import Field


@dataclass(frozen=True)
class Material:
    """A surface seen from above."""

    albedo: Field
    """``(S, S, 3)`` RGB, about [0, 1]."""
    relief: Field
    """``(S, S)`` height in pixels, towards the camera."""
    gloss: float = 0.1
    """Strength of the highlights, 0 (chalk) to 1 (polished)."""
    sharpness: float = 12.0
    """Exponent of the highlights: 4 is broad, 80 a mirror's."""


def painted(colour: Field, shade: Field | float = 1.0) -> Field:
    """The image ``(S, S, 3)`` of one ``colour`` ``(3,)`` times a map of shades ``(S, S)``."""
    return np.asarray(colour * np.asarray(shade, dtype=np.float32)[..., None], dtype=np.float32)


def blend(below: Field, above: Field, mask: Field) -> Field:
    """``below`` where the mask ``(S, S)`` is 0, ``above`` where it is 1; colours or images."""
    weight = mask[..., None]
    return np.asarray(below + (above - below) * weight, dtype=np.float32)
