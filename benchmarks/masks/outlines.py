"""Recovered masks beside the outlines of sketches, and drawn defects beside the shots' in size.

    python benchmarks/masks/outlines.py RUN... [--normals 12]

Draws again, into a temporary folder, with the learned concepts of runs of AnoGen that start from
sketches. Writes outlines.md beside itself: medians over all drawings, those that the gate drew
again included; and for each defect the mean area of the accepted masks over that of the shots'.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import yaml
from numpy.typing import NDArray

from anogen.bank.bank import Bank
from anogen.cli import runs
from anogen.study.run_folder import open_run
from anogen.study.stages.material import categories_of, supports_of
from anogen.synthesis import anogen
from anogen.synthesis.outline import outlined

Areas = tuple[int, int, int, int, int]
"""Pixels of the outline, of what is recovered, of the mask; of the outline in either."""


def main() -> None:
    """Draw for each run and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--normals", type=int, default=12)
    options = parser.parse_args()
    lines = [
        "# Recovered masks and the outlines of sketches",
        "",
        f"`python benchmarks/masks/outlines.py RUN... --normals {options.normals}`; medians.",
        "",
        "| product | drawings | recovered / outline, area | IoU | mask / outline, area | IoU |",
        "|---|---|---|---|---|---|",
    ]
    sizes = ["", "| product | defect | mean area, drawn / shots |", "|---|---|---|"]
    for path in options.runs:
        with recorded() as areas:
            product, found = drawn_again(path, options.normals)
        sizes += [f"| {product} | {name} | {share:.2f} |" for name, share in found.items()]
        outline, recovered, mask, seen, kept = np.array(areas, float).T
        lines.append(
            f"| {product} | {len(areas)} | {np.median(recovered / outline):.2f} | "
            f"{np.median(seen / (outline + recovered - seen)):.2f} | "
            f"{np.median(mask / outline):.2f} | "
            f"{np.median(kept / (outline + mask - kept)):.2f} |"
        )
    lines += sizes
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


@contextmanager
def recorded() -> Iterator[list[Areas]]:
    """Areas of every mask that AnoGen's synthesizer makes meanwhile."""
    areas: list[Areas] = []

    def recording(
        recovered: NDArray[np.float32], outline: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        mask = outlined(recovered, outline)
        seen, kept = recovered >= 0.5, mask >= 0.5
        pixels = (outline, seen, kept, seen & outline, kept & outline)
        areas.append(tuple(int(part.sum()) for part in pixels))  # type: ignore[arg-type]
        return mask

    with patch.object(anogen, "outlined", recording):
        yield areas


def drawn_again(path: Path, normals: int) -> tuple[str, dict[str, float]]:
    """A small bank with the concepts of a run: the product's name, and sizes by defect."""
    settings = yaml.safe_load((path / "config.yaml").read_text())
    settings["bank"]["normals"] = normals
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "run"
        again.mkdir()
        (again / "config.yaml").write_text(yaml.safe_dump(settings))
        shutil.copytree(path / "concepts", again / "concepts")
        runs.generate(again)
        run = open_run(again)
        [(category, support)] = categories_of(run)
        bank = Bank(run.bank(category.name))
        drawn: dict[str, list[int]] = {}
        for entry in bank.accepted():
            mask = bank.mask(entry)
            assert mask is not None
            drawn.setdefault(entry.defect, []).append(int((mask >= 0.5).sum()))
    shots = {
        defect: np.mean([mask.sum() for _, mask in supports_of(samples)])
        for defect, samples in support.shots.items()
    }
    return category.name, {name: float(np.mean(a) / shots[name]) for name, a in drawn.items()}


if __name__ == "__main__":
    main()
