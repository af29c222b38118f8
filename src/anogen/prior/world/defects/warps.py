"""Structure in the wrong place or gone: bent, misaligned and missing."""

import math

import numpy as np

from anogen.prior.world.defects.canvas import Canvas, Layer
from anogen.prior.world.defects.edges import beyond_edge
from anogen.prior.world.defects.noise import Field, fractal
from anogen.prior.world.defects.relief import blur, cast_shadow, difference, displaced, relight
from anogen.prior.world.defects.shapes import blob, depth, inside, polygon


def bent(canvas: Canvas) -> Layer:
    """Pushed aside, twisted or buckled: pixels move, with a little shading."""
    height, width = canvas.shape
    field = blob(canvas, fill=(0.95, 1.0), ratio=(0.8, 1.0), rough=0.04)
    fall = np.clip(1 - field * field, 0, 1) ** 2
    kind = canvas.rng.choice(["push", "twist", "buckle"], p=[0.5, 0.25, 0.25])
    angle = canvas.uniform(0, 2 * math.pi)
    push = min(canvas.strength, 1.8)
    x, y = canvas.x - width / 2, canvas.y - height / 2
    if kind == "push":
        far = canvas.size * canvas.uniform(0.14, 0.3) * push
        dx, dy = fall * far * math.cos(angle), fall * far * math.sin(angle)
    elif kind == "twist":
        turn = canvas.uniform(0.5, 1.2) * (1 if canvas.chance(0.5) else -1) * push * fall
        dx = x * np.cos(turn) - y * np.sin(turn) - x
        dy = x * np.sin(turn) + y * np.cos(turn) - y
    else:
        far = canvas.size * canvas.uniform(0.07, 0.15) * push
        cos, sin = math.cos(angle), math.sin(angle)
        length = canvas.size * canvas.uniform(0.4, 0.9)
        swing = np.sin((x * cos + y * sin) * 2 * math.pi / length + canvas.uniform(0, 6)) * fall
        dx, dy = -swing * far * sin, swing * far * cos
    moved = displaced(canvas, dx.astype(np.float32), dy.astype(np.float32))
    # The displacement itself is no height; only a little of it rises out of the plane.
    rise = canvas.uniform(0.2, 0.7) if kind == "push" else canvas.uniform(0.05, 0.25)
    relief = (dx * math.cos(angle) + dy * math.sin(angle)) * rise
    image = relight(canvas, moved, relief.astype(np.float32), gain=canvas.uniform(0.3, 0.8))
    mask = np.maximum(difference(canvas, image), np.clip(fall * 2.5 - 0.6, 0, 0.8))
    return Layer(image, mask, True)


def misaligned(canvas: Canvas) -> Layer:
    """A patch beside its place: sharp seams, the pattern broken across them."""
    height, width = canvas.shape
    left, right = width * canvas.uniform(0.04, 0.18), width * canvas.uniform(0.82, 0.96)
    top, bottom = height * canvas.uniform(0.04, 0.18), height * canvas.uniform(0.82, 0.96)
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    if canvas.chance(0.35):
        corners = corners + canvas.rng.normal(0, 0.07, (4, 2)) * np.array([width, height])
    if canvas.chance(0.3) and canvas.size > 16:
        cover = inside(blob(canvas, fill=(0.75, 0.95), ratio=(0.6, 1.0), rough=0.12))
    else:
        cover = polygon(canvas, corners)
    far = (canvas.size * canvas.uniform(0.1, 0.3) + 1.5) * min(canvas.strength, 1.6)
    if canvas.chance(0.6):
        angle = round(canvas.uniform(0, 4)) * math.pi / 2
    else:
        angle = canvas.uniform(0, 2 * math.pi)
    turn = canvas.rng.normal(0, 0.12) if canvas.chance(0.4) else 0.0
    x, y = canvas.x - width / 2, canvas.y - height / 2
    dx = x * (math.cos(turn) - 1) - y * math.sin(turn) + far * math.cos(angle)
    dy = x * math.sin(turn) + y * (math.cos(turn) - 1) + far * math.sin(angle)
    moved = displaced(canvas, dx.astype(np.float32), dy.astype(np.float32))
    image = canvas.image
    if canvas.chance(0.6):
        image = cast_shadow(
            canvas, image, cover, distance=canvas.uniform(0.8, 2), depth=canvas.uniform(0.2, 0.5)
        )
        moved = relight(canvas, moved, cover * canvas.uniform(0.5, 1.5), gain=0.6)
    else:
        # The step between the two levels of the pattern shows as a fine dark seam.
        seam = np.clip(1 - np.abs(cover - 0.5) * 2, 0, 1)
        moved = moved * (1 - canvas.uniform(0.15, 0.5) * seam)[..., None]
    moved = moved * canvas.uniform(0.93, 1.07)
    return Layer(canvas.mix(image, moved, cover), cover, True)


