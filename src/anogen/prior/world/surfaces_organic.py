"""Organic surfaces: nutshell, baked crust, skin of fruit."""

import numpy as np

from anogen.prior.world.material import Material, blend, painted
from anogen.prior.world.noise import (
    band,
    cells,
    coordinates,
    log_uniform,
    profile,
    smoothstep,
    soften,
    spectral,
    warp,
)
from anogen.prior.world.palette import brown, pale, tone


def nutshell(rng: np.random.Generator, size: int) -> Material:
    """Matt shell: faint streaks that spread from a pole, blotches, powdery grain."""
    zoom = log_uniform(rng, 0.5, 2.5)
    turn, far = rng.uniform(0, 2 * np.pi), size * rng.uniform(0.3, 2.0)
    u, v = coordinates(size, centre=(size / 2 + far * np.cos(turn), size / 2 + far * np.sin(turn)))
    azimuth = np.arctan2(
        v * np.float32(np.cos(turn)) - u * np.float32(np.sin(turn)),
        -u * np.float32(np.cos(turn)) - v * np.float32(np.sin(turn)),
    )
    azimuth = azimuth + np.float32(0.02) * spectral(rng, size, wavelength=30, falloff=3)
    streak = profile(rng, azimuth, wavelength=3 * zoom / far)
    streak = streak + profile(rng, azimuth, wavelength=10 * zoom / far)
    streak = streak * smoothstep(spectral(rng, size, wavelength=30 * zoom, falloff=2), -1.5, 1)
    shade = 1 - np.float32(rng.uniform(0.02, 0.12)) * streak
    shade += np.float32(rng.uniform(0.03, 0.1)) * spectral(rng, size, wavelength=20, falloff=2)
    shade += np.float32(rng.uniform(0.02, 0.07)) * spectral(rng, size, wavelength=2, falloff=1.2)
    relief = soften(streak.astype(np.float32), 0.8) * np.float32(rng.uniform(0.05, 0.3))
    albedo = painted(brown(rng), shade)
    dusty = smoothstep(spectral(rng, size, wavelength=25 * zoom, falloff=2), 0.5, 2.5)
    albedo = blend(albedo, pale(rng), dusty * np.float32(rng.uniform(0, 0.4)))
    return Material(albedo, relief, gloss=rng.uniform(0, 0.3), sharpness=8)


def crust(rng: np.random.Generator, size: int) -> Material:
    """Baked dough: cracks between swollen plates, browned tops, crumbs, chips."""
    zoom = log_uniform(rng, 0.5, 3.0)
    swell = spectral(rng, size, wavelength=25 * zoom, falloff=2.4)
    crumb = spectral(rng, size, wavelength=3 * zoom, falloff=1.5)
    plates = cells(rng, size, spacing=30 * zoom, jitter=1)
    crack = 1 - smoothstep(plates.edge, 0, 2.0 * zoom)
    crack = warp(rng, crack, amplitude=2.5 * zoom, wavelength=10 * zoom)
    crack *= smoothstep(spectral(rng, size, wavelength=25 * zoom, falloff=2), 0, 1.2)
    relief = swell * np.float32(2 * zoom) + crumb * np.float32(rng.uniform(0.2, 0.7))
    relief -= crack * np.float32(2 * zoom)
    shade = 1 + np.float32(0.08) * crumb - np.float32(0.35) * crack
    shade += np.float32(0.04) * spectral(rng, size, wavelength=1.5, falloff=1)
    dough = tone(rng, hue=(0.07, 0.12), saturation=(0.3, 0.65), value=(0.55, 0.9))
    baked = np.asarray(dough * np.array([0.8, 0.6, 0.45], dtype=np.float32), dtype=np.float32)
    albedo = painted(dough, shade)
    browned = smoothstep(swell + np.float32(0.4) * crumb, -0.5, 2.0)
    albedo = blend(albedo, painted(baked, shade), browned * np.float32(rng.uniform(0.2, 0.9)))
    if rng.random() < 0.5:
        lumps = band(rng, size, wavelength=22 * zoom, width=0.4)
        chip = smoothstep(lumps, 1.7, 1.8)
        dark = tone(rng, hue=(0.02, 0.07), saturation=(0.4, 0.7), value=(0.08, 0.3))
        albedo = blend(albedo, painted(dark, 1 + 0.1 * crumb), chip)
        relief = relief + np.maximum(lumps - np.float32(1.7), 0) * np.float32(3 * zoom)
    return Material(albedo, relief, gloss=rng.uniform(0, 0.2), sharpness=8)


def fruit_skin(rng: np.random.Generator, size: int) -> Material:
    """Skin with lenticels, streaks of colour, wax; or dimpled like citrus."""
    zoom = log_uniform(rng, 0.5, 2.5)
    ripe = tone(rng, hue=(-0.05, 0.35), saturation=(0.4, 0.9), value=(0.35, 0.9))
    other = tone(rng, hue=(-0.05, 0.35), saturation=(0.4, 0.9), value=(0.35, 0.9))
    flush = spectral(
        rng,
        size,
        wavelength=15 * zoom,
        falloff=2,
        stretch=rng.uniform(1, 8),
        angle=rng.uniform(0, np.pi),
    )
    flush = flush + np.float32(0.4) * spectral(rng, size, wavelength=50 * zoom, falloff=3)
    albedo = blend(painted(ripe, 1), other, smoothstep(flush, -1, 2) * np.float32(rng.random()))
    shade = 1 + np.float32(0.03) * spectral(rng, size, wavelength=2, falloff=1.2)
    relief = spectral(rng, size, wavelength=40, falloff=4.5) * np.float32(0.6)
    dots = cells(rng, size, spacing=log_uniform(rng, 5, 14) * zoom, jitter=0.9)
    spot = 1 - smoothstep(dots.centre, 0.3 * zoom, 1.6 * zoom)
    if rng.random() < 0.4:
        relief = relief - spot * np.float32(rng.uniform(0.3, 1.2) * zoom)
        shade -= np.float32(0.12) * spot
    else:
        spot = spot * (dots.values(rng) > 0).astype(np.float32)
        albedo = blend(albedo, pale(rng), spot * np.float32(rng.uniform(0.1, 0.7)))
    return Material(
        albedo * shade[..., None], relief, gloss=rng.uniform(0.1, 0.7), sharpness=rng.uniform(8, 40)
    )


SURFACES = {"nutshell": nutshell, "crust": crust, "fruit skin": fruit_skin}
