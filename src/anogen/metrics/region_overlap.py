"""Per-region overlap (PRO): pixel-level recall in which every defect counts the same.

Bergmann et al., "The MVTec Anomaly Detection Dataset", IJCV 2021, section 5.2: at a threshold,
the overlap of each connected region of the ground truth with the prediction is averaged over all
regions of all images; this mean is integrated over the false positive rate of the defect-free
pixels up to a limit and divided by the limit.

The mean overlap is a sum over defective pixels of ``1 / (size of the pixel's region)``, so the
area is a weighted ROC area: each pixel adds its weight times the length of the FPR axis, up to
the limit, on which it is already found. That closed form is exact over all thresholds, with
straight lines across ties as the trapezoidal rule draws them.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.metrics.tally import Scores, Tally, tally_of


def region_weights(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """One over the size of its 8-connected region, for each true pixel in row-major order."""
    _, regions = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    members = regions[mask]
    weights: NDArray[np.float64] = 1.0 / np.bincount(members)[members] if members.size else _NONE
    return weights


_NONE = np.zeros(0)


def pro(
    score_maps: Sequence[Scores] | Scores,
    masks: Sequence[NDArray[np.bool_]] | NDArray[np.bool_],
    fpr_limit: float = 0.3,
) -> float | None:
    """Area under the mean per-region overlap up to ``fpr_limit``, divided by it.

    Args:
        score_maps: ``(H, W)`` real scores of each image, larger is more anomalous.
        masks: boolean ``(H, W)`` ground truth of each image.
        fpr_limit: the highest false positive rate, in (0, 1].

    Returns:
        A value in [0, 1]; None if no region or no defect-free pixel exists.

    Raises:
        ValueError: if counts or shapes differ, a mask is not boolean, or a score is NaN.
    """
    return pro_of(pixel_tally(score_maps, masks), fpr_limit)


def pixel_tally(
    score_maps: Sequence[Scores] | Scores,
    masks: Sequence[NDArray[np.bool_]] | NDArray[np.bool_],
) -> Tally:
    """The tally of all pixels, defective ones weighted by one over their region's size.

    Raises:
        ValueError: as :func:`pro`.
    """
    if len(score_maps) != len(masks):
        raise ValueError(f"{len(score_maps)} score maps but {len(masks)} masks")
    positive, negative, weights = [], [], []
    for index, (score_map, mask) in enumerate(zip(score_maps, masks, strict=True)):
        if mask.dtype != np.bool_:
            raise ValueError(f"mask {index} must be boolean, not {mask.dtype}")
        if score_map.ndim != 2 or score_map.shape != mask.shape:
            raise ValueError(
                f"score map {index} has shape {score_map.shape}, its mask {mask.shape}; "
                "both must be (H, W)"
            )
        positive.append(score_map[mask])
        negative.append(score_map[~mask])
        weights.append(region_weights(mask))
    if not positive:
        return tally_of(_NONE.copy(), _NONE.copy())
    return tally_of(np.concatenate(positive), np.concatenate(negative), np.concatenate(weights))


def pro_of(counts: Tally, fpr_limit: float = 0.3) -> float | None:
    """Per-region overlap of a tally whose weights are :func:`region_weights`.

    Raises:
        ValueError: if ``fpr_limit`` is not in (0, 1].
    """
    if not 0 < fpr_limit <= 1:
        raise ValueError(f"fpr_limit must be in (0, 1], not {fpr_limit}")
    if counts.positives == 0 or counts.negatives == 0:
        return None
    before = counts.above / counts.negatives
    after = counts.reached / counts.negatives
    # Overlap rises linearly from `before` to `after` (a tie with negatives), then stays.
    climbed = np.clip(fpr_limit, before, after) - before
    width = np.where(after > before, after - before, 1.0)
    area = np.maximum(fpr_limit - after, 0.0) + climbed**2 / (2 * width)
    return min(float(counts.weights @ area / counts.weights.sum()) / fpr_limit, 1.0)
