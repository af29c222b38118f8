"""Exact area under the ROC curve, average precision and F1-max from one sort."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anogen.metrics.tally import Tally, tally


@dataclass(frozen=True)
class Ranking:
    """How well scores rank positives before negatives; None where only one class is there.

    Attributes:
        auroc: area under the ROC curve in [0, 1]; a tie between a positive and a negative
            counts one half.
        ap: average precision in [0, 1], the step-wise sum over distinct thresholds of recall
            gained times precision (scikit-learn's ``average_precision_score``).
        f1max: the highest F1 over all thresholds, in [0, 1].
        threshold: the highest score at which "score >= threshold" reaches ``f1max``.
        positives: number of positives.
        negatives: number of negatives.
    """

    auroc: float | None
    ap: float | None
    f1max: float | None
    threshold: float | None
    positives: int
    negatives: int


@dataclass(frozen=True)
class PrecisionRecall:
    """Points of a precision-recall curve, recall ascending; all float64 ``(K,)``.

    Attributes:
        precision: share of positives among scores that reach the threshold.
        recall: share of the positives that reach the threshold.
        thresholds: the scores at which these hold, descending.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    thresholds: NDArray[np.float64]


def ranking_metrics(scores: ArrayLike, labels: ArrayLike) -> Ranking:
    """Exact AUROC, average precision and F1-max.

    Args:
        scores: real numbers of any type, sign and shape, larger is more anomalous.
        labels: same shape; bool, or 0 and 1.

    Raises:
        ValueError: if shapes differ, a label is neither 0 nor 1, or a score is NaN (the message
            says how many are).
    """
    return ranking_of(tally(scores, labels))


def ranking_of(counts: Tally) -> Ranking:
    """The ranking metrics of a tally."""
    positives, negatives = counts.positives, counts.negatives
    if positives == 0 or negatives == 0:
        return Ranking(None, None, None, None, positives, negatives)
    # Twice the number of correctly ordered pairs, a tie counted once: exact in integers.
    pairs = int(counts.hits @ (2 * negatives - counts.above - counts.reached))
    found = np.cumsum(counts.hits)
    precision = found / (found + counts.reached)
    f1 = 2 * found / (found + counts.reached + positives)
    best = int(np.argmax(f1))
    return Ranking(
        auroc=pairs / (2 * positives * negatives),
        ap=min(float(counts.hits @ precision) / positives, 1.0),
        f1max=float(f1[best]),
        threshold=float(counts.values[best]),
        positives=positives,
        negatives=negatives,
    )


def precision_recall_curve(
    scores: ArrayLike, labels: ArrayLike, *, points: int = 1000
) -> PrecisionRecall:
    """Exact points of the precision-recall curve, thinned for plotting.

    The curve has one point for each distinct score of a positive (at other thresholds precision
    only falls while recall stays). Of more than ``points``, those nearest to even steps of
    recall are kept, the first and the last always. No positives: no points.

    Raises:
        ValueError: as :func:`ranking_metrics`, or if ``points`` is below 2.
    """
    if points < 2:
        raise ValueError(f"points must be at least 2, not {points}")
    counts = tally(scores, labels)
    found = np.cumsum(counts.hits)
    kept = np.arange(found.size)
    if found.size > points:
        kept = np.unique(np.searchsorted(found, np.linspace(found[0], found[-1], points)))
    found = found[kept]
    return PrecisionRecall(
        precision=found / (found + counts.reached[kept]),
        recall=found / max(counts.positives, 1),
        thresholds=counts.values[kept],
    )
