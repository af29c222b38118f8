"""Capsules and pills."""

import cv2
import numpy as np

from anogen.prior.world.material import Material, blend, painted
from anogen.prior.world.noise import Field, band, cells, log_uniform, smoothstep, soften, spectral
from anogen.prior.world.palette import dyed, pale
from anogen.prior.world.parts_shape import Part, bevel, box, disc, polygon, some_place


def _imprint(rng: np.random.Generator, x: Field, y: Field, radius: float) -> Field:
    """Letters in [0, 1] around the part's own origin, some 0.6 radii high."""
    side = 192
    stamp = np.zeros((side, side), dtype=np.uint8)
    word = "".join("ABDEFGHLMPRSTX0123456789"[int(k)] for k in rng.integers(24, size=2))
    if rng.random() < 0.4:
        word += str(int(rng.integers(100)))
    font = int(rng.integers(0, 5))
    (wide, high), _ = cv2.getTextSize(word, font, 2.5, 6)
    corner = ((side - wide) // 2, (side + high) // 2)
    cv2.putText(stamp, word, corner, font, 2.5, 255, int(rng.integers(3, 9)), cv2.LINE_AA)
    scale = np.float32(side / (radius * rng.uniform(2.0, 3.5)))
    middle = np.float32(side / 2)
    printed = cv2.remap(stamp, x * scale + middle, y * scale + middle, cv2.INTER_LINEAR)
    return np.asarray(printed, dtype=np.float32) / np.float32(255)


def capsule(rng: np.random.Generator, size: int) -> Part:
    """A two-piece gelatine capsule with print, seen from the side."""
    half = size * log_uniform(rng, 0.14, 0.7)
    long = half * rng.uniform(1.8, 3.2)
    place = some_place(rng, size, radius=(half / size, half / size), off_centre=1.0)
    x = place.x + np.float32(rng.uniform(-0.8, 0.8) * long)
    y = place.y
    seam = np.float32(rng.uniform(-0.3, 0.3) * long)
    cap = smoothstep(x, float(seam) - 0.7, float(seam) + 0.7)
    body = box(x, y, (long, half), corner=half * 0.999)
    outline = body - cap * np.float32(half * rng.uniform(0.0, 0.05))
    inside = np.clip(-outline / np.float32(half), 0, 1)
    dome = np.sqrt(np.maximum(1 - (1 - inside) ** 2, 0))
    first = dyed(rng)
    second = first if rng.random() < 0.3 else dyed(rng)
    # Gelatine is clearer at the rim, where the wall is seen edge-on.
    shade = np.float32(0.75) + np.float32(0.25) * dome
    shade *= 1 + np.float32(0.02) * spectral(rng, size, wavelength=12, falloff=2)
    shade *= 1 + np.float32(0.012) * spectral(rng, size, wavelength=1.5, falloff=1)
    albedo = blend(painted(first, shade), painted(second, shade), cap)
    lip = np.exp(-(((x - seam) / np.float32(max(0.03 * half, 0.8))) ** 2))
    albedo = albedo * (1 - np.float32(rng.uniform(0.1, 0.4)) * lip)[..., None]
    if rng.random() < 0.6:
        ink = _imprint(rng, x - seam - np.float32(0.5 * long), y, half * 0.8)
        albedo = blend(albedo, np.full(3, rng.choice([0.1, 0.9]), dtype=np.float32), ink * 0.8)
    if rng.random() < 0.3:
        filling = band(rng, size, wavelength=0.12 * half + 2, width=0.4)
        albedo = albedo * (1 + np.float32(0.08) * filling)[..., None]
    relief = dome * np.float32(half * 0.7) + cap * np.float32(0.02 * half)
    material = Material(albedo, relief, gloss=rng.uniform(0.2, 1.0), sharpness=rng.uniform(15, 80))
    return Part(material, outline.astype(np.float32), height=half)


def pill(rng: np.random.Generator, size: int) -> Part:
    """A pressed tablet: round, oval or cornered, scored or stamped, plain or speckled."""
    place = some_place(rng, size)
    x, y, radius = place.x, place.y, place.radius
    shape = rng.random()
    if shape < 0.5:
        outline = disc(x, y, radius)
    elif shape < 0.85:
        short = radius * rng.uniform(0.4, 0.7)
        outline = box(x, y, (radius, short), corner=short * rng.uniform(0.8, 0.999))
    else:
        sides = int(rng.integers(3, 9))
        outline = polygon(x, y, radius * 0.85, sides) + 0.1 * disc(x, y, radius)
    outline = np.asarray(outline, dtype=np.float32)
    relief = bevel(outline, radius * rng.uniform(0.08, 0.5)) * np.float32(0.8)
    powder = spectral(rng, size, wavelength=max(radius * 0.04, 1.5), falloff=1.5)
    coated = rng.random() < 0.4
    shade = 1 + np.float32(0.01 if coated else rng.uniform(0.02, 0.06)) * powder
    shade += np.float32(0.02) * spectral(rng, size, wavelength=30, falloff=2)
    relief += powder * np.float32(0.02 if coated else 0.15)
    albedo = painted(pale(rng) if rng.random() < 0.6 else dyed(rng), shade)
    if rng.random() < 0.5:
        grid = cells(rng, size, spacing=max(radius * rng.uniform(0.05, 0.2), 2.5), jitter=1)
        own = grid.values(rng) > rng.uniform(0.5, 2.0)
        wide = radius * rng.uniform(0.01, 0.04) + 0.5
        speck = soften((own & (grid.centre < wide)).astype(np.float32), 0.7)
        albedo = blend(albedo, dyed(rng), speck * np.float32(rng.uniform(0.3, 0.9)))
    deep = np.float32(radius * rng.uniform(0.02, 0.07))
    if rng.random() < 0.4:
        groove = np.exp(-((y / np.float32(max(0.05 * radius, 1))) ** 2))
        relief -= groove * deep
        albedo = albedo * (1 - np.float32(0.12) * groove)[..., None]
    if rng.random() < 0.6:
        stamp = soften(_imprint(rng, x, y, radius), max(0.01 * radius, 0.5))
        relief -= stamp * deep
        albedo = albedo * (1 - np.float32(0.15) * stamp)[..., None]
    gloss = rng.uniform(0.2, 0.8) if coated else rng.uniform(0, 0.1)
    return Part(Material(albedo, relief, gloss=gloss, sharpness=25), outline, height=0.5 * radius)


PARTS = {"capsule": capsule, "pill": pill}
