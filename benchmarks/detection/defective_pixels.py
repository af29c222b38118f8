"""Whose the defective pixels of a test set are: what pixel AP over all types is about.

    python benchmarks/detection/defective_pixels.py runs/draem > defective_pixels.md

Of each product of a finished study, for each type of defect: images, its share of all defective
pixels, and the share of the image that its defects cover, half of them less and the largest.
"""

import sys
from pathlib import Path

import numpy as np

from anogen.study.scores import SCORES, read_scores
from anogen.study.study_results import StudyResults


def main() -> None:
    """Read a study's folder and print the tables."""
    folder = Path(sys.argv[1])
    study = StudyResults.model_validate_json((folder / "study.json").read_text())
    lines = ["# Whose the defective pixels are", ""]
    lines += ["`python benchmarks/detection/defective_pixels.py runs/draem`", ""]
    for product in study.products:
        run = next(run for run in study.runs if run.product == product)
        scores = read_scores(
            next((folder / run.cell / "detectors").glob(f"*/*-{run.seed}/{SCORES}"))
        )
        covered = (scores.masks > 0).mean(axis=(1, 2))
        lines += [
            f"## {product}",
            "",
            "| type | images | of all defective pixels | median | most |",
        ]
        lines += ["|---|---:|---:|---:|---:|"]
        for kind in np.unique(scores.labels[scores.defective]):
            own = covered[scores.labels == kind]
            shares = own.sum() / covered.sum(), np.median(own), own.max()
            lines.append(
                f"| {kind} | {len(own)} | " + " | ".join(f"{s:.1%}" for s in shares) + " |"
            )
        lines.append("")
    print("\n".join(lines).rstrip())


if __name__ == "__main__":
    main()
