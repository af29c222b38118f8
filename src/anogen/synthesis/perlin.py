"""Perlin's gradient noise, for any shape.

Perlin, "An Image Synthesizer", SIGGRAPH 1985, with the fade curve of "Improving Noise", SIGGRAPH
2002. In each cell of a lattice, noise is the fade-weighted sum over the cell's corners of the
corner's random gradient times the offset to it. Weights and offsets separate into rows and
columns, so the whole image is two small matrix products:

    noise = W_y (G_x D_x^T) + D_y (G_y W_x^T),    D = W * offset

where ``W`` ``(pixels, cells + 1)`` holds the two fade weights of each pixel and ``G`` the
gradients at the lattice's corners.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def perlin(
    shape: tuple[int, int], cells: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Perlin noise, scaled by sqrt(2) so that its values span about [-1, 1].

    Args:
        shape: ``(H, W)`` in pixels.
        cells: number of lattice cells down and across, each at least 1; they need not divide
            the shape.
        rng: draws the directions of the gradients.

    Returns:
        float32 ``(H, W)``, zero at the lattice's corners.
    """
    angles = rng.random((cells[0] + 1, cells[1] + 1), dtype=np.float32) * np.float32(2 * np.pi)
    down, down_offset = _weights(shape[0], cells[0])
    across, across_offset = _weights(shape[1], cells[1])
    noise: NDArray[np.float32] = down @ (np.cos(angles) @ across_offset.T)
    noise += down_offset @ (np.sin(angles) @ across.T)
    noise *= np.float32(np.sqrt(2))
    return noise


@lru_cache(maxsize=64)
def _weights(size: int, cells: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fade weights of each pixel at the lattice's lines, and these times the offsets."""
    position = np.arange(size) * (cells / size)
    cell = np.minimum(position.astype(np.int64), cells - 1)
    inside = position - cell
    fade = inside**3 * (inside * (inside * 6 - 15) + 10)
    weights = np.zeros((size, cells + 1))
    pixels = np.arange(size)
    weights[pixels, cell] = 1 - fade
    weights[pixels, cell + 1] = fade
    offsets = position[:, None] - np.arange(cells + 1)
    both = weights.astype(np.float32), (weights * offsets).astype(np.float32)
    for matrix in both:
        matrix.setflags(write=False)
    return both
