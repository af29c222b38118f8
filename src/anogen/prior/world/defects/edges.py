"""What happens to the edge of a part: chips, breaks and flash."""

import math

import numpy as np

from anogen.prior.world.defects.canvas import Canvas, Layer
from anogen.prior.world.defects.cracks import crack_strokes
from anogen.prior.world.defects.noise import Field, fractal
from anogen.prior.world.defects.relief import blur, cast_shadow, displaced, relight, shifted
from anogen.prior.world.defects.shapes import blob, depth, facets, inside, polygon, widened
from anogen.prior.world.defects.strokes import Stroke, crossing, draw, tapered, wave


def beyond_edge(canvas: Canvas) -> Field:
    """The background ``(H, W, 3)`` as it would be seen if the part were not there.

    Near the part's edge it is the real background, mirrored at the edge; deeper, its usual colour.
    """
    behind = canvas.background
    near = ~canvas.foreground
    if near.sum() >= 12:
        behind = np.median(canvas.image[near], 0)
    if behind is None:
        behind = canvas.tone * 0.12
    cloud = fractal(canvas.rng, canvas.shape, cell=max(5.0, canvas.size / 2), octaves=2)
    plain = canvas.solid(np.asarray(behind, np.float32)) * (1 + 0.02 * cloud)[..., None]
    if canvas.outline is None:
        return plain
    signed, nx, ny = canvas.outline
    # Two pixels further out than the mirror image, past the edge's own blur.
    reach = np.clip(2 * signed + 2.5, 0, None)
    mirrored = displaced(canvas, nx * reach, ny * reach)
    deep = np.clip(signed / max(3.0, 0.25 * canvas.size), 0, 1)
    lit_like_background = np.abs(mirrored - behind).max(2) < 0.25
    return canvas.mix(mirrored, plain, np.maximum(deep, 1.0 - lit_like_background))


def _fracture(canvas: Canvas, *, count: int) -> Field:
    """Broken material ``(H, W, 3)``: facets of fresh colour, each with its own light, grainy."""
    fresh = canvas.tone * canvas.uniform(0.55, 0.9)
    if canvas.chance(float(np.interp(canvas.brightness, [0.25, 0.75], [0.85, 0.25]))):
        fresh = canvas.tone + (1 - canvas.tone) * canvas.uniform(0.15, 0.5)
    fresh = canvas.apart(fresh, canvas.uniform(0.1, 0.25))
    tilt, edge = facets(canvas, count=count)
    ridges = np.exp(-((edge / 0.8) ** 2))
    rocky = fractal(canvas.rng, canvas.shape, cell=max(3.0, canvas.size / 6), octaves=4)
    body = canvas.solid(fresh, relief=canvas.uniform(0.01, 0.05))
    body = body * (1 + 0.28 * tilt + 0.08 * ridges)[..., None]
    return relight(canvas, body, 0.6 * blur(rocky, 0.5), gain=canvas.uniform(0.4, 0.9))


