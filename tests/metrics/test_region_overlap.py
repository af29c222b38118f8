"""Per-region overlap against a loop over thresholds and against values worked out by hand."""

import numpy as np
import pytest
from scipy import ndimage

from anogen.metrics import pro
from anogen.metrics.region_overlap import region_weights

EIGHT = np.ones((3, 3))


def pro_by_loop(score_maps, masks, limit):
    """Mean overlap and false positive rate at each threshold, then the trapezoidal rule."""
    regions = []
    for index, mask in enumerate(masks):
        labelled, count = ndimage.label(mask, structure=EIGHT)
        regions += [(index, labelled == number + 1) for number in range(count)]
    normal = sum((~mask).sum() for mask in masks)
    rates, overlaps = [0.0], [0.0]
    for threshold in np.unique(np.concatenate([m.ravel() for m in score_maps]))[::-1]:
        predicted = [score_map >= threshold for score_map in score_maps]
        wrong = sum((p & ~m).sum() for p, m in zip(predicted, masks, strict=True))
        rates.append(wrong / normal)
        overlaps.append(np.mean([predicted[i][region].mean() for i, region in regions]))
    grid = np.append([rate for rate in rates if rate < limit], limit)
    heights = np.append(
        [o for r, o in zip(rates, overlaps, strict=True) if r < limit],
        np.interp(limit, rates, overlaps),
    )
    return (np.diff(grid) * (heights[1:] + heights[:-1]) / 2).sum() / limit


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("levels", [3, 40, 10_000])
def test_equals_a_loop_over_thresholds(dtype, limit, levels):
    rng = np.random.default_rng(levels)
    masks = [rng.random((9, 14)) < 0.2, rng.random((11, 5)) < 0.1, np.zeros((6, 6), bool)]
    maps = [(rng.integers(-levels, levels, m.shape) / 8 + m).astype(dtype) for m in masks]
    expected = pro_by_loop(maps, masks, limit)
    assert pro(maps, masks, limit) == pytest.approx(expected, abs=1e-9)


def test_each_region_counts_the_same():
    mask = np.zeros((10, 10), bool)
    mask[0, :8] = True
    mask[9, 9] = True
    scores = np.where(mask, 1.0, 0.0)
    assert pro([scores], [mask]) == 1.0
    # The small region is missed down to the lowest score, where everything ties with it. Up to
    # FPR 0.3 the straight line from overlap 1/2 to 1 has risen by 0.15, by 0.075 on average.
    scores[9, 9] = 0.0
    assert pro([scores], [mask]) == pytest.approx(0.5 + 0.075)


def test_regions_touch_at_corners():
    mask = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]], bool)
    np.testing.assert_array_equal(region_weights(mask), [0.5, 0.5, 1.0])


def test_values_that_do_not_exist():
    scores = np.zeros((2, 2))
    assert pro([scores], [np.zeros((2, 2), bool)]) is None
    assert pro([scores], [np.ones((2, 2), bool)]) is None
    assert pro([], []) is None


def test_wrong_input_is_refused():
    scores = np.zeros((2, 2))
    with pytest.raises(ValueError, match="boolean"):
        pro([scores], [np.ones((2, 2))])
    with pytest.raises(ValueError, match="shape"):
        pro([scores], [np.ones((2, 3), bool)])
    with pytest.raises(ValueError, match="2 score maps but 1 masks"):
        pro([scores, scores], [np.ones((2, 2), bool)])
    with pytest.raises(ValueError, match="fpr_limit"):
        pro([scores], [np.eye(2, dtype=bool)], 0.0)
    with pytest.raises(ValueError, match="1 of the scores is NaN"):
        pro([np.array([[np.nan, 0.0]])], [np.array([[True, False]])])
