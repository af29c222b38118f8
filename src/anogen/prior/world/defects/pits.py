"""Openings in a surface: holes, punctures, blowholes and pits."""

import math

import numpy as np

from anogen.prior.world.defects.canvas import Canvas, Layer
from anogen.prior.world.defects.noise import Field, fractal
from anogen.prior.world.defects.relief import blur, displaced, relight
from anogen.prior.world.defects.shapes import blob, depth, inside
from anogen.prior.world.defects.strokes import Stroke, draw


def _opening(canvas: Canvas, field: Field, *, wall: float, see_through: bool) -> Field:
    """The canvas ``(H, W, 3)`` with an opening: dark or the background inside, with its wall.

    Args:
        canvas: its light and colours are used.
        field: outline of the opening, 1 at its rim.
        wall: part of the opening's width that shows the wall, 0 to 1.
        see_through: whether the background shows behind.
    """
    within = depth(field)
    reach = max(1.2, float(within.max()) * wall)
    floor = np.clip(within / reach, 0, 1)
    # A bowl's wall: the side away from the lamp faces it, the near side lies in its shadow.
    bowl = -np.clip(within, 0, reach) * 1.2
    deep = canvas.tone * canvas.uniform(0.08, 0.3)
    if canvas.brightness < 0.2:
        deep = canvas.tone * 0.1
    if see_through and canvas.background is not None:
        deep = canvas.background
    # The wall is the material's inside: its colour, not the face's texture.
    material = canvas.solid(blur(canvas.image, 1.0 + 0.15 * canvas.size), relief=0.012)
    dark = material * (1 - 0.55 * np.clip(within / (0.5 * reach) + 0.3, 0, 1))[..., None]
    walls = relight(canvas, dark, bowl, gain=canvas.uniform(0.5, 0.9))
    return canvas.mix(walls, canvas.solid(deep, relief=0.015), floor**1.5)


def scattered(
    canvas: Canvas, *, count: int, radius: tuple[float, float], spread: float
) -> list[tuple[float, float, float]]:
    """``(x, y, radius)`` of spots: two of them far apart, so that together they span the canvas."""
    height, width = canvas.shape
    spots: list[tuple[float, float, float]] = []
    for index in range(count):
        r = radius[0] * (radius[1] / radius[0]) ** (canvas.rng.random() ** 1.6)
        for _ in range(6):
            u, v = np.clip(canvas.rng.normal(0, spread, 2), -1, 1)
            if index == 0:
                u, v = -canvas.uniform(0.6, 1), canvas.uniform(-1, 1)
            if index == 1:
                u, v = -spots[0][0] / width * 2 + 1, -spots[0][1] / height * 2 + 1
            x = width / 2 + u * max(0.5, width / 2 - r - 1)
            y = height / 2 + v * max(0.5, height / 2 - r - 1)
            if all(math.hypot(x - a, y - b) > 0.9 * (r + c) for a, b, c in spots):
                spots.append((x, y, r))
                break
            if index < 2:
                spots.append((x, y, r))
                break
    return spots


def _spots_field(canvas: Canvas, spots: list[tuple[float, float, float]], rough: float) -> Field:
    """Joint outline of round spots that are each a little squashed."""
    # Three radii away all is far: each spot is only drawn that near.
    field = np.full(canvas.shape, 3.0, np.float32)
    height, width = canvas.shape
    for x, y, r in spots:
        reach = math.ceil(3 * r) + 2
        rows = slice(max(0, int(y) - reach), min(height, int(y) + reach + 1))
        columns = slice(max(0, int(x) - reach), min(width, int(x) + reach + 1))
        angle, ratio = canvas.uniform(0, math.pi), canvas.uniform(0.6, 1.0)
        cos, sin = math.cos(angle), math.sin(angle)
        dx, dy = canvas.x[:, columns] - x, canvas.y[rows] - y
        along, across = (dx * cos + dy * sin) / r, (dy * cos - dx * sin) / (r * ratio)
        part = np.sqrt(along * along + across * across)
        field[rows, columns] = np.minimum(field[rows, columns], part)
    if rough > 0:
        mean = sum(r for _, _, r in spots) / max(1, len(spots))
        field = field * np.clip(
            1 + rough * fractal(canvas.rng, canvas.shape, cell=max(2.0, mean), octaves=2), 0.5, 2
        )
    return field


def hole(canvas: Canvas) -> Layer:
    """An opening with depth: dark inside, a wall shaded by the light, a rim that catches it."""
    if canvas.size > 24 and canvas.chance(0.2):
        largest = canvas.size * canvas.uniform(0.12, 0.22)
        spots = scattered(
            canvas,
            count=int(canvas.rng.integers(2, 6)),
            radius=(max(1.5, 0.5 * largest), largest),
            spread=0.6,
        )
        field = _spots_field(canvas, spots, 0.15)
    else:
        field = blob(canvas, fill=(0.55, 0.85), ratio=(0.65, 1.0), rough=canvas.uniform(0.02, 0.28))
    cover = inside(field)
    within = depth(field)
    rim = np.exp(-((within + 0.8) ** 2) / (2 * (0.7 + 0.012 * canvas.size) ** 2))
    image = relight(
        canvas, canvas.image, rim * canvas.uniform(0.4, 1.8), gain=canvas.uniform(0.3, 0.8)
    )
    through = canvas.background is not None and canvas.chance(0.5)
    # A drilled sheet shows little wall, a crater almost nothing else.
    wall = canvas.uniform(0.06, 0.2) if through else canvas.uniform(0.12, 0.6)
    inner = _opening(canvas, field, wall=wall, see_through=through)
    image = canvas.mix(image, inner, cover)
    return Layer(image, np.maximum(cover, 0.6 * rim))


