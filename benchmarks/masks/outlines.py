"""Masks recovered from the change alone beside the outline of the sketch that was drawn from.

    python benchmarks/masks/outlines.py RUN... [--normals 12]

Draws again, into a temporary folder, with the learned concepts of runs of AnoGen that start from
sketches. Writes outlines.md beside itself: medians over all drawings, those that the gate drew
again included.
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

from anogen.cli import runs
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
    for path in options.runs:
        with recorded() as areas:
            product = drawn_again(path, options.normals)
        outline, recovered, mask, seen, kept = np.array(areas, float).T
        lines.append(
            f"| {product} | {len(areas)} | {np.median(recovered / outline):.2f} | "
            f"{np.median(seen / (outline + recovered - seen)):.2f} | "
            f"{np.median(mask / outline):.2f} | "
            f"{np.median(kept / (outline + mask - kept)):.2f} |"
        )
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


def drawn_again(path: Path, normals: int) -> str:
    """A small bank with the concepts of a run; the product's name."""
    settings = yaml.safe_load((path / "config.yaml").read_text())
    settings["bank"]["normals"] = normals
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "run"
        again.mkdir()
        (again / "config.yaml").write_text(yaml.safe_dump(settings))
        shutil.copytree(path / "concepts", again / "concepts")
        runs.generate(again)
    product: str = settings["dataset"]["categories"][0]
    return product


if __name__ == "__main__":
    main()
