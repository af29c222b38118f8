import numpy as np
import pytest

from anogen.errors import InputError
from anogen.prior.world import PARTS, SURFACES, render_good
from anogen.prior.world.light import Light
from anogen.prior.world.material import Material
from anogen.prior.world.noise import coordinates
from anogen.prior.world.parts_shape import Part, disc
from anogen.prior.world.scene import _shadow


def test_names_are_distinct():
    assert len(set(SURFACES + PARTS)) == len(SURFACES) + len(PARTS)


@pytest.mark.parametrize("name", SURFACES + PARTS)
def test_every_name_renders_a_photograph(name):
    for seed in range(2):
        good = render_good(np.random.default_rng(seed), 96, surface=name)
        assert good.name == name
        assert good.image.shape == (96, 96, 3)
        assert good.image.dtype == np.float32
        assert np.isfinite(good.image).all()
        assert good.image.min() >= 0 and good.image.max() <= 1
        assert good.image.std() > 0.002
        assert good.foreground.shape == (96, 96)
        assert good.foreground.dtype == np.bool_


@pytest.mark.parametrize("name", SURFACES + PARTS)
def test_same_generator_same_bytes(name):
    first = render_good(np.random.default_rng(5), 40, surface=name)
    again = render_good(np.random.default_rng(5), 40, surface=name)
    other = render_good(np.random.default_rng(6), 40, surface=name)
    assert first.image.tobytes() == again.image.tobytes()
    assert first.foreground.tobytes() == again.foreground.tobytes()
    assert first.image.tobytes() != other.image.tobytes()


@pytest.mark.parametrize("name", SURFACES)
def test_a_surface_is_all_foreground(name):
    assert render_good(np.random.default_rng(1), 40, surface=name).foreground.all()


@pytest.mark.parametrize("name", PARTS)
def test_a_part_shows_itself_and_its_ground(name):
    shares = [
        render_good(np.random.default_rng(seed), 48, surface=name).foreground.mean()
        for seed in range(8)
    ]
    assert min(shares) > 0.05
    assert min(shares) < 0.95


def test_about_two_in_five_are_exactly_grey():
    images = [render_good(np.random.default_rng(seed), 32).image for seed in range(200)]
    grey = [bool((image == image[..., :1]).all()) for image in images]
    # Binomial(200, 0.4): four standard deviations are 0.14.
    assert 0.26 < np.mean(grey) < 0.54


def test_names_are_drawn_when_none_is_asked_for():
    drawn = {render_good(np.random.default_rng(seed), 32).name for seed in range(120)}
    assert len(drawn & set(SURFACES)) > 5
    assert len(drawn & set(PARTS)) > 3


def test_unknown_name_is_quoted_with_the_known_ones():
    with pytest.raises(InputError, match=r"'velvet'.*woven cloth"):
        render_good(np.random.default_rng(0), surface="velvet")


def test_tiny_window_is_refused():
    with pytest.raises(InputError, match="16 pixels"):
        render_good(np.random.default_rng(0), 16)


def test_a_shadow_falls_away_from_the_lamp_and_not_through_the_window():
    size = 64
    flat = np.zeros((size, size), dtype=np.float32)
    x, y = coordinates(size, centre=(60, 32))
    part = Part(Material(np.zeros((size, size, 3), np.float32), flat), disc(x, y, 12), height=10)
    # The lamp stands on the left: the shadow lies to the right and leaves the window there.
    light = Light((-0.8, 0.0, 0.6), ambient=0.0, field=flat + 1, highlight=1.0)
    shadow = np.mean([_shadow(np.random.default_rng(s), part, light) for s in range(20)], axis=0)
    assert shadow[32, 63] > 0.2
    assert shadow[32, 63] > shadow[32, 50]
    assert shadow[:, :20].max() < 0.01
