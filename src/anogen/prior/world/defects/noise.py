"""Smooth random fields: value noise in octaves, isotropic or drawn out along a direction."""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]


def white(rng: np.random.Generator, shape: tuple[int, ...]) -> Field:
    """Independent values of mean 0 and standard deviation 1, of any shape, float32."""
    values: Field = rng.standard_normal(shape, dtype=np.float32)
    return values


def fractal(
    rng: np.random.Generator, shape: tuple[int, int], *, cell: float, octaves: int = 3
) -> Field:
    """Value noise of mean about 0 and standard deviation about 1.

    Args:
        rng: the only source of randomness.
        shape: ``(H, W)`` in pixels.
        cell: pixels between the nodes of the coarsest octave; each octave halves it.
        octaves: how many, each with 0.6 of the one before in amplitude.
    """
    height, width = shape
    field: Field = np.zeros(shape, np.float32)
    amplitude, power = 1.0, 0.0
    for _ in range(octaves):
        rows, columns = math.ceil(height / cell) + 3, math.ceil(width / cell) + 3
        nodes = white(rng, (rows, columns))
        # A random phase, so that nodes of different octaves do not fall on each other.
        dx, dy = rng.random(2)
        matrix = np.array([[1 / cell, 0, dx + 0.5], [0, 1 / cell, dy + 0.5]], np.float32)
        flags = cv2.INTER_LINEAR if cell < 2.5 else cv2.INTER_CUBIC
        octave = cv2.warpAffine(nodes, matrix, (width, height), flags=flags | cv2.WARP_INVERSE_MAP)
        field += amplitude * octave
        # Interpolation between nodes takes away about half of the variance.
        power += 0.55 * amplitude**2
        amplitude *= 0.6
        cell = max(cell / 2, 1.0)
    scaled: Field = field / np.float32(math.sqrt(power))
    return scaled


def streaks(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    angle: float,
    length: float,
    width: float,
    octaves: int = 2,
) -> Field:
    """Value noise drawn out along a direction, standard deviation about 1.

    Args:
        rng: the only source of randomness.
        shape: ``(H, W)`` in pixels.
        angle: direction of the streaks, radians.
        length: pixels between nodes along them.
        width: pixels between nodes across them.
        octaves: how many; each halves both distances.
    """
    height, w = shape
    reach = math.hypot(height, w)
    field: Field = np.zeros(shape, np.float32)
    amplitude, power = 1.0, 0.0
    cos, sin = math.cos(angle), math.sin(angle)
    for _ in range(octaves):
        rows, columns = math.ceil(reach / width) + 4, math.ceil(reach / length) + 4
        nodes = white(rng, (rows, columns))
        cx, cy = columns / 2, rows / 2
        matrix = np.array([[cos / length, sin / length, 0], [-sin / width, cos / width, 0]])
        centre = matrix[:, :2] @ np.array([w / 2, height / 2])
        matrix[:, 2] = np.array([cx, cy]) - centre + rng.uniform(-0.5, 0.5, 2)
        flags = cv2.INTER_LINEAR if width < 2.5 else cv2.INTER_CUBIC
        octave = cv2.warpAffine(
            nodes,
            matrix.astype(np.float32),
            (w, height),
            flags=flags | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        field += amplitude * octave
        power += 0.55 * amplitude**2
        amplitude *= 0.6
        length, width = max(length / 2, 1.0), max(width / 2, 1.0)
    scaled: Field = field / np.float32(math.sqrt(power))
    return scaled
