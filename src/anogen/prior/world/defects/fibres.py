"""Fibres: a loose thread on the surface, and frayed edges."""

import math

import numpy as np

from anogen.prior.world.defects.canvas import Canvas, Layer
from anogen.prior.world.defects.noise import Field
from anogen.prior.world.defects.relief import blur, cast_shadow, relight
from anogen.prior.world.defects.shapes import widened
from anogen.prior.world.defects.strokes import Stroke, crossing, draw, wave

YARN = (
    (0.92, 0.91, 0.88),
    (0.1, 0.09, 0.09),
    (0.62, 0.5, 0.36),
    (0.7, 0.12, 0.12),
    (0.15, 0.25, 0.6),
    (0.55, 0.55, 0.56),
)
"""White, black, hemp, red, blue and grey."""


def _curl(canvas: Canvas, *, span: float) -> Field:
    """A path ``(N, 2)`` as a loose thread lies: slow random turns, spanning the canvas."""
    height, width = canvas.shape
    count = max(16, int(1.3 * canvas.length))
    heading = np.cumsum(wave(canvas.rng, count, int(canvas.rng.integers(2, 7))))
    heading = heading / max(float(np.ptp(heading)), 1e-3) * canvas.uniform(0.6, 5.0)
    path = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), 0)
    path = path - path.mean(0)
    # Turned until its long side lies along the canvas's, or anyhow in a square one.
    _, _, axes = np.linalg.svd(path, full_matrices=False)
    path = path @ axes.T
    if height > width:
        path = path[:, ::-1]
    if canvas.length / canvas.size < 1.5:
        angle = canvas.uniform(0, math.pi)
        cos, sin = math.cos(angle), math.sin(angle)
        path = path @ np.array([[cos, sin], [-sin, cos]])
    low, high = path.min(0), path.max(0)
    room = np.array([width, height]) - 4.0
    scale = span * np.min(room / np.maximum(high - low, 1e-3))
    middle = np.array([width, height]) / 2
    spare = np.maximum(0, room - scale * (high - low)) * 0.4
    placed: Field = (
        (path - (low + high) / 2) * scale + middle + canvas.rng.uniform(-1, 1, 2) * spare
    )
    return placed


