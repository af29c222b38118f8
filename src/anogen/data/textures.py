"""Textures to draw defects with, as DRAEM does (Zavrtanik et al., ICCV 2021, section 3.3)."""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.data.images import read_image, to_rgb8
from anogen.data.listing import images_below
from anogen.data.loading import WORKERS
from anogen.data.resizing import resize_image
from anogen.errors import InputError


class TextureSource:
    """Texture images, read once into memory; drawn ones (:func:`noise_texture`) without a folder.

    Memory: ``3 * size**2`` bytes an image, 190 kB at 256 pixels.
    """

    def __init__(self, folder: Path | None = None, *, size: int = 256) -> None:
        """Read every PNG, JPEG, BMP and TIFF file below ``folder``, in the order of their names.

        Raises:
            InputError: if ``folder`` holds no images, or one that cannot be read.
        """
        self._textures: NDArray[np.uint8] | None = None
        if folder is None:
            return
        paths = images_below(folder)
        if not paths:
            raise InputError(f"{folder}: no texture images there; give a folder of PNG or JPEG.")
        self._textures = np.empty((len(paths), size, size, 3), dtype=np.uint8)

        def load(position: int) -> None:
            assert self._textures is not None
            image = to_rgb8(read_image(paths[position]))
            self._textures[position] = resize_image(image, size)

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(load, range(len(paths))))

    def __len__(self) -> int:
        """Number of images read; 0 without a folder."""
        return 0 if self._textures is None else len(self._textures)

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
        """One texture as ``(size, size, 3)`` uint8 RGB, a fresh array."""
        if self._textures is None:
            return noise_texture(rng, size)
        return resize_image(self._textures[rng.integers(len(self._textures))], size).copy()


def shared_textures(folder: Path, *, size: int) -> TextureSource:
    """The textures of a folder, which are not read again in this process while its files stay.

    Detectors, products and the cells of a study train on the same textures; those that were asked
    for last are kept.

    Raises:
        InputError: as :class:`TextureSource`.
    """
    folder = folder.resolve()
    there = [(path, path.stat()) for path in images_below(folder)]
    stamp = tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in there)
    return _read(folder, size, stamp)


@lru_cache(maxsize=1)
def _read(folder: Path, size: int, stamp: tuple[tuple[str, int, int], ...]) -> TextureSource:
    del stamp  # tells what is in the folder from what was
    return TextureSource(folder, size=size)


def noise_texture(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """A texture made of noise, ``(size, size, 3)`` uint8 RGB.

    Octaves of Gaussian noise on grids of 2 to 64 cells (each axis its own, which gives fibres and
    bands), added with random weights and mapped linearly between two random colours.
    """
    height = np.zeros((size, size), dtype=np.float32)
    for _ in range(3):
        cells = 2 ** rng.integers(1, 7, size=2)
        grid: Any = rng.standard_normal((int(cells[0]), int(cells[1]))).astype(np.float32)
        grown = cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
        height += np.float32(rng.uniform(0.2, 1.0)) * grown
    height -= height.min()
    height /= max(float(height.max()), 1e-6)
    dark, bright = rng.uniform(0, 255, size=(2, 3))
    colours = dark + height[:, :, None] * (bright - dark)
    texture: NDArray[np.uint8] = np.rint(colours).astype(np.uint8)
    return texture
