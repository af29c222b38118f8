"""Deformed surfaces that only light betrays: dents, folds, squeezes and bubbles."""

import math

import numpy as np

from anogen.prior.world.defects.canvas import Canvas, Layer
from anogen.prior.world.defects.noise import Field, fractal
from anogen.prior.world.defects.pits import scattered
from anogen.prior.world.defects.relief import blur, difference, displaced, relight, slopes
from anogen.prior.world.defects.shapes import blob
from anogen.prior.world.defects.strokes import Stroke, crossing, draw, tapered


def _deformed(
    canvas: Canvas, relief: Field, *, gain: float, gloss: float, refraction: float
) -> Field:
    """The canvas ``(H, W, 3)`` with this relief: its texture moved down the slopes, and shaded."""
    dx, dy = slopes(relief)
    moved = displaced(canvas, dx * refraction, dy * refraction)
    return relight(canvas, moved, relief, gain=gain, gloss=gloss)


def dent(canvas: Canvas) -> Layer:
    """A hollow: shaded on the lamp's side, lit on the other, often with a raised rim."""
    field = blob(
        canvas,
        fill=(0.7, 0.97),
        ratio=(0.45, 1.0),
        rough=canvas.uniform(0.0, 0.18),
        lobes=1 if canvas.chance(0.7) else 2,
    )
    steep = canvas.uniform(1.0, 3.5)
    bowl = 1 / (1 + np.exp(np.clip((field - 0.62) * 4 * steep, -30, 30)))
    deep = canvas.size * canvas.uniform(0.1, 0.3) / steep**0.5
    relief = -bowl * deep
    if canvas.chance(0.4):
        relief = relief + 0.25 * deep * np.exp(-((field - 0.9) ** 2) / 0.02)
    if canvas.chance(0.25):
        relief = -relief
    relief = blur(relief, 0.7)
    gloss = canvas.uniform(0, 0.5) if canvas.chance(0.5) else 0.0
    image = _deformed(
        canvas, relief, gain=canvas.uniform(0.45, 1.1), gloss=gloss, refraction=canvas.uniform(0, 3)
    )
    return Layer(image, np.clip((1.02 - field) * 4, 0, 1))


def fold(canvas: Canvas) -> Layer:
    """Shading ridges: a crease with a sharp and a gentle side, or a bundle of wrinkles."""
    relief: Field = np.zeros(canvas.shape, np.float32)
    mask: Field = np.zeros(canvas.shape, np.float32)
    number = 1 if canvas.chance(0.55) else int(canvas.rng.integers(2, 5))
    lead = crossing(canvas, span=(0.85, 1.0), bend=0.1, jitter=0.015)
    along = lead[-1] - lead[0]
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-3)
    for index in range(number):
        path = lead
        if index:
            path = lead + across * canvas.uniform(-0.3, 0.3) * canvas.size
            keep = canvas.uniform(0.4, 0.9)
            first = int(canvas.uniform(0, 1 - keep) * len(path))
            path = path[first : first + max(4, int(keep * len(path)))]
        count = len(path)
        ends = tapered(count, start=0.25, end=0.25)
        ridge = draw(canvas, [Stroke(path, np.full(count, 1.2), np.clip(ends + 0.2, 0, 1))])
        wide = canvas.size * canvas.uniform(0.03, 0.09) + 0.7
        sharp = blur(ridge, 0.6 + 0.25 * wide)
        gentle = blur(ridge, 1.6 * wide)
        # Blurred to the same height again, the two give a crest on a swell.
        swell = gentle / max(float(gentle.max()), 1e-3)
        crest = sharp / max(float(sharp.max()), 1e-3)
        sign = -1.0 if canvas.chance(0.35) else 1.0
        high = wide * canvas.uniform(0.8, 1.8)
        relief = relief + sign * high * (swell * 0.8 + crest * canvas.uniform(0.1, 0.5))
        mask = np.maximum(mask, np.clip(swell * 2.2 - 0.15, 0, 1))
    image = _deformed(
        canvas,
        relief,
        gain=canvas.uniform(0.6, 1.2),
        gloss=canvas.uniform(0, 0.35),
        refraction=canvas.uniform(0, 3),
    )
    if canvas.chance(0.4):
        # Material lies double on one side of the crease and looks darker in it.
        image = image * (1 - canvas.uniform(0.1, 0.35) * np.clip(mask, 0, 1) ** 2)[..., None]
    return Layer(image, mask)


