"""Shares on the object: of the shots, of real defects on good parts, of those moved half off them.

    python benchmarks/masks/on_object.py [--data ../shared/data] [--each 4] [--seed 0]

For the defects that the gate let hang beside the object when it asked each shot's plain share.
Writes on_object.md beside itself.
"""

import argparse
from pathlib import Path

from cases import FITTED, HELD_OUT, real_defects
from gate import SHOTS, blended, moved_off

from anogen.data.images import read_image, to_rgb8
from anogen.placement.foreground import foreground
from anogen.placement.settings import PlacementSettings
from anogen.seeds import rng_of
from anogen.synthesis.contract import Anomaly
from anogen.synthesis.gate import calibrated, share_on

DEFECTS = (
    ("cookie", "crack"),
    ("metal_nut", "bent"),
    ("screw", "scratch_neck"),
    ("screw", "thread_side"),
    ("metal_nut", "scratch"),
)
MOST = 8
"""Real images of a defect, the shots among them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--each", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lines = [
        "# Shares on the object",
        "",
        "Lowest and highest share of a defect on its object, or no farther beside it than",
        "placement allows, and how many cases. The limit follows from the shots, not from these.",
        "",
        f"`python benchmarks/masks/on_object.py --each {options.each} --seed {options.seed}`",
        "",
        "| defect | limit | real defects | moved half off |",
        "|---|---|---|---|",
    ]
    for category, defect in DEFECTS:
        root = options.data / (FITTED | HELD_OUT)[category]
        paths = sorted((root / "train" / "good").glob("*.png"))
        found = real_defects(root, defect)
        order = rng_of(options.seed, "gate", category, defect).permutation(len(found))[:MOST]
        shots, others = [found[i] for i in order[:SHOTS]], [found[i] for i in order[SHOTS:]]
        objects = [foreground(image, "grabcut") for image, _ in shots]
        limits = calibrated(shots, [], margin=PlacementSettings().margin, objects=objects)
        rng = rng_of(options.seed, "off", category, defect)
        chosen = [paths[int(rng.integers(len(paths)))] for _ in range(options.each)]
        real, off = [], []
        for path in chosen:
            normal = to_rgb8(read_image(path))
            legal = foreground(normal, "grabcut")
            drawn = blended(others, normal, legal, rng, PlacementSettings())
            if drawn is None or not (drawn.mask >= 0.5).any():
                continue
            real.append(share_on(legal, drawn.mask >= 0.5))
            moved: Anomaly | None = moved_off(drawn, normal, legal)
            if moved is not None:
                off.append(share_on(legal, moved.mask >= 0.5))
        spans = [f"{min(v):.2f} to {max(v):.2f} ({len(v)})" if v else "none" for v in (real, off)]
        lines.append(
            f"| {category}/{defect} | {limits.least_on_object:.2f} | {' | '.join(spans)} |"
        )
    (Path(__file__).parent / "on_object.md").write_text("\n".join([*lines, ""]))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
