"""Mineral surfaces: tiles, glaze, granular, marble, concrete."""

import numpy as np

from anogen.prior.world.material import Material, blend, painted
from anogen.prior.world.noise import (
    Field,
    band,
    cells,
    coordinates,
    lines,
    log_uniform,
    smoothstep,
    soften,
    spectral,
    warp,
)
from anogen.prior.world.palette import brown, dyed, mineral, pale, tone


def tiles(rng: np.random.Generator, size: int) -> Material:
    """Tiles or bricks in a bond with joints; each one its own shade."""
    long = log_uniform(rng, 14, 140)
    short = long * log_uniform(rng, 0.3, 1.0)
    angle = rng.normal(0, 0.05) if rng.random() < 0.7 else rng.uniform(0, np.pi)
    u, v = coordinates(size, angle=angle, centre=tuple(rng.uniform(0, size, 2)))
    row = np.floor(v / np.float32(short))
    u = u + row * np.float32(long * rng.choice([0, 0, 0.5, 0.33]))
    column = np.floor(u / np.float32(long))
    inside_u = u - column * np.float32(long)
    inside_v = v - row * np.float32(short)
    border = np.minimum(
        np.minimum(inside_u, long - inside_u), np.minimum(inside_v, short - inside_v)
    )
    rough = rng.uniform(0, 1.0)
    border = border + np.float32(rough) * spectral(rng, size, wavelength=6, falloff=2)
    joint = 1 - smoothstep(border, short * 0.01 + 0.3, short * rng.uniform(0.02, 0.09) + 1.2)
    number = (row - row.min()) * 61 + (column - column.min())
    own = rng.standard_normal(int(number.max()) + 1).astype(np.float32)[number.astype(np.int32)]
    grain = spectral(rng, size, wavelength=log_uniform(rng, 1.5, 12), falloff=1.7)
    shade = 1 + np.float32(rng.uniform(0, 0.12)) * own + np.float32(rng.uniform(0, 0.12)) * grain
    body = dyed(rng) if rng.random() < 0.5 else brown(rng)
    albedo = blend(painted(body, shade), painted(mineral(rng), 1 + 0.08 * grain), joint)
    relief = -joint * np.float32(rng.uniform(0.5, 3)) + grain * np.float32(rng.uniform(0, 0.4))
    return Material(albedo, soften(relief, 0.7), gloss=rng.uniform(0, 0.6), sharpness=20)


def glaze(rng: np.random.Generator, size: int) -> Material:
    """Glazed ceramic: nearly even, soft waves, specks, now and then crackle."""
    zoom = log_uniform(rng, 0.5, 2.5)
    cloud = spectral(rng, size, wavelength=30 * zoom, falloff=4.5)
    shade = 1 + np.float32(rng.uniform(0.005, 0.05)) * cloud
    specks = smoothstep(band(rng, size, wavelength=4 * zoom, width=0.5), 2.4, 3.0)
    shade -= np.float32(rng.uniform(0, 0.5)) * specks
    if rng.random() < 0.25:
        crackle = cells(rng, size, spacing=18 * zoom, jitter=1)
        thin = 1 - smoothstep(crackle.edge, 0.0, 1.4)
        thin = warp(rng, thin, amplitude=1.5, wavelength=8)
        shade -= np.float32(rng.uniform(0.1, 0.4)) * thin
    shade += np.float32(0.008) * spectral(rng, size, wavelength=2, falloff=1)
    relief = cloud * np.float32(rng.uniform(0.1, 0.8) * zoom) + band(
        rng, size, wavelength=12
    ) * np.float32(rng.uniform(0, 0.12))
    colour = pale(rng) if rng.random() < 0.6 else dyed(rng)
    return Material(painted(colour, shade), relief, gloss=rng.uniform(0.3, 1), sharpness=60)


def _grains(rng: np.random.Generator, size: int, spacing: float) -> tuple[Field, Field, Field]:
    """Grains in a matrix: their mask, their own standard normal value, their roundness."""
    grid = cells(rng, size, spacing=spacing, jitter=1.0)
    own = grid.values(rng)
    radius = np.float32(spacing * 0.3) * (1 + np.float32(0.5) * grid.values(rng))
    mask = smoothstep(np.minimum(radius * 2 - grid.centre, grid.edge - np.float32(0.4)), 0, 1.0)
    return mask, own, soften(grid.edge, 0.7)


