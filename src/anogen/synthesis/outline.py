"""Masks as people draw them: the outline of a support defect, where its redrawing can be seen.

People outline what they know to be defective, wider than what differs from the surface, and without
the holes where it happens not to. Detectors are measured by such masks, so they are trained on such
masks, as far as the picture bears them out.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

BEYOND = 2
"""Pixels by which an outline may lie outside of what is seen, beside half of its thickness."""


def outlined(recovered: NDArray[np.float32], outline: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The recovered mask, widened and filled up to the outline of the sketched defect.

    A pixel of the outline counts if something was recovered no further away than half of the
    thickness of its part: a blot is filled, the end of a scratch that was not drawn stays away.

    Args:
        recovered: confidence ``(h, w)`` in [0, 1]; the mask is 0.5 and more.
        outline: boolean ``(h, w)``.
    """
    seen = recovered >= 0.5
    if not seen.any() or not outline.any():
        return recovered
    count, parts = cv2.connectedComponents(outline.astype(np.uint8), connectivity=8)
    depth = cv2.distanceTransform(
        np.pad(outline, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )[1:-1, 1:-1]
    reach = np.zeros(count, np.float32)
    np.maximum.at(reach, parts, depth)
    away = cv2.distanceTransform((~seen).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    borne_out = outline & (away <= reach[parts] + BEYOND)
    soft: NDArray[np.float32] = np.where(borne_out, np.maximum(recovered, 0.5), recovered)
    return soft.astype(np.float32)
