"""Likeness to a defect's own type."""

import numpy as np
import pytest

from anogen.synthesis.likeness import CROP, MOST_LIKE, crop_around, descriptor, likeness


def test_the_crop_holds_the_defect_in_its_middle_even_at_the_border() -> None:
    image = np.zeros((40, 50, 3), np.uint8)
    mask = np.zeros((40, 50), bool)
    mask[0:6, 44:50] = True
    image[mask] = (200, 10, 10)
    crop, weight = crop_around(image, mask)
    assert crop.shape == (CROP, CROP, 3)
    assert weight.shape == (CROP, CROP)
    rows, columns = np.nonzero(weight > 0.5)
    assert abs(rows.mean() - CROP / 2) < 3
    assert abs(columns.mean() - CROP / 2) < 3
    # 6 of 32 pixels a side.
    assert weight.mean() == pytest.approx((6 / 32) ** 2, rel=0.05)
    assert tuple(crop[CROP // 2, CROP // 2]) == (200, 10, 10)


def test_the_descriptor_is_the_step_to_the_surroundings() -> None:
    weight = np.zeros((CROP, CROP), np.float32)
    weight[:, : CROP // 2] = 1
    features = np.ones((2, 8, 8), np.float32)
    features[0, :, :4], features[1, :, :4] = 3, 4  # of length 5; the steps are 2 and 3
    np.testing.assert_allclose(descriptor(features, weight), [2 / 5, 3 / 5], atol=1e-4)


def test_likeness_by_hand() -> None:
    shots = {
        "cut": np.array([[0, 0], [0, 1]], np.float32),
        "hole": np.array([[4, 0]], np.float32),
    }
    at = np.array([1, 0], np.float32)
    assert likeness(at, shots, "cut") == pytest.approx(3)
    assert likeness(at, shots, "hole") == pytest.approx(1 / 3)
    assert likeness(shots["cut"][0], shots, "cut") == MOST_LIKE
    assert likeness(at, {"cut": shots["cut"]}, "cut") is None
