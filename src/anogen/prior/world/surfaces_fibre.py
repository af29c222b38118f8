"""Fibrous surfaces: woven cloth, knit, carpet, leather, paper, cardboard."""

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
    warp,
)
from anogen.prior.world.palette import brown, dyed, pale


def woven_cloth(rng: np.random.Generator, size: int) -> Material:
    """Plain, twill or satin weave of two threads."""
    pitch = log_uniform(rng, 3.0, 20)
    aspect = rng.uniform(0.8, 1.25)
    angle = rng.normal(0, 0.15) if rng.random() < 0.7 else rng.uniform(0, np.pi)
    u, v = coordinates(size, angle=angle, scale=pitch)
    v = v * np.float32(aspect)
    bow = np.float32(rng.uniform(0.05, 0.3))
    u = u + bow * spectral(rng, size, wavelength=50, falloff=3)
    v = v + bow * spectral(rng, size, wavelength=50, falloff=3)
    u = u + np.float32(0.1) * profile(rng, np.floor(u), wavelength=1)
    column, row = np.floor(u), np.floor(v)
    in_column, in_row = u - column, v - row
    kind = rng.random()
    if kind < 0.5:
        over = (column + row) % 2 < 1
    elif kind < 0.85:
        over = (column - row) % 4 < 2
    else:
        over = (2 * column + row) % 5 < 4
    across = np.where(over, in_column, in_row)
    along = np.where(over, in_row, in_column)
    dome = np.sqrt(np.maximum(1 - (2 * across - 1) ** 2, 0))
    dome *= np.float32(0.6) + np.float32(0.4) * np.sin(np.pi * along)
    turns = np.float32(rng.integers(2, 5))
    twist = np.sin(2 * np.pi * turns * (across + np.float32(rng.uniform(-0.6, 0.6)) * along))
    yarn = np.where(
        over, profile(rng, column, wavelength=1), profile(rng, row, wavelength=1)
    ).astype(np.float32)
    shade = np.float32(0.45) + np.float32(0.55) * dome
    shade = shade * (1 + np.float32(0.08) * yarn) + np.float32(0.06) * twist * dome
    shade *= 1 + np.float32(0.07) * spectral(rng, size, wavelength=2, falloff=1)
    warp_colour = dyed(rng)
    weft_colour = warp_colour if rng.random() < 0.6 else dyed(rng)
    albedo = painted(np.ones(3, dtype=np.float32), shade) * np.where(
        over[..., None], warp_colour, weft_colour
    ).astype(np.float32)
    if rng.random() < 0.5:
        fuzz = lines(rng, size, count=40, length=(4, 25), width=0.4, bend=0.2)
        albedo = blend(albedo, warp_colour * np.float32(1.3), fuzz * np.float32(0.5))
    relief = (dome + np.float32(0.08) * twist) * np.float32(pitch * rng.uniform(0.1, 0.4))
    return Material(albedo, soften(relief, 0.4), gloss=rng.uniform(0, 0.15), sharpness=6)


def knit(rng: np.random.Generator, size: int) -> Material:
    """Columns of V-shaped stitches."""
    pitch = log_uniform(rng, 5, 28)
    angle = rng.normal(0, 0.1) if rng.random() < 0.7 else rng.uniform(0, np.pi)
    u, v = coordinates(size, angle=angle, scale=pitch)
    bow = np.float32(0.15)
    u = u + bow * spectral(rng, size, wavelength=45, falloff=3)
    v = v * np.float32(rng.uniform(1.0, 1.5)) + bow * spectral(rng, size, wavelength=45, falloff=3)
    in_column = u - np.floor(u)
    side = np.abs(in_column - np.float32(0.5)) * 2
    slanted = v + side * np.float32(rng.uniform(0.5, 0.9))
    in_loop = slanted - np.floor(slanted)
    dome = np.sqrt(np.maximum(1 - (2 * in_loop - 1) ** 2, 0))
    dome = dome * np.sqrt(np.maximum(1 - (2 * side - 1) ** 2 * np.float32(0.9), 0))
    strand = np.sin(2 * np.pi * (in_loop * 4 + side * np.float32(1.5)))
    shade = (np.float32(0.35) + np.float32(0.65) * dome) + np.float32(0.06) * strand * dome
    shade *= 1 + np.float32(0.1) * spectral(rng, size, wavelength=2.5, falloff=1.2)
    colour = dyed(rng)
    albedo = painted(colour, shade)
    fuzz = lines(rng, size, count=60, length=(4, 20), width=0.4, bend=0.3)
    albedo = blend(albedo, colour * np.float32(1.25), fuzz * np.float32(rng.uniform(0, 0.5)))
    return Material(albedo, dome * np.float32(pitch * rng.uniform(0.1, 0.3)), gloss=0.03)


