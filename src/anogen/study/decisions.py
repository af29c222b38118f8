"""What image scores mean once parts are sorted by them: defects missed, good parts rejected."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anogen.study.arm_order import arm_order
from anogen.study.results import Run
from anogen.study.scores import Scores

FALSE_ALARMS = (0.01, 0.05, 0.1)
"""Shares of good parts that a line may be ready to look at again."""


@dataclass(frozen=True)
class DecisionRow:
    """One detector and arm; shares in [0, 1] are means over seeds.

    Attributes:
        detector: its name.
        arm: what it trained on.
        threshold: the score of the best F1, from lowest to highest over seeds, as text.
        missed: share of defective images below it.
        rejected: share of good images from it on.
        missed_by_type: the same as ``missed`` for each type of defect, by name; empty where there
            is one.
        missed_at: share of defective images that are missed where no more than each of
            :data:`FALSE_ALARMS` of the good images are rejected.
    """

    detector: str
    arm: str
    threshold: str
    missed: float
    rejected: float
    missed_by_type: tuple[tuple[str, float], ...]
    missed_at: tuple[float, ...]


def decision_rows(
    runs: Sequence[Run], scored: Mapping[tuple[str, str, str, int], Scores]
) -> tuple[DecisionRow, ...]:
    """A row for each detector and arm with good and defective held-out images."""
    found: dict[tuple[str, str], list[tuple[Scores, float]]] = {}
    for run in sorted(runs, key=lambda run: (run.detector, arm_order(run.arm))):
        scores = scored.get(run.key)
        if scores is None or run.image.threshold is None or scores.defective.all():
            continue
        found.setdefault((run.detector, run.arm), []).append((scores, run.image.threshold))
    return tuple(_row(detector, arm, seeds) for (detector, arm), seeds in found.items())


def missed_at(scores: Scores, false_alarms: float) -> float:
    """Share of defective images missed where at most a share of the good ones is rejected.

    Args:
        scores: with good and defective images.
        false_alarms: in [0, 1); of few good images it may mean none.
    """
    good = np.sort(scores.image_scores[~scores.defective])[::-1]
    spared = good[math.floor(false_alarms * len(good))]
    return float((scores.image_scores[scores.defective] <= spared).mean())


def _row(detector: str, arm: str, seeds: Sequence[tuple[Scores, float]]) -> DecisionRow:
    below = [(one, one.image_scores < threshold) for one, threshold in seeds]
    types = sorted({str(label) for one, _ in seeds for label in one.labels[one.defective]})
    thresholds = [threshold for _, threshold in seeds]
    low, high = min(thresholds), max(thresholds)

    def mean(shares: Sequence[float]) -> float:
        return float(np.mean(shares))

    return DecisionRow(
        detector=detector,
        arm=arm,
        threshold=f"{low:.3f}" if len(seeds) == 1 else f"{low:.3f} to {high:.3f}",
        missed=mean([missed[one.defective].mean() for one, missed in below]),
        rejected=mean([(~missed[~one.defective]).mean() for one, missed in below]),
        missed_by_type=tuple(
            (name, mean([missed[one.labels == name].mean() for one, missed in below]))
            for name in types
            if len(types) > 1
        ),
        missed_at=tuple(
            mean([missed_at(one, share) for one, _ in seeds]) for share in FALSE_ALARMS
        ),
    )
