"""A first quality gate: something visible was drawn, and it is no patch that fills its region."""

from dataclasses import dataclass

import numpy as np

from anogen.synthesis.canvas import FULL
from anogen.synthesis.contract import Anomaly, Image


@dataclass(frozen=True)
class Verdict:
    """Scores by name, and why the image is rejected; None accepts it."""

    scores: dict[str, float]
    reason: str | None


def judge(
    normal: Image, anomaly: Anomaly, *, least_change: float, smallest_area: int, most_filled: float
) -> Verdict:
    """Judge one drawn defect.

    Args:
        normal: the image it was drawn on.
        anomaly: what was drawn.
        least_change: mean absolute difference on the mask, as a share of white, that is visible.
        smallest_area: pixels of a defect that can still be seen.
        most_filled: share of the region above which the defect is a patch.

    Returns:
        Scores ``area`` (pixels), ``filled`` (share of the region), ``change`` (share of white).
    """
    white = FULL[normal.dtype]
    mask = anomaly.mask >= 0.5
    area = int(mask.sum())
    difference = np.abs(anomaly.image.astype(np.float32) - normal.astype(np.float32)) / white
    if difference.ndim == 3:
        difference = difference.max(axis=2)
    change = float(difference[mask].mean()) if area else 0.0
    filled = area / max(1, int(anomaly.region.sum()))
    scores = {"area": float(area), "filled": round(filled, 5), "change": round(change, 5)}
    reason = None
    if area < smallest_area:
        reason = "nothing visible was drawn"
    elif change < least_change:
        reason = "the change is too faint to see"
    elif filled > most_filled:
        reason = "the drawing fills its region like a patch"
    return Verdict(scores, reason)
