"""Colours that materials have."""

import colorsys

import numpy as np

from anogen.prior.world.noise import Field


def tone(
    rng: np.random.Generator,
    *,
    hue: tuple[float, float] = (0.0, 1.0),
    saturation: tuple[float, float] = (0.0, 1.0),
    value: tuple[float, float] = (0.1, 0.9),
) -> Field:
    """An RGB colour ``(3,)`` in [0, 1] drawn uniformly from ranges of hue, saturation, value."""
    rgb = colorsys.hsv_to_rgb(
        rng.uniform(*hue) % 1.0, rng.uniform(*saturation), rng.uniform(*value)
    )
    return np.asarray(rgb, dtype=np.float32)


def metal(rng: np.random.Generator) -> Field:
    """Steel and aluminium mostly; sometimes brass or copper."""
    if rng.random() < 0.15:
        return tone(rng, hue=(0.04, 0.13), saturation=(0.25, 0.6), value=(0.4, 0.8))
    return tone(rng, hue=(0.05, 0.65), saturation=(0.0, 0.1), value=(0.2, 0.8))


def brown(rng: np.random.Generator) -> Field:
    """Wood, leather, nutshell, crust."""
    return tone(rng, hue=(0.03, 0.11), saturation=(0.3, 0.75), value=(0.2, 0.85))


def dyed(rng: np.random.Generator) -> Field:
    """Cloth and plastic: any hue, often muted, black or white."""
    kind = rng.random()
    if kind < 0.35:
        return tone(rng, saturation=(0.0, 0.12), value=(0.08, 0.92))
    if kind < 0.7:
        return tone(rng, saturation=(0.1, 0.45), value=(0.2, 0.85))
    return tone(rng, saturation=(0.45, 0.95), value=(0.25, 0.85))


def pale(rng: np.random.Generator) -> Field:
    """Paper, plaster, ceramic."""
    return tone(rng, hue=(0.02, 0.2), saturation=(0.0, 0.2), value=(0.6, 0.95))


def mineral(rng: np.random.Generator) -> Field:
    """Stone, concrete, sand."""
    return tone(rng, hue=(0.02, 0.65), saturation=(0.0, 0.2), value=(0.2, 0.85))
