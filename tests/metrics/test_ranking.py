"""Exact ranking metrics against scikit-learn and against values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from anogen.metrics import precision_recall_curve, ranking_metrics

DTYPES = [np.float16, np.float32, np.float64, np.int16, np.uint8]


def drawn(dtype, rng, size, share):
    """Scores with many ties, of both signs where the type has one, and labels of both classes."""
    low = 0 if dtype is np.uint8 else -40
    scores = rng.integers(low, 40, size)
    scores = (scores / 8).astype(dtype) if np.issubdtype(dtype, np.floating) else scores
    labels = rng.random(size) < share
    labels[:2] = [True, False]
    return scores.astype(dtype), labels


def f1_by_loop(scores, labels):
    found = []
    for threshold in np.unique(scores)[::-1]:
        predicted = scores >= threshold
        hits = (predicted & labels).sum()
        found.append((2 * hits / (predicted.sum() + labels.sum()), float(threshold)))
    return max(found, key=lambda pair: pair[0])


def test_by_hand():
    result = ranking_metrics([0.9, 0.8, 0.8, 0.1], [1, 1, 0, 0])
    # Pairs: 0.9 beats both; 0.8 ties one and beats one: 3.5 of 4.
    assert result.auroc == 3.5 / 4
    # Half the recall at precision 1, the other half at precision 2/3.
    assert result.ap == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert result.f1max == pytest.approx(2 * 2 / (3 + 2))
    assert result.threshold == 0.8
    assert (result.positives, result.negatives) == (2, 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_equals_scikit_learn(dtype, share):
    rng = np.random.default_rng(5)
    for size in (2, 7, 400):
        scores, labels = drawn(dtype, rng, size, share)
        before = scores.copy()
        result = ranking_metrics(scores, labels)
        wide = scores.astype(np.float64)
        assert result.auroc == pytest.approx(reference.roc_auc_score(labels, wide), abs=1e-12)
        assert result.ap == pytest.approx(
            reference.average_precision_score(labels, wide), abs=1e-12
        )
        best, threshold = f1_by_loop(scores, labels)
        assert result.f1max == pytest.approx(best, abs=1e-12)
        assert result.threshold == threshold
        np.testing.assert_array_equal(scores, before)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(width=16, allow_nan=False), st.booleans()), min_size=1, max_size=40
    )
)
def test_float16_counting_equals_sorting(pairs):
    scores = np.array([score for score, _ in pairs], dtype=np.float16)
    labels = np.array([label for _, label in pairs])
    assert ranking_metrics(scores, labels) == ranking_metrics(scores.astype(np.float32), labels)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_two_zeros_tie(dtype):
    assert ranking_metrics(np.array([-0.0, 0.0], dtype), [1, 0]).auroc == 0.5
    assert ranking_metrics(np.array([0.0, -0.0], dtype), [1, 0]).auroc == 0.5


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_only_has_no_values(dtype, label):
    result = ranking_metrics(np.ones(3, dtype), np.full(3, label))
    assert (result.auroc, result.ap, result.f1max, result.threshold) == (None,) * 4
    assert (result.positives, result.negatives) == ((3, 0) if label else (0, 3))


def test_nothing_has_no_values():
    assert ranking_metrics(np.zeros(0), np.zeros(0, bool)).auroc is None


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_nan_is_refused_and_counted(dtype):
    scores = np.array([0.1, np.nan, 0.3, np.nan], dtype)
    with pytest.raises(ValueError, match="2 of the scores are NaN"):
        ranking_metrics(scores, [0, 1, 1, 0])


def test_infinite_scores_are_ordered():
    assert ranking_metrics([np.inf, -np.inf, 0.0], [1, 0, 0]).auroc == 1.0


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="shape"):
        ranking_metrics([0.1, 0.2], [1])
    with pytest.raises(ValueError, match="0 and 1"):
        ranking_metrics([0.1, 0.2], [2, 0])
    with pytest.raises(ValueError, match="real"):
        ranking_metrics(np.array([1j, 0]), [1, 0])


def test_curve_points_lie_on_the_exact_curve():
    rng = np.random.default_rng(1)
    labels = rng.random(5000) < 0.2
    scores = rng.normal(size=5000) + labels
    precision, recall, thresholds = reference.precision_recall_curve(labels, scores)
    exact = dict(zip(thresholds, zip(precision, recall, strict=False), strict=False))
    curve = precision_recall_curve(scores, labels, points=50)
    assert curve.thresholds.size == 50
    for point in zip(curve.thresholds, curve.precision, curve.recall, strict=True):
        assert exact[point[0]] == pytest.approx(point[1:])
    assert curve.recall[-1] == 1.0
    assert curve.recall[0] == pytest.approx(1 / labels.sum())
    assert np.diff(curve.recall).max() < 0.03


def test_unthinned_curve_integrates_to_average_precision():
    rng = np.random.default_rng(2)
    scores, labels = drawn(np.float32, rng, 300, 0.3)
    curve = precision_recall_curve(scores, labels)
    steps = np.diff(curve.recall, prepend=0.0)
    assert steps @ curve.precision == pytest.approx(ranking_metrics(scores, labels).ap)


def test_curve_without_positives_is_empty():
    assert precision_recall_curve([0.5], [0]).recall.size == 0
    with pytest.raises(ValueError, match="points"):
        precision_recall_curve([0.5], [0], points=1)
