"""A good image: a surface that fills the window, or a part on a background."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.errors import InputError
from anogen.prior.world import (
    parts_electric,
    parts_fibre,
    parts_food,
    parts_hardware,
    parts_medical,
    parts_vessel,
    surfaces_electronic,
    surfaces_fibre,
    surfaces_grid,
    surfaces_metal,
    surfaces_mineral,
    surfaces_organic,
    surfaces_synthetic,
    surfaces_wood,
)
from anogen.prior.world.camera import photograph
from anogen.prior.world.light import Light, shade, some_light
from anogen.prior.world.material import Material, blend, painted
from anogen.prior.world.noise import Field, coordinates, log_uniform, soften, spectral
from anogen.prior.world.palette import tone
from anogen.prior.world.parts_shape import Part, coverage, disc

_SURFACES: dict[str, Callable[[np.random.Generator, int], Material]] = {
    **surfaces_metal.SURFACES,
    **surfaces_fibre.SURFACES,
    **surfaces_wood.SURFACES,
    **surfaces_mineral.SURFACES,
    **surfaces_grid.SURFACES,
    **surfaces_synthetic.SURFACES,
    **surfaces_electronic.SURFACES,
    **surfaces_organic.SURFACES,
}
_PARTS: dict[str, Callable[[np.random.Generator, int], Part]] = {
    **parts_hardware.PARTS,
    **parts_medical.PARTS,
    **parts_electric.PARTS,
    **parts_vessel.PARTS,
    **parts_fibre.PARTS,
    **parts_food.PARTS,
}

SURFACES: tuple[str, ...] = tuple(_SURFACES)
"""Names of the textures that fill the window."""
PARTS: tuple[str, ...] = tuple(_PARTS)
"""Names of the objects seen on a background."""

PART_SHARE = 0.45
"""Share of windows that show a part; close-ups of parts also look like surfaces."""

BENT_SHARE = 0.15
"""Share of surfaces that are bent over a cylinder."""

JOINED_SHARE = 0.12
"""Share of surfaces that end within the window, where another begins."""

LEAST_PART = 0.1
"""Least share of the window that a part covers."""


@dataclass(frozen=True)
class Good:
    """A photograph of something without a defect."""

    image: NDArray[np.float32]
    """``(S, S, 3)`` RGB in [0, 1]."""
    foreground: NDArray[np.bool_]
    """``(S, S)``, True on the object; all True for a surface."""
    name: str
    """One of :data:`SURFACES` or :data:`PARTS`."""


def render_good(rng: np.random.Generator, size: int = 128, *, surface: str | None = None) -> Good:
    """Draw one good window ``(size, size)``, the same for the same state of ``rng``.

    Args:
        rng: source of all randomness.
        size: the window's side in pixels, at least 32.
        surface: one of :data:`SURFACES` or :data:`PARTS`; None draws one.

    Raises:
        InputError: for an unknown name or a window under 32 pixels.
    """
    if size < 32:
        raise InputError(f"A window of {size} pixels is too small; take at least 32.")
    if surface is None:
        names = PARTS if rng.random() < PART_SHARE else SURFACES
        surface = names[int(rng.integers(len(names)))]
    light = some_light(rng, size)
    if surface in _SURFACES:
        scene = _surface(rng, size, surface, light)
        foreground = np.ones((size, size), dtype=np.bool_)
    elif surface in _PARTS:
        scene, foreground = _part_on_ground(rng, size, _PARTS[surface], light)
    else:
        known = ", ".join(SURFACES + PARTS)
        raise InputError(f"No surface or part is called '{surface}'; the known ones are: {known}.")
    return Good(photograph(rng, scene), foreground, surface)


def _surface(rng: np.random.Generator, size: int, name: str, light: Light) -> Field:
    """A surface alone, bent over a cylinder, or joined to another surface."""
    material = _SURFACES[name](rng, size)
    kind = rng.random()
    if kind < BENT_SHARE:
        material = _bent(rng, material)
    scene = shade(material, light)
    if kind > 1 - JOINED_SHARE:
        scene = _joined(rng, scene, shade(_ground(rng, size), light))
    return scene


def _bent(rng: np.random.Generator, material: Material) -> Material:
    """The same material on a cylinder: a shaft, a tube, a can."""
    size = material.relief.shape[0]
    centre = (rng.uniform(0, size), rng.uniform(0, size))
    across = coordinates(size, centre=centre, angle=rng.uniform(0, np.pi), scale=size / 2)[1]
    # Half a window from the ridge the surface falls off by up to 40 degrees.
    drop = np.float32(rng.uniform(0.1, 0.8) * size / 4) * across * across
    return replace(material, relief=material.relief - drop)


def _joined(rng: np.random.Generator, first: Field, second: Field) -> Field:
    """``second`` beyond a straight or curved edge, with the dark line of a joint."""
    size = first.shape[0]
    turn = rng.uniform(0, 2 * np.pi)
    radius = size * log_uniform(rng, 0.5, 20)
    far = radius + size * rng.uniform(-0.1, 0.35)
    middle = (size - 1) / 2
    x, y = coordinates(size, centre=(middle + far * np.cos(turn), middle + far * np.sin(turn)))
    edge = disc(x, y, radius)
    joint = np.exp(-((edge / np.float32(log_uniform(rng, 0.6, 4))) ** 2))
    scene = blend(first, second, coverage(edge, 1.5))
    return np.asarray(
        scene * (1 - np.float32(rng.uniform(0, 0.7)) * joint)[..., None], dtype=np.float32
    )


def _part_on_ground(
    rng: np.random.Generator,
    size: int,
    draw: Callable[[np.random.Generator, int], Part],
    light: Light,
) -> tuple[Field, NDArray[np.bool_]]:
    part = draw(rng, size)
    for _ in range(6):
        # The window may have fallen into a hole or beside the part.
        if float((part.outline < 0).mean()) >= LEAST_PART:
            break
        part = draw(rng, size)
    on_part = coverage(part.outline, width=float(rng.uniform(1.0, 2.0)))
    ground = shade(_ground(rng, size), light)
    ground = ground * (1 - _shadow(rng, part, light))[..., None]
    scene = blend(ground, shade(part.material, light), on_part)
    return scene, on_part > np.float32(0.5)


def _ground(rng: np.random.Generator, size: int) -> Material:
    """What parts lie on: an even sheet, black to white, or any surface."""
    if rng.random() < 0.3:
        name = SURFACES[int(rng.integers(len(SURFACES)))]
        return _SURFACES[name](rng, size)
    kind = rng.random()
    if kind < 0.35:
        colour = tone(rng, saturation=(0, 0.2), value=(0.01, 0.12))
    elif kind < 0.65:
        colour = tone(rng, saturation=(0, 0.1), value=(0.75, 1.0))
    else:
        colour = tone(rng, saturation=(0, 0.5), value=(0.15, 0.8))
    grain = spectral(rng, size, wavelength=3, falloff=1.5)
    shade_map = 1 + np.float32(rng.uniform(0, 0.04)) * grain
    return Material(painted(colour, shade_map), grain * np.float32(rng.uniform(0, 0.15)), gloss=0)


def _shadow(rng: np.random.Generator, part: Part, light: Light) -> Field:
    """Darkening of the ground in [0, 1]: cast shadow and contact shadow of a part."""
    x, y, z = light.direction
    reach = min(part.height / max(z, 0.3), 0.3 * part.outline.shape[0])
    on_part = coverage(part.outline)
    size = on_part.shape[0]
    away = np.array([[1, 0, -x * reach], [0, 1, -y * reach]])
    # What lies outside the window goes on as its border does.
    cast = cv2.warpAffine(on_part, away, (size, size), borderMode=cv2.BORDER_REPLICATE)
    cast = np.asarray(cast, dtype=np.float32)
    softness = float(rng.uniform(1, 6))
    strength = float(rng.uniform(0, 0.8)) * (1 - light.ambient)
    contact = soften(on_part, 2.5) * np.float32(rng.uniform(0, 0.5))
    shadow = np.maximum(soften(cast, softness) * np.float32(strength), contact)
    return np.asarray(shadow, dtype=np.float32)
