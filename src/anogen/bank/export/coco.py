"""Export as COCO instances: ``images/*.png`` and ``annotations.json``.

One annotation for each defect, so several where several were placed on an image: the box around
its mask ``[x, y, width, height]``, and the mask as uncompressed run lengths (Lin et al., ECCV 2014,
and the format's page: runs of zeros and ones in turn, zeros first, down the columns), which keep
holes and lines of one pixel that polygons lose.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anogen.bank.export.items import Material
from anogen.data.images import write_png
from anogen.files import inside, write_json
from anogen.placement.box import Box

ANNOTATIONS = "annotations.json"


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """COCO's run lengths of ``mask`` of shape ``(H, W)``."""
    column_wise = mask.ravel(order="F")
    changes = np.flatnonzero(column_wise[1:] != column_wise[:-1]) + 1
    ends = np.concatenate([[0], changes, [column_wise.size]])
    lengths: list[int] = np.diff(ends).tolist()
    return [0, *lengths] if column_wise[0] else lengths


def write(material: Material, out: Path, *, licence: str) -> dict[str, str]:
    """Write the images and annotations into ``out``.

    Args:
        material: what is exported.
        out: an empty folder.
        licence: as the user states it.

    Returns:
        As :func:`anogen.bank.export.mvtec.write`.
    """
    number_of = {name: number for number, name in enumerate(material.classes, start=1)}
    product_of = {material.class_of(entry): entry.category for entry in material.entries}
    paths: dict[str, str] = {}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, item in enumerate(material, start=1):
        path = f"images/{material.stem(item.entry)}.png"
        write_png(inside(out, path), item.image)
        paths[f"{item.entry.category}/{item.entry.id}"] = path
        height, width = item.mask.shape
        images.append(
            {"id": number, "file_name": path, "width": width, "height": height, "license": 1}
        )
        for mask in item.instances:
            box = Box.around(mask)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": number_of[material.class_of(item.entry)],
                    "bbox": [box.x0, box.y0, box.width, box.height],
                    "area": int(mask.sum()),
                    "segmentation": {"size": [height, width], "counts": run_lengths(mask)},
                    "iscrowd": 0,
                }
            )
    write_json(
        out / ANNOTATIONS,
        {
            "info": {"description": "Synthetic defects, drawn by anogen; see README.md."},
            "licenses": [{"id": 1, "name": licence}],
            "categories": [
                {"id": number, "name": name, "supercategory": product_of[name]}
                for name, number in number_of.items()
            ],
            "images": images,
            "annotations": annotations,
        },
    )
    return paths