def granular(rng: np.random.Generator, size: int) -> Material:
    """Terrazzo, granite, gravel or sand: grains of several colours and sizes."""
    zoom = log_uniform(rng, 0.5, 3.0)
    albedo = painted(mineral(rng), 1 + 0.06 * spectral(rng, size, wavelength=2, falloff=1.3))
    relief = spectral(rng, size, wavelength=2 * zoom, falloff=1.5) * np.float32(0.1)
    rough = np.float32(rng.uniform(0, 0.35))
    for spacing in rng.permutation([3.0, 6.0, 11.0])[: int(rng.integers(1, 4))]:
        mask, own, edge = _grains(rng, size, spacing * zoom)
        mask = warp(rng, mask, amplitude=0.12 * spacing * zoom, wavelength=spacing * zoom)
        mask = mask * (own > rng.uniform(-1.5, 0.8)).astype(np.float32)
        shade = 1 + np.float32(rng.uniform(0.05, 0.35)) * own
        chips = painted(mineral(rng) if rng.random() < 0.7 else brown(rng), shade)
        albedo = blend(albedo, np.clip(chips, 0.02, 1), mask)
        relief = relief + edge * mask * rough
    fine = 1 + np.float32(0.06) * spectral(rng, size, wavelength=1.5, falloff=1)
    return Material(albedo * fine[..., None], relief, gloss=rng.uniform(0, 0.4), sharpness=25)


def speckled(rng: np.random.Generator, size: int) -> Material:
    """Dark spots of one size on a lighter ground: spotted floor tile, granite, foam."""
    wavelength = log_uniform(rng, 4, 20)
    spots = band(rng, size, wavelength=wavelength, width=rng.uniform(0.3, 0.8))
    spots = spots + np.float32(0.3) * spectral(rng, size, wavelength=3, falloff=1.5)
    mask = smoothstep(spots, rng.uniform(-0.2, 0.8), rng.uniform(0.9, 1.6))
    ground = mineral(rng)
    mark = (
        ground * np.float32(rng.choice([0.3, 0.5, 0.7, 1.3])) if rng.random() < 0.7 else dyed(rng)
    )
    shade = 1 + np.float32(0.05) * spectral(rng, size, wavelength=1.5, falloff=1)
    shade += np.float32(0.04) * spectral(rng, size, wavelength=20, falloff=2)
    albedo = blend(painted(ground, shade), painted(mark, shade), mask)
    relief = mask * np.float32(rng.uniform(-0.8, 0.8))
    return Material(albedo, relief, gloss=rng.uniform(0, 0.4), sharpness=20)


def marble(rng: np.random.Generator, size: int) -> Material:
    """Polished stone: clouds and veins along crossings of a warped field through zero."""
    zoom = log_uniform(rng, 0.5, 3.0)
    angle = rng.uniform(0, np.pi)
    albedo = painted(mineral(rng), 1)
    cloud = spectral(rng, size, wavelength=40 * zoom, falloff=2.0, stretch=2, angle=angle)
    albedo = blend(albedo, mineral(rng), smoothstep(cloud, -1.5, 1.5) * np.float32(0.7))
    vein = mineral(rng)
    for _ in range(int(rng.integers(1, 4))):
        field = spectral(rng, size, wavelength=50 * zoom, falloff=2.6, stretch=2.5, angle=angle)
        thin = np.exp(-((field / np.float32(rng.uniform(0.02, 0.15))) ** 2))
        fade = smoothstep(spectral(rng, size, wavelength=30 * zoom, falloff=2), -0.5, 1.2)
        albedo = blend(albedo, vein, thin * fade * np.float32(rng.uniform(0.3, 0.9)))
    shade = 1 + np.float32(0.04) * spectral(rng, size, wavelength=3 * zoom, falloff=1.3)
    relief = spectral(rng, size, wavelength=30, falloff=3) * np.float32(0.3)
    return Material(albedo * shade[..., None], relief, gloss=rng.uniform(0.1, 0.8), sharpness=60)


def concrete(rng: np.random.Generator, size: int) -> Material:
    """Concrete or plaster: blotches, air holes, sand grains, trowel marks."""
    zoom = log_uniform(rng, 0.5, 3.0)
    blotch = spectral(rng, size, wavelength=45 * zoom, falloff=1.8)
    sand = spectral(rng, size, wavelength=2 * zoom, falloff=1.2)
    hole = smoothstep(band(rng, size, wavelength=9 * zoom, width=0.4), 2.1, 2.7)
    shade = 1 + np.float32(rng.uniform(0.03, 0.12)) * blotch
    shade += np.float32(rng.uniform(0.02, 0.09)) * sand
    shade -= np.float32(rng.uniform(0.1, 0.5)) * hole
    trowel = lines(
        rng,
        size,
        count=int(rng.integers(0, 25)),
        length=(20, 160),
        angle=rng.uniform(0, np.pi),
        spread=0.4,
        bend=0.1,
        width=0.5,
    )
    shade += np.float32(rng.choice([-0.15, 0.12])) * trowel
    relief = sand * np.float32(rng.uniform(0.05, 0.4)) - hole * np.float32(1.5 * zoom)
    relief += blotch * np.float32(0.5)
    colour = mineral(rng) if rng.random() < 0.8 else tone(rng, saturation=(0.1, 0.5))
    return Material(painted(colour, shade), relief, gloss=0.03)


SURFACES = {
    "tiles": tiles,
    "glaze": glaze,
    "granular": granular,
    "speckled": speckled,
    "marble": marble,
    "concrete": concrete,
}