def thread(canvas: Canvas) -> Layer:
    """A loose fibre, yarn or a few hairs on the surface, with a faint shadow."""
    kind = canvas.rng.choice(["fibre", "yarn", "hairs"], p=[0.5, 0.25, 0.25])
    if canvas.size < 16 and kind == "yarn":
        kind = "fibre"
    number = int(canvas.rng.integers(2, 6)) if kind == "hairs" else 1
    broad = {
        "fibre": canvas.uniform(0.8, 1.4) + 0.008 * canvas.length,
        "yarn": canvas.uniform(1.8, 3.0) + 0.015 * canvas.length,
        "hairs": canvas.uniform(0.5, 0.8) + 0.004 * canvas.length,
    }[kind]
    strokes, twists = [], []
    for index in range(number):
        path = _curl(
            canvas, span=canvas.uniform(0.85, 1.0) if index == 0 else canvas.uniform(0.4, 0.9)
        )
        count = len(path)
        widths = broad * (1 + 0.12 * wave(canvas.rng, count, max(3, count // 8)))
        strokes.append(Stroke(path, widths, np.ones(count)))
        if kind == "yarn":
            steps = np.hypot(*np.diff(path, axis=0, prepend=path[:1]).T)
            phase = np.cumsum(steps) * 2 * math.pi / (1.1 * broad)
            twists.append(Stroke(path, 0.5 * widths, 0.5 + 0.5 * np.sin(phase)))
    line = draw(canvas, strokes)
    chosen = YARN[int(canvas.rng.integers(0, len(YARN)))]
    colour = canvas.apart(canvas.colour(*chosen), canvas.uniform(0.25, 0.5))
    lift = canvas.uniform(0.8, 2.5) + 0.3 * broad
    image = cast_shadow(canvas, canvas.image, line, distance=lift, depth=canvas.uniform(0.15, 0.5))
    body = relight(
        canvas,
        canvas.solid(colour),
        blur(line, 0.35 * broad) * broad * 0.9,
        gain=canvas.uniform(0.4, 0.9),
        gloss=canvas.uniform(0, 0.3),
    )
    if twists:
        body = body * (0.75 + 0.45 * draw(canvas, twists))[..., None]
    image = canvas.mix(image, body, np.clip(line * 1.15, 0, 1))
    return Layer(image, widened(line, by=0.5))


def fray(canvas: Canvas) -> Layer:
    """Loosened fibres that stand out from an edge of the part, or from a worn line."""
    outline = canvas.outline
    roots: Field = np.zeros((0, 2))
    out: Field = np.zeros((0, 2))
    if outline is not None:
        signed, nx, ny = outline
        rows, columns = np.nonzero((np.abs(signed) < 1.0) & (canvas.window > 0.3))
        roots = np.stack([columns, rows], 1).astype(float) + 0.5
        out = np.stack([nx[rows, columns], ny[rows, columns]], 1)
    on_edge = len(roots) >= 6
    if not on_edge:
        path = crossing(canvas, span=(0.8, 0.98), bend=0.08, jitter=0.02)
        along = path[-1] - path[0]
        across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-3)
        roots, out = path, np.tile(across, (len(path), 1))
    count = int(np.clip(canvas.length * canvas.uniform(0.7, 1.8), 12, 120))
    reach = canvas.size * canvas.uniform(0.12, 0.32) + 2.0
    broad = canvas.uniform(0.35, 0.65) + 0.004 * canvas.length
    # Fibres of one tuft lie alike; where the edge held, there are none.
    lean = canvas.rng.normal(0, 0.5) + 0.6 * wave(canvas.rng, len(roots), 4)
    dense = np.clip(0.4 + wave(canvas.rng, len(roots), 5), 0.02, None)
    places = canvas.rng.choice(len(roots), size=count, p=dense / dense.sum())
    light: list[Stroke] = []
    dark: list[Stroke] = []
    t = np.linspace(0, 1, 9)
    for at in places.tolist():
        side = 1.0 if on_edge or canvas.chance(0.5) else -1.0
        angle = math.atan2(out[at, 1] * side, out[at, 0] * side)
        angle += side * float(lean[at]) + canvas.rng.normal(0, 0.25)
        length = reach * canvas.uniform(0.3, 1.2)
        heading = angle + canvas.rng.normal(0, 0.9) * t * t
        step = np.stack([np.cos(heading), np.sin(heading)], 1) * (length / 8)
        start = roots[at] - (out[at] * side * length * 0.25 if on_edge else 0.0)
        points = start + np.cumsum(step, 0)
        widths = broad * canvas.uniform(0.7, 1.3) * np.linspace(1, 0.5, 9)
        stroke = Stroke(points, widths, np.full(9, canvas.uniform(0.35, 1.0)))
        (light if canvas.chance(0.65) else dark).append(stroke)
    pale, deep = draw(canvas, light), draw(canvas, dark)
    both = np.maximum(pale, deep)
    image = canvas.image
    worn = np.clip(blur(both, 0.12 * reach + 1) * 2, 0, 1)
    image = image * (1 - canvas.uniform(0.1, 0.45) * worn)[..., None]
    image = cast_shadow(canvas, image, both, distance=1.0, depth=canvas.uniform(0.2, 0.5))
    colour = canvas.tone + (1 - canvas.tone) * canvas.uniform(0.15, 0.55)
    colour = canvas.apart(colour, 0.2)
    image = canvas.mix(image, canvas.solid(canvas.tone * canvas.uniform(0.35, 0.65)), deep)
    image = canvas.mix(image, canvas.solid(colour), pale)
    return Layer(image, np.clip(blur(both, 1.0) * 2.5, 0, 1))