def _neighbour(canvas: Canvas, cover: Field) -> Field:
    """The patch of the same image that meets the surroundings of ``cover`` best, ``(H, W, 3)``."""
    height, width = canvas.shape
    rows, columns = canvas.whole.shape[:2]
    border = (cover < 0.05) & (canvas.window >= 0)
    best, chosen = math.inf, canvas.image
    for _ in range(14):
        top = int(canvas.rng.integers(0, rows - height + 1))
        left = int(canvas.rng.integers(0, columns - width + 1))
        near = abs(top - canvas.top) < 0.4 * height and abs(left - canvas.left) < 0.4 * width
        if near and height < 0.6 * rows and width < 0.6 * columns:
            continue
        patch = canvas.whole[top : top + height, left : left + width]
        if canvas.chance(0.5):
            patch = patch[:, ::-1]
        gap = float(np.abs(patch - canvas.image)[border].mean()) if border.any() else 0.0
        inner = float(np.abs(patch - canvas.image)[~border].mean()) if (~border).any() else 0.0
        # Like its surroundings, but unlike what it replaces: else nothing would be missing.
        score = gap - 0.7 * inner
        if score < best:
            best, chosen = score, patch
    return chosen


def missing(canvas: Canvas) -> Layer:
    """A piece is not there: background, bare ground or a neighbour shows instead."""
    field = blob(
        canvas,
        fill=(0.7, 0.95),
        ratio=(0.65, 1.0),
        rough=canvas.uniform(0.02, 0.15),
        lobes=1 if canvas.chance(0.6) else 2,
    )
    height, width = canvas.shape
    cover = inside(field, softness=1.2)
    if canvas.chance(0.35):
        margin = canvas.rng.uniform(0.05, 0.2, 4)
        corners = np.array(
            [
                [width * margin[0], height * margin[1]],
                [width * (1 - margin[2]), height * margin[1]],
                [width * (1 - margin[2]), height * (1 - margin[3])],
                [width * margin[0], height * (1 - margin[3])],
            ]
        )
        cover = polygon(canvas, corners + canvas.rng.normal(0, 0.03 * canvas.size, (4, 2)))
    kinds = ["neighbour", "bare"]
    if canvas.outline is not None or (canvas.background is not None and canvas.chance(0.5)):
        kinds = ["background", "background", "neighbour"]
    kind = str(canvas.rng.choice(kinds))
    if kind == "background":
        behind = beyond_edge(canvas)
        cover = cover * np.clip(blur(canvas.foreground.astype(np.float32), 0.6) * 1.4, 0, 1)
    elif kind == "neighbour":
        behind = _neighbour(canvas, cover)
    else:
        # The ground under the structure: its broad colours without its detail.
        ground = blur(canvas.image, 0.22 * canvas.size + 1)
        tint = canvas.uniform(0.55, 0.85) if canvas.brightness > 0.35 else canvas.uniform(1.2, 1.7)
        cloud = fractal(canvas.rng, canvas.shape, cell=max(4.0, canvas.size / 3), octaves=3)
        behind = canvas.solid(ground * tint) * (1 + 0.04 * cloud)[..., None]
    if kind != "neighbour" or canvas.chance(0.4):
        # What still stands throws its shadow into the gap.
        behind = cast_shadow(
            canvas,
            behind,
            1 - cover,
            distance=canvas.uniform(1.0, 3.0),
            depth=canvas.uniform(0.2, 0.6),
        )
        edge = np.exp(-((depth(field) / 1.2) ** 2)) if kind == "bare" else 0.0 * cover
        behind = behind * (1 - 0.3 * edge)[..., None]
    return Layer(canvas.mix(canvas.image, behind, cover), cover, True)
