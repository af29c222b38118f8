"""Metal parts: nuts, screws, washers, gears, bearing rings, springs."""

from dataclasses import replace

import numpy as np

from anogen.prior.world import surfaces_metal
from anogen.prior.world.material import Material, blend, painted
from anogen.prior.world.noise import Field, log_uniform, profile, smoothstep, spectral, whole
from anogen.prior.world.palette import metal
from anogen.prior.world.parts_shape import Part, bevel, box, coverage, disc, polygon, some_place

_STOCK = (
    surfaces_metal.cast_metal,
    surfaces_metal.brushed_metal,
    surfaces_metal.milled_metal,
    surfaces_metal.rolled_sheet,
)


def _stock(rng: np.random.Generator, size: int) -> Material:
    """Metal a part is made of: any metal surface with its relief softened."""
    material = _STOCK[int(rng.integers(len(_STOCK)))](rng, size)
    return replace(material, relief=material.relief * np.float32(rng.uniform(0.2, 0.8)))


def _turned(rng: np.random.Generator, radius: Field) -> Field:
    """Shade of a face cut on a lathe: fine rings around the axis."""
    rings = profile(rng, radius, wavelength=1.1) + profile(rng, radius, wavelength=4)
    return np.asarray(1 + np.float32(rng.uniform(0.01, 0.06)) * rings, dtype=np.float32)


def nut(rng: np.random.Generator, size: int) -> Part:
    """A hexagonal nut with a chamfer and a threaded hole."""
    place = some_place(rng, size)
    x, y, apothem = place.x, place.y, place.radius
    radius = np.sqrt(x * x + y * y)
    sides = int(rng.choice([6, 6, 6, 6, 4, 8]))
    outer = np.maximum(
        polygon(x, y, apothem, sides), radius - np.float32(apothem * rng.uniform(1.06, 1.16))
    )
    hole = apothem * rng.uniform(0.45, 0.65)
    depth = apothem * rng.uniform(0.04, 0.12)
    stock = _stock(rng, size)
    chamfer = -np.maximum(radius - np.float32(apothem * rng.uniform(0.88, 1.0)), 0)
    lip = -np.maximum(hole + depth - radius, 0) * np.float32(rng.uniform(0.2, 0.8))
    relief = stock.relief + bevel(outer, apothem * 0.05) + chamfer * np.float32(0.5) + lip
    # Threads: rings that go down into the hole, darker the deeper.
    inward = np.clip((hole - radius) / np.float32(depth), 0, 1)
    pitch = max(depth / rng.integers(1, 4), 1.5)
    threads = np.cos(2 * np.pi * (radius + x * np.float32(0.05)) / np.float32(pitch))
    in_hole = coverage(radius - np.float32(hole))
    relief = relief + threads * in_hole * np.float32(pitch * 0.25)
    shade = _turned(rng, radius)
    shade *= 1 - in_hole * (np.float32(0.25) + np.float32(0.55) * inward)
    outline = np.maximum(outer, hole - np.float32(depth) - radius)
    albedo = stock.albedo * shade[..., None]
    return Part(replace(stock, albedo=albedo, relief=relief), outline, height=0.2 * apothem)


def washer(rng: np.random.Generator, size: int) -> Part:
    """A flat ring, sometimes with a split or teeth."""
    place = some_place(rng, size)
    x, y, outer = place.x, place.y, place.radius
    radius = np.sqrt(x * x + y * y)
    inner = outer * rng.uniform(0.35, 0.75)
    outline = np.maximum(radius - np.float32(outer), np.float32(inner) - radius)
    if rng.random() < 0.2:
        split = np.maximum(np.abs(y - x * np.float32(0.2)) - np.float32(outer * 0.03), -x)
        outline = np.maximum(outline, -split)
    stock = _stock(rng, size)
    relief = stock.relief + bevel(outline, max(outer * rng.uniform(0.02, 0.1), 1.0))
    albedo = stock.albedo * _turned(rng, radius)[..., None]
    return Part(replace(stock, albedo=albedo, relief=relief), outline, height=0.06 * outer)


