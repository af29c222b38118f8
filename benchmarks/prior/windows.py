"""Windows of real products that the embedded prior never saw, for all benchmarks of the prior."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anogen.data.images import read_image, read_mask, to_rgb8
from anogen.placement.box import Box
from anogen.placement.window import Window
from anogen.seeds import rng_of

CATEGORIES = {
    "screw": "mvtec_screw/screw",
    "magnetic_tile": "magnetic_tile/magnetic_tile",
    "hazelnut": "mvtec_fewshot/hazelnut",
    "leather": "mvtec_fewshot/leather",
    "metal_nut": "mvtec_fewshot/metal_nut",
    "bottle": "mvtec_fewshot/bottle",
    "cookie": "aws_cookie/cookie",
}


def good_images(data: Path, category: str) -> list[NDArray[np.uint8]]:
    """All good training images of a category."""
    folder = data / CATEGORIES[category] / "train" / "good"
    return [to_rgb8(read_image(path)) for path in sorted(folder.glob("*.png"))]


def random_windows(
    images: list[NDArray[np.uint8]], count: int, size: int, *, seed: int, name: str
) -> NDArray[np.uint8]:
    """``count`` windows at full resolution, uint8 ``(count, size, size, 3)``."""
    rng = rng_of(seed, "windows", name)
    windows = np.empty((count, size, size, 3), np.uint8)
    for row in range(count):
        image = images[rng.integers(len(images))]
        x = int(rng.integers(0, image.shape[1] - size + 1))
        y = int(rng.integers(0, image.shape[0] - size + 1))
        windows[row] = Window(x, y, size).cut(image, size).astype(np.uint8)
    return windows


def real_defects(
    data: Path, category: str, defect: str
) -> list[tuple[str, NDArray[np.uint8], NDArray[np.bool_]]]:
    """File stem, image and mask of every real image of a defect, sorted."""
    root = data / CATEGORIES[category]
    found = []
    for path in sorted((root / "test" / defect).glob("*.png")):
        masks = list((root / "ground_truth" / defect).glob(f"{path.stem}*.png"))
        image = to_rgb8(read_image(path))
        mask = read_mask(masks[0], image.shape[:2])
        found.append((path.stem, image, mask))
    return found


def around(mask: NDArray[np.bool_], size: int) -> Window:
    """The window of at least ``size`` around a mask, inside the image."""
    box = Box.around(mask)
    height, width = mask.shape
    side = min(max(size, round(1.5 * max(box.width, box.height))), height, width)
    x = min(max((box.x0 + box.x1 - side) // 2, 0), width - side)
    y = min(max((box.y0 + box.y1 - side) // 2, 0), height - side)
    return Window(x, y, side)
