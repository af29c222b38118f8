"""Whole sets of images in memory, decoded once."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from anogen.data.images import read_image, read_mask, read_shape, to_rgb8
from anogen.data.resizing import resize_image, resize_mask
from anogen.data.sample import Sample
from anogen.errors import InputError

# Decoders release the interpreter's lock; more threads than this only hold more memory.
WORKERS = min(8, os.cpu_count() or 1)


def load_rgb(samples: Sequence[Sample], size: int) -> NDArray[np.uint8]:
    """``(N, size, size, 3)`` uint8 RGB, in the order of ``samples``.

    Raises:
        InputError: for the first image that cannot be read.
    """
    images = np.empty((len(samples), size, size, 3), dtype=np.uint8)

    def load(position: int) -> None:
        sample = samples[position]
        image = to_rgb8(read_image(sample.image, name=sample.key))
        images[position] = resize_image(image, size)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(load, range(len(samples))))
    return images


def load_masks(
    samples: Sequence[Sample], size: int, *, official: bool = False
) -> NDArray[np.uint8]:
    """``(N, size, size)`` uint8 of 0 and 1, in the order of ``samples``; zero for good images.

    How masks shrink, and what ``official`` means: :func:`anogen.data.resizing.resize_mask`.

    Raises:
        InputError: if a mask cannot be read or has another size than its image, or if a sample
            shows a defect and comes without a mask (it has no truth by pixel).
    """
    masks = np.zeros((len(samples), size, size), dtype=np.uint8)

    def load(position: int) -> None:
        sample = samples[position]
        if sample.is_good:
            return
        if sample.mask is None:
            raise InputError(
                f"{sample.key}: the image comes without a mask, so there is no truth by pixel; "
                "leave it out or add the mask."
            )
        mask = read_mask(
            sample.mask, read_shape(sample.image, name=sample.key), name=f"mask of {sample.key}"
        )
        masks[position] = resize_mask(mask, size, official=official)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(load, range(len(samples))))
    return masks
