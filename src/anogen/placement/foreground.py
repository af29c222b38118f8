"""The object in a picture of a good part, told from its background.

AnoGen's paper names GrabCut (section 5.1); its released code takes Otsu's threshold, closes it with
a 15-pixel ellipse, and knows the background by the first pixel, we by the whole border.
"""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.errors import InputError
from anogen.placement.settings import ForegroundMethod

_WORK = 256
"""Longer side at which foregrounds are found; boxes need no finer outline."""

_GRABCUT = 128
"""The same for GrabCut, whose time grows with the pixels: 0.1 s, and 0.7 s at 256."""

PROBES = 12
"""Good images that are looked at to choose a method, or to make a median image of."""


def choose_method(goods: Iterable[NDArray[np.uint8]]) -> ForegroundMethod:
    """``grabcut`` for objects on a background of one colour, ``whole`` for everything else.

    A category shows an object when, in most of the good images, what GrabCut finds covers 3 to
    90 % of the image and at most a quarter of the image's border, fills its convex hull by a
    share of 0.4, and differs in colour from the border's median by more than twice the deviation of
    the rest. Textures fail the first rules; a tray around several parts, the third.

    Args:
        goods: good images, uint8 ``(H, W)`` or ``(H, W, 3)``; a dozen will do.
    """
    votes = [_shows_object(image) for image in goods]
    return "grabcut" if votes and sum(votes) > len(votes) / 2 else "whole"


def _shows_object(image: NDArray[np.uint8]) -> bool:
    small = _shrunk(image, _GRABCUT)
    mask = _grabcut(small)
    share = float(mask.mean())
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    if not 0.03 <= share <= 0.9 or border.mean() > 0.25:
        return False
    outlines, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hulls = [cv2.convexHull(outline) for outline in outlines]
    hull = cv2.drawContours(np.zeros(mask.shape, np.uint8), hulls, -1, 1, cv2.FILLED)
    if mask.sum() < _SOLID * hull.sum():
        return False
    far = _from_background(small)
    contrast = float(far[mask].mean() - far[~mask].mean()) / (float(far[~mask].std()) + 4)
    return contrast > 2.0


def median_image(goods: Iterable[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The median of good images at the size at which foregrounds are found.

    It shows the background where parts lie now here, now there.

    Args:
        goods: good images, uint8 ``(H, W)`` or ``(H, W, 3)``; those that are not shaped like the
            first, made small, are left out.
    """
    small = [_grey(_shrunk(image)) for image in goods]
    alike = [image for image in small if image.shape == small[0].shape]
    median: NDArray[np.uint8] = np.median(np.stack(alike), axis=0).astype(np.uint8)
    return median


def small_shape(height: int, width: int, *, side: int = _WORK) -> tuple[int, int]:
    """``(H, W)`` of an image made so small that no side is longer than ``side`` pixels."""
    scale = side / max(height, width)
    if scale >= 1:
        return height, width
    return max(1, round(height * scale)), max(1, round(width * scale))


def foreground(
    image: NDArray[np.uint8],
    method: ForegroundMethod,
    *,
    median: NDArray[np.uint8] | None = None,
) -> NDArray[np.bool_]:
    """The object's pixels, boolean ``(H, W)``; never empty (all, where no object is found).

    Args:
        image: uint8 ``(H, W)`` or ``(H, W, 3)``.
        method: ``grabcut``, ``otsu``, ``median`` or ``whole``.
        median: for ``median``: what :func:`median_image` makes of the good images.

    Raises:
        ValueError: for ``auto``, or ``median`` without a median image.
        InputError: if the median image has another shape.
    """
    height, width = image.shape[:2]
    if method == "whole":
        return np.ones((height, width), dtype=bool)
    if method == "otsu":
        mask = _otsu(_grey(_shrunk(image)))
    elif method == "grabcut":
        mask = _grabcut(_shrunk(image, _GRABCUT))
    elif method == "median" and median is not None:
        small = _shrunk(image)
        if median.shape != small.shape[:2]:
            raise InputError(
                f"placement.foreground: median needs images of one shape, but one has "
                f"{width} x {height} pixels, and most are not shaped so; use otsu or grabcut."
            )
        difference = cv2.absdiff(_grey(small), median)
        mask = cv2.morphologyEx(
            (difference > 25).astype(np.uint8), cv2.MORPH_CLOSE, _disc(9)
        ).astype(bool)
    else:
        raise ValueError(f"no foreground by {method!r} here")
    if not mask.any():
        return np.ones((height, width), dtype=bool)
    full = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(full, dtype=bool)


_SOLID = 0.4
"""Share of the convex hull: 0.28 to 0.38 for the tray around MVTec's cables, 0.6 for its screws."""


def _colour(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    return np.ascontiguousarray(colour)


def _grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey: NDArray[np.uint8] = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return grey


def _shrunk(image: NDArray[np.uint8], side: int = _WORK) -> NDArray[np.uint8]:
    shape = small_shape(*image.shape[:2], side=side)
    if shape == image.shape[:2]:
        return image
    small: NDArray[np.uint8] = cv2.resize(image, shape[::-1], interpolation=cv2.INTER_AREA)
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


def _from_background(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """``(H, W)`` distance in Lab (8-bit units) to the median colour of the image's border."""
    blurred = cv2.GaussianBlur(_colour(image), (3, 3), 0)
    lab = cv2.cvtColor(blurred, cv2.COLOR_RGB2LAB).astype(np.float32)
    background = np.median(lab[_rim(image)], axis=0)
    distance: NDArray[np.float32] = np.sqrt(((lab - background) ** 2).sum(axis=2))
    return distance


def _rim(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The outermost fiftieth of an image, boolean ``(H, W)``."""
    height, width = image.shape[:2]
    depth = max(1, round(0.02 * max(height, width)))
    rim = np.ones((height, width), dtype=bool)
    rim[depth:-depth, depth:-depth] = False
    return rim


def _grabcut(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """GrabCut (Rother et al. 2004), started from what differs from the colour of the border.

    Otsu's threshold on the distance to that colour starts it; the border is background wherever
    it looks like it. Unlike a threshold on brightness, that keeps the dark side of a part and
    leaves out its shadow.
    """
    distance = np.clip(_from_background(image), 0, 255).astype(np.uint8)
    _, far = cv2.threshold(distance, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    labels = np.where(far > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[_rim(image) & (far == 0)] = cv2.GC_BGD
    if not far.any() or far.all():
        return np.asarray(far, dtype=bool)
    background, object_ = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # its first clusters are random; the seed is OpenCV's own
    cv2.grabCut(_colour(image), labels, None, background, object_, 4, cv2.GC_INIT_WITH_MASK)
    mask = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _disc(5))
    return np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, _disc(3)), dtype=bool)
