import numpy as np
import pytest

from anogen.prior.world.noise import coordinates
from anogen.prior.world.parts_shape import bevel, box, coverage, disc, polygon, some_place


def _at(x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
    return np.array([[x]], dtype=np.float32), np.array([[y]], dtype=np.float32)


def test_distances_by_hand():
    assert disc(*_at(3, 4), 2).item() == pytest.approx(3)
    assert box(*_at(5, 6), (2, 2)).item() == pytest.approx(5)  # corner (2, 2): a 3-4-5 triangle
    assert box(*_at(0, 0), (3, 2)).item() == pytest.approx(-2)
    assert box(*_at(4, 0), (3, 2), corner=1).item() == pytest.approx(1)
    assert polygon(*_at(5, 0), 3, 4).item() == pytest.approx(2)
    assert polygon(*_at(0, 1), 3, 4).item() == pytest.approx(-2)


def test_a_hexagons_area():
    x, y = coordinates(200, centre=(99.5, 99.5))
    area = float(coverage(polygon(x, y, 60, 6)).sum())
    assert area == pytest.approx(2 * np.sqrt(3) * 60**2, rel=0.01)


def test_coverage_is_soft_over_one_pixel():
    distance = np.array([[-1, -0.25, 0, 0.25, 1]], dtype=np.float32)
    np.testing.assert_allclose(coverage(distance)[0], [1, 0.75, 0.5, 0.25, 0])


def test_a_bevel_rises_from_zero_to_its_width():
    distance = np.array([[1, 0, -4, -9]], dtype=np.float32)
    np.testing.assert_allclose(bevel(distance, 4)[0], [0, 0, 4, 4])


def test_the_window_looks_at_the_part():
    for seed in range(50):
        place = some_place(np.random.default_rng(seed), 64, off_centre=0.9)
        centre_distance = np.hypot(place.x, place.y)[31:33, 31:33].min()
        assert centre_distance <= 0.9 * place.radius + 1
        assert 0.3 * 64 <= place.radius <= 1.6 * 64
