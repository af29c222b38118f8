"""Export for YOLO's segmentation: ``images/train``, ``labels/train/*.txt``, ``data.yaml``.

A line of a label is a class and the outline of one connected part of the mask, in shares of the
image's width and height. Outlines have no holes; where that matters, take another format.
"""

from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from anogen.bank.export.items import Material
from anogen.data.images import write_png
from anogen.files import inside, write_text
from anogen.placement.box import Box

_FINE = 3
"""Parts of a pixel's side: outlines through the middle of the outermost third hold the pixel's own
centre, so a line of one pixel keeps an area, and filling the outline gives the mask again."""

_DATA = """\
# Synthetic defects, drawn by anogen; see README.md. Ultralytics wants a 'val', and there is none
# here: name a folder of real images before you believe a number.
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


def label(mask: NDArray[np.bool_], number: int) -> str:
    """The label file of an image with ``mask`` of shape ``(H, W)`` and class ``number``."""
    size = np.array([mask.shape[1], mask.shape[0]])
    lines = (
        " ".join([str(number), *(f"{value:.6f}" for value in (outline / size).ravel())])
        for outline in outlines(mask)
    )
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
        write_text(inside(out, f"labels/train/{stem}.txt"), label(item.mask, number))
        paths[f"{item.entry.category}/{item.entry.id}"] = path
    data = {
        "path": ".",
        "train": "images/train",
        "val": "images/train",
        "names": dict(enumerate(material.classes)),
    }
    write_text(out / "data.yaml", _DATA + yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
    return paths
