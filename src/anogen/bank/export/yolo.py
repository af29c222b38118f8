"""Export for YOLO's segmentation: ``images/train``, ``labels/train/*.txt``, ``data.yaml``.

A line of a label is a class and the outline of one defect, in shares of the image's width and
height. The format has one closed outline for each object, so the parts of a defect whose mask has
several are joined by bridges without width, there and back along the same way. Outlines have no
holes; where that matters, take another format.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from anogen.bank.export.items import Material
from anogen.data.images import write_png
from anogen.files import inside, write_text
from anogen.placement.box import Box

_FINE = 3
"""Parts of a pixel's side: outlines through the middle of the outermost third hold the pixel's own
centre, so a line of one pixel keeps an area, and filling the outline gives the mask again."""

_DATA = """\
# Synthetic defects, drawn by anogen; see README.md. Paths are relative to this file. Ultralytics
# wants a 'val', and there is none here, so it names the training images: put a folder of real
# images there before you believe a number.
"""


def outlines(mask: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Outlines of the connected parts (corners touch) of ``mask`` of shape ``(H, W)``.

    Returns:
        float64 ``(N, 2)`` each, x and y in pixels, pixel ``(0, 0)`` reaching from 0 to 1.
    """
    box = Box.around(mask)
    cut = mask[box.slices].astype(np.uint8)
    fine = cv2.resize(cut, None, fx=_FINE, fy=_FINE, interpolation=cv2.INTER_NEAREST)
    found, _ = cv2.findContours(fine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    corner = np.array([box.x0, box.y0])
    return sorted(
        ((contour[:, 0, :] + 0.5) / _FINE + corner for contour in found),
        key=lambda outline: outline.tolist(),
    )


def joined(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """One closed outline of several ``(N, 2)``; each is bridged to the nearest corner before it."""
    whole, left = parts[0], list(parts[1:])
    while left:
        tree = cKDTree(whole)
        away = [tree.query(part) for part in left]
        chosen = min(range(len(left)), key=lambda place: float(away[place][0].min()))
        part, (distances, corners) = left.pop(chosen), away[chosen]
        first = int(distances.argmin())
        corner = int(corners[first])
        around = np.concatenate([part[first:], part[: first + 1]])
        whole = np.concatenate([whole[: corner + 1], around, whole[corner:]])
    return whole


def label(masks: Sequence[NDArray[np.bool_]], number: int) -> str:
    """The label file of an image: a line for each mask ``(H, W)`` of a defect, all of one class."""
    lines = []
    for mask in masks:
        size = np.array([mask.shape[1], mask.shape[0]])
        outline = (joined(outlines(mask)) / size).ravel()
        lines.append(" ".join([str(number), *(f"{value:.6f}" for value in outline)]))
    return "".join(f"{line}\n" for line in lines)


def write(material: Material, out: Path) -> dict[str, str]:
    """Write the images and labels into ``out``; returns as :func:`anogen.bank.export.mvtec.write`.

    ``data.yaml`` names the classes in the order of their numbers.
    """
    paths = {}
    for item in material:
        stem = material.stem(item.entry)
        path = f"images/train/{stem}.png"
        write_png(inside(out, path), item.image)
        number = material.classes.index(material.class_of(item.entry))
        write_text(inside(out, f"labels/train/{stem}.txt"), label(item.instances, number))
        paths[f"{item.entry.category}/{item.entry.id}"] = path
    data = {
        "train": "images/train",
        "val": "images/train",
        "names": dict(enumerate(material.classes)),
    }
    write_text(out / "data.yaml", _DATA + yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
    return paths
