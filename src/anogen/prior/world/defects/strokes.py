"""Lines of varied width, drawn at four times the resolution and averaged down."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from anogen.prior.world.defects.canvas import Canvas
from anogen.prior.world.defects.noise import Field

SCALE = 4


@dataclass(frozen=True)
class Stroke:
    """A line: points ``(N, 2)`` as x, y, widths ``(N,)`` in pixels, opacities ``(N,)``."""

    points: Field
    widths: Field
    opacities: Field


def wave(rng: np.random.Generator, count: int, nodes: int) -> Field:
    """``(count,)``: smooth noise along a line, about within [-1, 1], through ``nodes`` nodes."""
    values = rng.uniform(-1, 1, nodes + 2)
    position = np.linspace(0, nodes + 1, count)
    left = np.minimum(position.astype(int), nodes)
    part = position - left
    part = part * part * (3 - 2 * part)
    smooth: Field = values[left] * (1 - part) + values[left + 1] * part
    return smooth


def crossing(
    canvas: Canvas,
    *,
    span: tuple[float, float] = (0.75, 1.0),
    bend: float = 0.1,
    jitter: float = 0.02,
    angle: float | None = None,
) -> Field:
    """A path ``(N, 2)`` that crosses the canvas.

    Args:
        canvas: a long canvas is crossed along its long side, a square one in any direction.
        span: range of the part of the canvas's extent that the path spans.
        bend: how far it bows, as a part of its length.
        jitter: how far it wanders, as a part of its length.
        angle: its direction in radians; chance without.
    """
    height, width = canvas.shape
    if angle is None:
        diagonal = math.atan2(height, width)
        aspect = canvas.length / canvas.size
        if aspect > 1.6:
            angle = (
                diagonal * canvas.uniform(0, 1.0)
                if width > height
                else (math.pi / 2 - (math.pi / 2 - diagonal) * canvas.uniform(0, 1.0))
            )
        else:
            angle = canvas.uniform(0, math.pi / 2)
        if canvas.chance(0.5):
            angle = -angle
    cos, sin = math.cos(angle), math.sin(angle)
    # The longest line of this direction through the middle that stays in the canvas.
    whole = min(width / max(abs(cos), 1e-3), height / max(abs(sin), 1e-3))
    length = whole * canvas.uniform(*span)
    room_x = max(0.0, width - length * abs(cos)) * 0.4
    room_y = max(0.0, height - length * abs(sin)) * 0.4
    cx = width / 2 + canvas.uniform(-room_x, room_x)
    cy = height / 2 + canvas.uniform(-room_y, room_y)
    count = max(8, int(length / 2))
    t = np.linspace(-0.5, 0.5, count)
    bow = canvas.rng.normal(0, bend) * length * (0.5 - 2 * t * t)
    bow = np.clip(bow, -0.35 * canvas.size, 0.35 * canvas.size)
    side = bow + jitter * length * wave(canvas.rng, count, max(2, count // 5))
    points: Field = np.stack(
        [cx + t * length * cos - side * sin, cy + t * length * sin + side * cos], 1
    )
    return points


def tapered(count: int, *, start: float = 0.2, end: float = 0.2) -> Field:
    """``(count,)``: 1 along a line, falling to 0 over these parts of it at its two ends."""
    t = np.linspace(0, 1, count)
    rise = np.clip(t / max(start, 1e-3), 0, 1)
    fall = np.clip((1 - t) / max(end, 1e-3), 0, 1)
    shape: Field = np.sqrt(np.minimum(rise, fall))
    return shape


def draw(canvas: Canvas, strokes: list[Stroke]) -> Field:
    """Coverage ``(H, W)`` in [0, 1] of strokes."""
    height, width = canvas.shape
    fine = np.zeros((height * SCALE, width * SCALE), np.uint8)
    for stroke in strokes:
        corners = np.round(stroke.points * SCALE).astype(np.int32)
        # Widths below the fine grid's pixel show as fainter lines of one fine pixel.
        wide = stroke.widths * SCALE
        thickness = np.maximum(1, np.round(wide)).astype(int).tolist()
        opacity = np.clip(stroke.opacities * np.minimum(wide, 1) * 255, 0, 255).astype(int).tolist()
        pairs = corners.tolist()
        for index in range(len(pairs) - 1):
            if opacity[index] > 4:
                cv2.line(fine, pairs[index], pairs[index + 1], opacity[index], thickness[index])
    coarse = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    coverage: Field = coarse.astype(np.float32) / 255
    return coverage
