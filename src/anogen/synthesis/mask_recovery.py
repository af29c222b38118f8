"""Which pixels became defective: from what is shown against the normal it was drawn on.

The difference is looked at pixel by pixel (texture, thin lines) and smoothed (faint stains), and
measured against a noise floor: what nobody sees, what hides in the normal's own texture, and what
redrawing has changed everywhere in the region. Then hysteresis: a part needs some clear pixels, and
ends where the change falls below a share of the strength that it has nearby and as a whole, so that
the blur of the decoder neither widens what is strong nor loses what is faint, nor the faint end of
a scratch. The numbers were chosen on four products and measured on four others, see
``benchmarks/masks``.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FAINT, CLEAR = 0.035, 0.09
"""Difference of a channel (of 1) that nobody sees, and that everybody does."""

FINE, COARSE, TEXTURE = 0.5, 3.0, 0.7
"""Deviations in pixels of the blurs that show lines, faint wide stains, and changed grain."""

STAIN, GRAIN = 0.5, 0.7
"""How much the coarse change and that of texture count beside the fine one."""

UNSEEN = 0.012
"""Share of white, three grey levels."""

HIDDEN = 0.25
"""Share of the normal's own fine texture in which a change hides."""

BACKGROUND, REDRAWN, MOST_REDRAWN = 0.2, 1.0, 0.04
"""The change that a fifth of the region stays below, times a factor; more is no mere redrawing."""

LOW, HIGH = 2.5, 3.0
"""Multiples of the noise: how far a part reaches, and what it needs somewhere."""

EDGE = 0.3
"""A part ends where its change falls below this share of its strength."""

STRONG, NEARBY, NEAR = 0.8, 0.7, 6
"""The strength of a part: this quantile of its change, and the largest change within so many
pixels, in a geometric mean with this weight on what is nearby."""

CLOSED = 2
"""Pixels; gaps up to twice as wide are closed."""


def change_map(drawn: NDArray[np.float32], decoded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Confidence ``(S, S)`` in [0, 1] that a pixel was visibly changed, each pixel by itself.

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


def recover_mask(
    shown: NDArray[np.float32], normal: NDArray[np.float32], region: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Confidence ``(h, w)`` in [0, 1] that a pixel became defective; the mask is 0.5 and more.

    Args:
        shown: ``(h, w)`` or ``(h, w, C)`` in [0, 1], the box with the defect.
        normal: the same without it.
        region: boolean ``(h, w)``, where it was drawn; the mask keeps to it.
    """
    if not region.any():
        return np.zeros(region.shape, np.float32)
    change = np.where(region, _change(shown - normal), 0).astype(np.float32)
    redrawn = min(REDRAWN * float(np.quantile(change[region], BACKGROUND)), MOST_REDRAWN)
    noise = np.hypot(np.hypot(_texture(normal) * HIDDEN, UNSEEN), redrawn)
    limit = _limits(change, noise.astype(np.float32))
    mask = _closed(change > limit) & region
    confidence = np.clip(change / (2 * limit), 0, 1)
    # Holes and gaps belong to the defect, with no more confidence than its edge has.
    soft = np.where(mask, np.maximum(confidence, 0.5), np.minimum(confidence, 0.49))
    return np.asarray(soft, np.float32)


def _change(difference: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(h, w)``: the largest change of colour, fine or coarse, or of texture."""
    fine = np.abs(cv2.GaussianBlur(difference, (0, 0), FINE))
    coarse = np.abs(cv2.GaussianBlur(difference, (0, 0), COARSE))
    energy = np.sqrt(cv2.GaussianBlur(np.square(difference), (0, 0), TEXTURE))
    larger = np.maximum(fine, np.maximum(STAIN * coarse, GRAIN * energy))
    change: NDArray[np.float32] = larger if larger.ndim == 2 else larger.max(axis=2)
    return change


def _texture(normal: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(h, w)``: local root mean square of the normal's fine detail."""
    fine = np.square(normal - cv2.GaussianBlur(normal, (0, 0), 1.5))
    strongest = fine if fine.ndim == 2 else fine.max(axis=2)
    texture: NDArray[np.float32] = np.sqrt(cv2.GaussianBlur(strongest, (0, 0), 2.0))
    return texture


def _limits(change: NDArray[np.float32], noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(h, w)``: the change from which a pixel is defective; infinite where nothing is."""
    count, parts = cv2.connectedComponents((change > LOW * noise).astype(np.uint8), connectivity=8)
    index = np.arange(1, count)
    limits = np.full(count, np.inf, np.float32)
    if count > 1:
        clear = ndimage.maximum(change / noise, parts, index) > HIGH
        for part in index[clear]:
            limits[part] = np.quantile(change[parts == part], STRONG)
    whole = limits[parts]
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * NEAR + 1, 2 * NEAR + 1))
    nearby = cv2.GaussianBlur(cv2.dilate(change, disc), (0, 0), NEAR / 2)
    found = np.isfinite(whole)
    strength = np.full(change.shape, np.inf, np.float32)
    strength[found] = whole[found] ** (1 - NEARBY) * nearby[found] ** NEARBY
    return np.asarray(EDGE * strength, np.float32)


def _closed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask with narrow gaps closed and holes filled."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * CLOSED + 1, 2 * CLOSED + 1))
    padded = np.pad(mask, CLOSED).astype(np.uint8)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disc)[CLOSED:-CLOSED, CLOSED:-CLOSED]
    filled: NDArray[np.bool_] = ndimage.binary_fill_holes(closed > 0)
    return filled
