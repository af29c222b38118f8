"""Cables in cross-section, connectors, chips on a board."""

import numpy as np

from anogen.prior.world.material import Material, blend, painted
from anogen.prior.world.noise import cells, profile, smoothstep, soften, spectral, whole
from anogen.prior.world.palette import dyed, metal, pale, tone
from anogen.prior.world.parts_shape import Part, bevel, box, coverage, disc, some_place
from anogen.prior.world.surfaces_electronic import lettering


def cable(rng: np.random.Generator, size: int) -> Part:
    """A cut cable: sheath, insulated wires, strands of copper or tin."""
    place = some_place(rng, size)
    x, y, outer = place.x, place.y, place.radius
    cut = spectral(rng, size, wavelength=2, falloff=1.3, stretch=5, angle=rng.uniform(0, np.pi))
    wobble = spectral(rng, size, wavelength=outer * 0.4 + 4, falloff=3) * np.float32(0.012 * outer)
    outline = disc(x, y, outer) + wobble
    shade = 1 + np.float32(rng.uniform(0.02, 0.07)) * cut
    albedo = painted(dyed(rng), shade)
    relief = bevel(outline, 0.05 * outer) + cut * np.float32(0.15)
    inner = disc(x, y, outer * rng.uniform(0.8, 0.9)) + wobble * 2
    albedo = blend(albedo, painted(tone(rng, saturation=(0, 0.2)), shade), coverage(inner, 2))
    relief -= coverage(inner, 3) * np.float32(0.02 * outer)
    count = int(rng.choice([1, 2, 3, 3, 3, 4, 5]))
    wire = outer * {1: 0.7, 2: 0.42, 3: 0.4, 4: 0.34, 5: 0.29}[count]
    far = 0.0 if count == 1 else outer * 0.83 - wire
    copper = tone(rng, hue=(0.03, 0.09), saturation=(0.3, 0.7), value=(0.5, 0.9))
    core_colour = copper if rng.random() < 0.6 else metal(rng)
    spacing = max(wire * rng.uniform(0.12, 0.35), 2.0)
    strands = cells(rng, size, spacing=spacing, jitter=0.5)
    own = strands.values(rng)
    dome = smoothstep(strands.edge, 0, spacing * 0.45)
    core = painted(core_colour, (0.2 + 0.8 * dome) * np.clip(1 + 0.25 * own, 0.3, 1.8))
    core_share = rng.uniform(0.35, 0.65)
    for index in range(count):
        turn = 2 * np.pi * index / count + rng.normal(0, 0.08)
        dx = x - np.float32(far * np.cos(turn))
        dy = y - np.float32(far * np.sin(turn))
        sleeve = disc(dx, dy, wire) + wobble
        edge = np.exp(-((sleeve / np.float32(max(0.05 * wire, 1))) ** 2))
        albedo = albedo * (1 - np.float32(0.5) * edge)[..., None]
        albedo = blend(albedo, painted(dyed(rng), shade), coverage(sleeve, 1.5))
        ragged = disc(dx, dy, wire * core_share) + own * np.float32(0.06 * wire)
        on_core = coverage(ragged, 1.5)
        albedo = blend(albedo, core, on_core)
        relief += bevel(sleeve, 0.08 * wire) + on_core * dome * np.float32(0.3 * spacing)
    material = Material(albedo, relief, gloss=rng.uniform(0.1, 0.7), sharpness=rng.uniform(8, 30))
    return Part(material, outline.astype(np.float32), height=0.3 * outer)


