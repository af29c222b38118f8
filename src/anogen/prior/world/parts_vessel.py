"""Bottles' mouths from above, lids and caps."""

import numpy as np

from anogen.prior.world.material import Material, painted
from anogen.prior.world.noise import coordinates, log_uniform, profile, smoothstep, soften, spectral
from anogen.prior.world.palette import dyed, tone
from anogen.prior.world.parts_shape import Part, bevel, disc, some_place


def bottle(rng: np.random.Generator, size: int) -> Part:
    """A bottle from above: glass rings that are bright or dark, the mouth, the dark inside."""
    place = some_place(rng, size, radius=(0.35, 2.2), off_centre=1.05)
    x, y, outer = place.x, place.y, place.radius
    radius, azimuth = np.sqrt(x * x + y * y), np.arctan2(y, x)
    outline = disc(x, y, outer)
    glass = tone(rng, hue=(0.05, 0.5), saturation=(0.1, 0.8), value=(0.05, 0.6))
    rings = soften(
        profile(rng, radius, wavelength=max(outer * rng.uniform(0.03, 0.12), 1.5)), 0.02 * outer
    )
    shade = np.exp(np.float32(rng.uniform(0.2, 0.8)) * rings)
    mouth = outer * rng.uniform(0.4, 0.75)
    shade *= 1 - np.float32(rng.uniform(0.3, 0.95)) * smoothstep(-radius, -mouth, -mouth * 0.9)
    # Lamps mirrored in the rim: arcs at some radii, over some angles.
    image = painted(glass, shade)
    for _ in range(int(rng.integers(2, 9))):
        where = np.float32(outer * rng.uniform(0.4, 1.0))
        width = np.float32(max(outer * log_uniform(rng, 0.005, 0.06), 0.7))
        arc = np.exp(-(((radius - where) / width) ** 2))
        lobes = np.cos((azimuth - np.float32(rng.uniform(0, 6.3))) * np.float32(rng.integers(0, 5)))
        arc = arc * smoothstep(lobes, rng.uniform(-1, 0.5), 1)
        image = image + (arc * np.float32(rng.uniform(0.1, 0.8)))[..., None]
    streaks = profile(rng, azimuth, wavelength=0.05)
    image = image * (1 + np.float32(rng.uniform(0, 0.08)) * streaks)[..., None]
    image = image * (1 + 0.015 * spectral(rng, size, wavelength=2, falloff=1))[..., None]
    relief = bevel(outline, 0.1 * outer) * np.float32(rng.uniform(0, 0.6))
    material = Material(image.astype(np.float32), relief, gloss=0.2, sharpness=30)
    return Part(material, outline, height=0.4 * outer)


def lid(rng: np.random.Generator, size: int) -> Part:
    """A cap or lid from above: knurled edge, stepped rings, brushed or painted top."""
    place = some_place(rng, size)
    x, y, outer = place.x, place.y, place.radius
    radius, azimuth = np.sqrt(x * x + y * y), np.arctan2(y, x)
    teeth = np.float32(rng.integers(16, 90))
    knurl = np.cos(azimuth * teeth) * np.float32(rng.uniform(0, 1.2) * outer / teeth)
    outline = np.asarray((radius - np.float32(outer) - knurl) * np.float32(0.85), np.float32)
    relief = bevel(outline, 0.12 * outer) * np.float32(0.6)
    for _ in range(int(rng.integers(1, 5))):
        step = outer * rng.uniform(0.15, 0.9)
        relief += smoothstep(radius, step, step + max(0.04 * outer, 1.5)) * np.float32(
            rng.normal() * 0.04 * outer
        )
    grain = spectral(rng, size, wavelength=2, falloff=1.3)
    shade = 1 + np.float32(0.03) * grain
    shade += np.float32(rng.uniform(0, 0.06)) * profile(rng, radius, wavelength=1.3)
    # An anisotropic sheen turns with the angle on a lathe-cut top.
    lobe = np.cos(2 * (azimuth - np.float32(rng.uniform(0, 3.1)))) ** 4
    shade += np.float32(rng.uniform(0, 0.3)) * lobe
    across = coordinates(size, angle=place.angle)[1]
    shade += np.float32(0.01) * profile(rng, across, wavelength=2)
    material = Material(
        painted(dyed(rng), shade), relief, gloss=rng.uniform(0.1, 0.8), sharpness=20
    )
    return Part(material, outline, height=0.25 * outer)


PARTS = {"bottle": bottle, "lid": lid}
