"""Circuit boards, solar wafers, printed sheets."""

import cv2
import numpy as np

from anogen.prior.world.material import Material, blend, painted
from anogen.prior.world.noise import (
    Field,
    cells,
    coordinates,
    log_uniform,
    profile,
    smoothstep,
    soften,
    spectral,
    whole,
)
from anogen.prior.world.palette import dyed, metal, pale, tone

_LETTERS = "ABCDEFGHJKLMNPRSTUVXYZ0123456789-/.%"


def lettering(rng: np.random.Generator, size: int, *, height: float, rows: int) -> Field:
    """Random print in [0, 1], ``(size, size)``: ``rows`` lines of about ``height`` pixels."""
    canvas = np.zeros((size, size), dtype=np.uint8)
    for _ in range(rows):
        word = "".join(
            _LETTERS[int(index)] for index in rng.integers(len(_LETTERS), size=rng.integers(2, 12))
        )
        corner = (int(rng.uniform(-0.3, 0.8) * size), int(rng.uniform(0.05, 1.05) * size))
        stroke = max(1, round(height * rng.uniform(0.06, 0.16)))
        font = int(rng.integers(0, 5))
        cv2.putText(canvas, word, corner, font, height / 22, 255, stroke, cv2.LINE_AA)
    turn = float(rng.choice([0, 90, 180, 270])) + float(rng.normal(0, 3))
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), turn, 1.0)
    turned = cv2.warpAffine(canvas, matrix, (size, size))
    return np.asarray(turned, dtype=np.float32) / np.float32(255)


