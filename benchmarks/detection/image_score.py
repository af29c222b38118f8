"""How an image's score is taken from its map: what each rule makes of the same score maps.

    python benchmarks/detection/image_score.py runs/cookies [runs/labels ...]

Image AUROC of every arm of finished studies, means over seeds, with the highest mean of windows of
21, 11 and 5 pixels, the highest pixel, the mean of the 100 highest, and the mean of the highest
hundredth, of maps of 256 x 256. Written to ``image_score.md`` beside this file. The rule of the
presets was chosen on cookies alone.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from anogen.metrics.image_score import max_of_mean, top_fraction_mean, top_k_mean
from anogen.metrics.ranking import ranking_metrics
from anogen.metrics.tally import Scores as Map
from anogen.study.scores import SCORES, read_scores
from anogen.study.study_results import StudyResults

HERE = Path(__file__).parent

RULES: dict[str, Callable[[Map], float]] = {
    "21 x 21": lambda m: max_of_mean(m, 21),
    "11 x 11": lambda m: max_of_mean(m, 11),
    "5 x 5": lambda m: max_of_mean(m, 5),
    "highest pixel": lambda m: max_of_mean(m, 1),
    "100 highest": lambda m: top_k_mean(m, 100),
    "highest hundredth": lambda m: top_fraction_mean(m, 0.01),
}


def aurocs(path: Path) -> list[float]:
    """Image AUROC of one training by rule."""
    scores = read_scores(path)
    maps = scores.score_maps.astype(np.float32)
    found = []
    for rule in RULES.values():
        auroc = ranking_metrics([rule(one) for one in maps], scores.defective).auroc
        assert auroc is not None
        found.append(auroc)
    return found


def main() -> None:
    """Read the studies' folders and write the table."""
    lines = ["# Image AUROC by the rule that scores an image", ""]
    lines += [f"    python benchmarks/detection/image_score.py {' '.join(sys.argv[1:])}", ""]
    for folder in map(Path, sys.argv[1:]):
        study = StudyResults.model_validate_json((folder / "study.json").read_text())
        for product in study.products:
            lines += [f"## {product}", "", "| detector, arm | " + " | ".join(RULES) + " |"]
            lines += ["|---|" + "---:|" * len(RULES)]
            for detector in study.detectors:
                for arm in study.arms:
                    own = [
                        folder / r.cell / "detectors"
                        for r in study.runs
                        if (r.product, r.detector, r.arm) == (product, detector, arm)
                    ]
                    if not own:
                        continue
                    files = sorted(own[0].glob(f"*/{detector}-*/{SCORES}"))
                    means = np.mean([aurocs(file) for file in files], axis=0)
                    cells = " | ".join(f"{100 * mean:.1f}" for mean in means)
                    lines.append(f"| {detector}, {arm} | {cells} |")
            lines.append("")
    (HERE / "image_score.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
