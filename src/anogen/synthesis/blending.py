"""Laying a patch onto an image so that no seam shows.

Feathering fades the patch out around its mask. Poisson blending (Perez et al., "Poisson Image
Editing", SIGGRAPH 2003, Eq. 3) keeps the patch's gradients and takes its level from the
surroundings; on a rectangle whose border stays fixed, the sine transform solves it exactly, for
any depth and number of channels.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dstn, idstn

from anogen.synthesis.canvas import FULL
from anogen.synthesis.contract import Image


def feathered(mask: NDArray[np.bool_], width: int) -> NDArray[np.float32]:
    """Opacity that is 1 in the mask and falls to 0 over ``width`` pixels outside it."""
    distance = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 3)
    opacity: NDArray[np.float32] = np.clip(1 - distance / (width + 1), 0, 1)
    return opacity


def with_rim(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """The mask and ``reach`` pixels around it, in a square: as fast for a wide rim as for a thin
    one."""
    if not mask.any():
        return mask
    away = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_C, 3)
    grown: NDArray[np.bool_] = away <= reach
    return grown


def faded_inside(region: NDArray[np.bool_], width: int) -> NDArray[np.float32]:
    """Opacity that is 0 outside the region and rises to 1 over ``width`` pixels inside it.

    The array's border is no border of the region.
    """
    distance = cv2.distanceTransform(region.view(np.uint8), cv2.DIST_L2, 3)
    opacity: NDArray[np.float32] = np.clip(distance / (width + 1), 0, 1)
    return opacity


def matched(
    patch: NDArray[np.float32], normal: NDArray[np.float32], ring: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The patch fitted to the normal, channel by channel, so that its ring has the normal's mean.

    It is shifted as its ring is; on a brighter surface what is darker than the ring is scaled
    instead, so that black stays black: a crack shows no more light there than in its shot.
    """
    if not ring.any():
        return patch
    level, wanted = patch[ring].mean(axis=0), normal[ring].mean(axis=0)
    shifted = patch + (wanted - level)
    scaled = patch * (wanted / np.maximum(level, 1e-6))
    fitted: NDArray[np.float32] = np.where(
        patch < level, np.minimum(shifted, scaled), shifted
    ).astype(np.float32)
    return fitted


def toned(
    defect: NDArray[np.float32],
    surface: NDArray[np.float32],
    below: NDArray[np.float32],
    white: int,
) -> NDArray[np.float32]:
    """``below`` changed as ``defect`` changes ``surface``.

    What is darker is scaled with the surface, so that black stays black (as in :func:`matched`);
    what is brighter is added, less where there is less room to white.

    Args:
        defect: ``(h, w)`` or ``(h, w, 3)``.
        surface: same shape, what lay under the defect.
        below: same shape.
        white: the largest value of all three.
    """
    difference = defect - surface
    darker = below / np.maximum(surface, 1e-6)
    brighter = np.minimum(1, (white - below) / np.maximum(white - surface, 1e-6))
    changed: NDArray[np.float32] = below + difference * np.where(difference < 0, darker, brighter)
    return changed


def mixed(
    normal: NDArray[np.float32], patch: NDArray[np.float32], opacity: NDArray[np.float32]
) -> NDArray[np.float32]:
    """``normal`` with ``patch`` over it; opacity ``(h, w)`` in [0, 1]."""
    weight = opacity if normal.ndim == 2 else opacity[..., None]
    return normal + weight * (patch - normal)


def poisson(
    normal: NDArray[np.float32], patch: NDArray[np.float32], mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The image whose gradients are the patch's in the mask and the normal's elsewhere.

    Args:
        normal: ``(h, w)`` or ``(h, w, 3)``; its outermost pixels stay as they are.
        patch: same shape.
        mask: boolean ``(h, w)``; a step between two pixels is the patch's if both are in it.

    Returns:
        The solution of ``laplace f = div v`` with ``f = normal`` on the border; the normal
        itself where there is no pixel inside the border.
    """
    height, width = mask.shape
    if height < 3 or width < 3:
        return normal.copy()
    inside = mask if normal.ndim == 2 else mask[..., None]
    # In terms of f - normal: zero on the border, and only the patch's steps are left.
    other = patch - normal
    down = np.where(inside[1:] & inside[:-1], np.diff(other, axis=0), 0)
    across = np.where(inside[:, 1:] & inside[:, :-1], np.diff(other, axis=1), 0)
    divergence = np.diff(down, axis=0)[:, 1:-1] + np.diff(across, axis=1)[1:-1]
    eigenvalues = _second_difference(height - 2)[:, None] + _second_difference(width - 2)
    if normal.ndim == 3:
        eigenvalues = eigenvalues[..., None]
    spectrum = dstn(divergence.astype(np.float64), type=1, axes=(0, 1)) / eigenvalues
    result = normal.copy()
    result[1:-1, 1:-1] += idstn(spectrum, type=1, axes=(0, 1)).astype(np.float32)
    return result


def rounded(values: NDArray[np.float32], like: Image) -> Image:
    """``values`` rounded and clipped to the depth of ``like``."""
    whole = np.rint(np.clip(values, 0, FULL[like.dtype]))
    return whole.astype(np.uint8) if like.dtype == np.uint8 else whole.astype(np.uint16)


def _second_difference(size: int) -> NDArray[np.float64]:
    """Eigenvalues of the second difference with zeros at both ends, in the sine basis."""
    values: NDArray[np.float64] = 2 * np.cos(np.pi * np.arange(1, size + 1) / (size + 1)) - 2
    return values
