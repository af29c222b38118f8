"""Pixel metrics that stream: counts per score that merge across workers."""

import numpy as np
from numpy.typing import NDArray

from anogen.metrics.ranking import Ranking, ranking_of
from anogen.metrics.region_overlap import pro_of, region_weights
from anogen.metrics.tally import (
    FLOAT16_BINS,
    Scores,
    float16_counts,
    refuse_nan,
    tally_of_counts,
)


class Histogram:
    """Counts of pixel scores in 65,536 bins, one for each float16 value.

    Scores are rounded to float16, so the metrics are exact for float16 score maps, which is how
    detectors store them, and no range has to be agreed on before workers start. 1.5 MB whatever
    the number of images.
    """

    def __init__(self) -> None:
        self._positive = np.zeros(FLOAT16_BINS, dtype=np.int64)
        self._negative = np.zeros(FLOAT16_BINS, dtype=np.int64)
        self._weights = np.zeros(FLOAT16_BINS, dtype=np.float64)

    def update(self, score_map: Scores, mask: NDArray[np.bool_]) -> None:
        """Add one image.

        Args:
            score_map: real ``(H, W)``, magnitudes up to 65,504 (or infinite).
            mask: boolean ``(H, W)`` ground truth.

        Raises:
            ValueError: if shapes differ, the mask is not boolean, or a score is NaN or beyond
                float16's range. The histogram is then unchanged.
        """
        if mask.dtype != np.bool_:
            raise ValueError(f"mask must be boolean, not {mask.dtype}")
        if score_map.ndim != 2 or score_map.shape != mask.shape:
            raise ValueError(
                f"score map has shape {score_map.shape}, mask {mask.shape}; both must be (H, W)"
            )
        with np.errstate(over="ignore"):
            rounded = score_map.astype(np.float16, copy=False)
        refuse_nan(int(np.isnan(rounded).sum()))
        lost = int((np.isinf(rounded) & np.isfinite(score_map)).sum())
        if lost:
            raise ValueError(f"{lost} of the scores lie beyond float16's range; scale them down")
        positive = rounded[mask]
        self._positive += float16_counts(positive)
        self._negative += float16_counts(rounded[~mask])
        self._weights += float16_counts(positive, region_weights(mask))

    def merge(self, other: "Histogram") -> None:
        """Add everything that ``other`` counted."""
        self._positive += other._positive
        self._negative += other._negative
        self._weights += other._weights

    def result(self) -> Ranking:
        """AUROC, average precision and F1-max over all pixels so far."""
        return ranking_of(tally_of_counts(self._positive, self._negative))

    def pro(self, fpr_limit: float = 0.3) -> float | None:
        """Per-region overlap so far, see :func:`anogen.metrics.region_overlap.pro`."""
        return pro_of(tally_of_counts(self._positive, self._negative, self._weights), fpr_limit)
