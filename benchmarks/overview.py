"""The README's picture: real shots of a defect above, good parts and what was drawn on them below.

    python benchmarks/overview.py RUN DEFECT OUT.jpg [--first N]

RUN is the folder of a finished run of one category.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.bank.bank import Bank
from anogen.data.images import read_image, read_mask, to_rgb8
from anogen.placement.box import Box
from anogen.study.run_folder import open_run
from anogen.study.stages.material import categories_of

SIDE, COUNT, GAP = 190, 6, 6


def cut(image: NDArray[np.uint8], box: Box, context: float = 1.5) -> NDArray[np.uint8]:
    """A square around the box, inside the image."""
    height, width = image.shape[:2]
    side = min(max(round(context * max(box.width, box.height)), 96), height, width)
    x = min(max((box.x0 + box.x1 - side) // 2, 0), width - side)
    y = min(max((box.y0 + box.y1 - side) // 2, 0), height - side)
    part = image[y : y + side, x : x + side]
    resized: NDArray[np.uint8] = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return resized


def row(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Pictures side by side on white, filled up to COUNT."""
    white = np.full((SIDE, SIDE, 3), 255, np.uint8)
    cells = (pictures + [white] * COUNT)[:COUNT]
    return np.hstack([cv2.copyMakeBorder(c, 0, GAP, 0, GAP, 0, value=(255,) * 3) for c in cells])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("defect")
    parser.add_argument("out", type=Path)
    parser.add_argument("--first", type=int, default=0, help="first image of the bank to show")
    options = parser.parse_args()
    run = open_run(options.run)
    ((category, support),) = categories_of(run)
    shots = []
    for sample in support.shots[options.defect]:
        assert sample.mask is not None
        image = to_rgb8(read_image(sample.image))
        shots.append(cut(image, Box.around(read_mask(sample.mask, image.shape[:2]))))
    bank = Bank(run.bank(category.name))
    entries = list(bank.accepted(options.defect))[options.first : options.first + COUNT]
    normals, drawn = [], []
    for entry in entries:
        normal = to_rgb8(read_image(category.root / entry.normal)).copy()
        box = entry.region
        cv2.rectangle(normal, (box.x0, box.y0), (box.x1 - 1, box.y1 - 1), (60, 200, 90), 1)
        normals.append(cut(normal, box))
        drawn.append(cut(to_rgb8(bank.image(entry)), box))
    sheet = np.vstack([row(shots), row(normals), row(drawn)])[:-GAP, :-GAP]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(options.out), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
