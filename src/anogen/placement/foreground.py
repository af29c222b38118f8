"""The object in a picture of a good part, told from its background."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.errors import InputError
from anogen.placement.settings import ForegroundMethod

_WORK = 256
"""Longer side at which foregrounds are found; boxes need no finer outline."""

_PROBES = 12
"""Good images that are looked at to choose a method."""


def choose_method(goods: Sequence[NDArray[np.uint8]]) -> ForegroundMethod:
    """``otsu`` for objects on a plain background, ``whole`` for textures.

    A category shows an object when, in most of the probed good images, Otsu's threshold leaves
    a part of 3 to 90 % of the image that covers at most a quarter of the image's border, and its
    mean brightness differs from the background's by more than twice the background's deviation.

    Args:
        goods: good images, uint8 ``(H, W)`` or ``(H, W, 3)``; the first dozen are looked at.
    """
    votes = [_shows_object(image) for image in goods[:_PROBES]]
    return "otsu" if votes and sum(votes) > len(votes) / 2 else "whole"


def _shows_object(image: NDArray[np.uint8]) -> bool:
    grey = _grey(_shrunk(image))
    mask = _otsu(grey)
    share = float(mask.mean())
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    if not 0.03 <= share <= 0.9 or border.mean() > 0.25:
        return False
    inside, outside = grey[mask].astype(np.float32), grey[~mask].astype(np.float32)
    contrast = abs(float(inside.mean() - outside.mean())) / (float(outside.std()) + 4)
    return contrast > 2.0


def foreground(
    image: NDArray[np.uint8],
    method: ForegroundMethod,
    *,
    median: NDArray[np.uint8] | None = None,
) -> NDArray[np.bool_]:
    """The object's pixels, boolean ``(H, W)``; never empty.

    Args:
        image: uint8 ``(H, W)`` or ``(H, W, 3)``.
        method: ``grabcut``, ``otsu``, ``median`` or ``whole``.
        median: for ``median``: the median good image, of the same shape.

    Raises:
        ValueError: for ``auto``, or ``median`` without a median image.
        InputError: if the median image has another shape.
    """
    height, width = image.shape[:2]
    if method == "whole":
        return np.ones((height, width), dtype=bool)
    small = _shrunk(image)
    if method == "otsu":
        mask = _otsu(_grey(small))
    elif method == "grabcut":
        mask = _grabcut(small)
    elif method == "median" and median is not None:
        if median.shape[:2] != image.shape[:2]:
            raise InputError(
                f"placement.foreground: median needs images of one size, but one has "
                f"{image.shape[:2]} pixels and the median {median.shape[:2]}; use otsu or grabcut."
            )
        difference = cv2.absdiff(_grey(small), _grey(_shrunk(median)))
        mask = cv2.morphologyEx(
            (difference > 25).astype(np.uint8), cv2.MORPH_CLOSE, _disc(9)
        ).astype(bool)
    else:
        raise ValueError(f"no foreground by {method!r} here")
    if not mask.any():
        return np.ones((height, width), dtype=bool)
    full = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(full, dtype=bool)


def _grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey: NDArray[np.uint8] = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return grey


def _shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = _WORK / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small: NDArray[np.uint8] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small


def _disc(diameter: int) -> NDArray[np.uint8]:
    disc: NDArray[np.uint8] = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter))
    return disc


def _otsu(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Otsu's threshold, closed with a 15-pixel disc; the class that rules the border is behind."""
    blurred = cv2.GaussianBlur(grey, (5, 5), 0)
    _, bright = cv2.threshold(blurred, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    border = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    mask = 1 - bright if border.mean() > 0.5 else bright
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, _disc(15))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, _disc(5))
    return np.asarray(opened, dtype=bool)


def _grabcut(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """GrabCut (Rother et al. 2004) started from Otsu's foreground."""
    colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    start = _otsu(_grey(image))
    if not start.any() or start.all():
        return start
    labels = np.where(start, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[cv2.erode(start.astype(np.uint8), _disc(15)) > 0] = cv2.GC_FGD
    background, object_ = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(
        np.ascontiguousarray(colour), labels, None, background, object_, 4, cv2.GC_INIT_WITH_MASK
    )
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
