"""Bristles of a brush and the teeth of a zipper."""

import numpy as np

from anogen.prior.world import surfaces_fibre
from anogen.prior.world.material import Material, blend, painted
from anogen.prior.world.noise import (
    cells,
    coordinates,
    lines,
    log_uniform,
    smoothstep,
    soften,
    spectral,
    whole,
)
from anogen.prior.world.palette import dyed, metal, tone
from anogen.prior.world.parts_shape import Part, bevel, box, coverage, disc, some_place


def bristles(rng: np.random.Generator, size: int) -> Part:
    """A brush from the front: tufts of fibres in rows on a plate."""
    place = some_place(rng, size, radius=(0.5, 1.6))
    x, y, long = place.x, place.y, place.radius
    short = long * rng.uniform(0.4, 0.9)
    plate = box(x, y, (long, short), corner=short * rng.uniform(0.3, 0.95))
    grain = spectral(rng, size, wavelength=2, falloff=1.3)
    albedo = painted(dyed(rng), 1 + 0.02 * grain)
    relief = bevel(plate, 0.08 * long)
    pitch = np.float32(long * rng.uniform(0.22, 0.5))
    u, v = x / pitch, y / (pitch * np.float32(0.9))
    row = whole(v)
    u = u + (row % 2) * np.float32(rng.choice([0.0, 0.5]))
    column = whole(u)
    du, dv = (u - column) * pitch, (v - row) * pitch
    spacing = max(float(pitch) * rng.uniform(0.06, 0.14), 2.0)
    fibres = cells(rng, size, spacing=spacing, jitter=0.8)
    own = fibres.values(rng)
    ragged = np.float32(rng.uniform(0.3, 1.2) * spacing)
    tuft = disc(du, dv, float(pitch) * rng.uniform(0.38, 0.5)) + own * ragged
    tuft = np.maximum(tuft, plate + np.float32(0.05 * long))
    on_tuft = coverage(tuft)
    tip = 1 - smoothstep(fibres.centre, 0, spacing * 0.7)
    colours = [dyed(rng) for _ in range(int(rng.integers(1, 4)))]
    pick = (np.abs(row + column * (rng.random() < 0.5)) % len(colours)).astype(np.int32)
    dye = np.stack(colours)[np.minimum(pick, len(colours) - 1)]
    shade = (np.float32(0.25) + np.float32(0.75) * tip) * np.clip(1 + 0.3 * own, 0.2, 1.8)
    edge = smoothstep(-tuft, 0, float(pitch) * 0.25)
    shade = shade * (np.float32(0.5) + np.float32(0.5) * edge)
    albedo = blend(albedo, dye * shade[..., None], on_tuft)
    strokes = lines(rng, size, count=40, length=(5, 30), width=0.7, bend=0.2)
    albedo = albedo * (1 + np.float32(0.4) * strokes * on_tuft)[..., None]
    relief = relief + on_tuft * tip * np.float32(spacing * 0.4)
    outline = np.minimum(plate, tuft)
    material = Material(
        albedo.astype(np.float32), soften(relief, 0.5), gloss=rng.uniform(0.05, 0.5), sharpness=15
    )
    return Part(material, outline.astype(np.float32), height=0.15 * long)


def zipper(rng: np.random.Generator, size: int) -> Part:
    """A closed zipper: interlocking teeth between two woven tapes."""
    pitch = np.float32(log_uniform(rng, 5, 40))
    angle = rng.normal(0, 0.06) + float(rng.choice([0, np.pi / 2]))
    middle = size / 2
    centre = (middle + rng.normal(0, size * 0.15), middle + rng.normal(0, size * 0.15))
    x, y = coordinates(size, centre=centre, angle=angle)
    half = float(pitch) * rng.uniform(0.6, 1.3)
    tape = surfaces_fibre.woven_cloth(rng, size)
    side = y >= 0
    phase = x / pitch + np.where(side, np.float32(0.0), np.float32(0.5))
    gap = (phase - whole(phase)) * pitch
    wide = float(pitch) * rng.uniform(0.24, 0.4)
    reach = box(gap, np.abs(y) - np.float32(half * 0.35), (wide, half * 0.65), corner=wide * 0.5)
    across = box(gap, np.abs(y) - np.float32(half * 0.2), (wide * 1.2, half * 0.3), corner=wide)
    tooth = np.minimum(reach, across).astype(np.float32)
    on_tooth = coverage(tooth, 1.3)
    colour = metal(rng) if rng.random() < 0.5 else dyed(rng)
    grain = spectral(rng, size, wavelength=1.5, falloff=1.2)
    dome = bevel(tooth, wide)
    shade = (np.float32(0.5) + np.float32(0.5) * dome / np.float32(wide)) * (1 + 0.05 * grain)
    row = 1 - smoothstep(np.abs(y), half * 0.8, half * 1.4)
    albedo = tape.albedo * (1 - np.float32(0.6) * row)[..., None]
    albedo = blend(albedo, painted(colour, shade), on_tooth)
    relief = tape.relief * (1 - on_tooth) + dome * on_tooth
    if rng.random() < 0.6:
        stitch = np.abs(np.abs(y) - np.float32(half * rng.uniform(1.5, 2.5)))
        dash = smoothstep(np.cos(2 * np.pi * x / pitch), -0.3, 0.2)
        seam = (1 - smoothstep(stitch, 0.03 * half + 0.3, 0.08 * half + 1.2)) * dash
        albedo = blend(albedo, tone(rng, saturation=(0, 0.5)), seam * np.float32(0.7))
        relief = relief + seam
    edge = np.float32(size * rng.uniform(0.25, 0.7))
    outline = np.abs(y) - edge + spectral(rng, size, wavelength=5, falloff=2) * np.float32(0.4)
    material = Material(
        albedo, relief.astype(np.float32), gloss=rng.uniform(0.05, 0.7), sharpness=15
    )
    return Part(material, outline.astype(np.float32), height=2.0)


PARTS = {"bristles": bristles, "zipper": zipper}
