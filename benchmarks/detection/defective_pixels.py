"""Whose the defective pixels of a test set are: what pixel AP over all types is about.

    python benchmarks/detection/defective_pixels.py runs/draem > defective_pixels.md

Of each product of a finished study, for each type of defect: images, its share of all defective
pixels, and the share of the image that its defects cover, half of them less and the largest. Then
pixel AP of every detector and arm, and with the images left out whose defects cover more than a
share of the image.
"""

import sys
from pathlib import Path

import numpy as np

from anogen.metrics.ranking import ranking_metrics
from anogen.study.scores import SCORES, Scores, read_scores
from anogen.study.study_results import StudyResults, StudyRun

MOST = (1.0, 0.1, 0.05, 0.03)
"""Shares of the image that defects may cover; a decision after the pictures were seen."""


def main() -> None:
    """Read a study's folder and print the tables."""
    folder = Path(sys.argv[1])
    study = StudyResults.model_validate_json((folder / "study.json").read_text())
    lines = ["# Whose the defective pixels are", ""]
    lines += ["`python benchmarks/detection/defective_pixels.py runs/draem`", ""]
    for product in study.products:
        runs = [run for run in study.runs if run.product == product]
        lines += [f"## {product}", "", *types(scores_of(folder, runs[0])), ""]
        lines += [*without_large(folder, runs), ""]
    print("\n".join(lines).rstrip())


def scores_of(folder: Path, run: StudyRun) -> Scores:
    """What a detector said about the held-out images of its cell."""
    pattern = f"*/{run.detector}-*-{run.seed}/{SCORES}"
    return read_scores(next((folder / run.cell / "detectors").glob(pattern)))


def covered(scores: Scores) -> np.ndarray:
    """The share of each image that its defects cover."""
    return (scores.masks > 0).mean(axis=(1, 2))


def types(scores: Scores) -> list[str]:
    """A table of the types of defects."""
    lines = [
        "| type | images | of all defective pixels | median | most |",
        "|---|---:|---:|---:|---:|",
    ]
    area = covered(scores)
    for kind in np.unique(scores.labels[scores.defective]):
        own = area[scores.labels == kind]
        shares = own.sum() / area.sum(), np.median(own), own.max()
        lines.append(f"| {kind} | {len(own)} | " + " | ".join(f"{s:.1%}" for s in shares) + " |")
    return lines


def pixel_ap(scores: Scores, rows: np.ndarray) -> float:
    """Average precision over the pixels of some images."""
    maps = scores.score_maps[rows].astype(np.float32)
    return float(ranking_metrics(maps.ravel(), scores.masks[rows].ravel() > 0).ap or np.nan)


def without_large(folder: Path, runs: list[StudyRun]) -> list[str]:
    """Pixel AP of every detector and arm by the largest defect that an image may have."""
    found: dict[tuple[str, str], list[list[float]]] = {}
    counts: list[int] = []
    for run in runs:
        scores = scores_of(folder, run)
        kept = [covered(scores) <= most for most in MOST]
        counts = [int(rows.sum()) for rows in kept]
        found.setdefault((run.detector, run.arm), []).append([pixel_ap(scores, r) for r in kept])
    if len(set(counts)) == 1:
        return ["No image has a defect larger than the smallest share asked for."]
    lines = [
        "Pixel AP, mean ± standard deviation over seeds, of images whose defects cover at most"
    ]
    heads = (f"{most:.0%} ({count} images)" for most, count in zip(MOST, counts, strict=True))
    lines += [
        "",
        "| detector | arm | " + " | ".join(heads) + " |",
        "|---|---|" + "---:|" * len(MOST),
    ]
    for (detector, arm), values in found.items():
        table = 100 * np.array(values)
        cells = (
            f"{mean:.1f} ± {deviation:.1f}"
            for mean, deviation in zip(table.mean(axis=0), table.std(axis=0, ddof=1), strict=True)
        )
        lines.append(f"| {detector} | {arm} | " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    main()