def squeeze(canvas: Canvas) -> Layer:
    """Pinched: both sides are pressed towards an axis, with creases where the material gave way."""
    height, width = canvas.shape
    angle = math.pi / 2 if width >= height else 0.0
    angle += canvas.rng.normal(0, 0.35)
    if canvas.length / canvas.size < 1.3:
        angle = canvas.uniform(0, math.pi)
    cos, sin = math.cos(angle), math.sin(angle)
    field = blob(canvas, fill=(0.85, 1.0), ratio=(0.7, 1.0), rough=0.05)
    fall = np.clip(1 - field, 0, 1)
    fall = fall * fall * (3 - 2 * fall)
    # Distance from the axis along which it is pressed; pixels come from further outside.
    away = (canvas.x - width / 2) * cos + (canvas.y - height / 2) * sin
    pinch = canvas.uniform(0.35, 0.9) * min(canvas.strength, 1.5)
    dx, dy = away * cos * pinch * fall, away * sin * pinch * fall
    moved = displaced(canvas, dx.astype(np.float32), dy.astype(np.float32))
    reach = 0.5 * abs(cos) * width + 0.5 * abs(sin) * height
    profile = away / max(reach, 1.0)
    creases = canvas.uniform(1.0, 3.0)
    phase = canvas.uniform(-0.6, 0.6)
    bend = 0.15 * fractal(canvas.rng, canvas.shape, cell=max(4.0, canvas.size / 2), octaves=2)
    relief = -np.cos((profile + bend) * math.pi * creases + phase) * fall
    relief = relief * canvas.size * canvas.uniform(0.05, 0.14)
    image = relight(
        canvas,
        moved,
        relief.astype(np.float32),
        gain=canvas.uniform(0.6, 1.2),
        gloss=canvas.uniform(0, 0.5),
    )
    return Layer(image, np.maximum(np.clip(fall * 3, 0, 1) * 0.8, difference(canvas, image)), True)


def bubble(canvas: Canvas) -> Layer:
    """Domes under a film: a bright spot, a dark crescent, a thin ring; one or a swarm."""
    if canvas.chance(0.5) or canvas.size < 18:
        field = blob(canvas, fill=(0.65, 0.92), ratio=(0.75, 1.0), rough=canvas.uniform(0, 0.08))
        radius = canvas.size * 0.38
        spots_high = radius
    else:
        largest = canvas.size * canvas.uniform(0.1, 0.24)
        spots = scattered(
            canvas,
            count=int(canvas.rng.integers(3, 16)),
            radius=(max(1.6, 0.3 * largest), largest),
            spread=0.6,
        )
        field = np.full(canvas.shape, 9.0, np.float32)
        for x, y, r in spots:
            field = np.minimum(field, np.hypot(canvas.x - x, canvas.y - y) / r)
        spots_high = largest
    dome = np.sqrt(np.clip(1 - field * field, 0, 1))
    flat = canvas.uniform(0.25, 0.7)
    relief = blur(dome, 0.6) * spots_high * flat
    if canvas.chance(0.2):
        relief = -relief
    image = _deformed(
        canvas,
        relief,
        gain=canvas.uniform(0.4, 0.9),
        gloss=canvas.uniform(0.2, 0.9),
        refraction=canvas.uniform(0.5, 3),
    )
    cover = np.clip((1.08 - field) * spots_high * 0.8, 0, 1)
    ring = np.exp(-(((field - 0.97) * spots_high / (0.7 + 0.03 * spots_high)) ** 2))
    image = image * (1 - canvas.uniform(0.1, 0.5) * ring)[..., None]
    if canvas.chance(0.6):
        haze = canvas.uniform(0.03, 0.2)
        image = image + (1 - image) * (haze * np.clip(dome, 0, 1))[..., None]
    highlight_x, highlight_y = canvas.light[0] * 0.45, canvas.light[1] * 0.45
    if canvas.chance(0.6):
        dx, dy = slopes(field)
        norm = np.sqrt(dx * dx + dy * dy) + 1e-4
        u, v = dx / norm * field - highlight_x, dy / norm * field - highlight_y
        spot = np.exp(-(u * u + v * v) / canvas.uniform(0.01, 0.05)) * (field < 1)
        image = image + (1 - image) * (spot * canvas.uniform(0.3, 0.9))[..., None]
    return Layer(image, np.maximum(cover, ring * 0.8))
