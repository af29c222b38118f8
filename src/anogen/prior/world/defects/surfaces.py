"""The finish of a surface: rough patches and faulty imprints."""

import math

import cv2
import numpy as np

from anogen.prior.world.defects.canvas import LUMA, Canvas, Layer
from anogen.prior.world.defects.noise import Field, fractal, streaks, white
from anogen.prior.world.defects.relief import blur, relight, shifted
from anogen.prior.world.defects.shapes import blob, inside

LETTERS = "ABCDEFGHKLMNPRSTXYZ0123456789/-+"

FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
)


def rough(canvas: Canvas) -> Layer:
    """A patch of another finish: its own texture grown, worn smooth, grainy, or ground one way."""
    field = blob(
        canvas,
        fill=(0.75, 1.0),
        ratio=(0.5, 1.0),
        rough=canvas.uniform(0.08, 0.3),
        lobes=int(canvas.rng.integers(1, 4)),
    )
    cover = inside(field, softness=1.5 + canvas.size * canvas.uniform(0.0, 0.2))
    kind = canvas.rng.choice(["grain", "ground", "grown", "smooth"], p=[0.4, 0.3, 0.2, 0.1])
    fine = max(1.0, canvas.size * canvas.uniform(0.01, 0.035))
    if kind == "smooth" and float(np.abs(canvas.texture).mean()) > 0.025:
        worn = canvas.solid(blur(canvas.image, 1.5 + 0.03 * canvas.size))
        return Layer(canvas.mix(canvas.image, worn * canvas.uniform(0.85, 1.15), cover), cover)
    image = canvas.image
    if kind == "grown":
        image = image + (canvas.uniform(1.0, 3.0) * canvas.texture)[..., None]
    if kind == "ground":
        relief = streaks(
            canvas.rng,
            canvas.shape,
            angle=canvas.uniform(0, math.pi),
            length=canvas.size * canvas.uniform(0.25, 0.8) + 4,
            width=fine,
            octaves=2,
        )
    else:
        relief = fractal(canvas.rng, canvas.shape, cell=fine * 2, octaves=2)
    high = fine * canvas.uniform(0.22, 0.6) * (0.6 if kind == "grown" else 1.0)
    image = relight(canvas, image, relief * high, gain=canvas.uniform(0.4, 0.9))
    image = image * canvas.uniform(0.8, 1.12)
    return Layer(canvas.mix(canvas.image, image, cover), np.clip(cover * 1.2, 0, 1))


def _lettering(canvas: Canvas) -> Field:
    """``(H, W)`` coverage of a few letters, bars, a ring or dots that span the canvas."""
    height, width = canvas.shape
    scale = 3
    sheet = np.zeros((height * scale, width * scale), np.uint8)
    kind = canvas.rng.choice(["text", "bars", "ring", "dots"], p=[0.55, 0.2, 0.15, 0.1])
    if kind == "text":
        upright = height > 1.6 * width
        long, short = (height, width) if upright else (width, height)
        line = np.zeros((short * scale, long * scale), np.uint8)
        lines = 1 if long / short > 2 else int(canvas.rng.integers(1, 3))
        font = FONTS[int(canvas.rng.integers(len(FONTS)))]
        bold = int(canvas.rng.integers(1, 3)) + max(0, int(short * scale / lines / 22))
        for row in range(lines):
            count = max(1, min(8, round(lines * long / short * canvas.uniform(0.8, 1.8))))
            text = "".join(LETTERS[int(i)] for i in canvas.rng.integers(0, len(LETTERS), count))
            (wide, high), _ = cv2.getTextSize(text, font, 1.0, bold)
            fit = min(
                0.86 * line.shape[1] / max(wide, 1), 0.72 * line.shape[0] / lines / max(high, 1)
            )
            (wide, high), _ = cv2.getTextSize(text, font, fit, bold)
            x = (line.shape[1] - wide) // 2
            y = int((row + 0.5) * line.shape[0] / lines + high / 2)
            cv2.putText(line, text, (x, y), font, fit, 255, bold, cv2.LINE_AA)
        sheet = np.ascontiguousarray(np.rot90(line)) if upright else line
    elif kind == "bars":
        count = int(canvas.rng.integers(3, 9))
        cuts = np.sort(canvas.rng.uniform(0.08, 0.92, count * 2)).reshape(count, 2)
        for low, high in cuts:
            if width >= height:
                first, last = (low * width, 0.12 * height), (high * width, 0.88 * height)
            else:
                first, last = (0.12 * width, low * height), (0.88 * width, high * height)
            corner, other = (tuple(int(v * scale) for v in point) for point in (first, last))
            cv2.rectangle(sheet, corner, other, 255, -1)
    elif kind == "ring":
        axes = (int(width * scale * 0.4), int(height * scale * 0.4))
        bold = max(2, int(canvas.size * scale * canvas.uniform(0.04, 0.12)))
        centre = (width * scale // 2, height * scale // 2)
        start = canvas.uniform(0, 360)
        cv2.ellipse(sheet, centre, axes, 0, start, start + canvas.uniform(150, 360), 255, bold)
        if canvas.chance(0.5):
            cv2.line(
                sheet, (centre[0] - axes[0], centre[1]), (centre[0] + axes[0], centre[1]), 255, bold
            )
    else:
        pitch = max(3.0, canvas.size * canvas.uniform(0.12, 0.25)) * scale
        for down in np.arange(pitch, height * scale - pitch / 2, pitch):
            for right in np.arange(pitch, width * scale - pitch / 2, pitch):
                if canvas.chance(0.85):
                    cv2.circle(sheet, (int(right), int(down)), int(pitch * 0.3), 255, -1)
    coarse = cv2.resize(sheet, (width, height), interpolation=cv2.INTER_AREA)
    coverage: Field = coarse.astype(np.float32) / 255
    lean = canvas.rng.normal(0, 4)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), lean, 0.96)
    turned: Field = cv2.warpAffine(coverage, turn, (width, height))
    return turned


