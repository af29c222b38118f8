"""Export: accepted images of banks in a common format, with a card and the origin of each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from anogen.bank.bank import Bank
from anogen.bank.export import card, coco, masks, mvtec, yolo
from anogen.bank.export.items import Material
from anogen.errors import InputError
from anogen.files import whole_folder

Format = Literal["mvtec", "coco", "yolo", "masks"]
FORMATS: tuple[str, ...] = get_args(Format)
NOT_STATED = "not stated"


def export(
    banks: Sequence[Bank], kind: str, out: Path, *, dataset: Path, licence: str = NOT_STATED
) -> int:
    """Write the accepted images of ``banks`` to ``out``, which appears whole or not at all.

    The same banks give the same bytes.

    Args:
        banks: one for each category.
        kind: one of :data:`FORMATS`.
        out: a new or an empty folder.
        dataset: root of the dataset that the good images came from; ``mvtec`` copies those.
        licence: of the images, as the user states it.

    Returns:
        How many images were written.

    Raises:
        InputError: for an unknown format, a folder that is not empty or cannot be made, no
            accepted image, or one without a mask.
    """
    if kind not in FORMATS:
        raise InputError(f"unknown format {kind!r}; known are: {', '.join(FORMATS)}.")
    with whole_folder(out) as part:
        material = Material(banks)
        if kind == "mvtec":
            paths = mvtec.write(material, part, dataset=dataset)
        elif kind == "coco":
            paths = coco.write(material, part, licence=licence)
        elif kind == "yolo":
            paths = yolo.write(material, part)
        else:
            paths = masks.write(material, part)
        card.write(material, part, paths=paths, kind=kind, licence=licence)
    return len(material)
