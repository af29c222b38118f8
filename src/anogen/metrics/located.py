"""Whether a score map points at the defect.

An image score says that something is wrong, not where: light or dirt that only defective images of
a test set share raises image AUROC as a found defect does. The place of the highest score tells
them apart ("pointing game", Zhang et al., "Top-down neural attention by excitation backprop",
IJCV 2018).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.metrics.tally import Scores

WINDOW = 21
"""Pixels; side of the window whose mean DRAEM's image score is the highest of."""


def located(score_map: Scores, mask: NDArray[np.bool_], *, window: int = WINDOW) -> bool:
    """Whether the ``window`` x ``window`` window of the highest mean touches a defect.

    Of several windows with the highest mean the first counts, row by row; outside the map counts
    as zero.

    Args:
        score_map: real ``(H, W)``, larger is more anomalous.
        mask: boolean ``(H, W)``, not empty.
        window: odd side in pixels.

    Raises:
        ValueError: if shapes differ, the mask is empty or the side is even.
    """
    if score_map.shape != mask.shape or not mask.any():
        raise ValueError(f"no defect of shape {score_map.shape} in a mask {mask.shape}")
    if window < 1 or window % 2 == 0:
        raise ValueError(f"the window's side must be odd, not {window}")
    means = cv2.blur(
        score_map.astype(np.float32, copy=False),
        (window, window),
        borderType=cv2.BORDER_CONSTANT,
    )
    row, column = divmod(int(means.argmax()), means.shape[1])
    half = window // 2
    seen = mask[max(0, row - half) : row + half + 1, max(0, column - half) : column + half + 1]
    return bool(seen.any())


def located_share(score_maps: list[Scores], masks: list[NDArray[np.bool_]]) -> float | None:
    """The share of the images with a defect at which :func:`located` holds; None without any."""
    found = [
        located(score_map, mask)
        for score_map, mask in zip(score_maps, masks, strict=True)
        if mask.any()
    ]
    return float(np.mean(found)) if found else None
