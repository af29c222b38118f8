"""Rendered sketches: seen, in their region, of every kind of image."""

import numpy as np
import pytest

from anogen.synthesis.rendered import rendered

SHAPES = [((300, 200), np.uint8), ((64, 64, 3), np.uint8), ((96, 140), np.uint16)]


def normal_of(shape, dtype):
    rng = np.random.default_rng(0)
    white = np.iinfo(dtype).max
    return (white * (0.5 + 0.02 * rng.standard_normal(shape))).astype(dtype)


def region_of(shape):
    region = np.zeros(shape[:2], bool)
    region[10:48, 12:60] = True
    region[:20, :20] = False
    return region


@pytest.mark.parametrize("kind", ["scratch", "hole", "stain", "chip"])
@pytest.mark.parametrize(("shape", "dtype"), SHAPES)
def test_a_defect_is_seen_inside_the_region_alone(kind, shape, dtype):
    normal, region = normal_of(shape, dtype), region_of(shape)
    image, outline = rendered(normal, region, np.random.default_rng(1), kind=kind)
    assert image.shape == shape
    assert image.dtype == dtype
    np.testing.assert_array_equal(image[~region], normal[~region])
    assert outline.any()
    assert not outline[~region].any()
    change = np.abs(image.astype(float) - normal) / np.iinfo(dtype).max
    assert change[outline].mean() > 0.04
    again, _ = rendered(normal, region, np.random.default_rng(1), kind=kind)
    assert again.tobytes() == image.tobytes()


def test_a_region_of_one_pixel_has_an_outline():
    normal, region = normal_of((64, 64), np.uint8), np.zeros((64, 64), bool)
    region[30, 31] = True
    for seed in range(5):
        _, outline = rendered(normal, region, np.random.default_rng(seed), kind="scratch")
        assert outline.sum() == 1
