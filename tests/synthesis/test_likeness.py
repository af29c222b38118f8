"""Likeness to a defect's own type."""

import numpy as np
import pytest

from anogen.synthesis.likeness import (
    CROP,
    LEAST,
    MOST,
    MOST_LIKE,
    VIEWS,
    crop_around,
    descriptor,
    least_likeness,
    likeness,
    views,
)


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


def test_the_descriptor_is_the_defect_and_its_step_to_the_surroundings() -> None:
    weight = np.zeros((CROP, CROP), np.float32)
    weight[:, : CROP // 2] = 1
    features = np.ones((2, 8, 8), np.float32)
    features[0, :, :4], features[1, :, :4] = 3, 4  # of length 5; the steps are 2 and 3
    fine = np.ones((2, 16, 16), np.float32)
    fine[0, :, :8], fine[1, :, :8] = 5, 12  # of length 13
    found = descriptor(fine, features, weight)
    np.testing.assert_allclose(found, [5 / 13, 12 / 13, 2 / 5, 3 / 5], atol=1e-4)


def turned(*vectors: tuple[float, float]) -> np.ndarray:
    """Descriptors of defects that look alike from all sides."""
    return np.repeat(np.array(vectors, np.float32)[:, None], VIEWS, axis=1)


def test_views_are_all_turns_and_mirrors_once() -> None:
    crop = np.arange(CROP * CROP * 3, dtype=np.uint32).astype(np.uint8).reshape(CROP, CROP, 3)
    crop[0, :5] = (9, 8, 7)
    weight = crop[..., 0].astype(np.float32)
    seen = views(crop, weight)
    assert len(seen) == VIEWS
    assert np.array_equal(seen[0][0], crop)
    assert len({one.tobytes() for one, _ in seen}) == VIEWS
    for one, its in seen:
        assert np.array_equal(one[..., 0], its)
        assert one.sum(dtype=np.int64) == crop.sum(dtype=np.int64)


def test_likeness_by_hand() -> None:
    shots = {"cut": turned((0, 0), (0, 1)), "hole": turned((4, 0))}
    (at,) = turned((1, 0))
    # To the cuts 0.7 * 1 + 0.3 * sqrt(2), to the hole 3.
    own = 0.7 + 0.3 * 2**0.5
    assert likeness(at, shots, "cut") == pytest.approx(3 / own)
    assert likeness(at, shots, "hole") == pytest.approx(own / 3)
    assert likeness(turned((4, 0))[0], shots, "hole") == MOST_LIKE
    assert likeness(at, {"cut": shots["cut"]}, "cut") is None


def test_a_defect_is_compared_in_its_best_view() -> None:
    shots = {"cut": turned((0, 0)), "hole": turned((4, 0))}
    drawn = turned((4, 0))[0]
    drawn[5] = (1, 0)
    drawn[:] = (2, 0)
    drawn[5] = (1, 0)
    assert likeness(drawn, shots, "cut") == pytest.approx(2)


def test_least_likeness_is_that_of_the_shots_themselves() -> None:
    shots = {"cut": turned((0, 0), (0, 1)), "hole": turned((4, 0), (4, 0.5))}
    assert least_likeness(shots) == MOST  # every shot is far nearer to its own
    mixed = {"cut": turned((0, 0), (0.9, 0)), "hole": turned((1, 0), (1.1, 0))}
    # The cut at 0.9 is 0.9 from the other cut, and 0.13 from the holes.
    assert least_likeness(mixed) == LEAST
    between = {"cut": turned((0, 0), (1, 0)), "hole": turned((1.84, 0), (1.84, 0))}
    # The cut at 1 is 1 from its own and 0.84 from the holes; the others are nearer to their own.
    assert least_likeness(between) == pytest.approx(0.84)
    assert least_likeness({"cut": turned((0, 0)), "hole": turned((4, 0))}) == 0
    assert least_likeness({}) == 0