def poke(canvas: Canvas) -> Layer:
    """A puncture: a small dark point in a dent with a pushed-up rim, sometimes torn."""
    height, width = canvas.shape
    around = blob(canvas, fill=(0.65, 0.95), ratio=(0.7, 1.0), rough=0.12)
    part = canvas.uniform(0.2, 0.5)
    core_field = around / part
    core = inside(core_field, softness=1.2)
    fall = np.clip(1 - around, 0, 1)
    rim = np.exp(-((core_field - 1.35) ** 2) / 0.15)
    high = canvas.size * canvas.uniform(0.03, 0.1) + 0.6
    relief = (1.1 * rim - 1.6 * fall * fall) * high
    pull = 0.15 * canvas.size * canvas.uniform(0.2, 1.0) * fall * fall
    # The surface is drawn into the puncture, and its texture with it.
    ux, uy = (canvas.x - width / 2) / width, (canvas.y - height / 2) / height
    drawn = displaced(canvas, pull * ux * 2, pull * uy * 2)
    image = relight(canvas, drawn, relief, gain=canvas.uniform(0.4, 0.9))
    image = canvas.mix(
        image,
        _opening(canvas, core_field, wall=canvas.uniform(0.4, 0.9), see_through=False),
        core * canvas.uniform(0.75, 1.0),
    )
    mask = np.clip(fall * 2.2 + rim, 0, 1)
    if canvas.chance(0.35):
        strokes = []
        for _ in range(int(canvas.rng.integers(2, 6))):
            angle = canvas.uniform(0, 2 * math.pi)
            reach = 0.5 * canvas.size * canvas.uniform(part, 0.85)
            t = np.linspace(0, 1, 6)
            ends = np.stack(
                [width / 2 + t * reach * math.cos(angle), height / 2 + t * reach * math.sin(angle)],
                1,
            )
            strokes.append(Stroke(ends, np.linspace(1.4, 0.4, 6), np.linspace(1, 0.4, 6)))
        tears = draw(canvas, strokes)
        image = canvas.mix(image, image * 0.35, tears)
        mask = np.maximum(mask, tears)
    return Layer(image, mask)


def blowhole(canvas: Canvas) -> Layer:
    """Gas pits as in castings: small, dark, with a bright broken rim."""
    alone = canvas.size < 20 or canvas.chance(0.5)
    radius = 0.3 * canvas.size
    if alone:
        field = blob(canvas, fill=(0.45, 0.75), ratio=(0.5, 1.0), rough=canvas.uniform(0.05, 0.2))
    else:
        radius = largest = canvas.size * canvas.uniform(0.07, 0.18)
        spots = scattered(
            canvas,
            count=int(canvas.rng.integers(2, 9)),
            radius=(max(1.3, 0.35 * largest), max(2.0, largest)),
            spread=0.7,
        )
        field = _spots_field(canvas, spots, 0.12)
    within = depth(field)
    wide = 0.6 + 0.08 * radius
    ring = np.exp(-((within + 0.6 * wide) ** 2) / (2 * wide**2)) * np.clip(4 - 2 * field, 0, 1)
    broken = np.clip(
        0.6 + 0.5 * fractal(canvas.rng, canvas.shape, cell=max(3.0, canvas.size / 4)), 0, 1
    )
    glow = ring * broken * canvas.uniform(0.15, 0.6) * canvas.strength
    image = canvas.image + (1 - canvas.image) * np.clip(glow, 0, 0.9)[..., None]
    cover = inside(field, softness=1.3)
    dark = canvas.image * canvas.uniform(0.1, 0.35)
    bowl = relight(canvas, dark, -np.clip(within, 0, None) * 0.9, gain=0.8)
    image = canvas.mix(image, bowl, cover)
    return Layer(image, np.maximum(cover, np.clip(ring * broken, 0, 1)))


def pitting(canvas: Canvas) -> Layer:
    """A group of small pits, denser in the middle, each with a shaded and a lit side."""
    area = canvas.shape[0] * canvas.shape[1]
    largest = float(np.clip(canvas.size * canvas.uniform(0.03, 0.08), 1.3, 5.0))
    count = int(np.clip(area / (largest * largest * canvas.uniform(15, 60)), 5, 70))
    spots = scattered(
        canvas,
        count=count,
        radius=(max(0.7, 0.4 * largest), largest),
        spread=canvas.uniform(0.35, 0.7),
    )
    field = _spots_field(canvas, spots, 0.2)
    cover = inside(field, softness=1.3)
    bowl = np.clip(1.3 - field, 0, 1.3)
    bowl = blur(bowl * bowl, 0.5)
    image = relight(
        canvas,
        canvas.image,
        -bowl * (0.7 + 0.5 * largest) * canvas.uniform(0.6, 1.3),
        gain=canvas.uniform(0.5, 1.0),
    )
    dark = canvas.uniform(0.3, 0.85)
    image = image * (1 - dark * np.clip(cover, 0, 1))[..., None]
    return Layer(image, np.clip(blur(cover, 0.8) * 2, 0, 1))
