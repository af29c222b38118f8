from dataclasses import replace

import numpy as np
import pytest

from anogen.prior.world.light import Light, shade, some_light
from anogen.prior.world.material import Material, blend, painted


def _lamp_from_the_right(size: int = 32, ambient: float = 0.3) -> Light:
    return Light(
        direction=(np.sqrt(0.5), 0.0, np.sqrt(0.5)),
        ambient=ambient,
        field=np.ones((size, size), dtype=np.float32),
        highlight=1.0,
    )


def _flat(size: int = 32, gloss: float = 0.5) -> Material:
    albedo = np.random.default_rng(0).random((size, size, 3), dtype=np.float32)
    return Material(albedo, np.zeros((size, size), dtype=np.float32), gloss=gloss)


def test_a_level_surface_shows_its_albedo():
    material = _flat()
    np.testing.assert_allclose(shade(material, _lamp_from_the_right()), material.albedo, rtol=1e-5)


def test_the_lights_field_multiplies():
    light = _lamp_from_the_right()
    brighter = replace(light, field=light.field * 1.5)
    material = _flat()
    np.testing.assert_allclose(shade(material, brighter), 1.5 * shade(material, light), rtol=1e-5)


def test_a_slope_towards_the_lamp_is_brighter_by_lamberts_law():
    ramp = np.broadcast_to(np.arange(32, dtype=np.float32) * 0.2, (32, 32)).copy()
    ones = np.ones((32, 32, 3), dtype=np.float32)
    # Height falls to the right: the surface faces the lamp.
    towards = shade(Material(ones, -ramp, gloss=0), _lamp_from_the_right(ambient=0.0))
    away = shade(Material(ones, ramp, gloss=0), _lamp_from_the_right(ambient=0.0))
    assert towards[16, 16, 0] == pytest.approx(1.2 / np.sqrt(1.04), rel=1e-4)
    assert away[16, 16, 0] == pytest.approx(0.8 / np.sqrt(1.04), rel=1e-4)


def test_gloss_adds_highlights_only_where_a_slope_mirrors_the_lamp():
    ramp = np.broadcast_to(np.arange(32, dtype=np.float32) * 0.2, (32, 32)).copy()
    ones = np.ones((32, 32, 3), dtype=np.float32)
    light = _lamp_from_the_right()
    for relief, brighter in ((-ramp, True), (ramp, False)):
        dull = shade(Material(ones, relief, gloss=0), light)
        glossy = shade(Material(ones, relief, gloss=0.8), light)
        assert (glossy[16, 16, 0] > dull[16, 16, 0] + 0.05) == brighter


def test_random_lights_are_unit_vectors_from_above():
    for seed in range(30):
        light = some_light(np.random.default_rng(seed), 32)
        assert np.linalg.norm(light.direction) == pytest.approx(1)
        assert light.direction[2] > 0.4
        assert light.field.shape == (32, 32)
        assert light.field.min() > 0


def test_paint_and_blend_by_hand():
    red = np.array([1, 0, 0], dtype=np.float32)
    half = np.full((2, 2), 0.5, dtype=np.float32)
    np.testing.assert_allclose(painted(red, half)[0, 0], [0.5, 0, 0])
    mixed = blend(painted(red, half), np.ones(3, dtype=np.float32), half)
    np.testing.assert_allclose(mixed[1, 1], [0.75, 0.5, 0.5])