def bearing(rng: np.random.Generator, size: int) -> Part:
    """Two races, and balls or a shield between them."""
    place = some_place(rng, size)
    x, y, outer = place.x, place.y, place.radius
    radius = np.sqrt(x * x + y * y)
    bore = outer * rng.uniform(0.3, 0.5)
    gap_low = bore + (outer - bore) * rng.uniform(0.25, 0.33)
    gap_high = bore + (outer - bore) * rng.uniform(0.67, 0.75)
    outline = np.maximum(radius - np.float32(outer), np.float32(bore) - radius)
    stock = _stock(rng, size)
    gap = np.maximum(radius - np.float32(gap_high), np.float32(gap_low) - radius)
    in_gap = coverage(gap)
    shade = _turned(rng, radius)
    relief = stock.relief + bevel(outline, outer * 0.03) + bevel(-gap, outer * 0.03)
    albedo = stock.albedo * shade[..., None]
    colour = metal(rng)
    if rng.random() < 0.6:
        middle, ball = (gap_low + gap_high) / 2, (gap_high - gap_low) * 0.47
        count = max(5, int(2 * np.pi * middle / (ball * rng.uniform(2.1, 3.2))))
        sector = np.float32(2 * np.pi / count)
        azimuth = np.arctan2(y, x)
        rest = azimuth - whole(azimuth / sector) * sector
        across, along = radius * np.cos(rest) - np.float32(middle), radius * np.sin(rest)
        inside = disc(across, along, ball)
        dome = np.sqrt(np.maximum(np.float32(ball**2) - across**2 - along**2, 0))
        albedo = blend(albedo, albedo * np.float32(0.15), in_gap)
        lit = np.float32(0.5) + dome / np.float32(2 * ball)
        albedo = blend(albedo, painted(colour, lit), coverage(inside))
        relief = relief * (1 - in_gap) + dome
    else:
        ribs = np.cos(np.arctan2(y, x) * np.float32(rng.integers(0, 30)))
        albedo = blend(albedo, painted(colour * np.float32(0.6), shade), in_gap)
        relief = relief * (1 - in_gap) + ribs * in_gap * np.float32(0.01 * outer)
    material = Material(albedo, relief, gloss=rng.uniform(0.3, 0.9), sharpness=rng.uniform(10, 60))
    return Part(material, outline, height=0.15 * outer)


def gear(rng: np.random.Generator, size: int) -> Part:
    """A spur gear with a hub and lightening holes."""
    place = some_place(rng, size)
    x, y, outer = place.x, place.y, place.radius
    radius, azimuth = np.sqrt(x * x + y * y), np.arctan2(y, x)
    teeth = int(rng.integers(10, 60))
    addendum = np.float32(outer * rng.uniform(1.2, 2.6) / teeth)
    wave = np.sin(azimuth * np.float32(teeth)) + np.float32(rng.uniform(-0.3, 0.3))
    sharp = np.float32(rng.uniform(1.5, 4))
    outer_edge = radius - (np.float32(outer) + addendum * np.clip(wave * sharp, -1, 1))
    bore = outer * rng.uniform(0.12, 0.35)
    # Slanted flanks: the radial gap overstates the distance.
    outline = np.maximum(outer_edge * np.float32(0.6), np.float32(bore) - radius)
    stock = _stock(rng, size)
    relief = stock.relief + bevel(outline, outer * 0.03)
    web = np.maximum(
        radius - np.float32(outer * rng.uniform(0.7, 0.82)), np.float32(bore * 1.5) - radius
    )
    if rng.random() < 0.7:
        relief = relief - bevel(web, outer * 0.05)
    if rng.random() < 0.5:
        sector = np.float32(2 * np.pi / rng.integers(3, 8))
        rest = azimuth - whole(azimuth / sector) * sector
        middle = np.float32((bore * 1.5 + outer * 0.75) / 2)
        hole = disc(radius * np.cos(rest) - middle, radius * np.sin(rest), outer * 0.12)
        outline = np.maximum(outline, -hole)
    albedo = stock.albedo * _turned(rng, radius)[..., None]
    return Part(replace(stock, albedo=albedo, relief=relief), outline, height=0.12 * outer)


