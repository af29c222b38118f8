"""Where the centre of a place may lie: pixels, or, in large images, pixels of square cells.

What is known of a place hardly changes from a pixel to the next (``context`` describes surroundings
at a hundredth of a large image's pixels), so a photograph of 12 megapixels is looked at in cells.
"""

import math

import numpy as np
from numpy.typing import NDArray

MOST_CELLS = 1 << 20
"""Pixels of the largest image whose every pixel is a cell, and about the most cells of any."""


ELSEWHERE = 0.1
"""Share of the places that are drawn without looking: three shots have not seen everything."""


def cell_side(shape: tuple[int, ...]) -> int:
    """Side in pixels of the cells of an image ``(H, W)``; 1 up to :data:`MOST_CELLS` pixels."""
    return max(1, math.ceil(math.sqrt(shape[0] * shape[1] / MOST_CELLS)))


def cells_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of an image's cells; those at its end may be cut off by it."""
    side = cell_side(shape)
    return -(-shape[0] // side), -(-shape[1] // side)


class Centres:
    """Draws pixels that may be centres.

    Args:
        allowed: boolean ``(H, W)``, not empty: the pixels to choose from.
        likeness: how likely they are, ``cells_of((H, W))`` from 0 to 1, but for a share of
            ``ELSEWHERE`` that is drawn without looking; None: all are alike.
    """

    def __init__(
        self, allowed: NDArray[np.bool_], likeness: NDArray[np.float32] | None = None
    ) -> None:
        self._allowed, self._side = allowed, cell_side(allowed.shape)
        pixels = allowed if self._side == 1 else _counted(allowed, self._side)
        self._cells, self._columns = np.flatnonzero(pixels), pixels.shape[1]
        self._chances: NDArray[np.float64] | None = None
        if self._side == 1 and likeness is None:
            return
        counts = pixels.ravel()[self._cells].astype(np.float64)
        if likeness is None:
            self._chances = np.cumsum(counts)
            return
        if likeness.shape != pixels.shape:
            raise ValueError(f"likeness {likeness.shape} for {pixels.shape} cells")
        alike = (likeness.ravel()[self._cells].astype(np.float64) + 1e-9) * counts
        chance = (1 - ELSEWHERE) * alike / alike.sum() + ELSEWHERE * counts / counts.sum()
        self._chances = np.cumsum(chance)

    def draw(self, rng: np.random.Generator) -> tuple[int, int]:
        """Row and column of a pixel."""
        if self._chances is None:
            at = int(rng.integers(len(self._cells)))
        else:
            found = np.searchsorted(self._chances, rng.random() * self._chances[-1], side="right")
            at = min(int(found), len(self._cells) - 1)
        row, column = divmod(int(self._cells[at]), self._columns)
        if self._side == 1:
            return row, column
        top, left = row * self._side, column * self._side
        inside = np.argwhere(self._allowed[top : top + self._side, left : left + self._side])
        y, x = inside[int(rng.integers(len(inside)))]
        return top + int(y), left + int(x)


def _counted(allowed: NDArray[np.bool_], side: int) -> NDArray[np.unsignedinteger]:
    """How many pixels of each cell are true."""
    ones = np.ascontiguousarray(allowed).view(np.uint8)
    few = np.min_scalar_type(side**2)  # bytes for all but the largest images, as they are quick
    return np.ascontiguousarray(_summed(_summed(ones, side, few).T, side, few).T)


def _summed(
    values: NDArray[np.unsignedinteger], side: int, dtype: np.dtype[np.unsignedinteger]
) -> NDArray[np.unsignedinteger]:
    """The sums of every ``side`` rows; the last may be of fewer."""
    sums = np.zeros((-(-len(values) // side), values.shape[1]), dtype)
    for start in range(side):
        rows = values[start::side]
        sums[: len(rows)] += rows
    return sums
