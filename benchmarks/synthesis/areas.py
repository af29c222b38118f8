"""How large drawn defects start out beside those of the shots, and how often each shot is drawn.

    python benchmarks/synthesis/areas.py RUN [RUN ...] [--count 40]

RUN is a finished or begun run of ``anogen run`` under ``quick``; nothing of it is changed. For each
defect the mean area of ``--count`` sketches in boxes of the run over that of its shots, and which
of the shots they show. No detector and no test image is looked at. Writes areas.md beside itself.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from anogen.seeds import rng_of
from anogen.study.run_folder import open_run
from anogen.study.stages.material import categories_of, supports_of
from anogen.study.stages.places import Places
from anogen.study.stages.planned import plan
from anogen.synthesis.anogen import TURNS
from anogen.synthesis.croppaste import CropPasteSynthesizer


def main() -> None:
    """Measure all runs and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--count", type=int, default=40)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    lines = [
        "# Areas of sketches over those of the shots' defects",
        "",
        f"`python benchmarks/synthesis/areas.py RUN... --count {options.count}`",
        "",
        "| product | defect | areas of the shots | sketches' mean over theirs | shown how often |",
        "|---|---|---|---|---|",
    ]
    for folder in options.runs:
        run = open_run(folder)
        for category, support in categories_of(run):
            shots = {name: supports_of(samples) for name, samples in support.shots.items()}
            places = Places(category, shots, run.settings)
            every = plan(category, sorted(shots), run.settings.bank, seed=run.settings.seed)
            for defect, supports in shots.items():
                items = [item for item in every if item.defect == defect][: options.count]
                grounds = [places.place(item, 0) for item in items]
                areas = [int(mask.sum()) for _, mask in supports]
                paste = CropPasteSynthesizer(supports, turns=TURNS)
                found, shown = [], [0] * len(areas)
                for number, (good, here) in enumerate(grounds):
                    region = here[0].mask(*good.image.shape[:2])
                    drawn = paste(good.image, region, rng_of(0, defect, number))
                    found.append(np.count_nonzero(drawn.mask >= 0.5))
                    shown[drawn.provenance["support"]] += 1
                cells = (
                    category.name,
                    defect,
                    ", ".join(map(str, areas)),
                    f"{np.mean(found) / np.mean(areas):.2f}",
                    ", ".join(map(str, shown)),
                )
                lines.append("| " + " | ".join(cells) + " |")
                print(lines[-1], flush=True)
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
