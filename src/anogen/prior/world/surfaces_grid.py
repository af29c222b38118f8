"""Regular grids: perforated sheet, wire mesh, embossed and ribbed sheet."""

import numpy as np

from anogen.prior.world import surfaces_metal
from anogen.prior.world.material import Material, blend, painted
from anogen.prior.world.noise import (
    Field,
    coordinates,
    log_uniform,
    profile,
    smoothstep,
    soften,
    spectral,
    whole,
)
from anogen.prior.world.palette import dyed, metal, tone


def _lattice(rng: np.random.Generator, size: int, pitch: float) -> tuple[Field, Field, Field]:
    """Offsets in pixels from the nearest point of a square or hexagonal lattice, and its number."""
    angle = rng.normal(0, 0.05) if rng.random() < 0.6 else rng.uniform(0, np.pi)
    centre = (rng.uniform(0, size), rng.uniform(0, size))
    u, v = coordinates(size, angle=angle, scale=pitch, centre=centre)
    if rng.random() < 0.5:
        v = v / np.float32(0.866)
        row = whole(v)
        u = u + (row % 2) * np.float32(0.5)
        du, dv = u - whole(u), (v - row) * np.float32(0.866)
    else:
        row = whole(v)
        du, dv = u - whole(u), v - row
    number = (row - row.min()) * 97 + whole(u) - whole(u).min()
    scaled = np.float32(pitch) * np.stack([du, dv]).astype(np.float32)
    return scaled[0], scaled[1], np.asarray(number, dtype=np.float32)


def _depth(rng: np.random.Generator, size: int) -> Field:
    """What is seen through holes: mostly dark, sometimes a bright ground."""
    colour = tone(rng, saturation=(0, 0.3), value=(0.0, 0.15))
    if rng.random() < 0.25:
        colour = tone(rng, saturation=(0, 0.4), value=(0.5, 1.0))
    return painted(colour, 1 + 0.1 * spectral(rng, size, wavelength=20, falloff=2))


def perforated_sheet(rng: np.random.Generator, size: int) -> Material:
    """Round, square or slotted holes in a metal or plastic sheet, or dimples."""
    pitch = log_uniform(rng, 6, 45)
    du, dv, number = _lattice(rng, size, pitch)
    shape = rng.random()
    half = pitch * rng.uniform(0.2, 0.42)
    if shape < 0.6:
        distance = np.sqrt(du * du + dv * dv) - np.float32(half)
    elif shape < 0.8:
        distance = np.maximum(np.abs(du), np.abs(dv)) - np.float32(half)
    else:
        slot = np.maximum(np.abs(du) - np.float32(half * 0.5), 0)
        distance = np.sqrt(slot * slot + dv * dv) - np.float32(half * 0.5)
    hole = np.clip(0.5 - distance, 0, 1).astype(np.float32)
    if rng.random() < 0.7:
        names = tuple(surfaces_metal.SURFACES)
        sheet = surfaces_metal.SURFACES[names[int(rng.integers(len(names)))]](rng, size)
        albedo, relief = sheet.albedo, sheet.relief * np.float32(0.5)
    else:
        grain = spectral(rng, size, wavelength=2, falloff=1.3)
        albedo, relief = painted(dyed(rng), 1 + 0.04 * grain), grain * np.float32(0.1)
    rim = smoothstep(distance, -0.5, max(half * rng.uniform(0.1, 0.4), 1.2))
    relief = relief + rim * np.float32(rng.uniform(-1, 1.5) * min(half * 0.3, 3))
    if rng.random() < 0.2:
        own = rng.standard_normal(int(number.max()) + 1).astype(np.float32)
        albedo = albedo * (1 - hole * (0.3 + 0.05 * own[number.astype(np.int32)]))[..., None]
    else:
        wall = smoothstep(-distance, 0, half * 0.5)
        inside = _depth(rng, size) * (np.float32(0.5) + np.float32(0.5) * wall)[..., None]
        albedo = blend(albedo, inside, hole)
    return Material(
        albedo, soften(relief, 0.5), gloss=rng.uniform(0.05, 0.5), sharpness=rng.uniform(8, 40)
    )


