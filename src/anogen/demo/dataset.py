"""Lays out solar cells as a dataset of the ``folder`` layout.

    good/                 functional cells (probability 0) to train on
    good_test/            functional cells held out
    defects/crack/        support cells, with masks/crack/
    defects/inactive/     support cells, with masks/inactive/
    defects/defective/    held-out cells of probability 1, no masks: image-level scores only

Cells of probability 1/3 and 2/3 are left out: their graders were not sure. What the held-out
numbers can bear: the module of a cell is unknown, so training and test cells may come from one
module, and most defective cells come from modules with few functional ones. Answers that see no
defect therefore score already: minus the mean brightness has an image AUROC of 0.76 on the default
choice, and "the file's number is below 541" one of 0.79. The numbers compare detectors on the same
cells; they do not say how a detector does on a module never seen.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2

from anogen.demo.elpv import LICENSE, Cell, monocrystalline_cells
from anogen.demo.outlines import Outline, support_cells
from anogen.errors import InputError
from anogen.files import write_json
from anogen.seeds import seed_of

_STAMP = "SOURCE.json"
"""Written last: a folder that has it is finished."""

_SIDE = 300
"""Every photograph of elpv-dataset is 300 x 300 pixels."""


def prepare(
    folder: Path, *, train_good: int = 250, test_good: int = 120, test_defective: int = 120
) -> Path:
    """Write the demo's dataset to ``folder``; a finished one of the same content is kept.

    Which cells are taken depends on their names and the counts alone. A number larger than what
    there is takes all. The images are byte for byte those of the package.

    Args:
        folder: root of the dataset; its name becomes the category's name.
        train_good: functional cells to train on.
        test_good: functional cells held out.
        test_defective: defective cells held out; support cells are never among them.

    Returns:
        ``folder``.

    Raises:
        InputError: if the photographs are not installed, or if ``folder`` holds something else.
    """
    cells = monocrystalline_cells()
    support = support_cells()
    plan = _plan(
        cells,
        {outline.image for outline in support},
        train_good=train_good,
        test_good=test_good,
        test_defective=test_defective,
    )
    stamp = _stamp(plan, support)
    if folder.exists() and not _may_be_written(folder, stamp):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as workplace:
        unfinished = Path(workplace) / folder.name
        _write(unfinished, plan, support, {cell.name: cell for cell in cells})
        write_json(unfinished / _STAMP, stamp)
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    return folder


def _plan(
    cells: Iterable[Cell],
    support: set[str],
    *,
    train_good: int,
    test_good: int,
    test_defective: int,
) -> dict[str, list[str]]:
    """Folder to sorted file names. Names are drawn by hash, so no draw depends on another."""

    def drawn(probability: float) -> list[str]:
        names = [
            cell.name
            for cell in cells
            if cell.probability == probability and cell.name not in support
        ]
        return sorted(names, key=lambda name: seed_of("anogen demo", name))

    good = drawn(0.0)
    return {
        "good": sorted(good[:train_good]),
        "good_test": sorted(good[train_good : train_good + test_good]),
        "defects/defective": sorted(drawn(1.0)[:test_defective]),
    }


def _stamp(plan: dict[str, list[str]], support: Sequence[Outline]) -> dict[str, Any]:
    """What the folder holds and where it comes from; equal stamps mean equal folders."""
    content = hashlib.sha256(json.dumps(plan, sort_keys=True).encode())
    for outline in support:
        content.update(f"{outline.defect}/{outline.image}".encode())
        content.update(outline.mask(_SIDE, _SIDE).tobytes())
    return {
        "images": "elpv-dataset, monocrystalline cells",
        "license": LICENSE,
        "masks": "drawn by hand for anogen",
        "counts": {folder: len(names) for folder, names in plan.items()},
        "content_sha256": content.hexdigest(),
    }


def _may_be_written(folder: Path, stamp: dict[str, Any]) -> bool:
    """Whether ``folder`` is to be written; False where it is finished with this content."""
    written = folder / _STAMP
    if written.is_file():
        return written.read_text(encoding="utf-8") != _as_file(stamp)
    if not folder.is_dir() or any(folder.iterdir()):
        raise InputError(
            f"{folder}: this is not a dataset that the demo wrote;"
            " name another folder, or move this one away."
        )
    return True


def _as_file(stamp: dict[str, Any]) -> str:
    return json.dumps(stamp, indent=2) + "\n"


def _write(
    root: Path,
    plan: dict[str, list[str]],
    support: Sequence[Outline],
    cells: dict[str, Cell],
) -> None:
    for folder, names in plan.items():
        (root / folder).mkdir(parents=True)
        for name in names:
            (root / folder / name).write_bytes(cells[name].file.read_bytes())
    for outline in support:
        if outline.image not in cells:
            raise InputError(
                f"{outline.image}: a support cell of the demo is missing from elpv-dataset;"
                " run `pip install --force-reinstall --no-deps elpv-dataset`."
            )
        image = root / "defects" / outline.defect / outline.image
        image.parent.mkdir(exist_ok=True)
        image.write_bytes(cells[outline.image].file.read_bytes())
        mask = root / "masks" / outline.defect / outline.image
        mask.parent.mkdir(parents=True, exist_ok=True)
        mask.write_bytes(cv2.imencode(".png", outline.mask(_SIDE, _SIDE))[1].tobytes())
