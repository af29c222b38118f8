"""Perlin noise against its definition, pixel by pixel."""

import numpy as np
import pytest

from anogen.synthesis.perlin import perlin


def perlin_by_loop(shape, cells, angles):
    """The weighted corner products of each pixel's cell."""
    noise = np.zeros(shape)
    for row in range(shape[0]):
        for column in range(shape[1]):
            y, x = row * cells[0] / shape[0], column * cells[1] / shape[1]
            for j in (int(y), int(y) + 1):
                for i in (int(x), int(x) + 1):
                    dy, dx = y - j, x - i
                    fade = [1 - 6 * d**5 + 15 * d**4 - 10 * d**3 for d in (abs(dy), abs(dx))]
                    gradient = np.cos(angles[j, i]) * dx + np.sin(angles[j, i]) * dy
                    noise[row, column] += fade[0] * fade[1] * gradient
    return noise * np.sqrt(2)


@pytest.mark.parametrize("shape", [(16, 16), (13, 22)])
@pytest.mark.parametrize("cells", [(1, 1), (4, 2), (3, 16)])
def test_equals_the_definition(shape, cells):
    angles = np.random.default_rng(3).random((cells[0] + 1, cells[1] + 1), dtype=np.float32)
    noise = perlin(shape, cells, np.random.default_rng(3))
    assert noise.dtype == np.float32
    np.testing.assert_allclose(noise, perlin_by_loop(shape, cells, angles * 2 * np.pi), atol=1e-5)


def test_is_zero_at_the_lattice_and_spans_about_one():
    noise = perlin((256, 256), (32, 32), np.random.default_rng(0))
    np.testing.assert_allclose(noise[::8, ::8], 0, atol=1e-6)
    assert 0.8 < noise.max() < 1.1
    assert -1.1 < noise.min() < -0.8


def test_more_cells_than_pixels():
    assert np.isfinite(perlin((1, 3), (32, 32), np.random.default_rng(0))).all()