def connector(rng: np.random.Generator, size: int) -> Part:
    """A plastic housing with rows of contacts, from the front or with pins from the side."""
    place = some_place(rng, size, radius=(0.4, 1.8))
    x, y, long = place.x, place.y, place.radius
    short = long * rng.uniform(0.2, 0.6)
    outline = box(x, y, (long, short), corner=0.06 * long)
    grain = spectral(rng, size, wavelength=2, falloff=1.3)
    albedo = painted(dyed(rng), 1 + 0.03 * grain)
    relief = bevel(outline, 0.05 * long) + grain * np.float32(0.1)
    rows = int(rng.integers(1, 4))
    pitch = np.float32(2 * short / (rows + 0.3))
    # A half-pitch shift centres an even number of rows.
    shift = np.float32(0.5 if rows % 2 == 0 else 0.0)
    column = whole(x / pitch)
    line = whole(y / pitch - shift) + shift
    dx, dy = x - column * pitch, y - line * pitch
    within = coverage(np.maximum(np.abs(line) * pitch - short * 0.95, outline + pitch * 0.25))
    half = float(pitch) * rng.uniform(0.28, 0.42)
    cavity = disc(dx, dy, half) if rng.random() < 0.3 else box(dx, dy, (half, half))
    in_cavity = coverage(cavity) * within
    albedo = blend(albedo, albedo * np.float32(rng.uniform(0.1, 0.5)), in_cavity)
    pin = box(dx, dy, (half * rng.uniform(0.3, 0.6), half * rng.uniform(0.2, 0.6)))
    on_pin = coverage(pin) * within
    gold = tone(rng, hue=(0.1, 0.14), saturation=(0.3, 0.7), value=(0.6, 0.95))
    contact = gold if rng.random() < 0.5 else metal(rng)
    shade = 1 + np.float32(0.1) * profile(rng, column, wavelength=1) + np.float32(0.05) * grain
    albedo = blend(albedo, painted(contact, shade), on_pin)
    relief = relief - in_cavity * np.float32(0.6 * half) + on_pin * np.float32(0.5 * half)
    if rng.random() < 0.6:
        leads = box(dx, np.abs(y) - np.float32(1.15 * short), (half * 0.5, 0.2 * short))
        leads = np.maximum(leads, np.abs(x) - np.float32(0.9 * long))
        albedo = blend(albedo, painted(contact, shade), coverage(leads))
        relief += bevel(leads, half * 0.5)
        outline = np.minimum(outline, leads)
    material = Material(
        albedo, soften(relief, 0.6), gloss=rng.uniform(0.1, 0.8), sharpness=rng.uniform(8, 40)
    )
    return Part(material, outline.astype(np.float32), height=0.3 * short)


def chip(rng: np.random.Generator, size: int) -> Part:
    """An integrated circuit or a transistor with legs and a laser-marked name."""
    place = some_place(rng, size, radius=(0.3, 1.3))
    x, y, long = place.x, place.y, place.radius
    short = long * rng.uniform(0.4, 1.0)
    body = box(x, y, (long, short), corner=0.03 * long)
    grain = spectral(rng, size, wavelength=2, falloff=1.2)
    resin = tone(rng, saturation=(0, 0.15), value=(0.04, 0.25))
    albedo = painted(resin, 1 + 0.08 * grain)
    relief = bevel(body, 0.06 * long) + grain * np.float32(0.12)
    mark = lettering(rng, size, height=long * 0.3, rows=int(rng.integers(0, 4)))
    albedo = blend(albedo, pale(rng), mark * np.float32(rng.uniform(0.3, 0.9)) * coverage(body))
    dot = disc(x + np.float32(0.75 * long), y + np.float32(0.7 * short), 0.08 * long)
    relief -= coverage(dot, 2) * np.float32(0.03 * long)
    pitch = np.float32(long * rng.uniform(0.12, 0.6))
    gap = x - whole(x / pitch) * pitch
    reach = short * rng.uniform(0.1, 0.8)
    leg = box(gap, np.abs(y) - np.float32(short + reach / 2), (float(pitch) * 0.22, reach / 2 + 1))
    leg = np.maximum(leg, np.abs(x) - np.float32(0.92 * long))
    on_leg = coverage(leg) * (1 - coverage(body))
    shade = 1 + np.float32(0.07) * grain
    albedo = blend(albedo, painted(metal(rng) * np.float32(1.1), shade), on_leg)
    relief = relief + bevel(leg, float(pitch) * 0.2) * on_leg
    outline = np.minimum(body, leg)
    material = Material(albedo, relief, gloss=rng.uniform(0.1, 0.6), sharpness=rng.uniform(6, 30))
    return Part(material, outline.astype(np.float32), height=0.2 * short)


PARTS = {"cable": cable, "connector": connector, "chip": chip}