def _traces(rng: np.random.Generator, size: int, zoom: float) -> tuple[Field, Field]:
    """Conducting tracks with 45-degree bends, and pads with holes (0.5 where the hole is)."""
    tracks = np.zeros((size, size), dtype=np.uint8)
    pads = np.zeros((size, size), dtype=np.uint8)
    for _ in range(int(rng.integers(3, 12))):
        heading = int(rng.integers(0, 8))
        points = [rng.uniform(-0.1 * size, 1.1 * size, 2)]
        for _ in range(int(rng.integers(2, 6))):
            turn = heading * np.pi / 4
            step = np.array([np.cos(turn), np.sin(turn)]) * log_uniform(rng, 10, 60) * zoom
            points.append(points[-1] + step)
            heading += int(rng.integers(-1, 2))
        width = max(1, round(zoom * rng.uniform(1, 5)))
        copies = int(rng.integers(1, 5))
        across = np.array([-np.sin(heading * np.pi / 4), np.cos(heading * np.pi / 4)])
        for copy in range(copies):
            path = np.array(points) + across * copy * (2.5 * width + 1)
            whole = np.round(path * 16).astype(np.int32)
            cv2.polylines(tracks, [whole], False, 255, width, cv2.LINE_AA, 4)
            radius = round(16 * max(width * 1.3, 1.5))
            for end in (whole[0], whole[-1]):
                place = (int(end[0]), int(end[1]))
                cv2.circle(pads, place, radius, 255, -1, cv2.LINE_AA, 4)
                cv2.circle(pads, place, radius // 2, 128, -1, cv2.LINE_AA, 4)
    scale = np.float32(255)
    return tracks.astype(np.float32) / scale, pads.astype(np.float32) / scale


def circuit_board(rng: np.random.Generator, size: int) -> Material:
    """Solder mask over tracks, pads, print, and small mounted parts."""
    zoom = log_uniform(rng, 0.5, 2.5)
    mask = tone(rng, hue=(0.25, 0.62), saturation=(0.3, 0.9), value=(0.1, 0.5))
    if rng.random() < 0.2:
        mask = tone(rng, saturation=(0, 0.2), value=(0.05, 0.3))
    tracks, pads = _traces(rng, size, zoom)
    fibre = spectral(rng, size, wavelength=2, falloff=1.3)
    albedo = painted(mask, 1 + 0.05 * fibre + 0.03 * spectral(rng, size, wavelength=20))
    albedo = blend(albedo, mask * np.float32(rng.uniform(1.2, 1.8)), tracks)
    relief = tracks * np.float32(rng.uniform(0.3, 1.2))
    solder = painted(metal(rng) * np.float32(1.2), 1 + 0.06 * fibre)
    albedo = blend(albedo, solder, smoothstep(pads, 0.7, 1.0))
    hole = (np.abs(pads - np.float32(0.5)) < 0.2).astype(np.float32)
    albedo = blend(albedo, np.full(3, 0.03, dtype=np.float32), soften(hole, 0.5))
    print_mask = lettering(rng, size, height=8 * zoom, rows=int(rng.integers(0, 5)))
    albedo = blend(albedo, pale(rng), print_mask * np.float32(0.85))
    for _ in range(int(rng.integers(0, 5))):
        half = log_uniform(rng, 3, 12) * zoom
        aspect = rng.choice([0.5, 1, 2])
        centre = (rng.uniform(0, size), rng.uniform(0, size))
        u, v = coordinates(size, centre=centre, angle=float(rng.choice([0, np.pi / 2])))
        body = np.clip(0.5 - np.maximum(np.abs(u) - half * aspect, np.abs(v) - half), 0, 1)
        cap = np.clip(np.abs(u) - np.float32(half * aspect * 0.7) + 0.5, 0, 1) * body
        colour = tone(rng, saturation=(0, 0.4), value=(0.03, 0.5))
        albedo = blend(albedo, painted(colour, 1 + 0.04 * fibre), body.astype(np.float32))
        if rng.random() < 0.6:
            albedo = blend(albedo, solder, cap.astype(np.float32))
        relief = np.maximum(relief, (body * np.float32(2)).astype(np.float32))
    return Material(albedo, soften(relief, 0.7), gloss=rng.uniform(0.1, 0.6), sharpness=20)


def solar_wafer(rng: np.random.Generator, size: int) -> Material:
    """A silicon cell: crystal grains, thin fingers, broad busbars."""
    zoom = log_uniform(rng, 0.5, 2.5)
    base = float(rng.uniform(0.08, 0.5))
    albedo = np.full((size, size), base, dtype=np.float32)
    if rng.random() < 0.7:
        crystal = cells(rng, size, spacing=log_uniform(rng, 6, 30) * zoom, jitter=1.0)
        albedo *= 1 + np.float32(rng.uniform(0.03, 0.25)) * crystal.values(rng)
        edge = 1 - smoothstep(crystal.edge, 0, 1.5)
        albedo *= 1 - np.float32(rng.uniform(0, 0.4)) * edge
    albedo *= 1 + np.float32(rng.uniform(0.02, 0.15)) * spectral(
        rng, size, wavelength=15 * zoom, falloff=1.8
    )
    albedo *= 1 + np.float32(0.05) * spectral(rng, size, wavelength=1.5, falloff=1)
    angle = float(rng.choice([0.0, np.pi / 2])) + rng.normal(0, 0.01)
    u, v = coordinates(size, angle=angle, centre=tuple(rng.uniform(0, size, 2)))
    finger_pitch = log_uniform(rng, 2.5, 12) * zoom
    finger = np.abs(v / np.float32(finger_pitch) - whole(v / np.float32(finger_pitch)))
    thin = 1 - smoothstep(finger * np.float32(finger_pitch), 0.2, 0.9)
    albedo *= 1 + np.float32(rng.choice([-0.25, -0.1, 0.15, 0.5])) * thin
    bar_pitch, bar = log_uniform(rng, 40, 150) * zoom, log_uniform(rng, 1.5, 7) * zoom
    gap = np.abs(u - whole(u / np.float32(bar_pitch)) * np.float32(bar_pitch))
    on_bar = 1 - smoothstep(gap, bar - 0.5, bar + 0.5)
    bar_shade = np.float32(rng.choice([0.05, 0.1, 0.6, 0.8])) * (
        1 + np.float32(0.06) * profile(rng, v, wavelength=1.5)
    )
    albedo = albedo + (bar_shade - albedo) * on_bar
    tint = tone(rng, hue=(0.55, 0.68), saturation=(0, 0.6), value=(1, 1))
    return Material(
        painted(tint, albedo), on_bar * np.float32(0.8), gloss=rng.uniform(0, 0.3), sharpness=20
    )


def printed_sheet(rng: np.random.Generator, size: int) -> Material:
    """Print on paper or plastic: letters, bars, stripes, flat shapes, halftone dots."""
    zoom = log_uniform(rng, 0.5, 2.5)
    fibre = spectral(rng, size, wavelength=2, falloff=1.3)
    albedo = painted(pale(rng) if rng.random() < 0.7 else dyed(rng), 1 + 0.015 * fibre)
    angle = float(rng.choice([0, np.pi / 2])) + rng.normal(0, 0.05)
    u, v = coordinates(size, angle=angle, centre=tuple(rng.uniform(0, size, 2)))
    if rng.random() < 0.5:
        side = (
            (u > 0)
            if rng.random() < 0.5
            else (np.sqrt(u * u + v * v) < size * rng.uniform(0.1, 0.6))
        )
        albedo = blend(albedo, dyed(rng), soften(side.astype(np.float32), 0.5))
    if rng.random() < 0.35:
        bars = profile(rng, np.floor(u / np.float32(1.5 * zoom))) > rng.uniform(-0.5, 0.5)
        bars &= np.abs(v) < size * rng.uniform(0.15, 0.6)
        albedo = blend(albedo, dyed(rng) * np.float32(0.4), soften(bars.astype(np.float32), 0.5))
    if rng.random() < 0.4:
        pitch = log_uniform(rng, 2.5, 10)
        a, b = (u + v) / np.float32(pitch * 1.414), (u - v) / np.float32(pitch * 1.414)
        screen = np.cos(2 * np.pi * a) + np.cos(2 * np.pi * b)
        wanted = spectral(rng, size, wavelength=60, falloff=3) * np.float32(0.8)
        dots = smoothstep(screen + wanted, rng.uniform(0, 0.6), 1.0)
        albedo = blend(albedo, dyed(rng), dots * np.float32(rng.uniform(0.3, 1)))
    if rng.random() < 0.75:
        print_mask = lettering(rng, size, height=14 * zoom, rows=int(rng.integers(1, 8)))
        worn = smoothstep(spectral(rng, size, wavelength=3, falloff=1.5), -3.0, -1.0)
        albedo = blend(albedo, dyed(rng) * np.float32(0.5), print_mask * worn)
    albedo = albedo * (1 + 0.02 * fibre)[..., None]
    return Material(albedo, fibre * np.float32(rng.uniform(0, 0.15)), gloss=rng.uniform(0, 0.3))


SURFACES = {
    "circuit board": circuit_board,
    "solar wafer": solar_wafer,
    "printed sheet": printed_sheet,
}
