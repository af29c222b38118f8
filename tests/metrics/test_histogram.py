"""The streaming form against the exact one."""

import pickle

import numpy as np
import pytest

from anogen.metrics import Histogram, pro, ranking_metrics


def drawn(dtype, seed=0):
    rng = np.random.default_rng(seed)
    masks = rng.random((6, 12, 17)) < 0.1
    return (rng.normal(size=masks.shape) + masks).astype(dtype), masks


def test_float16_maps_give_exact_values():
    maps, masks = drawn(np.float16)
    histogram = Histogram()
    for score_map, mask in zip(maps, masks, strict=True):
        histogram.update(score_map, mask)
    assert histogram.result() == ranking_metrics(maps, masks)
    assert histogram.pro() == pytest.approx(pro(maps, masks), abs=1e-12)


def test_merging_equals_counting_at_once():
    maps, masks = drawn(np.float16)
    whole, parts = Histogram(), [Histogram(), Histogram()]
    for index, (score_map, mask) in enumerate(zip(maps, masks, strict=True)):
        whole.update(score_map, mask)
        parts[index % 2].update(score_map, mask)
    first, second = (pickle.loads(pickle.dumps(part)) for part in parts)
    first.merge(second)
    assert first.result() == whole.result()
    assert first.pro() == pytest.approx(whole.pro(), abs=1e-12)


def test_float32_maps_are_close():
    rng = np.random.default_rng(3)
    masks = rng.random((4, 200, 200)) < 0.05
    maps = (1 / (1 + np.exp(-rng.normal(size=masks.shape) - 2 * masks))).astype(np.float32)
    histogram = Histogram()
    for score_map, mask in zip(maps, masks, strict=True):
        histogram.update(score_map, mask)
    exact, counted = ranking_metrics(maps, masks), histogram.result()
    assert counted.auroc == pytest.approx(exact.auroc, abs=1e-4)
    assert counted.ap == pytest.approx(exact.ap, abs=1e-3)
    assert histogram.pro() == pytest.approx(pro(maps, masks), abs=1e-3)


def test_empty_has_no_values():
    assert Histogram().result().auroc is None
    assert Histogram().pro() is None


def test_wrong_input_leaves_it_unchanged():
    histogram = Histogram()
    mask = np.array([[True, False]])
    histogram.update(np.array([[1.0, 0.0]]), mask)
    with pytest.raises(ValueError, match="1 of the scores is NaN"):
        histogram.update(np.array([[np.nan, 0.0]]), mask)
    with pytest.raises(ValueError, match="2 of the scores lie beyond float16"):
        histogram.update(np.array([[1e6, -1e6]]), mask)
    with pytest.raises(ValueError, match="boolean"):
        histogram.update(np.zeros((1, 2)), mask.astype(int))
    with pytest.raises(ValueError, match="shape"):
        histogram.update(np.zeros((2, 1)), mask)
    assert histogram.result() == ranking_metrics([1.0, 0.0], [1, 0])
