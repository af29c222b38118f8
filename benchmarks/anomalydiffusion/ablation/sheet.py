"""AnoGen and AnomalyDiffusion beside each other: the shots, and what each drew from them.

    python benchmarks/anomalydiffusion/ablation/sheet.py STUDY [--out runs/side-by-side] [--count 8]

STUDY is the folder of the finished study.yaml. For every product one sheet: for each defect the
shots, then as many drawings of each arm. The data of study.yaml forbid redistribution; cookies.jpg
is the sheet of a product that may be shown.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anogen.bank.bank import Bank
from anogen.data.images import read_image, read_mask, to_rgb8
from anogen.placement.box import Box
from anogen.placement.window import window_around
from anogen.study.run_folder import RunFolder, open_run
from anogen.study.stages.material import categories_of

sys.path.append(str(Path(__file__).parents[2] / "prior"))
from sheets import row, write_sheet

LEAST = 96  # side of the smallest window shown, in pixels


def window(image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """A square of twice the box's longer side around it, inside the image."""
    found = window_around(box, *image.shape[:2], size=LEAST, context=2)
    return found.cut(image, found.side).astype(np.uint8)


def title_of(run: RunFolder) -> str:
    """What tells an arm's drawings from another's."""
    settings = run.settings
    if settings.method == "anogen":
        return "AnoGen"
    parts = [
        ("SAE", settings.concept.spatial != "none"),
        ("masked L", settings.concept.mask_guided),
        ("AAR", settings.synthesis.reweighting != "none"),
    ]
    return "AnomalyDiffusion: " + (" + ".join(name for name, there in parts if there) or "none")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/side-by-side"))
    parser.add_argument("--count", type=int, default=8)
    options = parser.parse_args()
    runs: dict[str, list[RunFolder]] = {}
    for cell in sorted((options.study / "cells").iterdir()):
        run = open_run(cell)
        ((category, _),) = categories_of(run)
        runs.setdefault(category.name, []).append(run)
    for name, arms in runs.items():
        ((_, support),) = categories_of(arms[0])
        rows = []
        for defect, samples in support.shots.items():
            shots = []
            for sample in samples:
                assert sample.mask is not None
                image = to_rgb8(read_image(sample.image))
                shots.append(window(image, Box.around(read_mask(sample.mask, image.shape[:2]))))
            rows.append(row(f"{name}, {defect}: shots", shots, columns=options.count))
            for run in sorted(arms, key=title_of):
                bank = Bank(run.bank(name))
                entries = list(bank.accepted(defect))
                step = max(1, len(entries) // options.count)
                drawn = [
                    window(to_rgb8(bank.image(entry)), entry.region)
                    for entry in entries[::step][: options.count]
                ]
                if drawn:
                    rows.append(row(title_of(run), drawn, columns=options.count))
        write_sheet(options.out / f"{name}.png", rows)
        print(options.out / f"{name}.png")


if __name__ == "__main__":
    main()
