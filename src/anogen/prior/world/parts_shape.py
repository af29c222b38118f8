"""Outlines of parts as signed distances, and where a part lies in the window."""

from dataclasses import dataclass

import numpy as np

from anogen.prior.world.material import Material
from anogen.prior.world.noise import Field, coordinates, log_uniform


@dataclass(frozen=True)
class Part:
    """A part before light: what it is made of and where it ends."""

    material: Material
    outline: Field
    """Signed distance ``(S, S)`` in pixels, below 0 on the part."""
    height: float = 4.0
    """How far it stands above the ground, pixels; the length of its shadow."""


@dataclass(frozen=True)
class Place:
    """A part's own coordinates ``x, y`` ``(S, S)`` in pixels, and its ``radius`` in pixels."""

    x: Field
    y: Field
    radius: float
    angle: float


def some_place(
    rng: np.random.Generator,
    size: int,
    *,
    radius: tuple[float, float] = (0.3, 1.6),
    off_centre: float = 0.9,
) -> Place:
    """A random place such that the window looks at the part or a piece of its edge.

    Args:
        rng: source of randomness.
        size: the window's side.
        radius: smallest and largest radius, as parts of the window's side.
        off_centre: farthest distance of the window's centre from the part's, in radii.
    """
    extent = size * log_uniform(rng, *radius)
    far = extent * off_centre * rng.uniform(0, 1)
    if extent < 0.6 * size:
        # A part that fits the window mostly lies inside it.
        far = min(far, 0.3 * size) if rng.random() < 0.8 else far
    turn, angle = rng.uniform(0, 2 * np.pi, 2)
    middle = (size - 1) / 2
    centre = (middle + far * np.cos(turn), middle + far * np.sin(turn))
    x, y = coordinates(size, centre=centre, angle=angle)
    return Place(x, y, extent, float(angle))


def disc(x: Field, y: Field, radius: float) -> Field:
    """Signed distance to a disc around the origin."""
    return np.asarray(np.sqrt(x * x + y * y) - np.float32(radius), dtype=np.float32)


def box(x: Field, y: Field, half: tuple[float, float], *, corner: float = 0.0) -> Field:
    """Signed distance to a box of half sides ``half`` whose corners are rounded."""
    dx = np.abs(x) - np.float32(half[0] - corner)
    dy = np.abs(y) - np.float32(half[1] - corner)
    outside = np.sqrt(np.maximum(dx, 0) ** 2 + np.maximum(dy, 0) ** 2)
    distance = outside + np.minimum(np.maximum(dx, dy), 0) - np.float32(corner)
    return np.asarray(distance, dtype=np.float32)


def polygon(x: Field, y: Field, apothem: float, sides: int) -> Field:
    """Distance to a regular polygon, exact inside and along the sides."""
    sector = np.float32(2 * np.pi / sides)
    azimuth = np.arctan2(y, x)
    rest = azimuth - np.round(azimuth / sector) * sector
    radius = np.sqrt(x * x + y * y)
    return np.asarray(radius * np.cos(rest) - np.float32(apothem), dtype=np.float32)


def coverage(distance: Field, width: float = 1.0) -> Field:
    """How much of each pixel lies inside, [0, 1], over an edge ``width`` pixels wide."""
    return np.asarray(np.clip(0.5 - distance / np.float32(width), 0, 1), dtype=np.float32)


def bevel(distance: Field, width: float) -> Field:
    """Height of a rounded edge: 0 at the outline, ``width`` from ``width`` pixels inwards."""
    depth = np.clip(-distance / np.float32(width), 0, 1)
    return np.asarray(np.sqrt(np.maximum(1 - (1 - depth) ** 2, 0)) * width, dtype=np.float32)
