"""Lines in a surface: scratches and cuts."""

import math

import numpy as np

from anogen.prior.world.defects.canvas import Canvas, Layer
from anogen.prior.world.defects.noise import Field
from anogen.prior.world.defects.relief import blur, relight, shifted
from anogen.prior.world.defects.shapes import widened
from anogen.prior.world.defects.strokes import Stroke, crossing, draw, tapered, wave


def _broken(canvas: Canvas, count: int) -> Field:
    """``(count,)``: how hard a tool pressed along its way; it skips here and there."""
    pressure = 0.75 + 0.5 * wave(canvas.rng, count, max(2, count // 4))
    if canvas.chance(0.4):
        pressure = np.clip(pressure * 2.5 - canvas.uniform(0.6, 1.2), 0, 1)
    kept: Field = np.clip(pressure, 0, 1)
    return kept


def _scratch_strokes(canvas: Canvas) -> list[Stroke]:
    kind = canvas.rng.choice(["single", "parallel", "hairs", "gouge"], p=[0.42, 0.23, 0.2, 0.15])
    broad = 0.5 + 0.012 * canvas.length
    width = {
        "single": canvas.uniform(0.6, 1.2) * broad,
        "parallel": canvas.uniform(0.4, 0.8) * broad,
        "hairs": canvas.uniform(0.3, 0.6) * broad,
        "gouge": canvas.uniform(1.4, 2.6) * broad,
    }[kind]
    width = min(width, 0.2 * canvas.size)
    if kind in ("single", "gouge"):
        paths = [crossing(canvas, bend=0.07, jitter=0.008)]
        if canvas.chance(0.25):
            paths.append(crossing(canvas, span=(0.2, 0.5), bend=0.1, jitter=0.01))
    elif kind == "parallel":
        lead = crossing(canvas, bend=0.06, jitter=0.006)
        along = lead[-1] - lead[0]
        across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-3)
        band = canvas.uniform(0.06, 0.3) * canvas.size
        paths = []
        for _ in range(int(canvas.rng.integers(2, 8))):
            first, last = sorted(canvas.rng.uniform(0, 1, 2))
            if last - first < 0.3:
                first, last = 0.0, 1.0
            part = lead[int(first * len(lead)) : max(4, int(last * len(lead)))]
            if len(part) > 3:
                paths.append(part + across * canvas.uniform(-band, band))
        paths = paths or [lead]
    else:
        lean = None if canvas.chance(0.5) else canvas.uniform(0, math.pi)
        paths = []
        for index in range(int(canvas.rng.integers(3, 12))):
            span = (0.75, 1.0) if index == 0 else (0.15, 0.8)
            angle = None if lean is None else lean + canvas.rng.normal(0, 0.15)
            path = crossing(canvas, span=span, bend=0.12, jitter=0.01, angle=angle)
            if index:
                path = path + canvas.rng.uniform(-0.3, 0.3, 2) * canvas.shape[::-1]
            paths.append(path)
    strokes = []
    for path in paths:
        count = len(path)
        ends = tapered(count, start=canvas.uniform(0.05, 0.5), end=canvas.uniform(0.05, 0.5))
        uneven = 1 + 0.35 * wave(canvas.rng, count, max(3, count // 3))
        widths = width * canvas.uniform(0.6, 1.2) * uneven * np.maximum(ends, 0.3)
        faint = 1.0 if path is paths[0] else canvas.uniform(0.4, 1.0)
        strokes.append(Stroke(path, widths, faint * ends * _broken(canvas, count)))
    return strokes


def scratch(canvas: Canvas) -> Layer:
    """A groove with a lit and a shaded edge; bare material shows in it, the tool skips."""
    strokes = _scratch_strokes(canvas)
    groove = draw(canvas, strokes)
    groove = groove / max(float(groove.max()), 0.5)
    bright = canvas.chance(float(np.interp(canvas.brightness, [0.3, 0.55, 0.85], [0.9, 0.6, 0.15])))
    bare = canvas.tone * canvas.uniform(0.35, 0.7)
    if bright:
        # Worn-off colour: paler, nearer to grey.
        grey = np.full(3, canvas.brightness)
        bare = canvas.tone + (grey - canvas.tone) * canvas.uniform(0, 0.8)
        bare = bare + (1 - bare) * canvas.uniform(0.2, 0.7)
    bare = canvas.apart(bare, canvas.uniform(0.15, 0.45))
    opacity = canvas.uniform(0.45, 0.95)
    image = canvas.mix(
        canvas.image, canvas.solid(bare) + 0.5 * canvas.texture[..., None], groove * opacity
    )
    # Pushed-up material beside the groove makes the two edges.
    relief = blur(groove, 1.1) * 0.5 - groove
    image = relight(canvas, image, relief * canvas.uniform(0.6, 2.0), gain=canvas.uniform(0.4, 1.0))
    return Layer(image, widened(groove))


def cut(canvas: Canvas) -> Layer:
    """A slit that gapes: dark inside, one lip lit and the other in shade, pointed ends."""
    strokes = []
    number = 1 if canvas.chance(0.75) else int(canvas.rng.integers(2, 4))
    gape = min(canvas.uniform(0.02, 0.075) * canvas.length + 0.8, 0.3 * canvas.size)
    lead = crossing(canvas, span=(0.7, 0.95), bend=0.05, jitter=0.004)
    for index in range(number):
        path = lead
        if index:
            across = canvas.rng.uniform(-0.25, 0.25, 2) * canvas.shape[::-1]
            keep = int(len(lead) * canvas.uniform(0.4, 1.0))
            path = lead[:keep] + across
        count = max(len(path), 4)
        if len(path) < 4:
            continue
        # Widest at a third to two thirds of the way, as a blade enters and leaves.
        t = np.linspace(0, 1, count)
        peak = canvas.uniform(0.3, 0.7)
        lens = np.where(t < peak, t / peak, (1 - t) / (1 - peak)) ** canvas.uniform(0.4, 1.0)
        ragged = 1 + canvas.uniform(0, 0.25) * wave(canvas.rng, count, max(3, count // 2))
        strokes.append(Stroke(path, gape * lens * ragged + 0.3, np.ones(count)))
    gap = draw(canvas, strokes)
    lips = blur(gap, 0.6 + 0.45 * gape)
    image = relight(
        canvas,
        canvas.image,
        (lips - 1.3 * gap) * canvas.uniform(0.8, 1.6) * (0.7 + 0.25 * gape),
        gain=canvas.uniform(0.5, 0.9),
    )
    image = image * (1 - 0.25 * lips)[..., None]
    dark = canvas.apart(canvas.tone * canvas.uniform(0.1, 0.4), canvas.uniform(0.2, 0.4))
    if canvas.brightness < 0.18:
        dark = canvas.apart(canvas.tone + 0.3, 0.25)
    # The wall away from the light is seen lit through the gap.
    wall = np.clip(
        gap - shifted(gap, canvas.light[0] * gape * 0.4, canvas.light[1] * gape * 0.4), 0, 1
    )
    inner = canvas.solid(dark) + (canvas.tone * 0.5)[None, None] * wall[..., None]
    image = canvas.mix(image, inner, gap * canvas.uniform(0.8, 1.0))
    return Layer(image, np.maximum(widened(gap), np.clip(2.0 * lips - 0.3, 0, 1)))
