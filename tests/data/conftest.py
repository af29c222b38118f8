"""Small datasets in a temporary folder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """``write("a/b.png", seed)``: an 8x6 (or ``size``) grey photograph that differs by seed;
    ``write("m/b.png", mask=True)``: a mask with its upper left quarter set."""

    def write_image(
        name: str, seed: int | None = None, *, mask: bool = False, size: tuple[int, int] = (8, 6)
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        width, height = size
        pixels = np.zeros((height, width), dtype=np.uint8)
        if mask:
            pixels[: height // 2, : width // 2] = 255
        else:
            number = sum(name.encode()) * 1000 + len(name) if seed is None else seed
            pixels += np.random.default_rng(number).integers(
                1, 255, (height, width), dtype=np.uint8
            )
        Image.fromarray(pixels).save(path)
        return path

    return write_image


@pytest.fixture
def mvtec(write: Write, tmp_path: Path) -> Path:
    """``screw`` in the MVTec layout: 3 good, 2 held out, 4 ``bent`` and 4 ``crack`` with masks,
    2 ``odd`` without."""
    for i in range(3):
        write(f"screw/train/good/{i:03d}.png", i)
    for i in range(2):
        write(f"screw/test/good/{i:03d}.png", 10 + i)
        write(f"screw/test/odd/{i:03d}.png", 20 + i)
    for i in range(4):
        write(f"screw/test/bent/{i:03d}.png", 30 + i)
        write(f"screw/ground_truth/bent/{i:03d}_mask.png", mask=True)
        write(f"screw/test/crack/{i:03d}.png", 40 + i)
        write(f"screw/ground_truth/crack/{i:03d}.png", mask=True)
    return tmp_path
