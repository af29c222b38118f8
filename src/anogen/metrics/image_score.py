"""One score for an image from its score map.

The three rules in use: maximum of a 21 x 21 mean (DRAEM's code), mean of the 100 highest pixels
(DeSTSeg's), and mean of the highest share of pixels, which does not depend on the map's size.
"""

import cv2
import numpy as np

from anogen.metrics.tally import Scores


def max_of_mean(score_map: Scores, size: int = 21) -> float:
    """The highest mean over a ``size`` x ``size`` window; outside the map counts as zero.

    Args:
        score_map: real ``(H, W)``, not empty.
        size: odd side of the window in pixels; 21 in DRAEM's code, which pads with zeros too.

    Raises:
        ValueError: if the map is not ``(H, W)`` or the size is even.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"the window's side must be odd, not {size}")
    means = cv2.blur(
        _checked(score_map).astype(np.float32, copy=False),
        (size, size),
        borderType=cv2.BORDER_CONSTANT,
    )
    return float(means.max())


def top_k_mean(score_map: Scores, k: int = 100) -> float:
    """The mean of the ``k`` highest pixels of ``(H, W)``, of all if there are fewer.

    Raises:
        ValueError: if the map is not ``(H, W)`` or ``k`` is below 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    flat = _checked(score_map).astype(np.float32, copy=False).reshape(-1)
    k = min(k, flat.size)
    return float(np.partition(flat, flat.size - k)[flat.size - k :].mean(dtype=np.float64))


def top_fraction_mean(score_map: Scores, fraction: float = 0.01) -> float:
    """The mean of the highest ``fraction`` of the pixels of ``(H, W)``, of at least one.

    Raises:
        ValueError: if the map is not ``(H, W)`` or the fraction is not in (0, 1].
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be in (0, 1], not {fraction}")
    return top_k_mean(score_map, max(1, round(fraction * _checked(score_map).size)))


def _checked(score_map: Scores) -> Scores:
    if score_map.ndim != 2 or score_map.size == 0:
        raise ValueError(f"a score map must be (H, W) and not empty, not {score_map.shape}")
    return score_map