def chip(canvas: Canvas) -> Layer:
    """A flake broken off: a bite at the part's edge, or a shallow faceted scar in its face."""
    field = blob(
        canvas,
        fill=(0.7, 0.97),
        ratio=(0.55, 1.0),
        rough=canvas.uniform(0.08, 0.22),
    )
    # Straight chords cut off the round, as brittle material breaks.
    height, width = canvas.shape
    for _ in range(int(canvas.rng.integers(1, 4))):
        angle = canvas.uniform(0, 2 * math.pi)
        along = (canvas.x / width * 2 - 1) * math.cos(angle)
        along = along + (canvas.y / height * 2 - 1) * math.sin(angle)
        field = np.maximum(field, along / canvas.uniform(0.45, 0.8)).astype(np.float32)
    cover = inside(field)
    scar = _fracture(canvas, count=int(canvas.rng.integers(3, 10)))
    within = depth(field)
    lip = np.exp(-((within / (0.8 + 0.012 * canvas.size)) ** 2))
    hollow = -np.clip(within, 0, 0.2 * canvas.size + 1) * canvas.uniform(0.25, 0.7)
    scar = relight(canvas, scar, blur(hollow, 0.5), gain=canvas.uniform(0.5, 0.9))
    scar = scar + (1 - scar) * (canvas.uniform(0.05, 0.3) * lip)[..., None]
    outline = canvas.outline
    if outline is None:
        image = cast_shadow(canvas, scar, 1 - cover, distance=1.5, depth=0.4)
        return Layer(canvas.mix(canvas.image, image, cover), cover)
    signed, _, _ = outline
    on_part = np.clip(signed + 0.5, 0, 1)
    # The bite takes the edge back; between it and the scar's border lies the broken face.
    bite = np.clip(within * canvas.uniform(0.5, 1.1) - signed * canvas.uniform(0.7, 1.4), -2, 2)
    # The edge's own blur goes too, or a ghost of the outline would stay.
    gone = np.clip(bite + 0.5, 0, 1) * cover * np.clip(signed + 2.2, 0, 1)
    image = canvas.mix(canvas.image, scar, cover * on_part)
    if float((cover * on_part).sum()) < 12:
        return Layer(canvas.mix(canvas.image, scar, cover), cover)
    image = canvas.mix(image, beyond_edge(canvas), gone)
    return Layer(image, cover * np.clip(signed + 1.5, 0, 1))


def break_(canvas: Canvas) -> Layer:
    """A chunk gone: a jagged line, the broken face along it, beyond it the background."""
    height, width = canvas.shape
    outline = canvas.outline
    middle = np.array([width, height]) / 2
    path = crossing(canvas, span=(1.0, 1.0), bend=0.08, jitter=0.05)
    kinks = canvas.rng.normal(0, 0.02 * canvas.size + 0.3, path.shape)
    thin = max(1, int(0.04 * canvas.length))
    path = (path + kinks)[::thin]
    along = path[-1] - path[0]
    along = along / max(float(np.hypot(*along)), 1e-3)
    across = np.array([-along[1], along[0]])
    if outline is not None:
        # The chunk goes on the side where the part ends.
        off = ~canvas.foreground
        side = ((canvas.x - middle[0]) * across[0] + (canvas.y - middle[1]) * across[1])[off].mean()
        across = across if side > 0 else -across
    elif canvas.chance(0.5):
        across = -across
    far = 2.0 * canvas.length
    path = path - across * canvas.size * canvas.uniform(0.1, 0.35)
    ends = np.stack([path[0] - along * far, path[-1] + along * far])
    hull = np.concatenate(
        [ends[:1], path, ends[1:], ends[1:] + across * far, ends[:1] + across * far]
    )
    lost = polygon(canvas, hull)
    field = blob(canvas, fill=(0.9, 1.0), ratio=(0.75, 1.0), rough=0.12)
    lost = lost * inside(field)
    face_width = canvas.size * canvas.uniform(0.06, 0.2) + 1.0
    shift = -across * face_width
    rough = (
        0.4
        * face_width
        * fractal(canvas.rng, canvas.shape, cell=max(3.0, canvas.size / 5), octaves=3)
    )
    grown = blur(lost, 0.45 * face_width + 0.4)
    gone = np.clip((grown - 0.62 + 0.03 * rough) * (1.5 * face_width + 2) + 0.5, 0, 1) * lost
    if outline is not None:
        on_part = np.clip(outline[0] + 0.5, 0, 1)
    else:
        on_part = np.ones(canvas.shape, np.float32)
    face = _fracture(canvas, count=int(canvas.rng.integers(6, 16)))
    face = relight(canvas, face, -grown * face_width, gain=0.7)
    image = canvas.mix(canvas.image, face, lost * on_part)
    lip = (
        np.clip(shifted(lost, float(shift[0]) * 0.1, float(shift[1]) * 0.1) - lost, 0, 1) * on_part
    )
    image = image + (1 - image) * (canvas.uniform(0, 0.4) * lip)[..., None]
    behind = beyond_edge(canvas)
    if outline is None and canvas.background is None:
        behind = canvas.solid(canvas.tone * canvas.uniform(0.08, 0.25))
    behind = cast_shadow(canvas, behind, 1 - gone, distance=2.0, depth=canvas.uniform(0.1, 0.4))
    if outline is not None:
        # The edge's own blur goes too, or a ghost of the outline would stay.
        gone = gone * np.clip(outline[0] + 2.2, 0, 1)
    elif canvas.chance(0.4):
        # Spalled: the chunk came off the face and did not go through.
        gone = 0.0 * gone
    image = canvas.mix(image, behind, gone)
    mask = np.maximum(lost * on_part, gone)
    if canvas.chance(0.3 if outline is not None else 0.6) and canvas.size > 20:
        line = draw(canvas, crack_strokes(canvas, width=0.8)) * (1 - lost) * on_part
        image = canvas.mix(image, canvas.solid(canvas.tone * 0.2), line)
        mask = np.maximum(mask, widened(line))
    return Layer(image, mask)


