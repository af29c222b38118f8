"""Masks of what was drawn, on windows whose change is known."""

import numpy as np

from anogen.synthesis.mask_recovery import CLEAR, FAINT, change_map, without_specks


def window(seed=0):
    return np.random.default_rng(seed).uniform(0.2, 0.8, (32, 32, 3)).astype(np.float32)


def test_equal_windows_have_no_mask():
    assert not change_map(window(), window()).any()


def test_a_clear_change_of_any_channel_counts_whole_and_a_faint_one_not_at_all():
    for channel in range(3):
        for sign in (1, -1):
            drawn = window()
            drawn[8:20, 8:20, channel] += sign * 1.1 * CLEAR
            drawn[:, 26:, channel] += sign * 0.9 * FAINT
            confidence = change_map(drawn, window())
            assert confidence.dtype == np.float32
            # Away from the edge that the blur softens.
            assert (confidence[11:17, 11:17] == 1).all()
            assert not confidence[:, 24:].any()
            assert not confidence[:5].any()


def test_half_way_between_faint_and_clear_is_one_half():
    drawn = window() + np.float32((FAINT + CLEAR) / 2)
    np.testing.assert_allclose(change_map(drawn, window()), 0.5, atol=1e-3)


def test_grain_is_no_defect_but_a_thin_scratch_is():
    flat = np.full((32, 32, 3), 0.5, np.float32)
    grain, scratch = flat.copy(), flat.copy()
    grain[::4, ::4] += 0.12
    scratch[10:12, 4:28] += 0.12
    assert change_map(grain, flat).max() < 0.5
    assert (change_map(scratch, flat)[10:12, 6:26] > 0.5).all()


def test_parts_below_the_smallest_go_with_what_is_faint_around_them():
    mask = np.zeros((20, 20), np.float32)
    mask[2:4, 2:4] = 0.9  # four pixels: kept
    mask[4, 2] = 0.3  # faint, beside a kept part: kept
    mask[12, 12:15] = 0.8  # three pixels: dropped
    mask[13, 12] = 0.3  # faint, beside a dropped part: dropped
    mask[18, 18] = 0.4  # faint and alone: dropped
    expected = np.zeros_like(mask)
    expected[2:4, 2:4], expected[4, 2] = np.float32(0.9), np.float32(0.3)
    kept = without_specks(mask, 4)
    np.testing.assert_array_equal(kept, expected)
    assert kept.dtype == np.float32


def test_pixels_that_touch_by_a_corner_are_one_part():
    mask = np.zeros((9, 9), np.float32)
    mask[range(4), range(4)] = 1
    np.testing.assert_array_equal(without_specks(mask, 4), mask)
    assert not without_specks(mask, 5).any()
    assert not without_specks(np.zeros((5, 5), np.float32), 1).any()
