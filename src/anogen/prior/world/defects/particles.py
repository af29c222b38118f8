"""Foreign matter: grains that lie on the surface, particles embedded in it, drops of glue."""

import math

import cv2
import numpy as np

from anogen.prior.world.defects.canvas import Canvas, Layer
from anogen.prior.world.defects.noise import Field, fractal
from anogen.prior.world.defects.pits import scattered
from anogen.prior.world.defects.relief import blur, cast_shadow, displaced, relight, slopes
from anogen.prior.world.defects.shapes import blob, depth, facets, inside
from anogen.prior.world.defects.strokes import Stroke, crossing, draw, wave

MATTER = (
    (0.16, 0.13, 0.1),
    (0.3, 0.22, 0.14),
    (0.9, 0.89, 0.86),
    (0.72, 0.62, 0.42),
    (0.6, 0.6, 0.62),
    (0.12, 0.12, 0.13),
    (0.55, 0.16, 0.12),
    (0.18, 0.33, 0.6),
    (0.25, 0.5, 0.25),
)
"""Soil, bark, powder, sand, metal swarf, soot, and red, blue and green plastic."""

LIKELY = (0.16, 0.12, 0.2, 0.14, 0.12, 0.11, 0.05, 0.05, 0.05)


def _matter(canvas: Canvas, distance: float) -> Field:
    chosen = MATTER[int(canvas.rng.choice(len(MATTER), p=LIKELY))]
    return canvas.apart(canvas.colour(*chosen), distance)


def _grain(canvas: Canvas, x: float, y: float, radius: float) -> Field:
    """Corners ``(N, 2)`` of an irregular grain."""
    count = int(canvas.rng.integers(5, 11))
    turn = np.sort(canvas.rng.random(count)) * 2 * math.pi
    reach = radius * canvas.rng.uniform(0.55, 1.15, count)
    long, lean = canvas.uniform(1.0, 1.7), canvas.uniform(0, math.pi)
    u, v = reach * np.cos(turn) * long, reach * np.sin(turn) / long
    corners: Field = np.stack(
        [x + u * math.cos(lean) - v * math.sin(lean), y + u * math.sin(lean) + v * math.cos(lean)],
        1,
    )
    return corners


