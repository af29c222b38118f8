import numpy as np
import pytest

from anogen.prior.world.noise import (
    band,
    cells,
    coordinates,
    lines,
    log_uniform,
    profile,
    smoothstep,
    soften,
    spectral,
    warp,
    whole,
)


def _neighbour_correlation(field: np.ndarray, axis: int, step: int) -> float:
    moved = np.roll(field, step, axis=axis)
    return float(np.corrcoef(field.ravel(), moved.ravel())[0, 1])


@pytest.mark.parametrize("size", [32, 63, 128])
def test_fields_have_mean_zero_and_variance_one(size):
    rng = np.random.default_rng(0)
    for field in (spectral(rng, size, wavelength=8), band(rng, size, wavelength=8)):
        assert field.shape == (size, size)
        assert field.dtype == np.float32
        assert abs(field.mean()) < 1e-4
        assert field.std() == pytest.approx(1, abs=1e-3)


def test_stretched_noise_is_longer_along_its_angle():
    rng = np.random.default_rng(1)
    along_x = spectral(rng, 128, wavelength=2, stretch=20, angle=0.0)
    along_y = spectral(rng, 128, wavelength=2, stretch=20, angle=np.pi / 2)
    assert _neighbour_correlation(along_x, 1, 4) > _neighbour_correlation(along_x, 0, 4) + 0.3
    assert _neighbour_correlation(along_y, 0, 4) > _neighbour_correlation(along_y, 1, 4) + 0.3


def test_band_noise_has_its_wavelength():
    field = band(np.random.default_rng(2), 128, wavelength=16, width=0.1)
    power = np.abs(np.fft.fft2(field)) ** 2
    y, x = np.unravel_index(np.argmax(power), power.shape)
    frequency = np.hypot(np.fft.fftfreq(128)[x], np.fft.fftfreq(128)[y])
    assert 1 / frequency == pytest.approx(16, rel=0.25)


def test_coordinates_by_hand():
    u, v = coordinates(5, centre=(1, 2), angle=np.pi / 2, scale=2)
    # The pixel x=3, y=2 lies 2 to the right of the centre: a quarter turn makes that v = -1.
    assert u[2, 3] == pytest.approx(0, abs=1e-6)
    assert v[2, 3] == pytest.approx(-1)
    assert u[4, 1] == pytest.approx(1)


def test_profile_depends_on_its_coordinate_only():
    u, _ = coordinates(40)
    field = profile(np.random.default_rng(3), u, wavelength=2.5)
    assert (field == field[0]).all()
    assert field[0].std() > 0.2


def test_smoothstep_at_known_points():
    values = smoothstep(np.array([-1, 0, 0.5, 1, 2], dtype=np.float32), 0, 1)
    np.testing.assert_allclose(values, [0, 0, 0.5, 1, 1])


def test_whole_rounds():
    np.testing.assert_array_equal(whole(np.array([0.4, 0.6, -1.2])), [0, 1, -1])


def test_cells_partition_the_plane():
    field = cells(np.random.default_rng(4), 64, spacing=8, jitter=0.8)
    assert 30 < len(np.unique(field.label)) < 150
    own = field.values(np.random.default_rng(5))
    for label in np.unique(field.label)[:10]:
        assert len(np.unique(own[field.label == label])) == 1
    # A pixel whose right neighbour belongs to another cell lies at a border.
    border = field.label[:, 1:] != field.label[:, :-1]
    assert field.edge[:, 1:][border].max() == 0
    assert field.edge.max() > 2


def test_warp_keeps_an_even_field_and_moves_an_uneven_one():
    even = np.full((48, 48), 0.7, dtype=np.float32)
    rng = np.random.default_rng(6)
    np.testing.assert_allclose(warp(rng, even, amplitude=3, wavelength=10), even, atol=1e-6)
    ramp, _ = coordinates(48)
    ramp = np.ascontiguousarray(np.broadcast_to(ramp, (48, 48)))
    assert np.abs(warp(rng, ramp, amplitude=3, wavelength=10) - ramp).mean() > 0.5


def test_soften_keeps_the_sum_and_lowers_the_peak():
    spot = np.zeros((31, 31), dtype=np.float32)
    spot[15, 15] = 1
    soft = soften(spot, 1.5)
    assert soft.sum() == pytest.approx(1, abs=1e-3)
    assert soft.max() < 0.2
    assert soften(spot, 0.1) is spot


def test_lines_stay_in_range_and_more_cover_more():
    few = lines(np.random.default_rng(7), 64, count=3, length=(10, 20))
    many = lines(np.random.default_rng(7), 64, count=60, length=(10, 20), bend=0.2)
    assert few.min() == 0 and many.max() <= 1
    assert (many > 0).mean() > 3 * (few > 0).mean() > 0


def test_log_uniform_halves_lie_around_the_geometric_mean():
    rng = np.random.default_rng(8)
    draws = np.array([log_uniform(rng, 0.25, 4) for _ in range(1000)])
    assert draws.min() >= 0.25 and draws.max() <= 4
    assert (draws < 1).mean() == pytest.approx(0.5, abs=0.07)
