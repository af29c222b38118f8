"""Which pixels became defective: from the drawn window against the same window merely decoded.

Both windows went through the same decoder, so what it loses cancels, and the difference is what was
drawn.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

FAINT, CLEAR = 0.035, 0.09
"""Difference of a channel (of 1) that nobody sees, and that everybody does."""


def change_map(drawn: NDArray[np.float32], decoded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Confidence ``(S, S)`` in [0, 1] that a pixel was changed.

    Args:
        drawn: ``(S, S, 3)`` in [0, 1], the window with the defect.
        decoded: ``(S, S, 3)`` in [0, 1], the normal window through the autoencoder.
    """
    difference = np.abs(drawn - decoded).max(axis=2)
    # Grain of single pixels is not seen as a defect; a scratch of two pixels is.
    smooth = cv2.GaussianBlur(difference, (0, 0), 0.8)
    ramp = np.clip((smooth - FAINT) / (CLEAR - FAINT), 0, 1)
    confidence: NDArray[np.float32] = (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
    return confidence


def without_specks(mask: NDArray[np.float32], smallest: int) -> NDArray[np.float32]:
    """The mask without connected parts (of confidence 0.5 and more) below ``smallest`` pixels.

    What is fainter than 0.5 stays only within two pixels of a part that stays.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (mask >= 0.5).astype(np.uint8), connectivity=8
    )
    large = np.zeros(count, dtype=bool)
    large[1:] = stats[1:, cv2.CC_STAT_AREA] >= smallest
    kept = large[labels].astype(np.uint8)
    near = cv2.dilate(kept, np.ones((5, 5), np.uint8))
    return np.where(near > 0, mask, 0).astype(np.float32)
