"""Metal surfaces: cast, brushed, milled, rolled, painted."""

import numpy as np

from anogen.prior.world.material import Material, blend, painted
from anogen.prior.world.noise import (
    Field,
    band,
    cells,
    coordinates,
    lines,
    log_uniform,
    profile,
    smoothstep,
    soften,
    spectral,
    whole,
)
from anogen.prior.world.palette import brown, dyed, metal


def cast_metal(rng: np.random.Generator, size: int) -> Material:
    """Sand-cast or blasted metal: grains of one size, pits, stains of oxide."""
    zoom = log_uniform(rng, 0.5, 3.0)
    relief = band(rng, size, wavelength=5 * zoom, width=0.5)
    relief *= np.float32(rng.uniform(0.1, 0.6) * zoom)
    relief += spectral(rng, size, wavelength=40 * zoom, falloff=2.2) * np.float32(0.8 * zoom)
    relief += spectral(rng, size, wavelength=2, falloff=1.5) * np.float32(rng.uniform(0.05, 0.3))
    stain = spectral(rng, size, wavelength=30 * zoom, falloff=2)
    shade = (
        1
        + np.float32(0.07) * stain
        + np.float32(0.04) * spectral(rng, size, wavelength=2, falloff=1)
    )
    pits = smoothstep(spectral(rng, size, wavelength=6 * zoom, falloff=2.5), 2.0, 2.6)
    shade -= np.float32(rng.uniform(0, 0.4)) * pits
    albedo = painted(metal(rng), shade)
    if rng.random() < 0.25:
        albedo = blend(albedo, brown(rng) * np.float32(0.8), smoothstep(stain, 0.8, 2.5) * 0.6)
    return Material(albedo, relief, gloss=rng.uniform(0.05, 0.5), sharpness=rng.uniform(5, 30))


def brushed_metal(rng: np.random.Generator, size: int) -> Material:
    """Metal brushed or ground in one direction, with single deeper scratches."""
    zoom = log_uniform(rng, 0.6, 2.5)
    angle = rng.uniform(0, np.pi)
    fine = spectral(
        rng, size, wavelength=1.5 * zoom, falloff=1.6, stretch=log_uniform(rng, 8, 60), angle=angle
    )
    coarse = spectral(rng, size, wavelength=6 * zoom, falloff=2, stretch=30, angle=angle)
    shade = 1 + np.float32(rng.uniform(0.02, 0.14)) * fine
    shade += np.float32(rng.uniform(0.0, 0.08)) * coarse
    shade += np.float32(0.04) * spectral(rng, size, wavelength=60, falloff=3)
    if rng.random() < 0.6:
        count = int(rng.integers(3, 50))
        marks = lines(rng, size, count=count, length=(15, 150), width=0.4, angle=angle, spread=0.05)
        shade += np.float32(rng.choice([-0.25, 0.35])) * marks
    relief = fine * np.float32(rng.uniform(0.05, 0.3)) + coarse * np.float32(0.2)
    return Material(
        painted(metal(rng), shade),
        relief,
        gloss=rng.uniform(0.1, 0.6),
        sharpness=rng.uniform(8, 60),
    )


def milled_metal(rng: np.random.Generator, size: int) -> Material:
    """Arcs left by a milling or turning tool, all of one pitch, sometimes crossing."""
    pitch = log_uniform(rng, 2.5, 14)
    relief = np.zeros((size, size), dtype=np.float32)
    shade = np.ones((size, size), dtype=np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    for crossing in range(int(rng.integers(1, 3))):
        far = size * log_uniform(rng, 0.3, 6)
        turn += crossing * np.pi
        centre = (size / 2 + far * np.cos(turn), size / 2 + far * np.sin(turn))
        u, v = coordinates(size, centre=centre)
        radius: Field = np.sqrt(u * u + v * v)
        radius += spectral(rng, size, wavelength=40, falloff=4) * np.float32(0.3)
        phase: Field = radius / np.float32(pitch)
        groove = np.abs(phase - whole(phase)) * 2
        depth = 1 + np.float32(0.4) * profile(rng, phase, wavelength=1.0)
        relief += groove * depth * np.float32(pitch * rng.uniform(0.05, 0.25))
        shade += np.float32(rng.uniform(0.02, 0.08)) * profile(rng, radius, wavelength=1.2)
        shade += np.float32(rng.uniform(0.02, 0.08)) * profile(rng, radius, wavelength=pitch / 2)
    shade += np.float32(0.04) * spectral(rng, size, wavelength=3, falloff=1.5)
    return Material(
        painted(metal(rng), shade),
        relief,
        gloss=rng.uniform(0.2, 0.8),
        sharpness=rng.uniform(8, 50),
    )


def rolled_sheet(rng: np.random.Generator, size: int) -> Material:
    """Hot- or cold-rolled sheet: faint bands along the rolling direction, scale, roll marks."""
    zoom = log_uniform(rng, 0.5, 2.5)
    angle = float(rng.choice([0.0, np.pi / 2])) + rng.normal(0, 0.04)
    along, across = coordinates(size, angle=angle)
    shade = 1 + np.float32(rng.uniform(0.01, 0.05)) * profile(rng, across, wavelength=2 * zoom)
    shade += np.float32(rng.uniform(0.01, 0.05)) * profile(rng, across, wavelength=15 * zoom)
    broad = soften(profile(rng, across, wavelength=30 * zoom), 6 * zoom)
    shade += np.float32(rng.uniform(0.0, 0.3)) * broad
    mottle = spectral(
        rng, size, wavelength=4 * zoom, falloff=1.8, stretch=log_uniform(rng, 1, 8), angle=angle
    )
    shade += np.float32(rng.uniform(0.02, 0.1)) * mottle
    shade += np.float32(rng.uniform(0.02, 0.1)) * spectral(rng, size, wavelength=50, falloff=2.5)
    shade += np.float32(rng.uniform(0.01, 0.06)) * spectral(rng, size, wavelength=1.5, falloff=1)
    if rng.random() < 0.3:
        period = log_uniform(rng, 15, 120)
        phase = along / np.float32(period)
        shade -= np.float32(0.1) * smoothstep(np.cos(2 * np.pi * phase), 0.8, 1.0)
    relief = mottle * np.float32(rng.uniform(0.02, 0.3))
    return Material(
        painted(metal(rng), shade),
        relief,
        gloss=rng.uniform(0, 0.4),
        sharpness=rng.uniform(5, 40),
    )


def painted_metal(rng: np.random.Generator, size: int) -> Material:
    """Sprayed paint: orange peel, metallic flakes, dust grains."""
    zoom = log_uniform(rng, 0.5, 2.5)
    relief = band(rng, size, wavelength=9 * zoom, width=0.45)
    relief *= np.float32(rng.uniform(0.02, 0.25) * zoom)
    shade = 1 + np.float32(0.02) * spectral(rng, size, wavelength=40, falloff=2)
    if rng.random() < 0.5:
        flakes = cells(rng, size, spacing=2 * zoom)
        shade += np.float32(rng.uniform(0.02, 0.14)) * flakes.values(rng)
    shade += np.float32(0.02) * spectral(rng, size, wavelength=1.5, falloff=1)
    return Material(
        painted(dyed(rng), shade),
        relief,
        gloss=rng.uniform(0.1, 0.9),
        sharpness=rng.uniform(10, 80),
    )


SURFACES = {
    "cast metal": cast_metal,
    "brushed metal": brushed_metal,
    "milled metal": milled_metal,
    "rolled sheet": rolled_sheet,
    "painted metal": painted_metal,
}
