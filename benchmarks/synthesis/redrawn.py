"""How much of a box to redraw: the sketched defect and a rim of how many latent cells, or all?

    python benchmarks/synthesis/redrawn.py [--data ../shared/data] [--samples 16] [--seed 9]

For each defect of ../prior/cases.py with held-back images: three shots, boxes on good images, and
in them the same sketches redrawn at quick's strength with another `REDRAWN` each; the concept is
the prior's word `defect`, not learned, as all of them share it. Then the distance of the boxes to
those of held-back real defects (`real` of ../prior/concepts.py), beside that of the sketches
themselves and of the good images untouched. Writes redrawn.md beside itself and a sheet a defect
under --sheets, where git ignores it: most of the data forbid redistribution.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "prior"))

from cases import CASES, defect_box, load_case, places
from features import Extractor, box_crop, chamfer, deviation
from windows import good_images

from anogen.concept.concept import Concept
from anogen.placement.settings import PlacementSettings
from anogen.prior.loading import load_prior
from anogen.seeds import rng_of
from anogen.synthesis import diffusion
from anogen.synthesis.anogen import AnoGenSynthesizer
from anogen.synthesis.diffusion import Job
from anogen.synthesis.seen_through import surfaces_of
from anogen.synthesis.settings import SynthesisSettings

CELLS = (np.inf, 1.0, 0.5, 0.25)
BATCH = 8


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--sheets", type=Path, default=Path("runs/benchmarks/redrawn"))
    options = parser.parse_args()
    prior, extract = load_prior("embedded"), Extractor()
    margin = PlacementSettings().margin
    found: dict[str, list[float]] = {}
    names = ["all of the box", *(f"{cells:g} cells" for cells in CELLS[1:]), "sketch", "untouched"]
    lines = [
        f"`redrawn.py --samples {options.samples} --seed {options.seed}`, prior "
        f"`{prior.fingerprint}`: distance to held-back real defects, less is nearer.",
        "",
        "| defect | " + " | ".join(names) + " |",
        "| --- |" + " ---: |" * len(names),
    ]
    for category, defects in CASES.items():
        for defect in defects:
            case = load_case(options.data, category, defect)
            if not case.held_back:
                continue
            jobs = places(options.data, case, options.samples, seed=options.seed)
            supports = [(shot.image, shot.mask) for shot in case.shots]
            goods = good_images(options.data, category)[:256]
            made = AnoGenSynthesizer(
                prior,
                Concept(category, defect, prior.word_tokens("defect"), prior.fingerprint),
                settings=SynthesisSettings(init="sketch"),
                supports=supports,
                surfaces=surfaces_of({defect: supports}, goods)[defect],
            )

            def work(index: int, category: str = category, defect: str = defect) -> Job:
                normal, box = jobs[index]  # noqa: B023
                rng = rng_of(options.seed, category, defect, index)
                return Job(normal, box.mask(*normal.shape[:2]), rng)

            drawn = []
            for cells in CELLS:
                diffusion.REDRAWN = cells
                batch = [work(index) for index in range(len(jobs))]
                drawn.append(
                    [
                        one.image
                        for at in range(0, len(batch), BATCH)
                        for one in made.draw(batch[at : at + BATCH])
                    ]
                )
            sketches = []
            for index, (normal, _) in enumerate(jobs):
                prepared = made._prepare(work(index))
                image = normal.copy()
                image[prepared.part.slices] = prepared.base
                sketches.append(image)
            sets = [*drawn, sketches, [normal for normal, _ in jobs]]
            crops = [
                [box_crop(image, box) for image, (_, box) in zip(images, jobs, strict=True)]
                for images in sets
            ]
            held, shots = (
                extract([box_crop(image, defect_box(mask, margin)) for image, mask in real])
                for real in (case.held_back, supports)
            )
            rows = [extract(some) for some in crops]
            scale = deviation(np.vstack([held, shots, rows[-1]]))
            distances = [chamfer(held / scale, row / scale) for row in rows]
            for name, distance in zip(names, distances, strict=True):
                found.setdefault(name, []).append(distance)
            figures = " | ".join(f"{distance:.3f}" for distance in distances)
            lines.append(f"| {category}, {defect} | {figures} |")
            print(lines[-1], flush=True)
            options.sheets.mkdir(parents=True, exist_ok=True)
            sheet = [
                np.hstack([cv2.resize(crop, (120, 120)) for crop in some[:8]]) for some in crops
            ]
            cv2.imwrite(
                str(options.sheets / f"{category}-{defect}.jpg"), np.vstack(sheet)[..., ::-1]
            )
    means = " | ".join(f"**{np.mean(found[name]):.3f}**" for name in names)
    lines.append(f"| mean | {means} |")
    (Path(__file__).parent / "redrawn.md").write_text("\n".join(lines) + "\n")
    print(lines[-1])


if __name__ == "__main__":
    main()
