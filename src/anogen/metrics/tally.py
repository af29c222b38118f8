"""What every exact ranking metric needs, counted once at the distinct scores of positives.

Area under the ROC curve, average precision, F1-max and per-region overlap change only where the
threshold passes a positive. Positives and negatives are therefore sorted apart, and for each
distinct positive score the negatives above it are looked up. In inspection positives are few, so
one plain sort of the negatives is nearly all of the cost; float16 needs no sort at all, because
it has 65,536 values that can be counted.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scores = NDArray[Any]
"""Real numbers of any type, larger is more anomalous."""

FLOAT16_BINS = 65_536
_COUNT_BLOCK = 1 << 22  # bincount widens its input to 8 bytes; blocks keep that copy small


@dataclass(frozen=True)
class Tally:
    """Counts at the distinct scores of positives, highest score first; all arrays ``(K,)``.

    Attributes:
        values: the distinct scores, descending, float64.
        hits: int64, positives with exactly this score.
        weights: float64, summed weight of these positives (their number where none was given).
        above: int64, negatives with a higher score.
        reached: int64, negatives with this or a higher score.
        positives: number of positives.
        negatives: number of negatives.
    """

    values: NDArray[np.float64]
    hits: NDArray[np.int64]
    weights: NDArray[np.float64]
    above: NDArray[np.int64]
    reached: NDArray[np.int64]
    positives: int
    negatives: int


def split(scores: ArrayLike, labels: ArrayLike) -> tuple[Scores, Scores]:
    """Scores of the positives and of the negatives, flat, as copies.

    Args:
        scores: real numbers of any shape.
        labels: same shape; bool, or 0 and 1.

    Raises:
        ValueError: if the shapes differ, a label is neither 0 nor 1, or scores are not real.
    """
    values, truth = np.asarray(scores), np.asarray(labels)
    if values.shape != truth.shape:
        raise ValueError(f"scores have shape {values.shape}, labels {truth.shape}")
    if values.dtype.kind not in "fiub":
        raise ValueError(f"scores must be real numbers, not {values.dtype}")
    if truth.dtype != np.bool_:
        binary = truth.astype(bool)
        if not np.array_equal(binary, truth):
            raise ValueError("labels must be bool, or 0 and 1")
        truth = binary
    return values[truth], values[~truth]


def tally(scores: ArrayLike, labels: ArrayLike) -> Tally:
    """The tally of scores of any shape with labels of the same shape (see :func:`split`)."""
    return tally_of(*split(scores, labels))


def tally_of(
    positive: Scores, negative: Scores, weights: NDArray[np.float64] | None = None
) -> Tally:
    """The tally of flat positive and negative scores, which are sorted in place.

    Args:
        positive: ``(P,)`` scores of positives.
        negative: ``(N,)`` scores of negatives, same type.
        weights: ``(P,)`` weight of each positive; 1 each by default.

    Raises:
        ValueError: if a score is NaN; the message says how many are.
    """
    if positive.dtype == negative.dtype == np.float16:
        return tally_of_counts(
            float16_counts(positive),
            float16_counts(negative),
            None if weights is None else float16_counts(positive, weights),
        )
    if weights is None:
        positive.sort()
    else:
        order = np.argsort(positive)
        positive, weights = positive[order], weights[order]
    negative.sort()
    refuse_nan(sum(_trailing_nan(part) for part in (positive, negative)))
    is_first = np.ones(positive.size, dtype=bool)
    np.not_equal(positive[1:], positive[:-1], out=is_first[1:])
    first = np.flatnonzero(is_first)
    values = positive[first]
    hits = np.diff(first, append=positive.size)
    below = np.searchsorted(negative, values, "left")
    not_above = below.copy()
    tied = np.flatnonzero(below < negative.size)
    tied = tied[negative[below[tied]] == values[tied]]
    not_above[tied] = np.searchsorted(negative, values[tied], "right")
    return Tally(
        values=values[::-1].astype(np.float64),
        hits=hits[::-1],
        weights=(hits.astype(np.float64) if weights is None else _sums(weights, first))[::-1],
        above=(negative.size - not_above)[::-1],
        reached=(negative.size - below)[::-1],
        positives=positive.size,
        negatives=negative.size,
    )


def float16_counts(
    scores: NDArray[np.float16], weights: NDArray[np.float64] | None = None
) -> NDArray[Any]:
    """How often each of the 65,536 float16 bit patterns occurs (int64), or its summed weight."""
    patterns = np.ascontiguousarray(scores).reshape(-1).view(np.uint16)
    if weights is not None:
        return np.bincount(patterns, weights, FLOAT16_BINS)
    counts = np.zeros(FLOAT16_BINS, dtype=np.int64)
    for start in range(0, patterns.size, _COUNT_BLOCK):
        counts += np.bincount(patterns[start : start + _COUNT_BLOCK], minlength=FLOAT16_BINS)
    return counts


def tally_of_counts(
    positive: NDArray[np.int64],
    negative: NDArray[np.int64],
    weights: NDArray[np.float64] | None = None,
) -> Tally:
    """The tally of counts per float16 bit pattern, as :func:`float16_counts` makes them.

    Raises:
        ValueError: if a NaN pattern was counted; the message says how often.
    """
    values = np.arange(FLOAT16_BINS, dtype=np.uint16).view(np.float16).astype(np.float64)
    nan = np.isnan(values)
    refuse_nan(int(positive[nan].sum() + negative[nan].sum()))
    # np.unique merges the patterns of -0 and +0 into one value.
    distinct, bins = np.unique(values[~nan], return_inverse=True)

    def merged(counts: NDArray[Any]) -> NDArray[Any]:
        return np.bincount(bins, counts[~nan], distinct.size)[::-1]

    hits = np.rint(merged(positive)).astype(np.int64)
    misses = np.rint(merged(negative)).astype(np.int64)
    reached = np.cumsum(misses)
    seen = hits > 0
    return Tally(
        values=distinct[::-1][seen],
        hits=hits[seen],
        weights=(hits.astype(np.float64) if weights is None else merged(weights))[seen],
        above=(reached - misses)[seen],
        reached=reached[seen],
        positives=int(hits.sum()),
        negatives=int(misses.sum()),
    )


def refuse_nan(count: int) -> None:
    """Raise ``ValueError`` that names the number of NaN scores, if there are any."""
    if count:
        raise ValueError(f"{count} of the scores {'is' if count == 1 else 'are'} NaN")


def _trailing_nan(ascending: Scores) -> int:
    """Number of NaN in a sorted array (a sort puts them last)."""
    if ascending.size == 0 or ascending.dtype.kind != "f" or not np.isnan(ascending[-1]):
        return 0
    return int(np.isnan(ascending).sum())


def _sums(weights: NDArray[np.float64], first: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sums over the runs that begin at ``first``."""
    return np.add.reduceat(weights, first) if first.size else np.zeros(0)