def print_(canvas: Canvas) -> Layer:
    """A faulty imprint: marks where none belong, doubled, smudged, worn or faint."""
    ink = _lettering(canvas)
    fault = canvas.rng.choice(["worn", "double", "smudge", "faint"], p=[0.35, 0.25, 0.25, 0.15])
    gaps = fractal(canvas.rng, canvas.shape, cell=max(4.0, canvas.size / 3), octaves=4)
    strong = canvas.uniform(0.75, 1.0)
    if fault == "worn":
        ink = ink * np.clip(1.0 + 1.6 * gaps, 0, 1)
    elif fault == "double":
        far = canvas.size * canvas.uniform(0.03, 0.1) + 0.8
        angle = canvas.uniform(0, 2 * math.pi)
        ghost = shifted(ink, far * math.cos(angle), far * math.sin(angle))
        ink = np.maximum(ink, canvas.uniform(0.3, 0.7) * ghost)
    elif fault == "smudge":
        angle, reach = canvas.uniform(0, 2 * math.pi), canvas.size * canvas.uniform(0.1, 0.3)
        trail = ink
        for step in range(1, 7):
            moved = shifted(
                ink, reach * step / 6 * math.cos(angle), reach * step / 6 * math.sin(angle)
            )
            trail = np.maximum(trail, moved * (1 - step / 7) * 0.6)
        ink = trail * np.clip(0.9 + 0.4 * gaps, 0, 1)
    else:
        strong = canvas.uniform(0.35, 0.6)
    # Ink spreads a little and takes on the ground's grain.
    ink = blur(ink, canvas.uniform(0.2, 0.7))
    ink = np.clip(ink * (1 + 0.15 * white(canvas.rng, canvas.shape)), 0, 1)
    dyes = [(0.08, 0.08, 0.09), (0.9, 0.9, 0.9), (0.65, 0.1, 0.1), (0.1, 0.2, 0.55)]
    dye = canvas.colour(*dyes[int(canvas.rng.choice(4, p=[0.45, 0.35, 0.1, 0.1]))])
    dye = canvas.apart(dye, 0.3)
    ground = (canvas.image @ LUMA / max(canvas.brightness, 0.08))[..., None]
    painted = canvas.solid(dye) * (0.6 + 0.4 * np.clip(ground, 0.3, 1.8))
    image = canvas.mix(canvas.image, painted, np.clip(ink * strong, 0, 1))
    if canvas.chance(0.2):
        # Stamped rather than printed.
        image = relight(canvas, canvas.image, -ink * canvas.uniform(1.0, 2.0), gain=0.8)
        image = image * (1 - 0.3 * ink)[..., None]
    return Layer(image, np.clip(blur(ink, 0.6) * 2, 0, 1))