def carpet(rng: np.random.Generator, size: int) -> Material:
    """Tufts of pile or felt of matted fibres."""
    zoom = log_uniform(rng, 0.5, 2.5)
    tufts = cells(rng, size, spacing=6 * zoom, jitter=rng.uniform(0.3, 1))
    dome = 1 - smoothstep(tufts.centre, 0, 5 * zoom)
    fibre = spectral(rng, size, wavelength=2, falloff=1.2)
    shade = np.float32(0.7) + np.float32(rng.uniform(0, 0.4)) * dome + np.float32(0.15) * fibre
    shade += np.float32(0.08) * tufts.values(rng)
    shade += np.float32(0.06) * spectral(rng, size, wavelength=40, falloff=2.5)
    colour = dyed(rng)
    albedo = painted(colour, shade)
    if rng.random() < 0.5:
        speck = smoothstep(tufts.values(rng), 0.8, 1.2)
        albedo = blend(albedo, painted(dyed(rng), shade), speck)
    length = (6 * zoom, 20 * zoom)
    strokes = lines(rng, size, count=150, length=length, width=0.6, bend=0.2)
    albedo = albedo * (1 + np.float32(rng.uniform(0.1, 0.5)) * strokes)[..., None]
    relief = (dome * 2 + fibre * np.float32(0.3)) * np.float32(zoom * rng.uniform(0.2, 0.8))
    return Material(warp(rng, albedo, amplitude=1.0, wavelength=6), relief, gloss=0.0)


def leather(rng: np.random.Generator, size: int) -> Material:
    """Grain of convex plates between creases, with pores."""
    spacing = log_uniform(rng, 4, 18)
    plates = cells(rng, size, spacing=spacing, jitter=1.0)
    wide = max(spacing * rng.uniform(0.1, 0.25), 1.3)
    crease = 1 - smoothstep(soften(plates.edge, 0.5), 0.0, wide)
    crease = warp(rng, crease, amplitude=0.15 * spacing, wavelength=spacing)
    crease *= smoothstep(spectral(rng, size, wavelength=25, falloff=2), -2.0, 0.5)
    relief = -crease * np.float32(spacing * rng.uniform(0.02, 0.1))
    relief += band(rng, size, wavelength=spacing / 2) * np.float32(0.02 * spacing)
    shade = 1 - np.float32(rng.uniform(0.05, 0.3)) * crease
    shade += np.float32(0.05) * spectral(rng, size, wavelength=30, falloff=2)
    shade += np.float32(0.04) * spectral(rng, size, wavelength=2, falloff=1)
    pores = smoothstep(band(rng, size, wavelength=spacing, width=0.2), 2.0, 2.6)
    shade -= np.float32(rng.uniform(0, 0.5)) * pores
    colour = brown(rng) if rng.random() < 0.6 else dyed(rng)
    return Material(
        painted(colour, shade), relief, gloss=rng.uniform(0, 0.4), sharpness=rng.uniform(5, 30)
    )


def paper(rng: np.random.Generator, size: int) -> Material:
    """Paper or board: cloudy formation, fibres, specks of recycled stock."""
    zoom = log_uniform(rng, 0.5, 2.5)
    cloud = spectral(rng, size, wavelength=8 * zoom, falloff=1.6)
    shade = 1 + np.float32(rng.uniform(0.01, 0.04)) * cloud
    shade += np.float32(0.02) * spectral(rng, size, wavelength=1.5, falloff=1)
    count = int(rng.integers(30, 200))
    dark = lines(rng, size, count=count, length=(4 * zoom, 20 * zoom), width=0.4, bend=0.3)
    shade -= np.float32(rng.uniform(0.02, 0.2)) * dark
    bright = lines(rng, size, count=count, length=(4 * zoom, 20 * zoom), width=0.4, bend=0.3)
    shade += np.float32(rng.uniform(0.02, 0.12)) * bright
    kraft = rng.random() < 0.4
    colour = brown(rng) if kraft else pale(rng)
    if kraft and rng.random() < 0.5:
        across = coordinates(size, angle=rng.normal(0, 0.1))[1]
        shade += np.float32(0.04) * np.cos(2 * np.pi * across / np.float32(8 * zoom))
    relief = cloud * np.float32(rng.uniform(0.02, 0.2))
    return Material(painted(colour, shade), relief, gloss=0.02)


SURFACES = {
    "woven cloth": woven_cloth,
    "knit": knit,
    "carpet": carpet,
    "leather": leather,
    "paper": paper,
}
