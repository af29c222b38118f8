"""How many threads the libraries below work with, for the length of a block."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import torch


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Let torch and OpenCV work with ``count`` threads each; None leaves theirs.

    The rounding of sums depends on it, so whoever wants equal bytes wants equal threads.
    """
    if count is None:
        yield
        return
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
