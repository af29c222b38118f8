"""Wood: planks along the grain, and end grain."""

import numpy as np

from anogen.prior.world.material import Material, painted
from anogen.prior.world.noise import (
    coordinates,
    log_uniform,
    profile,
    smoothstep,
    soften,
    spectral,
)
from anogen.prior.world.palette import brown


def wood_planks(rng: np.random.Generator, size: int) -> Material:
    """A sawn board: growth rings cut lengthwise, fibres, pores, now and then a joint or a knot."""
    zoom = log_uniform(rng, 0.5, 3.0)
    angle = rng.normal(0, 0.06) + (np.pi / 2 if rng.random() < 0.5 else 0.0)
    along, across = coordinates(size, angle=angle, centre=tuple(rng.uniform(0, size, 2)))
    board = np.zeros((size, size), dtype=np.float32)
    joint = np.zeros((size, size), dtype=np.float32)
    if rng.random() < 0.4:
        width = log_uniform(rng, 25, 120)
        board = np.floor(across / np.float32(width))
        inside = across - board * np.float32(width)
        joint = 1 - smoothstep(np.minimum(inside, width - inside), 0.3, rng.uniform(0.8, 2.5))
    bow = spectral(rng, size, wavelength=30 * zoom, stretch=6, angle=angle, falloff=3)
    depth = across + board * np.float32(37.7) + bow * np.float32(rng.uniform(1, 6) * zoom)
    depth += along * np.float32(rng.normal(0, 0.05))
    if rng.random() < 0.35:
        # Rings swell around a knot's place: arcs of a flat-sawn board.
        bend = np.float32(rng.uniform(5, 40) * zoom)
        depth = np.sqrt(depth * depth + (along * np.float32(0.2)) ** 2 + bend * bend)
    pitch = log_uniform(rng, 3, 12) * zoom
    phase = depth / np.float32(pitch)
    phase = phase + np.float32(0.35) * profile(rng, phase, wavelength=1.7)
    ring = phase - np.floor(phase)
    late = ring ** np.float32(rng.uniform(1.5, 5)) * (1 - smoothstep(ring, 0.92, 1.0))
    fibre = spectral(rng, size, wavelength=1.5, stretch=20, angle=angle, falloff=1.6)
    pores = smoothstep(
        spectral(rng, size, wavelength=2 * zoom, stretch=10, angle=angle, falloff=2), 1.4, 2.2
    )
    shade = 1 - np.float32(rng.uniform(0.05, 0.4)) * soften(late.astype(np.float32), 0.5)
    shade += np.float32(rng.uniform(0.02, 0.07)) * fibre
    shade -= np.float32(rng.uniform(0, 0.35)) * pores
    shade += np.float32(0.06) * profile(rng, board, wavelength=0.37)
    shade += np.float32(0.03) * spectral(rng, size, wavelength=40, falloff=3)
    shade *= 1 - np.float32(rng.uniform(0.3, 0.8)) * joint
    relief = fibre * np.float32(0.1) - pores * np.float32(0.4) - joint * 2
    # Late wood is redder as well as darker.
    tint = np.array([1.0, 0.94, 0.85], dtype=np.float32)
    albedo = painted(brown(rng), shade) * tint ** late.astype(np.float32)[..., None]
    return Material(albedo, relief, gloss=rng.uniform(0, 0.2), sharpness=10)


def end_grain(rng: np.random.Generator, size: int) -> Material:
    """A cut across the trunk: rings around a far centre, rays, round pores, saw marks."""
    zoom = log_uniform(rng, 0.5, 3.0)
    turn, far = rng.uniform(0, 2 * np.pi), size * rng.uniform(0.1, 2.5)
    u, v = coordinates(size, centre=(size / 2 + far * np.cos(turn), size / 2 + far * np.sin(turn)))
    radius = np.sqrt(u * u + v * v)
    azimuth = np.arctan2(v, u)
    radius = radius + spectral(rng, size, wavelength=30 * zoom, falloff=3) * np.float32(2 * zoom)
    phase = radius / np.float32(log_uniform(rng, 5, 14) * zoom)
    phase = phase + np.float32(0.3) * profile(rng, phase, wavelength=1.5)
    ring = phase - np.floor(phase)
    late = (ring ** np.float32(rng.uniform(1.5, 4))) * (1 - smoothstep(ring, 0.9, 1.0))
    shade = 1 - np.float32(rng.uniform(0.1, 0.45)) * soften(late.astype(np.float32), 0.5)
    rays = profile(rng, azimuth, wavelength=1.5 / max(far, size))
    shade += np.float32(rng.uniform(0, 0.06)) * rays
    grain = spectral(rng, size, wavelength=2.5 * zoom, falloff=2)
    shade -= np.float32(rng.uniform(0, 0.5)) * smoothstep(grain, 1.2, 2.0)
    shade += np.float32(0.06) * spectral(rng, size, wavelength=1.5, falloff=1)
    saw = spectral(rng, size, wavelength=2, stretch=40, angle=rng.uniform(0, np.pi), falloff=2)
    shade += np.float32(rng.uniform(0, 0.05)) * saw
    relief = saw * np.float32(0.15) + grain * np.float32(0.15)
    return Material(painted(brown(rng), shade), relief, gloss=0.02)


SURFACES = {"wood planks": wood_planks, "end grain": end_grain}