def contamination(canvas: Canvas) -> Layer:
    """Opaque grains on the surface, from dust to crumbs, each with its light side and shadow."""
    height, width = canvas.shape
    kind = canvas.rng.choice(["grains", "dust", "crumb"], p=[0.5, 0.25, 0.25])
    if kind == "crumb" or canvas.size < 14:
        largest, count = canvas.size * canvas.uniform(0.28, 0.42), int(canvas.rng.integers(1, 4))
    elif kind == "grains":
        largest, count = canvas.size * canvas.uniform(0.06, 0.16), int(canvas.rng.integers(5, 30))
    else:
        largest, count = canvas.uniform(0.8, 1.6), int(canvas.rng.integers(20, 90))
    largest = max(largest, 1.0)
    spots = scattered(canvas, count=count, radius=(max(0.6, 0.3 * largest), largest), spread=0.5)
    if kind == "crumb" or canvas.size < 14:
        spots[0] = (
            width / 2 + canvas.uniform(-0.1, 0.1) * width,
            height / 2 + canvas.uniform(-0.1, 0.1) * height,
            largest,
        )
        spots[1:] = [(x, y, r * 0.35) for x, y, r in spots[1:]]
    scale = 4
    outline = np.zeros((height * scale, width * scale), np.uint8)
    shade = np.full((height * scale, width * scale), 128, np.uint8)
    stretch = np.array([width, height]) / canvas.size if kind == "crumb" else np.ones(2)
    for x, y, r in spots:
        corners = _grain(canvas, 0, 0, r) * stretch + np.array([x, y])
        points = [np.round(corners * scale).astype(np.int32)]
        cv2.fillPoly(outline, points, 255)
        cv2.fillPoly(shade, points, int(canvas.uniform(80, 176)))
    small = (width, height)
    alpha = cv2.resize(outline, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    own = cv2.resize(shade, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 128
    if largest > 3:
        stray = 0.35 * fractal(canvas.rng, canvas.shape, cell=max(2.5, largest / 2), octaves=3)
        alpha = np.clip((blur(alpha, 0.12 * largest) - 0.5 + 0.3 * stray) * 2.5 + 0.5, 0, 1)
    high = 0.6 + 0.35 * largest
    image = cast_shadow(
        canvas, canvas.image, alpha, distance=min(high, 6.0), depth=canvas.uniform(0.25, 0.6)
    )
    matter = canvas.solid(_matter(canvas, 0.28) * own[..., None], relief=canvas.uniform(0.01, 0.06))
    dome = blur(alpha, 0.5 + 0.25 * largest) * largest * 0.8
    if largest > 2.5:
        rocky = fractal(canvas.rng, canvas.shape, cell=max(2.5, largest / 2), octaves=3)
        dome = dome + 0.22 * rocky * alpha * min(largest, 5.0)
    gloss = canvas.uniform(0, 0.5) if canvas.chance(0.3) else 0.0
    matter = relight(canvas, matter, dome, gain=canvas.uniform(0.5, 0.9), gloss=gloss)
    image = canvas.mix(image, matter, alpha)
    return Layer(image, np.clip(alpha * 1.3, 0, 1))


def inclusion(canvas: Canvas) -> Layer:
    """One foreign particle, flush with the surface: a thin dark border, no shadow."""
    field = blob(
        canvas,
        fill=(0.5, 0.85),
        ratio=(0.3, 0.95),
        rough=canvas.uniform(0.08, 0.3),
        lobes=1 if canvas.chance(0.75) else 2,
    )
    cover = inside(field, softness=canvas.uniform(1.0, 2.0))
    within = depth(field)
    colour = _matter(canvas, canvas.uniform(0.2, 0.45))
    body = canvas.solid(colour, relief=canvas.uniform(0.01, 0.04))
    if canvas.chance(0.6):
        tilt, _ = facets(canvas, count=int(canvas.rng.integers(3, 9)))
        body = body * (1 + canvas.uniform(0.08, 0.25) * tilt)[..., None]
    else:
        marble = fractal(canvas.rng, canvas.shape, cell=max(3.0, canvas.size / 5), octaves=3)
        body = body * (1 + 0.12 * marble)[..., None]
    body = body + canvas.uniform(0, 0.5) * canvas.texture[..., None]
    border = np.exp(-((within / (0.8 + 0.015 * canvas.size)) ** 2))
    image = canvas.mix(canvas.image, body, cover * canvas.uniform(0.75, 1.0))
    image = image * (1 - canvas.uniform(0.1, 0.5) * border)[..., None]
    return Layer(image, np.maximum(cover, 0.7 * border))


def glue(canvas: Canvas) -> Layer:
    """A drop or a string of glue: clear or milky, glossy, bending what lies under it."""
    if canvas.chance(0.3) or canvas.length / canvas.size > 2.6:
        path = crossing(canvas, span=(0.75, 0.97), bend=0.12, jitter=0.05)
        count = len(path)
        wide = canvas.size * canvas.uniform(0.07, 0.2) + 1.0
        widths = wide * (1 + 0.45 * wave(canvas.rng, count, max(2, count // 7)))
        line = blur(draw(canvas, [Stroke(path, widths, np.ones(count))]), 0.25 * wide)
        cover = np.clip((line - 0.4) * wide * 0.8 + 0.5, 0, 1)
        dome = np.sqrt(np.clip(line - 0.3, 0, 1)) * wide * 0.5
        radius = wide
    else:
        field = blob(
            canvas,
            fill=(0.65, 0.93),
            ratio=(0.55, 1.0),
            rough=canvas.uniform(0.03, 0.16),
            lobes=int(canvas.rng.integers(1, 5)),
        )
        cover = inside(field, softness=1.4)
        radius = canvas.size * 0.38
        # Thick at the rim and flat on top, as a drop held by its surface tension.
        dome = np.sqrt(np.clip(1 - field**3, 0, 1)) * radius * canvas.uniform(0.2, 0.5)
    dome = blur(dome, 0.7)
    lumps = fractal(canvas.rng, canvas.shape, cell=max(4.0, canvas.size / 3), octaves=2)
    dome = dome + 0.08 * radius * lumps * cover
    dx, dy = slopes(dome)
    image = displaced(canvas, dx * 1.5, dy * 1.5)
    kind = canvas.rng.choice(["clear", "amber", "milky"], p=[0.4, 0.25, 0.35])
    if kind == "milky":
        body = canvas.colour(0.88, 0.87, 0.82)
        image = canvas.mix(
            image, canvas.solid(body), np.full(canvas.shape, canvas.uniform(0.35, 0.9))
        )
    else:
        film = canvas.colour(0.9, 0.9, 0.88) if kind == "clear" else canvas.colour(0.9, 0.68, 0.3)
        image = image * film * canvas.uniform(0.75, 0.95)
        image = image + 0.05 * film
    image = relight(
        canvas, image, dome, gain=canvas.uniform(0.45, 0.9), gloss=canvas.uniform(0.6, 1.0)
    )
    # Lamps mirrored in it: small, sharp and white.
    ux, uy = -dx - canvas.light[0] * 0.55, -dy - canvas.light[1] * 0.55
    mirror = np.exp(-(ux * ux + uy * uy) / canvas.uniform(0.015, 0.06)) * cover
    image = image + (1 - image) * (mirror * canvas.uniform(0.5, 1.0))[..., None]
    base = cast_shadow(canvas, canvas.image, cover, distance=1.2, depth=canvas.uniform(0.1, 0.35))
    return Layer(canvas.mix(base, image, cover), np.clip(cover * 1.2, 0, 1))