def screw(rng: np.random.Generator, size: int) -> Part:
    """A screw from the side at any rotation: threads, shank, head, tip."""
    half = size * log_uniform(rng, 0.08, 0.6)
    long = half * rng.uniform(4, 10)
    place = some_place(rng, size, radius=(long / size, long / size), off_centre=0.95)
    # Seen lengthwise: the window slides along the axis, not far off it.
    along = place.x - np.float32(place.x.mean()) + np.float32(rng.uniform(-0.95, 0.95) * long)
    across = place.y - np.float32(place.y.mean()) + np.float32(rng.uniform(-0.9, 0.9) * half)
    pitch = np.float32(half * rng.uniform(0.25, 0.8))
    depth = np.float32(half * rng.uniform(0.1, 0.3))
    helix = np.float32(rng.uniform(0.3, 0.5)) * pitch / np.float32(2 * half)
    phase = (along + across * helix) / pitch
    tooth = np.abs(phase - whole(phase)) * 2
    end = long * rng.uniform(0.4, 0.9)
    threaded = smoothstep(along, -end - half * 0.2, -end + half * 0.2)
    if rng.random() < 0.4:
        taper = np.clip((long - along) / np.float32(half * rng.uniform(1, 2.5)), 0, 1)
    else:
        taper = np.ones_like(along)
    width = (half - depth * tooth * threaded) * taper
    shank = np.maximum((np.abs(across) - width) * np.float32(0.8), np.abs(along) - np.float32(long))
    head_half = half * rng.uniform(1.5, 2.2)
    head_long = half * rng.uniform(0.4, 1.0)
    head = box(
        along + np.float32(long + head_long), across, (head_long, head_half), corner=0.3 * head_long
    )
    outline = np.minimum(shank, head)
    round_shank = np.sqrt(np.maximum(width * width - across * across, 0))
    round_head = np.sqrt(np.maximum(np.float32(head_half**2) - across**2, 0))
    in_head = coverage(head)
    stock = _stock(rng, size)
    ridge = (1 - tooth) * depth * threaded
    relief = stock.relief + round_shank * (1 - in_head) * np.float32(0.8) + ridge
    relief += in_head * round_head * np.float32(0.6) + bevel(head, 0.2 * head_long)
    edge = np.sqrt(np.clip(1 - (across / np.float32(1.05 * half)) ** 2, 0.05, 1))
    shade = np.where(in_head > 0.5, 1, np.float32(0.4) + np.float32(0.6) * edge)
    shade = shade * (1 - np.float32(rng.uniform(0.2, 0.6)) * tooth * threaded * (1 - in_head))
    albedo = stock.albedo * shade[..., None].astype(np.float32)
    return Part(replace(stock, albedo=albedo, relief=relief), outline, height=0.8 * half)


def spring(rng: np.random.Generator, size: int) -> Part:
    """A coil spring from the side: the near half of each turn over the far half."""
    half = size * log_uniform(rng, 0.2, 0.8)
    place = some_place(rng, size, radius=(0.5, 1.5), off_centre=0.6)
    x, y = place.x, place.y
    pitch = np.float32(half * rng.uniform(0.3, 0.8))
    wire = np.float32(pitch * rng.uniform(0.2, 0.42))
    sway = np.sqrt(np.clip(1 - (y / np.float32(half)) ** 2, 0, 1))
    slope = pitch / np.float32(4 * half)

    def strand(direction: float, shift: float) -> Field:
        phase = (x - np.float32(direction) * y * slope) / pitch + np.float32(shift)
        gap = (phase - whole(phase)) * pitch
        squeezed = np.maximum(np.abs(y) - np.float32(half), 0)
        return np.asarray(np.sqrt(gap * gap + squeezed * squeezed) - wire, dtype=np.float32)

    near, far = strand(1, 0), strand(-1, 0.5)
    ends = np.abs(x) - np.float32(place.radius)
    outline = np.maximum(np.minimum(near, far), ends)
    in_near = coverage(near)
    colour = metal(rng)
    core = spectral(rng, size, wavelength=2, falloff=1.3)
    dome_near = np.sqrt(np.clip(1 - ((near + wire) / wire) ** 2, 0, 1))
    dome_far = np.sqrt(np.clip(1 - ((far + wire) / wire) ** 2, 0, 1))
    shade = np.where(
        in_near > 0.5,
        np.float32(0.5) + np.float32(0.5) * dome_near,
        (np.float32(0.3) + np.float32(0.4) * dome_far) * (1 - np.float32(0.4) * sway),
    )
    shade = shade * (1 + np.float32(0.05) * core)
    relief = np.where(in_near > 0.5, dome_near + 1, dome_far) * wire
    material = Material(
        painted(colour, shade),
        relief.astype(np.float32),
        gloss=rng.uniform(0.3, 1.0),
        sharpness=rng.uniform(10, 60),
    )
    return Part(material, outline.astype(np.float32), height=float(half))


PARTS = {
    "nut": nut,
    "washer": washer,
    "bearing": bearing,
    "gear": gear,
    "screw": screw,
    "spring": spring,
}
