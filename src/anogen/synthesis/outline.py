"""Masks as people draw them: the outline of a support defect, where its redrawing can be seen.

Beside the defect, redrawing moves the surface's own texture a little, and the decoder blurs edges:
a mask recovered from the change alone is larger than what people outline, of small defects half as
large again. Detectors are measured by such outlines, so they are trained on such outlines, as far
as the picture bears them out.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

BEYOND = 2
"""Pixels by which an outline may lie outside of what is seen, beside half of its thickness."""

LEAST_SEEN = 0.1
"""Share of a part of an outline in which something was recovered, for the part to count: a speck
does not bear out a whole blot."""

OUTSIDE = 0.49
"""The most confidence outside of the mask."""


def outlined(recovered: NDArray[np.float32], outline: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The outline of the sketched defect as far as the recovered mask bears it out.

    A pixel of the outline counts if something was recovered no further away than half of the
    thickness of its part: a blot is filled, the end of a scratch that was not drawn stays away.
    A part of which hardly anything was recovered does not count at all. Where nothing of the
    outline can be seen, the mask is empty: the defect was not drawn.

    Args:
        recovered: confidence ``(h, w)`` in [0, 1]; the mask is 0.5 and more.
        outline: boolean ``(h, w)``.

    Returns:
        Confidence ``(h, w)`` in [0, 1]; below 0.5 outside of the outline.
    """
    seen = (recovered >= 0.5) & outline
    count, parts = cv2.connectedComponents(outline.astype(np.uint8), connectivity=8)
    sizes = np.bincount(parts.ravel(), minlength=count)
    share = np.bincount(parts[seen], minlength=count) / np.maximum(sizes, 1)  # all may be outline
    seen &= (share >= LEAST_SEEN)[parts]
    if not seen.any():
        return np.minimum(recovered, np.float32(OUTSIDE))
    depth = cv2.distanceTransform(
        np.pad(outline, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )[1:-1, 1:-1]
    reach = np.zeros(count, np.float32)
    np.maximum.at(reach, parts, depth)
    away = cv2.distanceTransform((~seen).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    borne_out = outline & (away <= reach[parts] + BEYOND)
    soft = np.where(borne_out, np.maximum(recovered, 0.5), np.minimum(recovered, OUTSIDE))
    return np.asarray(soft, np.float32)
