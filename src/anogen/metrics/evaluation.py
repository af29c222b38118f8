"""The metrics of one detector on one category, in the form that ``results.json`` holds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anogen.metrics.located import located_share
from anogen.metrics.ranking import Ranking, ranking_metrics, ranking_of
from anogen.metrics.region_overlap import pixel_tally, pro_of
from anogen.metrics.tally import Scores

Metrics = dict[str, dict[str, float | None]]

RANKED = ("auroc", "ap", "f1max", "threshold")
"""What both levels have, by their names in :class:`~anogen.metrics.ranking.Ranking`."""


def evaluate(
    image_scores: ArrayLike,
    image_labels: ArrayLike,
    score_maps: Sequence[Scores] | Scores,
    masks: Sequence[NDArray[np.bool_] | None] | NDArray[np.bool_] | None,
    *,
    fpr_limit: float = 0.3,
) -> Metrics:
    """Image and pixel metrics of N images.

    Args:
        image_scores: ``(N,)`` real, larger is more anomalous.
        image_labels: ``(N,)`` bool, or 0 and 1: whether the image shows a defect.
        score_maps: N maps ``(H, W)`` of real scores; sizes may differ.
        masks: N boolean masks of the maps' shapes, or None for no pixel metrics. A None in the
            list means no defective pixel for a good image, and leaves a defective image out of
            the pixel metrics.
        fpr_limit: limit of the per-region overlap.

    Returns:
        ``{"image": {"auroc", "ap", "f1max", "threshold"}, "pixel": {the same, "pro",
        "located"}}`` with metrics in [0, 1], and the highest score at which "score >= threshold"
        reaches ``f1max``; None where a value does not exist.

    Raises:
        ValueError: if numbers or shapes differ, a score is NaN, or a good image's mask is not
            empty.
    """
    image = ranking_metrics(image_scores, image_labels)
    pixel: dict[str, float | None] = dict.fromkeys((*RANKED, "pro", "located"))
    if masks is not None:
        defective = np.asarray(image_labels).astype(bool)
        known, truth = _with_ground_truth(defective, score_maps, masks)
        counts = pixel_tally(known, truth)
        pixel = _ranked(ranking_of(counts)) | {
            "pro": pro_of(counts, fpr_limit),
            "located": located_share(known, truth),
        }
    return {"image": _ranked(image), "pixel": pixel}


def _ranked(ranking: Ranking) -> dict[str, float | None]:
    return {name: getattr(ranking, name) for name in RANKED}


def _with_ground_truth(
    defective: NDArray[np.bool_],
    score_maps: Sequence[Scores] | Scores,
    masks: Sequence[NDArray[np.bool_] | None] | NDArray[np.bool_],
) -> tuple[list[Scores], list[NDArray[np.bool_]]]:
    """The score maps whose ground truth is known, and it."""
    if not len(defective) == len(score_maps) == len(masks):
        raise ValueError(
            f"{len(defective)} images, {len(score_maps)} score maps, {len(masks)} masks"
        )
    known: list[Scores] = []
    truth: list[NDArray[np.bool_]] = []
    for index, (score_map, mask) in enumerate(zip(score_maps, masks, strict=True)):
        if mask is None:
            if defective[index]:
                continue
            mask = np.zeros(score_map.shape, dtype=bool)
        elif not defective[index] and mask.any():
            raise ValueError(f"image {index} is labelled good, but its mask is not empty")
        known.append(score_map)
        truth.append(mask)
    return known, truth