def flash(canvas: Canvas) -> Layer:
    """A burr: a thin fin that stands out over the edge, or a curled sliver along a line."""
    outline = canvas.outline
    if outline is not None:
        signed, nx, ny = outline
        field = blob(canvas, fill=(0.85, 1.0), ratio=(0.8, 1.0), rough=0.1)
        reach = canvas.size * canvas.uniform(0.08, 0.28) + 1.5
        ragged = fractal(canvas.rng, canvas.shape, cell=max(3.0, canvas.size / 4), octaves=3)
        far = reach * np.clip(0.75 + 0.4 * ragged, 0.1, 1.6) * np.clip((1 - field) * 3, 0, 1)
        outside = np.clip(-signed + 1.0, 0, None)
        fin = np.clip(far - outside + 0.5, 0, 1) * np.clip(-signed + 1.5, 0, 1)
        if float(fin.sum()) >= 14:
            # The fin is of the part's own colour, from just inside the edge.
            inward = np.clip(-signed, 0, None) + canvas.uniform(2.0, 4.0)
            body = displaced(canvas, -nx * inward, -ny * inward)
            body = body + (canvas.tone - body) * canvas.uniform(0.2, 0.7)
            tint = canvas.uniform(0.75, 1.25)
            relief = -np.abs(outside - 0.5 * far) * 0.35 + 0.35 * ragged
            body = relight(canvas, np.clip(body * tint, 0, 1), blur(relief, 0.6), gain=0.7)
            tip = np.exp(-(((far - outside) / 1.0) ** 2))
            body = body + (1 - body) * (canvas.uniform(0.05, 0.4) * tip)[..., None]
            seam = np.exp(-((signed / 1.1) ** 2)) * (fin > 0.05)
            image = cast_shadow(
                canvas, canvas.image, fin, distance=2.0, depth=canvas.uniform(0.1, 0.4)
            )
            image = canvas.mix(image, body, fin)
            image = image * (1 - canvas.uniform(0.1, 0.4) * seam)[..., None]
            return Layer(image, fin)
    path = crossing(canvas, span=(0.75, 0.97), bend=0.1, jitter=0.02)
    count = len(path)
    broad = canvas.size * canvas.uniform(0.05, 0.14) + 1.0
    ragged = 0.7 + 0.6 * np.abs(wave(canvas.rng, count, max(4, count // 3)))
    widths = broad * ragged * np.maximum(tapered(count, start=0.3, end=0.3), 0.25)
    sliver = draw(canvas, [Stroke(path, widths, np.ones(count))])
    image = cast_shadow(
        canvas, canvas.image, sliver, distance=1.0 + 0.6 * broad, depth=canvas.uniform(0.3, 0.65)
    )
    bright = canvas.apart(canvas.tone + (1 - canvas.tone) * canvas.uniform(0.2, 0.6), 0.18)
    body = relight(
        canvas,
        canvas.solid(bright, relief=0.03),
        blur(sliver, 0.4 * broad) * broad,
        gain=canvas.uniform(0.6, 1.0),
        gloss=canvas.uniform(0.2, 0.8),
    )
    image = canvas.mix(image, body, sliver)
    return Layer(image, widened(sliver, by=0.6))
