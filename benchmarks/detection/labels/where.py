"""Where the highest scores of each arm lie, on screws and tiles.

    python benchmarks/detection/labels/where.py runs/labels

Of each training the k highest pixels over all test images are taken, k being the number of
defective ones: their shares on defects, within 8 pixels of one, elsewhere on defective images, and
on good images. Written to ``where.md`` beside this file, as means over seeds.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from anogen.study.scores import SCORES, read_scores
from anogen.study.study_results import StudyResults

HERE = Path(__file__).parent
NEAR = 8
"""Pixels."""

PLACES = ("on defects", f"within {NEAR} pixels", "elsewhere on defective images", "on good images")


def shares(path: Path) -> list[float]:
    """The shares of one training's highest pixels, in the order of ``PLACES``."""
    scores = read_scores(path)
    truth = scores.masks > 0
    count = int(truth.sum())
    highest = scores.score_maps >= np.partition(scores.score_maps.ravel(), -count)[-count]
    found = np.zeros(len(PLACES))
    for high, mask, defective in zip(highest, truth, scores.defective, strict=True):
        if not defective:
            found[3] += high.sum()
            continue
        near = distance_transform_edt(~mask) <= NEAR
        found[0] += (high & mask).sum()
        found[1] += (high & near & ~mask).sum()
        found[2] += (high & ~near).sum()
    return list(found / found.sum())


def main() -> None:
    """Read a study's folder and write the table."""
    folder = Path(sys.argv[1])
    study = StudyResults.model_validate_json((folder / "study.json").read_text())
    lines = ["# Where the highest scores lie", ""]
    lines += ["    python benchmarks/detection/labels/where.py runs/labels", ""]
    lines += ["As many pixels as are defective, in percent of them; means over seeds.", ""]
    for product in study.products:
        own = [run for run in study.runs if run.product == product]
        good = own[0].images - own[0].defective
        lines += [f"## {product}: {own[0].defective} defective images, {good} good ones", ""]
        lines += ["| arm | " + " | ".join(PLACES) + " |", "|---|" + "---:|" * len(PLACES)]
        for arm in study.arms:
            found = [
                shares(next((folder / run.cell / "detectors").glob(f"*/*-{run.seed}")) / SCORES)
                for run in own
                if run.arm == arm
            ]
            means = np.mean(found, axis=0)
            lines.append(f"| {arm} | " + " | ".join(f"{100 * mean:.0f}" for mean in means) + " |")
        lines.append("")
    (HERE / "where.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
