"""DRAEM's anomalies: a foreign texture shows through a Perlin noise mask.

Zavrtanik et al., "DRAEM: A discriminatively trained reconstruction embedding for surface anomaly
detection", ICCV 2021, section 3.2: Perlin noise with 2^U{0..5} cells an axis is turned, then
thresholded to the mask ``M``; the texture ``A``, changed by three of ten colour operations, is
blended into the normal image ``I`` with an opacity (Eq. 5; ``beta`` weights ``I`` here, as in the
released code):

    I_a = (1 - M) I + M ((1 - beta) A + beta I),    beta ~ U[0, 0.8]

Departures: an empty mask is drawn again (the paper's training loop turns it into a normal);
without a texture source the image's own patches, shuffled, are the texture; colour operations run
at 8 bit also for 16-bit images.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.synthesis.canvas import as_kind, as_rgb8, check, finished
from anogen.synthesis.contract import Anomaly, Image
from anogen.synthesis.perlin import perlin
from anogen.synthesis.texture_operations import OPERATIONS, turned

TextureSource = Callable[[np.random.Generator], Image]
"""Gives a texture of any size and kind; the generator chooses which."""

_ATTEMPTS = 16  # a mask is empty about every third time, or oftener in a small region
_LAST_RESORT = 0.2  # then the highest fifth of the noise in the region is taken


@dataclass(frozen=True)
class DraemSynthesizer:
    """Draws DRAEM's anomalies.

    Attributes:
        textures: where foreign textures come from; None takes the image's own patches.
        opacity: range of ``beta``, the weight of the normal image under the mask, in [0, 1].
        octaves: smallest and largest exponent of the number of Perlin cells an axis.
        threshold: noise above it is defective.
        turn: the noise is turned by up to so many degrees either way.
        operations: how many of the ten colour operations are applied.
    """

    textures: TextureSource | None = None
    opacity: tuple[float, float] = (0.0, 0.8)
    octaves: tuple[int, int] = (0, 5)
    threshold: float = 0.5
    turn: float = 90.0
    operations: int = 3

    def __call__(
        self, normal: Image, region: NDArray[np.bool_] | None, rng: np.random.Generator
    ) -> Anomaly:
        """Draw an anomaly, anywhere or where the Perlin mask meets the region.

        Raises:
            InputError: as :func:`anogen.synthesis.canvas.check`.
        """
        check(normal, region)
        mask, cells = self._mask(normal.shape[:2], region, rng)
        texture, names = self._texture(normal, rng)
        beta = float(rng.uniform(*self.opacity))
        blended = cv2.addWeighted(normal, beta, texture, 1 - beta, 0)
        image = normal.copy()
        cv2.copyTo(blended, mask.view(np.uint8), image)
        provenance: dict[str, Any] = {
            "synthesizer": "draem",
            "texture": "self" if self.textures is None else "source",
            "cells": cells,
            "operations": names,
            "beta": beta,
        }
        return finished(image, mask, mask, region, provenance)

    def _mask(
        self,
        shape: tuple[int, ...],
        region: NDArray[np.bool_] | None,
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.bool_], list[int]]:
        """A Perlin mask that is not empty, and its number of cells down and across."""
        for _ in range(_ATTEMPTS):
            exponents = rng.integers(self.octaves[0], self.octaves[1] + 1, 2)
            cells = [int(2**exponent) for exponent in exponents]
            noise = perlin((shape[0], shape[1]), (cells[0], cells[1]), rng)
            if self.turn:
                noise = turned(noise, rng.uniform(-self.turn, self.turn))
            mask = noise > self.threshold
            if region is not None:
                mask &= region
            if mask.any():
                return mask, cells
        allowed = np.ones_like(mask) if region is None else region
        level = np.quantile(noise[allowed], 1 - _LAST_RESORT)
        return (noise >= level) & allowed, cells

    def _texture(self, normal: Image, rng: np.random.Generator) -> tuple[Image, list[str]]:
        """A changed texture of the image's size and kind, and the operations' names."""
        height, width = normal.shape[:2]
        if self.textures is None:
            texture = shuffled(as_rgb8(normal), rng)
        else:
            texture = as_rgb8(self.textures(rng))
            if texture.shape[:2] != (height, width):
                texture = cv2.resize(texture, (width, height))
        chosen = rng.choice(len(OPERATIONS), self.operations, replace=False)
        for index in chosen:
            texture = OPERATIONS[index](texture, rng)
        return as_kind(texture, normal), [OPERATIONS[index].__name__ for index in chosen]


def shuffled(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The patches of a random grid of 3 to 8 an axis, in random order and mirrored at random.

    Args:
        image: ``(H, W, 3)``; the grid is coarser where a side has fewer pixels.
    """
    height, width = image.shape[:2]
    rows, columns = (min(int(rng.integers(3, 9)), side) for side in (height, width))
    tall, wide = height // rows, width // columns
    patches = (
        image[: rows * tall, : columns * wide]
        .reshape(rows, tall, columns, wide, 3)
        .swapaxes(1, 2)
        .reshape(rows * columns, tall, wide, 3)
    )
    order = rng.permutation(rows * columns)
    mirrored = rng.random(2) < 0.5
    patches = patches[order, :: -1 if mirrored[0] else 1, :: -1 if mirrored[1] else 1]
    mosaic = (
        patches.reshape(rows, columns, tall, wide, 3)
        .swapaxes(1, 2)
        .reshape(rows * tall, columns * wide, 3)
    )
    if mosaic.shape != image.shape:
        mosaic = cv2.resize(mosaic, (width, height))
    return np.ascontiguousarray(mosaic)
