"""The ten colour operations with which DRAEM makes a texture foreign.

Zavrtanik et al., "DRAEM", ICCV 2021, section 3.2 and Figure 4: three of posterise, sharpness,
solarise, equalise, brightness change, colour change, auto-contrast (the released code adds gamma,
inversion and rotation, and has the ranges used here). Each takes uint8 RGB ``(H, W, 3)`` and
returns the same shape; where it can be, it is a table of 256 values.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Texture = NDArray[np.uint8]
Operation = Callable[[Texture, np.random.Generator], Texture]

_LEVELS = np.arange(256, dtype=np.float32)
# The smoothing kernel against which Pillow defines sharpness.
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], dtype=np.float32) / 13


def gamma(texture: Texture, rng: np.random.Generator) -> Texture:
    """Gamma contrast, an exponent in [0.5, 2] for each channel."""
    exponents = rng.uniform(0.5, 2.0, 3).astype(np.float32)
    return _looked_up(texture, 255 * (_LEVELS[:, None] / 255) ** exponents)


def brightness(texture: Texture, rng: np.random.Generator) -> Texture:
    """Luma times a factor in [0.8, 1.2] plus a shift in [-30, 30]."""
    factor, shift = rng.uniform(0.8, 1.2), rng.uniform(-30, 30)
    luma = cv2.cvtColor(texture, cv2.COLOR_RGB2YCrCb)
    luma[..., 0] = _looked_up(np.ascontiguousarray(luma[..., 0]), _LEVELS * factor + shift)
    return _array(cv2.cvtColor(luma, cv2.COLOR_YCrCb2RGB))


def sharpness(texture: Texture, rng: np.random.Generator) -> Texture:
    """From nearly smoothed (0.1) to over-sharpened (1.9)."""
    amount = rng.uniform(0.1, 1.9)
    smooth = cv2.filter2D(texture, -1, _SMOOTH)
    return _array(cv2.addWeighted(texture, amount, smooth, 1 - amount, 0))


def hue_and_saturation(texture: Texture, rng: np.random.Generator) -> Texture:
    """Hue and saturation shifted by up to 50 of 255 steps each; hue goes round."""
    hue, saturation = rng.uniform(-50, 50, 2)
    colours = cv2.cvtColor(texture, cv2.COLOR_RGB2HSV_FULL)
    table = np.stack([(_LEVELS + np.round(hue)) % 256, _LEVELS + saturation, _LEVELS], axis=1)
    return _array(cv2.cvtColor(_looked_up(colours, table), cv2.COLOR_HSV2RGB_FULL))


def solarise(texture: Texture, rng: np.random.Generator) -> Texture:
    """With probability one half, invert all values from a threshold in [32, 128] on."""
    applies, threshold = rng.random() < 0.5, rng.uniform(32, 128)
    if not applies:
        return texture
    return _looked_up(texture, np.where(threshold > _LEVELS, _LEVELS, 255 - _LEVELS))


def posterise(texture: Texture, rng: np.random.Generator) -> Texture:
    """Keep the highest 1 to 8 bits."""
    low_bits = 8 - int(rng.integers(1, 9))
    return _looked_up(texture, np.arange(256) >> low_bits << low_bits)


def invert(texture: Texture, rng: np.random.Generator) -> Texture:  # noqa: ARG001
    """The negative."""
    return _array(cv2.bitwise_not(texture))


def auto_contrast(texture: Texture, rng: np.random.Generator) -> Texture:
    """Stretch each channel after cutting up to a fifth of the pixels off each end."""
    cut = rng.uniform(0.0, 0.2)
    table = np.empty((256, 3), dtype=np.float32)
    for channel in range(3):
        counts = cv2.calcHist([texture], [channel], None, [256], [0, 256]).reshape(-1)
        share = np.cumsum(counts) / counts.sum()
        low = int(np.searchsorted(share, cut, "right"))
        high = int(np.searchsorted(share, 1 - cut, "left"))
        table[:, channel] = (_LEVELS - low) * (255 / (high - low)) if high > low else _LEVELS
    return _looked_up(texture, table)


def equalise(texture: Texture, rng: np.random.Generator) -> Texture:  # noqa: ARG001
    """Equalise the histogram of each channel."""
    return _array(cv2.merge([cv2.equalizeHist(channel) for channel in cv2.split(texture)]))


def rotate(texture: Texture, rng: np.random.Generator) -> Texture:
    """Turn by up to 45 degrees either way; black comes in at the corners."""
    return turned(texture, rng.uniform(-45, 45))


OPERATIONS: tuple[Operation, ...] = (
    gamma,
    brightness,
    sharpness,
    hue_and_saturation,
    solarise,
    posterise,
    invert,
    auto_contrast,
    equalise,
    rotate,
)


def turned(image: NDArray[Any], degrees: float) -> NDArray[Any]:
    """``image`` turned about its centre; zeros come in at the corners."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    result: NDArray[Any] = cv2.warpAffine(image, turn, (width, height))
    return result


def _looked_up(image: Texture, table: NDArray[Any]) -> Texture:
    """``image`` through a table ``(256,)`` or ``(256, 3)`` that is rounded and clipped."""
    table8 = np.clip(np.rint(table), 0, 255).astype(np.uint8)
    return _array(cv2.LUT(image, table8[None] if table8.ndim == 2 else table8))


def _array(image: Texture) -> Texture:
    """OpenCV's results are untyped; this names their type."""
    return image
