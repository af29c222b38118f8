import numpy as np

from anogen.prior.world.camera import photograph


def _scene(size: int = 48) -> np.ndarray:
    ramp = np.linspace(0.1, 0.9, size, dtype=np.float32)
    red = np.broadcast_to(ramp, (size, size))
    return np.stack([red, red.T, np.full((size, size), 0.3, np.float32)], axis=-1)


def test_photographs_stay_in_range_whatever_the_scene():
    for seed in range(20):
        for gain in (0.0, 1.0, 30.0):
            image = photograph(np.random.default_rng(seed), _scene() * np.float32(gain))
            assert image.shape == (48, 48, 3)
            assert image.dtype == np.float32
            assert np.isfinite(image).all()
            assert image.min() >= 0 and image.max() <= 1


def test_a_photograph_still_shows_its_scene():
    scene = _scene()
    luma = scene @ np.array([0.299, 0.587, 0.114])
    for seed in range(20):
        image = photograph(np.random.default_rng(seed), scene)
        assert np.corrcoef(image.mean(axis=2).ravel(), luma.ravel())[0, 1] > 0.8


def test_grey_photographs_have_equal_channels_and_colour_ones_do_not():
    spreads = [
        float(np.ptp(photograph(np.random.default_rng(seed), _scene()), axis=2).max())
        for seed in range(60)
    ]
    assert all(spread == 0 or spread > 0.1 for spread in spreads)
    assert 10 < sum(spread == 0 for spread in spreads) < 40
