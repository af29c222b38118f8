"""How a score map becomes one image score."""

import numpy as np
from numpy.typing import NDArray

from anogen.detection.settings import ImageScore, MaximumOfMean, TopMean
from anogen.metrics.image_score import max_of_mean, top_fraction_mean, top_k_mean


def image_score(score_map: NDArray[np.float32], settings: ImageScore) -> float:
    """The image score of a score map ``(S, S)`` under ``settings``."""
    if isinstance(settings, MaximumOfMean):
        return float(max_of_mean(score_map, settings.window))
    if isinstance(settings, TopMean):
        return float(top_k_mean(score_map, settings.k))
    return float(top_fraction_mean(score_map, settings.fraction))
