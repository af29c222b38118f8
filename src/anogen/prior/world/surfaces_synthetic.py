"""Plastic, rubber, glass, foam."""

import numpy as np

from anogen.prior.world.material import Material, blend, painted
from anogen.prior.world.noise import (
    band,
    cells,
    coordinates,
    lines,
    log_uniform,
    profile,
    smoothstep,
    soften,
    spectral,
)
from anogen.prior.world.palette import dyed, tone


def moulded_plastic(rng: np.random.Generator, size: int) -> Material:
    """Injection-moulded plastic: fine etched grain, flow lines, ribs, parting lines."""
    zoom = log_uniform(rng, 0.5, 2.5)
    relief = band(rng, size, wavelength=3.5 * zoom, width=0.5)
    relief *= np.float32(rng.uniform(0, 0.25) * zoom)
    shade = 1 + np.float32(0.015) * spectral(rng, size, wavelength=1.5, falloff=1)
    shade += np.float32(rng.uniform(0, 0.05)) * spectral(
        rng, size, wavelength=20 * zoom, falloff=2.5, stretch=5, angle=rng.uniform(0, np.pi)
    )
    if rng.random() < 0.5:
        angle = float(rng.choice([0, np.pi / 2])) + rng.normal(0, 0.05)
        u, v = coordinates(size, angle=angle, centre=tuple(rng.uniform(0, size, 2)))
        edge = np.abs(v) - np.float32(log_uniform(rng, 1, 40))
        relief += smoothstep(edge, -1, rng.uniform(0.5, 4)) * np.float32(rng.uniform(-4, 4))
        if rng.random() < 0.4:
            relief += smoothstep(u, -1, 2) * np.float32(rng.uniform(-3, 3))
    scuffs = lines(rng, size, count=int(rng.integers(0, 25)), length=(5, 60), width=0.4)
    shade += np.float32(rng.uniform(0, 0.15)) * scuffs
    return Material(
        painted(dyed(rng), shade), relief, gloss=rng.uniform(0.1, 0.8), sharpness=rng.uniform(8, 60)
    )


def rubber(rng: np.random.Generator, size: int) -> Material:
    """Dark matt rubber: bloom, dust, fine grain, ribs."""
    zoom = log_uniform(rng, 0.5, 2.5)
    grain = spectral(rng, size, wavelength=3 * zoom, falloff=1.6)
    bloom = spectral(rng, size, wavelength=25 * zoom, falloff=2)
    shade = 1 + np.float32(rng.uniform(0.02, 0.12)) * grain
    shade += np.float32(rng.uniform(0.02, 0.15)) * bloom
    relief = grain * np.float32(rng.uniform(0.05, 0.4))
    if rng.random() < 0.4:
        pitch = log_uniform(rng, 5, 30)
        across = coordinates(size, angle=rng.uniform(0, np.pi), scale=pitch)[1]
        wave = smoothstep(np.cos(2 * np.pi * across), rng.uniform(-0.8, 0), rng.uniform(0.1, 0.8))
        relief += wave * np.float32(pitch * rng.uniform(0.05, 0.2))
        shade *= np.float32(0.8) + np.float32(0.2) * wave
    dust = smoothstep(spectral(rng, size, wavelength=1.5, falloff=1.2), 2.6, 3.2)
    colour = tone(rng, saturation=(0, 0.15), value=(0.04, 0.3))
    if rng.random() < 0.2:
        colour = dyed(rng)
    albedo = painted(colour, shade) + dust[..., None] * np.float32(rng.uniform(0, 0.4))
    return Material(albedo, relief, gloss=rng.uniform(0, 0.25), sharpness=6)


def glass(rng: np.random.Generator, size: int) -> Material:
    """A pane or a wall of a vessel: soft reflections, streaks, dust; hardly any texture."""
    base = tone(rng, hue=(0.2, 0.65), saturation=(0, 0.35), value=(0.05, 0.9))
    u, v = coordinates(size, angle=rng.uniform(0, np.pi), centre=tuple(rng.uniform(0, size, 2)))
    bend = np.float32(rng.uniform(0, 0.01))
    across = v + bend * u * u
    shade = 1 + np.float32(rng.uniform(0.02, 0.3)) * soften(
        profile(rng, across, wavelength=log_uniform(rng, 6, 60)), 3
    )
    image = painted(base, shade)
    for _ in range(int(rng.integers(0, 4))):
        place, width = rng.uniform(-size, size), log_uniform(rng, 1.5, 20)
        streak = np.exp(-(((across - np.float32(place)) / np.float32(width)) ** 2))
        image = image + (streak * np.float32(rng.uniform(0.05, 0.6)))[..., None]
    dust = smoothstep(spectral(rng, size, wavelength=2, falloff=1.3), 2.6, 3.3)
    image = image + (dust * np.float32(rng.uniform(0, 0.4)))[..., None]
    image = image * (1 + 0.01 * spectral(rng, size, wavelength=2, falloff=1))[..., None]
    relief = spectral(rng, size, wavelength=50, falloff=5) * np.float32(rng.uniform(0, 1))
    return Material(image.astype(np.float32), relief, gloss=rng.uniform(0.2, 1), sharpness=70)


def foam(rng: np.random.Generator, size: int) -> Material:
    """Open-cell foam or sponge: dark pores between bright walls."""
    spacing = log_uniform(rng, 3, 16)
    pores = cells(rng, size, spacing=spacing, jitter=1)
    wall = 1 - smoothstep(soften(pores.edge, 0.5), 0.2, spacing * rng.uniform(0.15, 0.4))
    open_pore = (pores.values(rng) > rng.uniform(-1.5, 0.5)).astype(np.float32)
    shade = 1 - np.float32(rng.uniform(0.2, 0.7)) * (1 - wall) * soften(open_pore, 0.5)
    shade += np.float32(0.06) * spectral(rng, size, wavelength=2, falloff=1.2)
    shade += np.float32(0.05) * spectral(rng, size, wavelength=30, falloff=2.5)
    relief = wall * np.float32(spacing * rng.uniform(0.05, 0.25))
    return Material(painted(dyed(rng), shade), relief, gloss=0.05)


def flat_film(rng: np.random.Generator, size: int) -> Material:
    """Film, lacquer or an even coating with next to no texture: only light and a few specks."""
    shade = 1 + np.float32(rng.uniform(0.002, 0.02)) * spectral(
        rng, size, wavelength=log_uniform(rng, 1.5, 30), falloff=1.5
    )
    specks = smoothstep(spectral(rng, size, wavelength=2, falloff=1.5), 3.0, 3.4)
    albedo = blend(painted(dyed(rng), shade), dyed(rng), specks * np.float32(rng.uniform(0, 0.6)))
    relief = spectral(rng, size, wavelength=60, falloff=5) * np.float32(rng.uniform(0, 1.5))
    return Material(albedo, relief, gloss=rng.uniform(0, 0.8), sharpness=rng.uniform(5, 60))


SURFACES = {
    "moulded plastic": moulded_plastic,
    "rubber": rubber,
    "glass": glass,
    "foam": foam,
    "flat film": flat_film,
}