def wire_mesh(rng: np.random.Generator, size: int) -> Material:
    """Woven or welded wires over a ground, or expanded metal with rhombic openings."""
    pitch = log_uniform(rng, 5, 40)
    angle = rng.uniform(0, np.pi)
    half_angle = rng.uniform(0.45, 1.1) if rng.random() < 0.5 else np.pi / 4
    wire = pitch * rng.uniform(0.08, 0.24)
    bow = spectral(rng, size, wavelength=60, falloff=3) * np.float32(rng.uniform(0, 0.12) * pitch)
    heights, numbers, phases = [], [], []
    for turn in (angle - half_angle, angle + half_angle):
        centre = (rng.uniform(0, size), rng.uniform(0, size))
        along, across = coordinates(size, angle=turn, centre=centre)
        across = across + bow
        number = whole(across / np.float32(pitch))
        gap = across - number * np.float32(pitch)
        heights.append(np.sqrt(np.maximum(1 - (gap / np.float32(wire)) ** 2, 0)))
        numbers.append(number)
        phases.append(along / np.float32(pitch))
    weave = np.float32(rng.choice([0.0, 0.6]))
    first = heights[0] * (1 + weave * np.cos(np.pi * (phases[0] + numbers[0])))
    second = heights[1] * (1 - weave * np.cos(np.pi * (phases[0] + numbers[0])))
    top = np.maximum(first, second).astype(np.float32)
    mask = smoothstep(np.maximum(heights[0], heights[1]).astype(np.float32), 0.0, 0.5)
    grain = 1 + np.float32(0.06) * spectral(rng, size, wavelength=1.5, falloff=1)
    grain += np.float32(0.05) * profile(rng, numbers[0].astype(np.float32), wavelength=0.9)
    shade = (np.float32(0.35) + np.float32(0.65) * np.minimum(top, 1)) * grain
    colour = metal(rng) if rng.random() < 0.7 else dyed(rng)
    albedo = blend(_depth(rng, size), painted(colour, shade), mask)
    relief = (top * np.float32(wire * rng.uniform(0.3, 0.9))).astype(np.float32)
    return Material(albedo, relief, gloss=rng.uniform(0.1, 0.9), sharpness=rng.uniform(8, 50))


def embossed_sheet(rng: np.random.Generator, size: int) -> Material:
    """Tread plate, ribs or a moulded grip pattern."""
    pitch = log_uniform(rng, 6, 50)
    du, dv, number = _lattice(rng, size, pitch)
    if rng.random() < 0.4:
        bump = smoothstep(np.asarray(np.abs(dv) / np.float32(pitch)), rng.uniform(0.05, 0.2), 0.35)
    else:
        turn = np.where(number % 2 < 1, np.float32(np.pi / 4), np.float32(-np.pi / 4))
        a, b = du * np.cos(turn) + dv * np.sin(turn), dv * np.cos(turn) - du * np.sin(turn)
        reach = np.sqrt((a / np.float32(0.4)) ** 2 + (b / np.float32(rng.uniform(0.1, 0.4))) ** 2)
        bump = 1 - smoothstep(np.asarray(reach / np.float32(pitch)), 0.4, 1.0)
    names = tuple(surfaces_metal.SURFACES)
    sheet = surfaces_metal.SURFACES[names[int(rng.integers(len(names)))]](rng, size)
    relief = sheet.relief * np.float32(0.4) + bump * np.float32(pitch * rng.uniform(0.03, 0.2))
    shade = 1 + np.float32(rng.uniform(-0.2, 0.3)) * bump
    return Material(
        sheet.albedo * shade[..., None], relief.astype(np.float32), gloss=sheet.gloss, sharpness=15
    )


SURFACES = {
    "perforated sheet": perforated_sheet,
    "wire mesh": wire_mesh,
    "embossed sheet": embossed_sheet,
}
