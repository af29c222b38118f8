"""Where a patch goes on an image, and the part of it that lies inside."""

import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box

Slices = tuple[slice, slice]

_ATTEMPTS = 8


def choose_corner(
    mask: NDArray[np.bool_],
    shape: tuple[int, int],
    region: NDArray[np.bool_] | None,
    rng: np.random.Generator,
) -> tuple[int, int]:
    """The top left corner ``(y, x)`` of a patch, so that its mask meets the region.

    Places within the region's box are tried; the first that holds the whole mask wins, else the
    one that holds most of it. If all miss, a pixel of the mask is laid on one of the region.

    Args:
        mask: ``(h, w)`` of the patch, not empty; no larger than the image where region is None.
        shape: ``(H, W)`` of the image.
        region: boolean ``(H, W)``, not empty; None is the whole image.
        rng: the source of randomness.
    """
    if region is None:
        return (
            int(rng.integers(0, shape[0] - mask.shape[0] + 1)),
            int(rng.integers(0, shape[1] - mask.shape[1] + 1)),
        )
    box = Box.around(region)
    wanted = int(np.count_nonzero(mask))
    best, most = (0, 0), 0
    for _ in range(_ATTEMPTS):
        corner = (
            _offset(box.y0, box.y1, mask.shape[0], rng),
            _offset(box.x0, box.x1, mask.shape[1], rng),
        )
        here, there = overlap(corner, mask.shape, shape)
        held = int(np.count_nonzero(mask[here] & region[there]))
        if held > most:
            best, most = corner, held
        if held == wanted:
            break
    if most:
        return best
    from_y, from_x = _pixel(mask, rng)
    to_y, to_x = _pixel(region, rng)
    return to_y - from_y, to_x - from_x


def overlap(
    corner: tuple[int, int], patch: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[Slices, Slices]:
    """Slices of the patch and of the image where the patch at ``corner`` lies on the image."""
    here, there = [], []
    for start, size, limit in zip(corner, patch[:2], shape[:2], strict=True):
        low, high = max(start, 0), max(min(start + size, limit), 0)
        there.append(slice(low, max(high, low)))
        here.append(slice(low - start, max(high, low) - start))
    return (here[0], here[1]), (there[0], there[1])


def _offset(low: int, high: int, size: int, rng: np.random.Generator) -> int:
    """A place for ``size`` in [low, high), or one that covers it if it does not fit."""
    first, last = sorted((low, high - size))
    return int(rng.integers(first, last + 1))


def _pixel(mask: NDArray[np.bool_], rng: np.random.Generator) -> tuple[int, int]:
    """A random true pixel."""
    true = np.flatnonzero(mask)
    row, column = divmod(int(true[rng.integers(true.size)]), mask.shape[1])
    return row, column
