"""The surface that a defect hides, told from its surroundings."""

import cv2
import numpy as np
from numpy.typing import NDArray

FINEST = 2
"""Pixels on the side of what is left when an image is halved until something is known anywhere."""


def surface_under(image: NDArray[np.float32], hidden: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The image with its hidden pixels filled in smoothly from around them.

    Known pixels are averaged in ever coarser images, and each hidden pixel takes the finest average
    that knows anything of it (pull and push; Gortler et al., "The Lumigraph", SIGGRAPH 1996): wide
    holes become smooth, the rims of holes keep their tone.

    Args:
        image: ``(h, w)`` or ``(h, w, C)``, any range.
        hidden: boolean ``(h, w)``.

    Returns:
        Same shape; known pixels as they are. All hidden: the image's mean.
    """
    if hidden.all():
        return np.broadcast_to(image.mean(axis=(0, 1)), image.shape).astype(np.float32)
    known = (~hidden).astype(np.float32)
    return _filled(image * (known if image.ndim == 2 else known[..., None]), known)


def _filled(total: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Averages where anything is known, coarser ones elsewhere."""
    share = known if total.ndim == 2 else known[..., None]
    here = (total / np.maximum(share, 1e-6)).astype(np.float32)
    if known.min() >= 1 or max(known.shape) <= FINEST:
        return here
    half = (max(1, (known.shape[1] + 1) // 2), max(1, (known.shape[0] + 1) // 2))
    coarse = _filled(
        cv2.pyrDown(total, dstsize=half), np.minimum(1, cv2.pyrDown(known, dstsize=half))
    )
    above = cv2.resize(coarse, known.shape[::-1], interpolation=cv2.INTER_LINEAR)
    result: NDArray[np.float32] = share * here + (1 - share) * above
    return result
