"""Where two arms look: score maps of the images found best and worst, and of false alarms."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from anogen.data.sample import GOOD
from anogen.metrics.ranking import ranking_metrics
from anogen.study.gallery import Dataset
from anogen.study.pictures import Picture, data_uri, heat, scaled, truth_outline
from anogen.study.scores import Scores

EACH = 3
ALARMS = 2


@dataclass(frozen=True)
class Case:
    """One test image, its truth, and what each arm said.

    Attributes:
        key: path relative to the dataset's root.
        label: ``good`` or the name of the defect.
        pictures: the image with the truth outlined, then a heat map for each arm.
    """

    key: str
    label: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class CaseGroup:
    """Cases under one title."""

    title: str
    note: str
    cases: tuple[Case, ...]


def pixel_ap_by_image(scores: Scores) -> dict[str, float]:
    """Average precision of the pixels within each defective image that has a mask, by key."""
    values: dict[str, float] = {}
    for row in np.flatnonzero(scores.defective & scores.has_mask):
        value = ranking_metrics(scores.score_maps[row], scores.masks[row] > 0).ap
        if value is not None:
            values[str(scores.keys[row])] = value
    return values


def rank_among_good(scores: Scores) -> dict[str, float]:
    """Share of good images that score lower, for each defective image, by key."""
    good = np.sort(scores.image_scores[~scores.defective])
    return {
        str(key): float(np.searchsorted(good, score) / max(1, len(good)))
        for key, score in zip(
            scores.keys[scores.defective], scores.image_scores[scores.defective], strict=True
        )
    }


def case_groups(
    arms: Mapping[str, Scores], dataset: Dataset, *, edge: int, each: int = EACH
) -> tuple[CaseGroup, ...]:
    """Best and worst found defects and the loudest false alarms, judged by the last arm.

    Args:
        arms: scores of each arm on the same images, the one of interest last.
        dataset: where the images lie.
        edge: largest side of a picture.
        each: number of best and of worst images.
    """
    judge = list(arms.values())[-1]
    with_masks = {arm: pixel_ap_by_image(scores) for arm, scores in arms.items()}
    by_pixels = bool(list(with_masks.values())[-1])
    values = with_masks if by_pixels else {a: rank_among_good(s) for a, s in arms.items()}
    quality = list(values.values())[-1]
    ranked = sorted(quality, key=lambda key: (-quality[key], key))
    each = min(each, len(ranked) // 2) if len(ranked) > 1 else len(ranked)
    scale = {arm: _scale(scores) for arm, scores in arms.items()}
    where = {str(key): row for row, key in enumerate(judge.keys)}

    def case(key: str) -> Case:
        row = where[key]
        facts = {arm: _fact(values[arm].get(key), by_pixels) for arm in arms}
        pictures = _pictures(key, row, arms, scale, facts, dataset, edge=edge)
        return Case(key, str(judge.labels[row]), pictures)

    note = "by pixel AP within the image" if by_pixels else "by the share of good images below"
    good = np.flatnonzero(judge.labels == GOOD)
    loud = good[np.argsort(-judge.image_scores[good], kind="stable")][:ALARMS]
    groups = (
        CaseGroup("Found best", note, tuple(case(key) for key in ranked[:each])),
        CaseGroup("Found worst", note, tuple(case(key) for key in ranked[::-1][:each])),
        CaseGroup(
            "Loudest good images",
            "highest image score without a defect",
            tuple(case(str(judge.keys[row])) for row in loud),
        ),
    )
    return tuple(group for group in groups if group.cases)


def _fact(value: float | None, by_pixels: bool) -> str:
    if value is None:
        return ""
    return f"AP {100 * value:.1f}" if by_pixels else f"above {100 * value:.0f} % of good"


def _scale(scores: Scores) -> tuple[float, float]:
    """The colour scale of an arm: from its middle score to nearly its highest one."""
    # Every arm has a scale of its own, as the metrics rank the scores of each arm apart.
    sample = scores.score_maps[:, ::2, ::2].astype(np.float32)
    low, high = np.quantile(sample, [0.5, 0.999])
    return float(low), float(high)


def _pictures(
    key: str,
    row: int,
    arms: Mapping[str, Scores],
    scale: Mapping[str, tuple[float, float]],
    facts: Mapping[str, str],
    dataset: Dataset,
    *,
    edge: int,
) -> tuple[Picture, ...]:
    first = next(iter(arms.values()))
    side = first.masks.shape[1]
    label = str(first.labels[row])
    image = dataset.image(key)
    if image is None:
        image = np.full((side, side), 40, dtype=np.uint8)
    small = scaled(image, edge)
    outlines = truth_outline(first.masks[row] > 0) if label != GOOD else ()
    truth = "no defect" if label == GOOD else "the truth outlined" if outlines else "no mask"
    pictures = [
        Picture(
            data_uri(small, edge=edge), side, side, f"{label} {key}, {truth}", "Image", outlines
        )
    ]
    for arm, scores in arms.items():
        low, high = scale[arm]
        picture = heat(small, scores.score_maps[_row_of(scores, key)], low=low, high=high)
        alt = f"Score map of the arm {arm} on {label} {key}"
        uri, note = data_uri(picture, edge=edge), facts[arm]
        pictures.append(Picture(uri, side, side, alt, arm, outlines, note=note))
    return tuple(pictures)


def _row_of(scores: Scores, key: str) -> int:
    return int(np.flatnonzero(scores.keys == key)[0])
