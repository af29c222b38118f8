"""Cracks: thin dark lines that wander and branch."""

import math

import numpy as np

from anogen.prior.world.defects.canvas import Canvas, Layer
from anogen.prior.world.defects.noise import Field
from anogen.prior.world.defects.relief import blur, relight, shifted
from anogen.prior.world.defects.shapes import widened
from anogen.prior.world.defects.strokes import Stroke, crossing, draw, tapered


def _jagged(canvas: Canvas, start: tuple[float, float], angle: float, length: float) -> Field:
    """A path that keeps its heading on the whole but turns at every grain."""
    step = max(1.5, 0.03 * canvas.length)
    count = max(4, int(length / step))
    turn = canvas.rng.normal(0, canvas.uniform(0.25, 0.6), count)
    drift = np.cumsum(canvas.rng.normal(0, 0.06, count))
    heading = angle + turn + drift
    steps = np.stack([np.cos(heading), np.sin(heading)], 1) * (length / count)
    path: Field = np.concatenate([[start], start + np.cumsum(steps, 0)])
    return path


def _grow(canvas: Canvas, path: Field, width: float, level: int, strokes: list[Stroke]) -> None:
    count = len(path)
    widths = width * (0.5 + 0.8 * canvas.rng.random(count))
    ends = tapered(count, start=0.08 if level == 0 else 0.0, end=0.5)
    if level:
        ends = np.sqrt(np.linspace(1, 0.05, count))
    strokes.append(Stroke(path, widths * np.maximum(ends, 0.35), np.clip(0.35 + ends, 0, 1)))
    if level >= 2:
        return
    branches = canvas.rng.poisson(1.6 if level == 0 else 0.6)
    length = float(np.hypot(*(path[-1] - path[0])))
    for _ in range(branches):
        at = int(canvas.rng.integers(1, max(2, count - 2)))
        ahead = path[min(at + 2, count - 1)] - path[at]
        side = canvas.uniform(0.35, 1.1) * (1 if canvas.chance(0.5) else -1)
        angle = math.atan2(ahead[1], ahead[0]) + side
        reach = length * canvas.uniform(0.15, 0.4)
        child = _jagged(canvas, tuple(path[at]), angle, reach)
        _grow(canvas, child, width * canvas.uniform(0.45, 0.75), level + 1, strokes)


def crack_strokes(canvas: Canvas, *, width: float) -> list[Stroke]:
    """A hairline, a star of an impact, or a net of cracks, with branches."""
    strokes: list[Stroke] = []
    kind = canvas.rng.choice(["line", "star", "net"], p=[0.7, 0.15, 0.15])
    if canvas.length / canvas.size > 1.8:
        kind = "line"
    if kind == "star":
        height, wide = canvas.shape
        centre = (wide * canvas.uniform(0.35, 0.65), height * canvas.uniform(0.35, 0.65))
        first = canvas.uniform(0, 2 * math.pi)
        arms = int(canvas.rng.integers(3, 7))
        for arm in range(arms):
            angle = first + 2 * math.pi * (arm + canvas.uniform(-0.3, 0.3)) / arms
            reach = 0.5 * canvas.size * canvas.uniform(0.5, 1.0)
            _grow(canvas, _jagged(canvas, centre, angle, reach), width, 1, strokes)
        return strokes
    for index in range(1 if kind == "line" else int(canvas.rng.integers(2, 5))):
        guide = crossing(canvas, span=(0.75, 1.0), bend=0.08, jitter=0.03)
        if index:
            guide = guide + canvas.rng.uniform(-0.3, 0.3, 2) * canvas.shape[::-1]
        # Kinks at the grain's size on the way across.
        kinks = canvas.rng.normal(0, 0.012 * canvas.length + 0.25, guide.shape)
        thin = max(1, int(0.02 * canvas.length))
        path = (guide + kinks)[::thin]
        if canvas.chance(0.5):
            path = path[::-1]
        _grow(canvas, path, width, 0, strokes)
    return strokes


def crack(canvas: Canvas) -> Layer:
    """A branching crack: dark, thin towards its tips, with one lip a little lighter."""
    width = canvas.uniform(0.45, 1.1) * (0.55 + 0.011 * canvas.length)
    line = draw(canvas, crack_strokes(canvas, width=width))
    image = canvas.image
    if canvas.chance(0.35):
        # The two sides stand at slightly different heights or let damp in.
        image = image * (1 - canvas.uniform(0.05, 0.2) * blur(line, 1.5 + width))[..., None]
    lip = np.clip(
        shifted(line, -canvas.light[0] * (0.6 + width), -canvas.light[1] * (0.6 + width)) - line,
        0,
        1,
    )
    lift = canvas.uniform(0.1, 0.4) * canvas.strength
    image = image + ((0.2 + image) * (lift * lip)[..., None]) * (1 - 0.5 * image)
    deep = canvas.apart(canvas.tone * canvas.uniform(0.08, 0.4), canvas.uniform(0.2, 0.45))
    opacity = np.clip(line * canvas.uniform(0.9, 1.5), 0, 1)
    image = canvas.mix(image, canvas.solid(deep), opacity)
    if canvas.chance(0.3):
        image = relight(canvas, image, -line, gain=0.4)
    return Layer(image, widened(line))
