"""Foregrounds of drawn shapes whose outline is known."""

import numpy as np
import pytest

from anogen.errors import InputError
from anogen.placement.foreground import choose_method, foreground, median_image


def part(*, height=150, width=200, radius=45, ground=30, object_=190, seed=0):
    """A noisy disc on a plain background, and where it is."""
    y, x = np.mgrid[:height, :width]
    truth = (y - height / 2) ** 2 + (x - width / 2) ** 2 < radius**2
    image = np.where(truth, object_, ground).astype(np.float64)
    image += np.random.default_rng(seed).normal(0, 6, image.shape)
    return image.clip(0, 255).astype(np.uint8), truth


def texture(seed=0):
    return np.random.default_rng(seed).normal(128, 25, (150, 200)).clip(0, 255).astype(np.uint8)


def overlap(found, truth):
    """Intersection over union."""
    return (found & truth).sum() / (found | truth).sum()


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize(("ground", "object_"), [(30, 190), (220, 70)])
@pytest.mark.parametrize("method", ["otsu", "grabcut"])
def test_bright_and_dark_parts_are_found(method, ground, object_, colour):
    image, truth = part(ground=ground, object_=object_)
    if colour:
        image = np.repeat(image[..., None], 3, axis=2)
    found = foreground(image, method)
    assert found.dtype == np.bool_
    assert found.shape == truth.shape
    assert overlap(found, truth) > 0.93


@pytest.mark.parametrize("method", ["otsu", "grabcut"])
def test_large_images_have_their_own_outline(method):
    image, truth = part(height=700, width=900, radius=250)
    assert overlap(foreground(image, method), truth) > 0.95


def test_holes_are_closed_and_specks_dropped():
    image, truth = part()
    image[73:77, 98:102] = 30
    image[10:12, 10:12] = 190
    found = foreground(image, "otsu")
    assert found[73:77, 98:102].all()
    assert not found[:25, :25].any()
    assert overlap(found, truth) > 0.93


def test_what_differs_from_the_median_is_the_object():
    # Squares in three corners: at each pixel most images show the background.
    goods = []
    for row, column in ((0, 0), (0, 60), (60, 0)):
        image = part(radius=0, seed=row + column)[0]
        image[row + 10 : row + 60, column + 10 : column + 60] = 120
        goods.append(image)
    median = median_image([*goods, np.zeros((9, 90), np.uint8)])
    assert median.shape == (150, 200)
    assert np.abs(median.astype(int) - 30).max() < 40
    truth = np.zeros((150, 200), bool)
    truth[10:60, 10:60] = True
    assert overlap(foreground(goods[0], "median", median=median), truth) > 0.9
    with pytest.raises(InputError, match=r"200 x 150 pixels"):
        foreground(goods[0], "median", median=median[:10, :10])


def test_grabcut_keeps_the_dark_side_and_leaves_the_shadow_out():
    y, x = np.mgrid[:150, :200]
    truth = (y - 75) ** 2 + (x - 90) ** 2 < 40**2
    shadow = ((y - 80) ** 2 + (x - 105) ** 2 < 45**2) & ~truth
    image = np.empty((150, 200, 3), np.float64)
    image[:] = (210, 200, 60)
    image[shadow] *= 0.85
    # One side as bright as the background, the other darker; another colour than it everywhere.
    image[truth] = np.array([150, 150, 190]) + (90 - x[truth])[:, None] * 0.8
    image += np.random.default_rng(0).normal(0, 4, image.shape)
    image = image.clip(0, 255).astype(np.uint8)
    assert overlap(foreground(image, "grabcut"), truth) > 0.9


def test_whole_is_everything_and_nothing_is_ever_empty():
    image, _ = part()
    flat = np.full((40, 50, 3), 90, np.uint8)
    assert foreground(image, "whole").all()
    for method in ("otsu", "grabcut"):
        assert foreground(flat, method).any()
    assert foreground(image, "median", median=median_image([image])).all()
    for method in ("auto", "median"):
        with pytest.raises(ValueError, match=method):
            foreground(image, method)


def test_the_same_image_has_the_same_foreground():
    image, _ = part()
    for method in ("otsu", "grabcut"):
        np.testing.assert_array_equal(foreground(image, method), foreground(image, method))


def test_objects_and_textures_are_told_apart():
    assert choose_method([part(seed=seed)[0] for seed in range(5)]) == "grabcut"
    assert choose_method([texture(seed) for seed in range(5)]) == "whole"
    assert choose_method([]) == "whole"
    # Most of the images decide.
    mixed = [part(seed=1)[0], part(seed=2)[0], texture(0)]
    assert choose_method(mixed) == "grabcut"
    assert choose_method([*mixed, texture(1)]) == "whole"
    # A ring that is not closed is a tray, not an object.
    tray, _ = part(radius=60)
    tray[part(radius=48)[1]] = 30
    tray[:, 100:] = part(radius=0)[0][:, 100:]
    assert choose_method([tray]) == "whole"
    # A surface of two halves is no object: each of them lies along the border.
    halves = np.full((150, 200), 40, np.uint8)
    halves[:, :100] = 200
    assert choose_method([halves]) == "whole"
