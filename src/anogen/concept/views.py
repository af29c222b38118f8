"""Augmented views of support shots: windows around the defect, with its mask and its box."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.concept.settings import ConceptSettings
from anogen.placement.box import Box
from anogen.placement.window import Window, window_around

FAINTEST = 0.2
"""Share of a pixel of the view below which a defect would not be seen there."""


@dataclass(frozen=True)
class Shot:
    """A support image with its mask.

    Attributes:
        key: the image's identity.
        sha256: of its file.
        image: uint8 ``(H, W, 3)``.
        mask: boolean ``(H, W)``, not empty.
    """

    key: str
    sha256: str
    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class View:
    """A shot as the prior sees it; ``S`` is the prior's image size.

    Attributes:
        image: float32 ``(S, S, 3)`` in [0, 1].
        mask: float32 ``(S, S)`` in [0, 1], the defect's share of each pixel; never all zero.
        box: float32 ``(S, S)``, 1 in a box around the mask.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.float32]
    box: NDArray[np.float32]


def draw_view(
    image: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    size: int,
    settings: ConceptSettings,
    rng: np.random.Generator,
) -> View:
    """One view of a shot: zoomed and shifted around the defect, or all of it; mirrored, turned.

    Zooming means that a defect of a few pixels fills cells of the latent grid instead of
    vanishing between them. A defect both long and thin, which would vanish in a view that holds
    all of it, is shown in part, from nearer.

    Args:
        image: uint8 ``(H, W, 3)``.
        mask: boolean ``(H, W)``, not empty.
        size: the prior's image size S.
        settings: which augmentations.
        rng: the source of randomness.
    """
    tight = Box.around(mask)
    longest = max(tight.width, tight.height)
    if settings.zoom is None:
        pixels, share = _squeezed(image, size), _squeezed(mask, size)
        margin = rng.uniform(0.02, 0.15) * longest * size / max(mask.shape)
    else:
        window = _window(mask, size, settings.zoom, settings.shift, rng)
        pixels, share = window.cut(image, size), window.cut(mask, size)
        margin = rng.uniform(0.02, 0.15) * min(longest, window.side) * size / window.side
    pixels, share = np.clip(pixels / 255, 0, 1), np.clip(share, 0, 1)
    found = Box.around(share > 0.25 * share.max())
    grown = Box(
        max(0, int(found.x0 - margin)),
        max(0, int(found.y0 - margin)),
        min(size, int(np.ceil(found.x1 + margin))),
        min(size, int(np.ceil(found.y1 + margin))),
    )
    box = grown.mask(size, size).astype(np.float32)
    arrays: list[NDArray[Any]] = [pixels, share, box]
    if settings.flips and rng.random() < 0.5:
        arrays = [array[:, ::-1] for array in arrays]
    if settings.flips and settings.vertical_flips and rng.random() < 0.5:
        arrays = [array[::-1] for array in arrays]
    if settings.quarter_turns:
        turns = int(rng.integers(4))
        arrays = [np.rot90(array, turns) for array in arrays]
    return View(*(np.ascontiguousarray(array, dtype=np.float32) for array in arrays))


def _window(
    mask: NDArray[np.bool_],
    size: int,
    zoom: tuple[float, float],
    shift: float,
    rng: np.random.Generator,
) -> Window:
    """A window around the defect, or a smaller one around a part of it where it would vanish."""
    height, width = mask.shape
    tight = Box.around(mask)
    longest = max(tight.width, tight.height)
    factor = float(np.exp(rng.uniform(*np.log(zoom))))
    # A window much smaller than the prior's own would only be blown up.
    side = max(round(longest * factor), size // 2)
    side = max(min(side, height, width), longest)
    window = Window(
        _shifted(tight.x0, tight.x1, side, width, shift, rng),
        _shifted(tight.y0, tight.y1, side, height, shift, rng),
        side,
    )
    while window.cut(mask, size).max() < FAINTEST:
        y, x = rng.choice(np.argwhere(mask))
        pixel = Box(int(x), int(y), int(x) + 1, int(y) + 1)
        window = window_around(pixel, height, width, size=window.side // 2, context=1)
    return window


def _squeezed(image: NDArray[Any], size: int) -> NDArray[np.float32]:
    """The whole image in a square, whatever its sides."""
    height, width = (min(side, size) for side in image.shape[:2])
    # Smaller by area first, side by side: a thin defect that is stepped over would vanish.
    shrunk = cv2.resize(image.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    square: NDArray[np.float32] = cv2.resize(shrunk, (size, size), interpolation=cv2.INTER_CUBIC)
    return square


def _shifted(
    low: int, high: int, side: int, limit: int, shift: float, rng: np.random.Generator
) -> int:
    centred = (low + high - side) // 2
    room = max(0, side - (high - low)) / 2
    start = centred + round(float(rng.uniform(-shift, shift)) * room)
    if side >= limit:
        return (limit - side) // 2
    return min(max(start, 0), limit - side)
